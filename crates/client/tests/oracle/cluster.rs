//! A cluster of real `redis-server`s that share all slots between them.
#![allow(dead_code, clippy::unwrap_used)]

use std::net::TcpListener;
use std::time::Duration;

use rbq_client::{Client, Options, Request, SLOTS, Target};

use super::{Oracle, is_before_7};

/// One node, and a connection to it.
pub(crate) struct Node {
    pub(crate) oracle: Oracle,
    pub(crate) client: Client,
    bus_port: u16,
}

impl Node {
    async fn start() -> Option<Self> {
        let free_port = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // Until 7.0 it could not be chosen.
        let chosen = (!is_before_7()).then(free_port);
        let options = chosen.map(|port| ["--cluster-port".to_owned(), port.to_string()]);
        let options = ["--cluster-enabled", "yes"].into_iter().chain(options.iter().flatten().map(String::as_str));
        let oracle = Oracle::start(&options.collect::<Vec<_>>())?;
        let bus_port = chosen.unwrap_or(oracle.port + 10_000);
        let (client, _) = Client::connect(&Target::tcp("127.0.0.1", oracle.port), &Options::default()).await.unwrap();
        Some(Self { oracle, client, bus_port })
    }

    /// What a command is answered by, as text.
    pub(crate) async fn text(&self, request: &[&str]) -> String {
        let value = self.client.call(Request::from(request)).await.unwrap();
        String::from_utf8_lossy(value.as_bytes().unwrap()).into_owned()
    }
}

/// So many nodes that know each other; the first has the lowest slots. `None` if there is no `redis-server` here.
pub(crate) async fn start<const N: usize>() -> Option<[Node; N]> {
    let mut nodes = Vec::new();
    for _ in 0..N {
        nodes.push(Node::start().await?);
    }
    let share = |index: usize| usize::from(SLOTS) * index / N;
    for (index, node) in nodes.iter().enumerate() {
        let slots = (share(index)..share(index + 1)).map(|slot| slot.to_string());
        node.client.call(Request::from(["CLUSTER", "ADDSLOTS"]).args(slots)).await.unwrap();
        // Nodes that agree on an epoch would argue about it for seconds.
        node.client.call(["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]).await.unwrap();
        let (port, bus) = (node.oracle.port.to_string(), node.bus_port.to_string());
        nodes[0].client.call(["CLUSTER", "MEET", "127.0.0.1", &port, &bus]).await.unwrap();
    }
    for node in &nodes {
        // Nodes gossip on their own clock; nothing tells when they have agreed.
        while !node.text(&["CLUSTER", "INFO"]).await.contains("cluster_state:ok") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    nodes.try_into().ok()
}
