//! The connection that a key is served by, and the ways to talk over it: one request, many at once, one transaction.
//!
//! On a single server there is one connection. On a cluster there is one for each node that is needed, found by the key's slot,
//! because a transaction has to stay on one connection from WATCH to EXEC and cannot follow a redirect on its way. What is asked
//! by itself follows redirects, and a `MOVED` corrects the map of slots for whatever comes next.
//!
//! A server that will not show its slots is taken for a single one only if it says that it is no cluster: one node of three looks
//! like a whole server otherwise, and two thirds of the keys would be missing in silence.

use rbq_client::{Endpoint, Error, Link, Redirect, RedirectKind, Request, Target};
use rbq_resp::{Value, slot};

use crate::facts::{Facts, array, number, text, unexpected};
use crate::failure::{Failure, Result};
use crate::open::{ServerArgs, options};

/// Redirects followed for one request: a slot that is being moved takes two, a stale map one more.
const REDIRECTS_MAX: usize = 5;

/// Requests sent before their replies are read: enough that round trips do not count, and bounded for either side's buffers.
const PIPELINE_MAX: usize = 512;

/// The first and the last slot of a range, and the node that serves them.
pub(crate) type Range = (u16, u16, Endpoint);

/// All connections.
#[derive(Debug)]
pub(crate) struct Servers {
    target: Target,
    links: Vec<(Endpoint, Link)>,
    /// Which node serves which slots; empty on a single server.
    ranges: Vec<Range>,
    /// Why it is not known which, on one node of a cluster.
    refusal: Option<Error>,
}

/// Looking at a key does not make it younger: `consume --recover-idle` tells by its idle time that nobody works on it. Servers before
/// Redis 7.2 do not know this, and are asked all the same.
async fn leave_no_trace(link: &mut Link) -> Result<()> {
    link.call(["CLIENT", "NO-TOUCH", "ON"]).await?;
    Ok(())
}

impl Servers {
    /// Connects to the server named, and learns whether it is one of many.
    ///
    /// # Errors
    /// Of the connection.
    pub(crate) async fn connect(args: &ServerArgs) -> Result<Self> {
        Self::over(args.target()?, args.link().await?).await
    }

    /// The same over a connection that is already there.
    ///
    /// # Errors
    /// Of the connection, or a cluster does not show its slots.
    pub(crate) async fn over(target: Target, link: Link) -> Result<Self> {
        let mut servers = Self::over_one(target, link).await?;
        servers.refusal.take().map_or(Ok(servers), |refusal| Err(hidden(refusal)))
    }

    /// The same for who looks at a single node too, and says that it is one of several.
    ///
    /// # Errors
    /// Of the connection.
    pub(crate) async fn over_one(target: Target, mut link: Link) -> Result<Self> {
        leave_no_trace(&mut link).await?;
        let answers = all(&mut link, &layout_questions()).await?;
        let (ranges, refusal) = match layout(&target, answers)? {
            Layout::Shown(ranges) => (ranges, None),
            Layout::Hidden(refusal) => (Vec::new(), Some(refusal)),
        };
        let endpoint = target.endpoint.clone();
        Ok(Self { target, links: vec![(endpoint, link)], ranges, refusal })
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
        let endpoint = self.owner(key);
        self.at(endpoint).await
    }

    /// Every node that serves slots.
    pub(crate) fn nodes(&self) -> Vec<Endpoint> {
        if self.is_cluster() { masters(&self.ranges) } else { vec![self.links[0].0.clone()] }
    }

    /// The connection to a node.
    ///
    /// # Errors
    /// Of connecting.
    pub(crate) async fn at(&mut self, endpoint: Endpoint) -> Result<&mut Link> {
        let known = self.links.iter().position(|(at, _)| *at == endpoint);
        let index = match known {
            Some(index) => index,
            None => {
                let target = Target { endpoint: endpoint.clone(), ..self.target.clone() };
                let mut link = Link::connect(&target, &options()?).await?;
                leave_no_trace(&mut link).await?;
                self.links.push((endpoint, link));
                self.links.len() - 1
            }
        };
        Ok(&mut self.links[index].1)
    }

    /// One request about a key, redirects followed; an error reply is a failure.
    ///
    /// # Errors
    /// Of the connection, or the server's.
    pub(crate) async fn ask(&mut self, key: &[u8], request: impl Into<Request>) -> Result<Value> {
        accepted(self.look(key, request).await?)
    }

