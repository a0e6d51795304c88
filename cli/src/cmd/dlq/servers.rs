//! The connection that a key is served by, and the three ways to talk over it: one request, many at once, one transaction.
//!
//! On a single server there is one connection. On a cluster there is one for each node that is needed, found by the key's slot,
//! because a transaction has to stay on one connection from WATCH to EXEC, and cannot follow a redirect on its way. A slot that
//! moves meanwhile ends the work with the server's own words, before anything was changed.

use rbq_client::{Endpoint, Link, Options, Request, Target};
use rbq_resp::{Value, slot};

use super::entries::refused;
use crate::failure::Result;
use crate::open::ServerArgs;

/// All connections.
#[derive(Debug)]
pub(crate) struct Servers {
    target: Target,
    links: Vec<(Endpoint, Link)>,
    /// Which node serves which slots; empty on a single server.
    ranges: Vec<(u16, u16, Endpoint)>,
}

impl Servers {
    /// Connects to the server named, and learns whether it is one of many.
    ///
    /// # Errors
    /// Of the connection.
    pub(crate) async fn connect(args: &ServerArgs) -> Result<Self> {
        let target = args.target()?;
        let mut link = args.link().await?;
        // A single server answers with an error, or has no slots to tell about.
        let ranges = ranges(&link.call(["CLUSTER", "SLOTS"]).await?, &target).unwrap_or_default();
        let endpoint = target.endpoint.clone();
        Ok(Self { target, links: vec![(endpoint, link)], ranges })
    }

    pub(crate) fn is_cluster(&self) -> bool {
        !self.ranges.is_empty()
    }

    /// Whether a transaction can hold both keys.
    pub(crate) fn are_together(&self, a: &[u8], b: &[u8]) -> bool {
        !self.is_cluster() || slot(a) == slot(b)
    }

    /// The connection for a key.
    ///
    /// # Errors
    /// Of connecting to its node.
    pub(crate) async fn of(&mut self, key: &[u8]) -> Result<&mut Link> {
        let endpoint = self.owner(key).unwrap_or(&self.links[0].0).clone();
        self.at(endpoint).await
    }

    /// Every node that serves slots.
    pub(crate) fn nodes(&self) -> Vec<Endpoint> {
        if !self.is_cluster() {
            return vec![self.links[0].0.clone()];
        }
        let mut nodes: Vec<Endpoint> = Vec::new();
        for (_, _, endpoint) in &self.ranges {
            if !nodes.contains(endpoint) {
                nodes.push(endpoint.clone());
            }
        }
        nodes
    }

    /// The connection to a node.
    ///
    /// # Errors
    /// Of connecting.
    pub(crate) async fn at(&mut self, endpoint: Endpoint) -> Result<&mut Link> {
        let index = match self.links.iter().position(|(at, _)| *at == endpoint) {
            Some(index) => index,
            None => {
                let target = Target { endpoint: endpoint.clone(), ..self.target.clone() };
                self.links.push((endpoint, Link::connect(&target, &Options::default()).await?));
                self.links.len() - 1
            }
        };
        Ok(&mut self.links[index].1)
    }

    /// Many requests, each about a key, in one go for each connection. Replies come in the order of the requests.
    ///
    /// # Errors
    /// Of a connection.
    pub(crate) async fn gather(&mut self, requests: Vec<(&[u8], Request)>) -> Result<Vec<Value>> {
        let mut of_node: Vec<(Vec<usize>, &[u8])> = Vec::new();
        for (index, (key, _)) in requests.iter().enumerate() {
            match of_node.iter_mut().find(|(_, other)| self.are_on_one_node(key, other)) {
                Some((indices, _)) => indices.push(index),
                None => of_node.push((vec![index], key)),
            }
        }
        let mut replies = vec![Value::Null; requests.len()];
        for (indices, key) in of_node {
            let own: Vec<Request> = indices.iter().map(|index| requests[*index].1.clone()).collect();
            let answers = all(self.of(key).await?, &own).await?;
            for (index, answer) in indices.into_iter().zip(answers) {
                replies[index] = answer;
            }
        }
        Ok(replies)
    }

