//! Where a key lives: the node that serves it, what it holds, and what the keys beside it are called.
//!
//! A transaction cannot follow a redirect on its way, so the node is found before anything is taken, and again when it has gone
//! or no longer serves the key. All other keys are in the same slot: a name beside another has its hash tag, and gets one where
//! the server is a cluster and the name has none.

use std::time::Duration;

use rbq_client::{Endpoint, Error, Link, Redirect, RedirectKind, Request, Target};
use rbq_resp::{Value, quote, slot};
use tokio::time::sleep;
use xxhash_rust::xxh3::xxh3_64;

use crate::cmd::keyspace::kind::shown;
use crate::cmd::produce::Kind;
use crate::facts::{array, number, text, unexpected};
use crate::failure::{Failure, Result, say};
use crate::open::{ServerArgs, options};
use crate::outage::Cause;
use crate::servers::accepted;

/// Redirects followed: a settled cluster needs one.
const REDIRECTS_MAX: usize = 5;

/// A server sees the end of a process that was killed a moment after it, on a busy machine a long one.
const NAME_ATTEMPTS: usize = 30;
const NAME_PAUSE: Duration = Duration::from_millis(100);

/// The node of a key.
#[derive(Debug)]
pub(super) struct Home {
    /// The server that was named.
    seed: Target,
    target: Target,
    /// A slot is on its way to this node.
    is_asking: bool,
    /// What the keys beside are called in a cluster, as far as they are written by themselves.
    companions: Vec<Vec<u8>>,
    /// All nodes of a cluster: when the one we know is gone, another one tells who has its place.
    nodes: Vec<Endpoint>,
    is_cluster: bool,
    /// Whether the key was there when we looked last.
    is_there: bool,
}

impl Home {
    /// Finds the node that serves `key`, and makes sure that the key holds what it should, or nothing. The keys with these suffixes are
    /// written by themselves.
    pub(super) async fn find(
        server: &ServerArgs,
        key: &[u8],
        kind: Kind,
        suffixes: &[Vec<u8>],
    ) -> Result<(Self, Link)> {
        let seed = server.target()?;
        let mut home = Self {
            target: seed.clone(),
            seed,
            is_asking: false,
            companions: suffixes.iter().filter_map(|suffix| in_slot(key, suffix)).collect(),
            nodes: Vec::new(),
            is_cluster: false,
            is_there: false,
        };
        let mut link = home.reach(home.seed.endpoint.clone(), key, kind).await?;
        let info = link.call(["INFO", "cluster"]).await?;
        home.is_cluster = text(&info).contains("cluster_enabled:1");
        home.note_nodes(&mut link).await?;
        Ok((home, link))
    }