    /// The same with error replies as values: what a server does not know is no failure.
    ///
    /// # Errors
    /// Of the connection.
    pub(crate) async fn look(&mut self, key: &[u8], request: impl Into<Request>) -> Result<Value> {
        let request = request.into();
        let mut endpoint = self.owner(key);
        let mut asking = false;
        for _ in 0..=REDIRECTS_MAX {
            let link = self.at(endpoint.clone()).await?;
            if asking {
                link.call(["ASKING"]).await?;
            }
            let reply = link.call(request.clone()).await?;
            let redirect = match &reply {
                Value::Error(text) => Redirect::parse(text.as_bytes()),
                _ => None,
            };
            let Some(redirect) = redirect else { return Ok(reply) };
            endpoint = redirect.endpoint(&endpoint);
            asking = redirect.kind == RedirectKind::Ask;
            if !asking {
                // First in line, so that it is found before the range that was right until now.
                self.ranges.insert(0, (redirect.slot, redirect.slot, endpoint.clone()));
            }
        }
        Err(Error::TooManyRedirects(REDIRECTS_MAX).into())
    }

    /// Many requests, each about a key, in one go for each connection. Replies come in the order of the requests; error replies
    /// are values.
    ///
    /// # Errors
    /// Of a connection.
    pub(crate) async fn gather(&mut self, requests: Vec<(&[u8], Request)>) -> Result<Vec<Value>> {
        let mut of_node: Vec<(Endpoint, Vec<usize>)> = Vec::new();
        for (index, (key, _)) in requests.iter().enumerate() {
            let owner = self.owner(key);
            match of_node.iter_mut().find(|(endpoint, _)| *endpoint == owner) {
                Some((_, indices)) => indices.push(index),
                None => of_node.push((owner, vec![index])),
            }
        }
        let mut replies = vec![Value::Null; requests.len()];
        for (endpoint, indices) in of_node {
            for part in indices.chunks(PIPELINE_MAX) {
                let own: Vec<Request> = part.iter().map(|index| requests[*index].1.clone()).collect();
                let answers = all(self.at(endpoint.clone()).await?, &own).await?;
                for (index, answer) in part.iter().zip(answers) {
                    replies[*index] = answer;
                }
            }
        }
        // A slot that moved since the map was drawn: those requests alone find their way again.
        for (reply, (key, request)) in replies.iter_mut().zip(requests) {
            if matches!(reply, Value::Error(text) if Redirect::parse(text.as_bytes()).is_some()) {
                *reply = self.look(key, request).await?;
            }
        }
        Ok(replies)
    }

    /// The server's time in milliseconds since 1970, by which ages are told; ours where it will not say.
    ///
    /// # Errors
    /// Of the connection.
    pub(crate) async fn time_ms(&mut self) -> Result<u64> {
        let parts = array(self.links[0].1.call(["TIME"]).await?);
        let parts: Vec<u64> = parts.iter().filter_map(|part| crate::facts::text(part).parse().ok()).collect();
        Ok(match parts[..] {
            [seconds, micros] => seconds * 1000 + micros / 1000,
            _ => crate::moment::now_ms(),
        })
    }

    /// Whether the server that serves this key knows a command.
    ///
    /// # Errors
    /// Of the connection.
    pub(crate) async fn knows(&mut self, key: &[u8], command: &str) -> Result<bool> {
        let told = array(self.look(key, ["COMMAND", "INFO", command]).await?);
        Ok(matches!(told.first(), Some(Value::Array(parts)) if !parts.is_empty()))
    }

    /// The node that serves a key, as far as is known.
    pub(crate) fn owner(&self, key: &[u8]) -> Endpoint {
        let number = slot(key);
        let range = self.ranges.iter().find(|(first, last, _)| (*first..=*last).contains(&number));
        range.map_or_else(|| self.links[0].0.clone(), |(_, _, endpoint)| endpoint.clone())
    }
}

/// The reply, unless it is an error.
pub(crate) fn accepted(reply: Value) -> Result<Value> {
    match reply {
        error @ Value::Error(_) => Err(unexpected(error)),
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
        replies.push(link.reply().await?);
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
        other => Err(unexpected(replies.into_iter().find(|reply| matches!(reply, Value::Error(_))).unwrap_or(other))),
    }
}

