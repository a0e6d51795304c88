//! Where a measurement takes place: its keys, and the node that serves each.
//!
//! On a single server that is one key. On a cluster it is one a node, because one key is one node's work, whatever the others
//! could do. Clients and consumers share the keys out, and each connects to the node of its own, so no redirect is ever
//! followed: one that comes all the same ends the measurement, as any error does.
//!
//! Every key has an expiry, renewed while we live: what a killed measurement leaves goes by itself.

use rbq_client::{Endpoint, Link, Options, Request, Target};

use super::receive::GROUP;
use super::{BenchArgs, Workload, call};
use crate::failure::{Failure, Result};
use crate::servers::Servers;

/// How long a key outlives a measurement that was killed: longer than any pause of a process that goes on after it.
const EXPIRY_SECONDS: &str = "600";

/// Names tried for each key until one is served by the node that it is for: with a hundred nodes a thousand are plenty.
const NAMES_MAX: usize = 10_000;

/// A key, and a connection to its node for what is not measured.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) key: String,
    pub(super) target: Target,
    pub(super) control: Link,
}

impl Lane {
    /// One more connection to its node.
    pub(super) async fn link(&self) -> Result<Link> {
        Ok(Link::connect(&self.target, &Options::default()).await?)
    }

    /// Makes what has to be there before anybody sends.
    pub(super) async fn prepare(&mut self, workload: Workload) -> Result<()> {
        let key = self.key.as_str();
        match workload {
            Workload::Group => call(&mut self.control, &["XGROUP", "CREATE", key, GROUP, "0", "MKSTREAM"]).await?,
            Workload::Stream => {
                // An empty stream, which can have its expiry before anything is in it.
                call(&mut self.control, &["XGROUP", "CREATE", key, GROUP, "0", "MKSTREAM"]).await?;
                call(&mut self.control, &["XGROUP", "DESTROY", key, GROUP]).await?
            }
            Workload::Queue | Workload::Pubsub | Workload::Latency => return Ok(()),
        };
        self.renew().await
    }

    /// Gives the key its time again. A user without the right to that measures all the same.
    pub(super) async fn renew(&mut self) -> Result<()> {
        self.control.call(["EXPIRE", &self.key, EXPIRY_SECONDS]).await?;
        Ok(())
    }

    /// Takes the key away.
    pub(super) async fn remove(&mut self) -> Result<()> {
        call(&mut self.control, &["DEL", &self.key]).await.map(drop)
    }

    /// Tells the subscribers of the channel that nothing more will come.
    pub(super) async fn publish(&mut self, payload: Vec<u8>) -> Result<()> {
        self.control.call(Request::new("PUBLISH").arg(&self.key).arg(payload)).await?;
        Ok(())
    }
}

/// Finds the keys of a measurement, and connects to their nodes.
pub(super) async fn lay(args: &BenchArgs, run_id: u64) -> Result<Vec<Lane>> {
    let target = args.server.target()?;
    let servers = Servers::connect(&args.server).await?;
    let nodes = servers.nodes();
    let count = count(args, nodes.len())?;
    let name = format!("rbq:bench:{}:{run_id:016x}", args.workload.name());
    let mut numbers = 0..NAMES_MAX * count;
    let mut lanes = Vec::with_capacity(count);
    for index in 0..count {
        let node = &nodes[index % nodes.len()];
        let key = if count == 1 { name.clone() } else { key_on(node, &name, &mut numbers, &servers)? };
        let endpoint = servers.owner(key.as_bytes());
        let target = Target { endpoint, ..target.clone() };
        let control = Link::connect(&target, &Options::default()).await?;
        lanes.push(Lane { key, target, control });
    }
    Ok(lanes)
}

/// How many keys: as many as were asked for, or one for each node as far as there are consumers.
fn count(args: &BenchArgs, nodes: usize) -> Result<usize> {
    let consumers = args.consumers.map(|consumers| consumers as usize);
    match (args.keys.map(|keys| keys as usize), consumers) {
        (Some(keys), Some(consumers)) if keys > consumers && args.workload != Workload::Latency => {
            Err(Failure::usage(format!("{keys} keys need a consumer each, and there are {consumers}")))
        }
        (Some(keys), _) => Ok(keys),
        (None, Some(consumers)) => Ok(nodes.min(consumers)),
        (None, None) => Ok(nodes),
    }
}

/// The next name that this node serves.
fn key_on(node: &Endpoint, name: &str, numbers: &mut impl Iterator<Item = usize>, servers: &Servers) -> Result<String> {
    let mut names = numbers.map(|number| format!("{name}:{number}"));
    let found = names.find(|key| !servers.is_cluster() || servers.owner(key.as_bytes()) == *node);
    found.ok_or_else(|| Failure::new(format!("{node} serves too few slots to find a key for it")))
}
