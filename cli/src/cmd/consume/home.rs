//! Where a key lives: the node that serves it, what it holds, and what the keys beside it are called.
//!
//! A transaction cannot follow a redirect on its way, so the node is found once, before anything is taken. All other keys are
//! in the same slot: a name beside another has its hash tag, and gets one where the server is a cluster and the name has none.

use std::time::Duration;

use rbq_client::{Link, Options, Redirect, Request, Target};
use rbq_resp::{Value, quote, slot};
use tokio::time::sleep;
use xxhash_rust::xxh3::xxh3_64;

use crate::cmd::produce::Kind;
use crate::facts::unexpected;
use crate::failure::{Failure, Result};
use crate::open::ServerArgs;

/// Redirects followed: a settled cluster needs one.
const REDIRECTS_MAX: usize = 5;

/// A server sees the end of a process that was killed a moment after it, on a busy machine a long one.
const NAME_ATTEMPTS: usize = 30;
const NAME_PAUSE: Duration = Duration::from_millis(100);

/// The node of a key.
#[derive(Debug)]
pub(super) struct Home {
    target: Target,
    is_cluster: bool,
}

impl Home {
    /// Finds the node that serves `key`, and makes sure that the key holds what it should, or nothing.
    pub(super) async fn find(server: &ServerArgs, key: &[u8], kind: Kind) -> Result<(Self, Link)> {
        let mut target = server.target()?;
        for _ in 0..REDIRECTS_MAX {
            let mut link = Link::connect(&target, &Options::default()).await?;
            match link.call(Request::new("TYPE").arg(key)).await? {
                Value::Status(held) => {
                    check_kind(&held, key, kind)?;
                    let info = link.call(["INFO", "cluster"]).await?;
                    let info = String::from_utf8_lossy(info.as_bytes().unwrap_or_default()).into_owned();
                    return Ok((Self { target, is_cluster: info.contains("cluster_enabled:1") }, link));
                }
                Value::Error(text) => match Redirect::parse(text.as_bytes()) {
                    Some(redirect) => target.endpoint = redirect.endpoint(&target.endpoint),
                    None => return Err(unexpected(Value::Error(text))),
                },
                other => return Err(unexpected(other)),
            }
        }
        Err(rbq_client::Error::TooManyRedirects(REDIRECTS_MAX).into())
    }

    /// One more connection to it.
    pub(super) async fn link(&self) -> Result<Link> {
        Ok(Link::connect(&self.target, &Options::default()).await?)
    }

    /// The key beside another, in the same slot.
    pub(super) fn beside(&self, key: &[u8], suffix: &[u8]) -> Result<Vec<u8>> {
        let plain = [key, suffix].concat();
        if self.are_together(key, &plain) {
            return Ok(plain);
        }
        let tagged = [b"{", key, b"}", suffix].concat();
        if self.are_together(key, &tagged) {
            return Ok(tagged);
        }
        Err(Failure::new(format!("no key beside {} is in its slot: its name has a `}}` of its own", quote(key))))
    }

    /// Whether a transaction can hold both keys.
    pub(super) fn are_together(&self, a: &[u8], b: &[u8]) -> bool {
        !self.is_cluster || slot(a) == slot(b)
    }
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

/// Makes sure that nobody else consumes under this name, and lets others see that we do: what a consumer of this name left is
/// ours only if that consumer is gone.
pub(super) async fn be_alone(link: &mut Link, parts: &[&[u8]], consumer: &[u8]) -> Result<()> {
    let name = format!("rbq-consume-{:016x}", xxh3_64(&parts.join(&0)));
    let word = format!(" name={name} ");
    for attempt in 0.. {
        // A user without the right to look is not kept from consuming.
        let list = link.call(["CLIENT", "LIST"]).await?;
        let list = String::from_utf8_lossy(list.as_bytes().unwrap_or_default()).into_owned();
        if !list.contains(&word) {
            break;
        }
        if attempt == NAME_ATTEMPTS {
            let failure = Failure::new(format!("another consumer is called {}", quote(consumer)));
            return Err(failure.hint("give each its own name with --consumer"));
        }
        sleep(NAME_PAUSE).await;
    }
    link.call(["CLIENT", "SETNAME", &name]).await?;
    Ok(())
}