    /// Finds it again, after it was lost or has sent us elsewhere.
    pub(super) async fn find_again(&mut self, why: &Error, key: &[u8], kind: Kind) -> Result<Link> {
        let mut first = self.target.endpoint.clone();
        if let Error::Redirect(redirect) = why
            && redirect.kind == RedirectKind::Moved
        {
            first = redirect.endpoint(&first);
        }
        let mut candidates = vec![first];
        for other in [&self.target.endpoint, &self.seed.endpoint].into_iter().chain(&self.nodes) {
            if !candidates.contains(other) {
                candidates.push(other.clone());
            }
        }
        let mut failed = None;
        for candidate in candidates {
            match self.reach(candidate, key, kind).await {
                Ok(mut link) => {
                    self.note_nodes(&mut link).await?;
                    return Ok(link);
                }
                Err(Failure::Server(error)) if Cause::of(&error).is_some() => {
                    failed.get_or_insert(error);
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(failed.expect("there is a candidate").into())
    }

    /// Beginning at a node, the one that serves the key.
    async fn reach(&mut self, endpoint: Endpoint, key: &[u8], kind: Kind) -> Result<Link> {
        let (mut endpoint, mut is_asking) = (endpoint, false);
        for _ in 0..REDIRECTS_MAX {
            let target = Target { endpoint, ..self.seed.clone() };
            let mut link = connect(&target, is_asking).await?;
            let redirect = match link.call(Request::new("TYPE").arg(key)).await? {
                Value::Status(held) => {
                    check_kind(&held, key, kind)?;
                    self.is_there = held != "none";
                    (self.target, self.is_asking) = (target, is_asking);
                    return Ok(link);
                }
                Value::Error(text) => match Redirect::parse(text.as_bytes()) {
                    Some(redirect) => redirect,
                    None => return Err(unexpected(Value::Error(text))),
                },
                other => return Err(unexpected(other)),
            };
            is_asking = redirect.kind == RedirectKind::Ask;
            if is_asking && self.has_companion(&mut link).await? {
                self.is_there = false;
                (self.target, self.is_asking) = (target, false);
                return Ok(link);
            }
            endpoint = redirect.endpoint(&target.endpoint);
        }
        Err(Error::TooManyRedirects(REDIRECTS_MAX).into())
    }

    /// Whether a node that the slot leaves still has one of the keys beside: of those it has not, it sends us to the other node.
    async fn has_companion(&self, link: &mut Link) -> Result<bool> {
        for companion in &self.companions {
            match link.call(Request::new("TYPE").arg(companion)).await? {
                Value::Error(text) if Redirect::parse(text.as_bytes()).is_some() => {}
                other => return accepted(other).map(|_| true),
            }
        }
        Ok(false)
    }

    /// Replicas too: one of them has the key when its master is gone.
    async fn note_nodes(&mut self, link: &mut Link) -> Result<()> {
        if !self.is_cluster {
            return Ok(());
        }
        let mut nodes = Vec::new();
        for range in array(link.call(["CLUSTER", "SLOTS"]).await?) {
            for node in array(range).into_iter().skip(2) {
                let parts = array(node);
                let [host, port, ..] = parts.as_slice() else { continue };
                let (host, port) = (text(host), number(port).and_then(|port| u16::try_from(port).ok()));
                // A node without a name is the one that was asked.
                if let (false, Some(port)) = (host.is_empty(), port) {
                    nodes.push(Endpoint::Tcp { host, port });
                }
            }
        }
        self.nodes = nodes;
        Ok(())
    }

    /// Says it if the key is not there: what has no messages is no key, and neither is a name with a slip in it.
    pub(super) fn tell_absence(&self, key: &[u8], kind: Kind, ends_at_once: bool) {
        if self.is_there {
            return;
        }
        let waiting = if ends_at_once { "" } else { "; waiting for its first message" };
        match kind {
            Kind::Queue => say(&format!("there is nothing in a queue `{}`, or no such queue{waiting}", shown(key))),
            Kind::Stream => say(&format!("there is no stream `{}` yet{waiting}", shown(key))),
        }
    }

    /// One more connection to it.
    pub(super) async fn link(&self) -> Result<Link> {
        connect(&self.target, self.is_asking).await
    }

    /// The key beside another, in the same slot.
    pub(super) fn beside(&self, key: &[u8], suffix: &[u8]) -> Result<Vec<u8>> {
        let beside = if self.is_cluster { in_slot(key, suffix) } else { Some([key, suffix].concat()) };
        let refusal = || format!("no key beside {} is in its slot: its name has a `}}` of its own", quote(key));
        beside.ok_or_else(|| Failure::new(refusal()))
    }

    /// Whether a transaction can hold both keys.
    pub(super) fn are_together(&self, a: &[u8], b: &[u8]) -> bool {
        !self.is_cluster || slot(a) == slot(b)
    }
}

async fn connect(target: &Target, is_asking: bool) -> Result<Link> {
    let mut link = Link::connect(target, &options()?).await?;
    if is_asking {
        link.say_asking();
    }
    Ok(link)
}

/// The key beside another in a cluster, if it can have one.
fn in_slot(key: &[u8], suffix: &[u8]) -> Option<Vec<u8>> {
    let (plain, tagged) = ([key, suffix].concat(), [b"{", key, b"}", suffix].concat());
    [plain, tagged].into_iter().find(|beside| slot(beside) == slot(key))
}

fn check_kind(held: &str, key: &[u8], wanted: Kind) -> Result<()> {
    let name = String::from_utf8_lossy(key);
    let (is, hint) = match (held, wanted) {
        ("none", _) | ("list", Kind::Queue) | ("stream", Kind::Stream) => return Ok(()),
        ("list", _) => ("a queue".to_owned(), format!("`rbq consume queue {name}` takes its messages")),
        ("stream", _) => ("a stream".to_owned(), format!("`rbq consume stream {name}` reads it")),
        (other, _) => (format!("a {other}"), "messages are in queues (lists) and streams".to_owned()),
    };
    Err(Failure::new(format!("`{name}` is {is}")).hint(hint))
}

/// How others see us: what a consumer of our name left is ours only if that consumer is gone.
#[derive(Debug)]
pub(super) struct Presence {
    consumer: Vec<u8>,
    /// What the connections of all consumers of this name are called.
    name: String,
    /// What tells ours from those of another process.
    run: String,
}

impl Presence {
    pub(super) fn of(parts: &[&[u8]], consumer: &[u8]) -> Self {
        let name = format!("rbq-consume-{:016x}", xxh3_64(&parts.join(&0)));
        let run = format!("{name}-{:08x}", fastrand::u32(..));
        Self { consumer: consumer.to_vec(), name, run }
    }

    /// Makes sure that nobody else consumes under this name, and lets others see that we do. Connections that we have lost and the
    /// server has not are closed: what still comes to them would come to nobody.
    pub(super) async fn announce(&self, link: &mut Link, control: &mut Link) -> Result<()> {
        for attempt in 0.. {
            // A user without the right to look is not kept from consuming.
            let list = text(&link.call(["CLIENT", "LIST"]).await?);
            let (ours, others): (Vec<_>, Vec<_>) = list
                .lines()
                .filter(|line| word(line, "name=").is_some_and(|name| name.starts_with(&self.name)))
                .partition(|line| word(line, "name=") == Some(&self.run));
            for id in ours.into_iter().filter_map(|line| word(line, "id=")) {
                link.call(["CLIENT", "KILL", "ID", id]).await?;
            }
            if others.is_empty() {
                break;
            }
            if attempt == NAME_ATTEMPTS {
                let failure = Failure::new(format!("another consumer is called {}", quote(&self.consumer)));
                return Err(failure.hint("give each its own name with --consumer"));
            }
            sleep(NAME_PAUSE).await;
        }
        link.call(["CLIENT", "SETNAME", &self.run]).await?;
        control.call(["CLIENT", "SETNAME", &self.run]).await?;
        Ok(())
    }
}

fn word<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split(' ').find_map(|word| word.strip_prefix(name))
}
