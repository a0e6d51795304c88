//! Where a measurement takes place: its keys, and the node that serves each.
//!
//! On a single server that is one key. On a cluster it is one a node, because one key is one node's work, whatever the others
//! could do. Clients and consumers share the keys out, and each connects to the node of its own, so no redirect is ever
//! followed: one that comes all the same ends the measurement, as any error does.
//!
//! Every key has an expiry, renewed while we live: what a killed measurement leaves goes by itself. A list that is new, because the
//! one before was emptied, has none for a moment; a measurement that is killed in it leaves a list that the next one gives its
//! expiry to.

use rbq_client::{Endpoint, Link, Request, Target};
use rbq_resp::Value;

use super::receive::GROUP;
use super::{BenchArgs, Workload, call};
use crate::cmd::keyspace::find::search;
use crate::cmd::keyspace::kind::Kind;
use crate::failure::{Failure, Result};
use crate::open::options;
use crate::servers::{Servers, accepted};

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
        Ok(Link::connect(&self.target, &options()?).await?)
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
        let request = Request::new("EXPIRE").arg(&self.key).arg(EXPIRY_SECONDS);
        self.ask(request).await.map(drop)
    }

    /// Takes the key away.
    pub(super) async fn remove(&mut self) -> Result<()> {
        accepted(self.ask(Request::new("DEL").arg(&self.key)).await?).map(drop)
    }

    /// Tells the subscribers of the channel that nothing more will come.
    pub(super) async fn publish(&mut self, payload: Vec<u8>) -> Result<()> {
        self.ask(Request::new("PUBLISH").arg(&self.key).arg(payload)).await.map(drop)
    }

    /// Over another connection, if this one was lost: the end of a measurement is not to depend on it.
    async fn ask(&mut self, request: Request) -> Result<Value> {
        match self.control.call(request.clone()).await {
            Err(error) if error.ends_connection() => {
                self.control = self.link().await?;
                Ok(self.control.call(request).await?)
            }
            reply => Ok(reply?),
        }
    }
}

/// How the names of all keys begin.
const NAMES: &[u8] = b"rbq:bench:";

/// Lists of killed measurements that are looked after at a time.
const LEFT_MAX: usize = 1000;

/// Gives an expiry to the lists of measurements that were killed before they had one. Those that are still under way have theirs renewed.
async fn look_after_left(servers: &mut Servers) -> Result<()> {
    let pattern = [NAMES, b"*"].concat();
    for key in search(servers, Kind::Queue, Some(&pattern), LEFT_MAX).await?.keys {
        if servers.look(&key, Request::new("TTL").arg(&key)).await? == Value::Integer(-1) {
            servers.look(&key, Request::new("EXPIRE").arg(&key).arg(EXPIRY_SECONDS)).await?;
        }
    }
    Ok(())
}

/// Finds the keys of a measurement, and connects to their nodes.
pub(super) async fn lay(args: &BenchArgs, run_id: u64) -> Result<Vec<Lane>> {
    let target = args.server.target()?;
    let mut servers = Servers::connect(&args.server).await?;
    // A user without the right to look measures all the same.
    let _ = look_after_left(&mut servers).await;
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
        let control = Link::connect(&target, &options()?).await?;
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
