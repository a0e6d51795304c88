//! A cluster of real `redis-server`s that share all slots between them.
#![allow(dead_code, clippy::unwrap_used)]

use std::net::TcpListener;
use std::time::Duration;

use rbq_client::{Client, Options, Request, SLOTS, Target, Value};

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

/// One more node, with a copy of everything that another has.
pub(crate) async fn replica(of: &Node) -> Option<Node> {
    let node = Node::start().await?;
    let (port, bus) = (node.oracle.port.to_string(), node.bus_port.to_string());
    of.client.call(["CLUSTER", "MEET", "127.0.0.1", &port, &bus]).await.unwrap();
    let master = of.text(&["CLUSTER", "MYID"]).await;
    // It hears of the other one by gossip, and of its data after that.
    while node.client.call(["CLUSTER", "REPLICATE", &master]).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    while !node.text(&["INFO", "replication"]).await.contains("master_link_status:up") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Some(node)
}

/// Moves a slot with its keys from one node to another, as `redis-cli --cluster reshard` does, and tells all of it.
pub(crate) async fn move_slot(slot: u16, from: &Node, to: &Node, all: &[Node]) {
    begin_move(slot, from, to).await;
    move_keys(slot, from, to).await;
    end_move(slot, from, to, all).await;
}

/// From here on the one node sends clients to the other for keys that it does not have.
pub(crate) async fn begin_move(slot: u16, from: &Node, to: &Node) {
    let slot = slot.to_string();
    let (from_id, to_id) = (from.text(&["CLUSTER", "MYID"]).await, to.text(&["CLUSTER", "MYID"]).await);
    to.client.call(["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]).await.unwrap();
    from.client.call(["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]).await.unwrap();
}

/// Everything that is there.
pub(crate) async fn move_keys(slot: u16, from: &Node, to: &Node) {
    let slot = slot.to_string();
    let port = to.oracle.port.to_string();
    loop {
        let keys = from.client.call(["CLUSTER", "GETKEYSINSLOT", &slot, "100"]).await.unwrap();
        let Value::Array(keys) = keys else { panic!("{keys:?}") };
        if keys.is_empty() {
            break;
        }
        // One by one, so that there are moments at which some have moved and others have not. One that went meanwhile is NOKEY.
        for key in keys {
            let migrate =
                Request::from(["MIGRATE", "127.0.0.1", &port]).arg(key.as_bytes().unwrap()).args(["0", "5000"]);
            from.client.call(migrate).await.unwrap();
        }
    }
}

/// The slot is the other node's.
pub(crate) async fn end_move(slot: u16, from: &Node, to: &Node, all: &[Node]) {
    let (slot, to_id) = (slot.to_string(), to.text(&["CLUSTER", "MYID"]).await);
    // The one that takes it first: it must not be nobody's.
    for node in [to, from].into_iter().chain(all) {
        node.client.call(["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]).await.unwrap();
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
