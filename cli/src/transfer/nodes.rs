//! The nodes of a server: one, or every master of a cluster, each by a connection of its own.
//!
//! ```text
//!   CLUSTER SLOTS ─► which node has which slots ─► a connection to each, made when it is first needed
//! ```
//!
//! Invariant: while no slot moves, every key is on exactly one of the nodes named here. Whether one moved is told by
//! [`Nodes::layout`], looked at before and after: SCAN on one node knows nothing of a key that left it for another which was
//! read already, and no redirect tells of it.

use rbq_client::{Client, Endpoint, Error, Options, Redirect, RedirectKind, Request, Target as Address, Value};
use rbq_resp::slot;

use crate::failure::{Failure, Result};
use crate::servers::{Layout, Range, hidden, layout, layout_questions, masters};

/// Redirects followed for one request: a slot that is being moved takes two, a stale map one more.
const REDIRECTS_MAX: usize = 5;

/// What stands before a node's slots in its line of CLUSTER NODES.
const WORDS_BEFORE_SLOTS: usize = 8;

/// Connections, and who has what.
#[derive(Debug)]
pub(crate) struct Nodes {
    address: Address,
    options: Options,
    /// Empty on a single server.
    ranges: Vec<Range>,
    open: Vec<(Endpoint, Client)>,
}

impl Nodes {
    pub(crate) async fn connect(address: &Address, options: Options) -> Result<Self> {
        let (client, _) = Client::connect(address, &options).await?;
        let answers = client.pipeline(layout_questions()).await?;
        let ranges = match layout(address, answers)? {
            Layout::Shown(ranges) => ranges,
            Layout::Hidden(refusal) => return Err(hidden(refusal)),
        };
        let open = vec![(address.endpoint.clone(), client)];
        Ok(Self { address: address.clone(), options, ranges, open })
    }

    pub(crate) fn is_cluster(&self) -> bool {
        !self.ranges.is_empty()
    }

    /// Every node that serves slots; the one server where there are none.
    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        if self.is_cluster() { masters(&self.ranges) } else { vec![self.address.endpoint.clone()] }
    }

    /// Whether both have a node in common.
    pub(crate) fn overlap(&self, other: &Self) -> bool {
        let others = other.endpoints();
        self.endpoints().iter().any(|endpoint| others.contains(endpoint))
    }

    /// The connection that was made first.
    pub(crate) fn seed(&self) -> &Client {
        &self.open[0].1
    }

    pub(crate) async fn at(&mut self, endpoint: &Endpoint) -> Result<Client> {
        if let Some((_, client)) = self.open.iter().find(|(at, _)| at == endpoint) {
            return Ok(client.clone());
        }
        let address = Address { endpoint: endpoint.clone(), ..self.address.clone() };
        let (client, _) = Client::connect(&address, &self.options).await?;
        self.open.push((endpoint.clone(), client.clone()));
        Ok(client)
    }

    /// The node that has a key, as far as is known.
    pub(crate) fn owner(&self, key: &[u8]) -> Endpoint {
        if !self.is_cluster() {
            return self.address.endpoint.clone();
        }
        let number = slot(key);
        let range = self.ranges.iter().find(|(first, last, _)| (*first..=*last).contains(&number));
        // A slot that nobody has: whoever is asked says so.
        range.map_or_else(|| self.address.endpoint.clone(), |(_, _, endpoint)| endpoint.clone())
    }

    /// Chooses a database on every connection, and on those that will be made.
    pub(crate) async fn select(&mut self, db: u32) -> Result<(), Error> {
        for (_, client) in &self.open {
            client.call(["SELECT", &db.to_string()]).await?;
        }
        self.address.db = db;
        Ok(())
    }

    /// Asks again wherever the answers to a step, which came from `at`, send us, until they send us no further.
    pub(crate) async fn follow(
        &mut self,
        step: &[Request],
        mut at: Endpoint,
        mut replies: Vec<Value>,
    ) -> Result<Vec<Value>> {
        for _ in 0..REDIRECTS_MAX {
            let Some(redirect) = redirect(&replies) else { return Ok(replies) };
            at = redirect.endpoint(&at);
            let client = self.at(&at).await?;
            let mut requests = step.to_vec();
            match redirect.kind {
                // It holds for the very next request of the connection, or for the transaction that begins there.
                RedirectKind::Ask => requests.insert(0, Request::new("ASKING")),
                // First in line, so that it is found before the range that was right until now.
                RedirectKind::Moved => {
                    let moved = (redirect.slot, redirect.slot, at.clone());
                    self.ranges.retain(|range| *range != moved);
                    self.ranges.insert(0, moved);
                }
            }
            replies = client.pipeline(requests).await?;
            replies.drain(..replies.len() - step.len());
        }
        Err(Error::TooManyRedirects(REDIRECTS_MAX).into())
    }

    /// Which slots each node says it has; nothing of a single server.
    ///
    /// # Errors
    /// A slot is on its way from one to another; or the server's.
    pub(crate) async fn layout(&mut self) -> Result<Vec<String>> {
        let mut layout = Vec::new();
        if !self.is_cluster() {
            return Ok(layout);
        }
        for endpoint in self.endpoints() {
            let reply = self.at(&endpoint).await?.call(["CLUSTER", "NODES"]).await?;
            let slots = own_slots(&String::from_utf8_lossy(reply.as_bytes().unwrap_or_default()));
            if slots.contains('[') {
                return Err(Failure::new(format!(
                    "a slot of the cluster is being moved from or to {endpoint}: keys could be missing"
                ))
                .hint("try again when it has moved; `rbq cli CLUSTER NODES` shows it in brackets"));
            }
            layout.push(slots);
        }
        Ok(layout)
    }
}