/// Every node that serves slots, in the order of the ranges.
pub(crate) fn masters(ranges: &[Range]) -> Vec<Endpoint> {
    let mut nodes: Vec<Endpoint> = Vec::new();
    for (_, _, endpoint) in ranges {
        if !nodes.contains(endpoint) {
            nodes.push(endpoint.clone());
        }
    }
    nodes
}

/// What a server tells of its slots.
#[derive(Debug)]
pub(crate) enum Layout {
    /// Which node serves which; nothing of a single server.
    Shown(Vec<Range>),
    /// It is one node of a cluster, and refuses to say of which.
    Hidden(Error),
}

/// What a server is asked for it. To say HELLO is allowed to every user; servers before 6.0 do not know it, and have no users.
pub(crate) fn layout_questions() -> Vec<Request> {
    [&["CLUSTER", "SLOTS"][..], &["HELLO"], &["INFO", "cluster"]].into_iter().map(Request::from).collect()
}

/// Its answers; error replies are values.
///
/// # Errors
/// The server does not even say whether it is a cluster.
pub(crate) fn layout(target: &Target, answers: Vec<Value>) -> Result<Layout> {
    let [slots, greeting, info] = <[Value; 3]>::try_from(answers).expect("each question is answered");
    let refusal = match slots {
        Value::Error(text) => Error::from_error_reply(text),
        slots => return Ok(Layout::Shown(ranges(slots, target).unwrap_or_default())),
    };
    let is_cluster = match Facts::of(greeting).bytes("mode") {
        Some(mode) => mode == b"cluster",
        None => text(&accepted(info)?).contains("cluster_enabled:1"),
    };
    Ok(if is_cluster { Layout::Hidden(refusal) } else { Layout::Shown(Vec::new()) })
}

/// What is said of a cluster that does not show its slots.
pub(crate) fn hidden(refusal: Error) -> Failure {
    Failure::from(refusal)
        .hint("this is one node of a cluster; CLUSTER SLOTS names the others: `ACL SETUSER name +cluster|slots`")
}

/// The reply of `CLUSTER SLOTS`: `[first, last, [host, port, …], replicas…]` for each range.
fn ranges(reply: Value, target: &Target) -> Option<Vec<Range>> {
    array(reply).into_iter().map(|range| range_of(range, target)).collect()
}

fn range_of(range: Value, target: &Target) -> Option<Range> {
    let parts = array(range);
    let small = |value: &Value| number(value).and_then(|number| u16::try_from(number).ok());
    let node = array(parts.get(2)?.clone());
    let named = node.first()?.as_bytes().and_then(|host| std::str::from_utf8(host).ok());
    // A node that does not know its own name is the one that was asked.
    let host = match (named.filter(|host| !host.is_empty()), &target.endpoint) {
        (Some(host), _) => host.to_owned(),
        (None, Endpoint::Tcp { host, .. }) => host.clone(),
        (None, Endpoint::Unix(_)) => return None,
    };
    Some((small(parts.first()?)?, small(parts.get(1)?)?, Endpoint::Tcp { host, port: small(node.get(1)?)? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_node_of_a_cluster_is_not_taken_for_a_single_server() {
        let of = |greeting: Value, info: &str| {
            let refused = Value::Error("NOPERM this user has no permissions to run the 'cluster|slots' command".into());
            layout(&Target::tcp("h", 1), vec![refused, greeting, Value::Bulk(info.to_owned().into())])
        };
        let mode = |mode: &'static str| Value::Array(vec![Value::Bulk("mode".into()), Value::Bulk(mode.into())]);
        let old = || Value::Error("ERR unknown command `HELLO`".into());
        for hidden in [of(mode("cluster"), ""), of(old(), "# Cluster\r\ncluster_enabled:1\r\n")] {
            assert!(matches!(hidden, Ok(Layout::Hidden(Error::Reply(_)))), "{hidden:?}");
        }
        for single in [of(mode("standalone"), ""), of(old(), "# Cluster\r\ncluster_enabled:0\r\n")] {
            assert!(matches!(&single, Ok(Layout::Shown(ranges)) if ranges.is_empty()), "{single:?}");
        }
    }
}
