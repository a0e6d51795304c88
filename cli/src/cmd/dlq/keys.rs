//! Names: which dead-letter stream a person means, and what the keys beside one are called.
//!
//! ```text
//!   orders.dlq                   the dead-letter stream
//!   orders.dlq:redrive           a re-drive that is not finished: what was asked for
//!   orders.dlq:redrive:at        … and how far it is
//!   orders.dlq:redrive:undo      … and what its last step took, until it is known to have arrived
//!   orders.dlq:redriven          what was sent back, by which job
//!   orders.dlq.quarantine        what was sent back too often
//! ```
//!
//! All of them stand in one slot, so that one transaction can hold them: where the server is a cluster and the name has no hash
//! tag, they are `{orders.dlq}:redrive` and so on.

use rbq_client::Request;
use rbq_resp::slot;

use super::entries;
pub(crate) use crate::cmd::keyspace::kind::{shown, type_of as kind};
use crate::deadletter::{SUFFIX, is_marked};
use crate::failure::{Failure, Result};
use crate::servers::Servers;

/// What the name of a quarantine ends with.
pub(crate) const QUARANTINE: &str = ".quarantine";

/// What people's own tools call their dead-letter streams.
const SUFFIXES: &[&str] =
    &[SUFFIX, QUARANTINE, ":dlq", "-dlq", "_dlq", ".dead", ":dead", ".dead-letter", ":dead-letter"];

/// Names that begin like this are dead-letter streams as well.
const PREFIXES: &[&str] = &["dlq:", "dlq.", "dead:", "dead-letter:"];

/// A dead-letter stream that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) key: Vec<u8>,
    /// From `orders/billing`: only what came from this source and group.
    pub(crate) only: Option<(String, String)>,
}

impl Place {
    /// The key as a person writes it.
    pub(crate) fn name(&self) -> String {
        shown(&self.key)
    }
}

/// Whether a stream of this name holds dead letters, as names go.
pub(crate) fn is_named_so(key: &[u8]) -> bool {
    let ends = |suffix: &&str| key.len() > suffix.len() && key.ends_with(suffix.as_bytes());
    SUFFIXES.iter().any(ends) || PREFIXES.iter().any(|prefix| key.starts_with(prefix.as_bytes()))
}

/// The key that stands beside another, in the same slot.
pub(crate) fn beside(servers: &Servers, key: &[u8], suffix: &str) -> Vec<u8> {
    let plain = [key, suffix.as_bytes()].concat();
    if !servers.is_cluster() || slot(&plain) == slot(key) {
        return plain;
    }
    [b"{", key, b"}", suffix.as_bytes()].concat()
}

/// The dead-letter stream that a person means by its name or by that of its source.
///
/// # Errors
/// There is none, or the server's.
pub(crate) async fn resolve(servers: &mut Servers, name: &str) -> Result<Place> {
    if is_dead_letters(servers, name.as_bytes()).await? {
        return Ok(Place { key: name.into(), only: None });
    }
    if let Some(key) = of_source(servers, name).await? {
        return Ok(Place { key, only: None });
    }
    if let Some((source, group)) = name.rsplit_once('/')
        && let Some(key) = of_source(servers, source).await?
    {
        return Ok(Place { key, only: Some((source.to_owned(), group.to_owned())) });
    }
    let failure =
        Failure::new(format!("there are no dead letters of `{name}`, and no dead-letter stream of that name"));
    Err(failure.hint("`rbq dlq ls` shows all there are"))
}

async fn of_source(servers: &mut Servers, source: &str) -> Result<Option<Vec<u8>>> {
    for candidate in [format!("{source}{SUFFIX}"), format!("{{{source}}}{SUFFIX}")] {
        if kind(servers, candidate.as_bytes()).await? == "stream" {
            return Ok(Some(candidate.into_bytes()));
        }
    }
    Ok(None)
}

async fn is_dead_letters(servers: &mut Servers, key: &[u8]) -> Result<bool> {
    if kind(servers, key).await? != "stream" {
        return Ok(false);
    }
    if is_named_so(key) {
        return Ok(true);
    }
    let first = servers.ask(key, Request::new("XRANGE").arg(key).args(["-", "+", "COUNT", "1"])).await?;
    Ok(entries::read(first)?.first().is_some_and(|entry| is_marked(&entry.fields)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_dead_letter_streams() {
        for (name, expected) in [
            ("orders.dlq", true),
            ("{orders}.dlq", true),
            ("orders.dlq.quarantine", true),
            ("dlq:orders", true),
            ("orders-dlq", true),
            ("orders", false),
            (".dlq", false),
            ("dlqs", false),
        ] {
            assert_eq!(is_named_so(name.as_bytes()), expected, "{name}");
        }
    }
}