    fn are_on_one_node(&self, a: &[u8], b: &[u8]) -> bool {
        !self.is_cluster() || self.owner(a) == self.owner(b)
    }

    fn owner(&self, key: &[u8]) -> Option<&Endpoint> {
        let number = slot(key);
        let range = self.ranges.iter().find(|(first, last, _)| (*first..=*last).contains(&number));
        range.map(|(_, _, endpoint)| endpoint)
    }

    /// One request about a key; an error reply is a failure.
    ///
    /// # Errors
    /// Of the connection, or the server's.
    pub(crate) async fn ask(&mut self, key: &[u8], request: Request) -> Result<Value> {
        let reply = self.of(key).await?.call(request).await?;
        accepted(reply)
    }
}

/// The reply, unless it is an error.
pub(crate) fn accepted(reply: Value) -> Result<Value> {
    match reply {
        error @ Value::Error(_) => Err(refused(error)),
        reply => Ok(reply),
    }
}

/// Many requests in one go; error replies are values.
///
/// # Errors
/// Of the connection.
pub(crate) async fn all(link: &mut Link, requests: &[Request]) -> Result<Vec<Value>> {
    requests.iter().for_each(|request| link.queue(request));
    link.flush().await?;
    let mut replies = Vec::with_capacity(requests.len());
    while replies.len() < requests.len() {
        match link.receive().await? {
            Value::Push(_) => {}
            reply => replies.push(reply),
        }
    }
    Ok(replies)
}

/// One transaction. `None`: something that was watched has changed, and nothing was done. Errors of single commands are values.
///
/// # Errors
/// Of the connection, or a command that the server would not even queue: nothing was done.
pub(crate) async fn transact(link: &mut Link, commands: Vec<Request>) -> Result<Option<Vec<Value>>> {
    let mut requests = Vec::with_capacity(commands.len() + 2);
    requests.push(Request::new("MULTI"));
    requests.extend(commands);
    requests.push(Request::new("EXEC"));
    let mut replies = all(link, &requests).await?;
    let done = replies.pop().expect("EXEC was answered");
    match done {
        Value::Array(values) => Ok(Some(values)),
        Value::Null | Value::NullArray => Ok(None),
        // What was refused when it was queued tells more than EXECABORT does.
        other => Err(refused(replies.into_iter().find(|reply| matches!(reply, Value::Error(_))).unwrap_or(other))),
    }
}

/// The reply of `CLUSTER SLOTS`: `[first, last, [host, port, …], replicas…]` for each range.
fn ranges(reply: &Value, target: &Target) -> Option<Vec<(u16, u16, Endpoint)>> {
    let Value::Array(ranges) = reply else { return None };
    ranges.iter().map(|range| range_of(range, target)).collect()
}

fn range_of(range: &Value, target: &Target) -> Option<(u16, u16, Endpoint)> {
    let Value::Array(parts) = range else { return None };
    let number = |value: &Value| match value {
        Value::Integer(number) => u16::try_from(*number).ok(),
        _ => None,
    };
    let Value::Array(node) = parts.get(2)? else { return None };
    let named =
        node.first()?.as_bytes().and_then(|host| std::str::from_utf8(host).ok()).filter(|host| !host.is_empty());
    // A node that does not know its own name is the one that was asked.
    let host = match (named, &target.endpoint) {
        (Some(host), _) => host.to_owned(),
        (None, Endpoint::Tcp { host, .. }) => host.clone(),
        (None, Endpoint::Unix(_)) => return None,
    };
    Some((number(parts.first()?)?, number(parts.get(1)?)?, Endpoint::Tcp { host, port: number(node.get(1)?)? }))
}