/// Where the answers to a step send us, if one is a redirect.
pub(crate) fn redirect(replies: &[Value]) -> Option<Redirect> {
    replies.iter().find_map(|reply| match reply {
        Value::Error(text) => Redirect::parse(text.as_bytes()),
        _ => None,
    })
}

/// The slots of the node that tells: `0-5460 [93-<-id]`.
fn own_slots(nodes: &str) -> String {
    let is_own =
        |line: &&str| line.split(' ').nth(2).is_some_and(|flags| flags.split(',').any(|flag| flag == "myself"));
    let line = nodes.lines().find(is_own).unwrap_or_default();
    line.split(' ').skip(WORDS_BEFORE_SLOTS).collect::<Vec<_>>().join(" ")
}

/// The databases of one node with keys in them, and how many keys those are.
pub(crate) async fn databases(client: &Client, only: Option<u32>) -> Result<(Vec<u32>, u64)> {
    let reply = client.call(["INFO", "keyspace"]).await?;
    let text = String::from_utf8_lossy(reply.as_bytes().unwrap_or_default()).into_owned();
    let mut dbs = Vec::new();
    let mut total = 0;
    for line in text.lines() {
        let Some((db, facts)) = line.strip_prefix("db").and_then(|rest| rest.split_once(':')) else { continue };
        let keys: Option<u64> =
            facts.split(',').find_map(|fact| fact.strip_prefix("keys=")).and_then(|keys| keys.parse().ok());
        if let (Ok(db), Some(keys)) = (db.parse(), keys)
            && only.is_none_or(|only| only == db)
        {
            dbs.push(db);
            total += keys;
        }
    }
    Ok((dbs, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_tells_its_own_slots_and_which_of_them_move() {
        let nodes = "aa 127.0.0.1:1@2 master - 0 17 2 connected 5461-10922\n\
                     bb 127.0.0.1:3@4 myself,master - 0 0 1 connected 0-92 94-5460 [93-<-aa]\n";
        assert_eq!(own_slots(nodes), "0-92 94-5460 [93-<-aa]");
        assert_eq!(own_slots("cc 127.0.0.1:5@6 myself,master - 0 0 3 connected\n"), "");
    }
}
