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
use super::find::{self, Found};
use crate::cmd::keyspace::kind::listed;
pub(crate) use crate::cmd::keyspace::kind::{shown, type_of as kind};
use crate::deadletter::{SUFFIX, is_marked};
use crate::facts::number;
use crate::failure::{Failure, Result};
use crate::servers::Servers;

/// What the name of a quarantine ends with.
pub(crate) const QUARANTINE: &str = ".quarantine";

/// What the name of the stream ends with that tells what was sent back.
pub(crate) const LEDGER: &str = ":redriven";

/// What people's own tools call their dead-letter streams.
const SUFFIXES: &[&str] =
    &[SUFFIX, QUARANTINE, ":dlq", "-dlq", "_dlq", ".dead", ":dead", ".dead-letter", ":dead-letter"];

/// Names that begin like this are dead-letter streams as well.
const PREFIXES: &[&str] = &["dlq:", "dlq.", "dead:", "dead-letter:"];

/// A dead-letter stream that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) key: Vec<u8>,
    /// Only what came from this source: it was found by that, and shares the stream with others, or a group was named.
    pub(crate) source: Option<String>,
    /// From `orders/billing`: only what this group gave up.
    pub(crate) group: Option<String>,
}

impl Place {
    fn whole(key: impl Into<Vec<u8>>) -> Self {
        Self { key: key.into(), source: None, group: None }
    }

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
/// A source's own is the one of the default name. If there is none, or nothing in it, another may hold what died of the source:
/// it is found by its mark.
///
/// # Errors
/// There is none, or there are several; or the server's.
pub(crate) async fn resolve(servers: &mut Servers, name: &str) -> Result<Place> {
    if is_dead_letters(servers, name.as_bytes()).await? {
        return Ok(Place::whole(name));
    }
    let parts = name.rsplit_once('/');
    let mut empty = None;
    if let Some((key, length)) = named_after(servers, name).await? {
        let place = Place::whole(key);
        if length > 0 {
            return Ok(place);
        }
        empty = Some(place);
    } else if let Some((source, group)) = parts
        && let Some((key, length)) = named_after(servers, source).await?
    {
        let place = Place { source: Some(source.to_owned()), group: Some(group.to_owned()), ..Place::whole(key) };
        if length > 0 {
            return Ok(place);
        }
        empty = Some(place);
    }
    let mut aside = Vec::new();
    for (source, group) in
        [Some((name, None)), parts.map(|(source, group)| (source, Some(group)))].into_iter().flatten()
    {
        let found = find::of_source(servers, source.as_bytes()).await?;
        let (quarantined, found): (Vec<Found>, Vec<Found>) =
            found.into_iter().partition(|one| one.key.ends_with(QUARANTINE.as_bytes()));
        aside.extend(quarantined);
        match found.as_slice() {
            [] => {}
            [one] => {
                let (source, group) = (Some(source.to_owned()), group.map(str::to_owned));
                return Ok(Place { key: one.key.clone(), source, group });
            }
            several => {
                return Err(Failure::new(format!("dead letters of `{source}` are in {}", names(several)))
                    .hint("name one of them; `--source` and `--group` choose in it"));
            }
        }
    }
    empty.ok_or_else(|| nowhere(name, &aside))
}

fn nowhere(name: &str, aside: &[Found]) -> Failure {
    let failure =
        Failure::new(format!("there are no dead letters of `{name}`, and no dead-letter stream of that name"));
    match aside {
        [] => failure.hint("`rbq dlq ls` shows all there are"),
        aside => failure.hint(format!("what was sent back too often is in {}", names(aside))),
    }
}

fn names(found: &[Found]) -> String {
    listed(&found.iter().map(|one| format!("`{}`", shown(&one.key))).collect::<Vec<_>>(), "and")
}

/// The stream of the default name, and how many are in it.
async fn named_after(servers: &mut Servers, source: &str) -> Result<Option<(Vec<u8>, u64)>> {
    let mut empty = None;
    for candidate in [format!("{source}{SUFFIX}"), format!("{{{source}}}{SUFFIX}")] {
        let key = candidate.into_bytes();
        if kind(servers, &key).await? == "stream" {
            let length = number(&servers.ask(&key, Request::new("XLEN").arg(&key)).await?).unwrap_or(0);
            if length > 0 {
                return Ok(Some((key, length)));
            }
            empty.get_or_insert((key, 0));
        }
    }
    Ok(empty)
}

async fn is_dead_letters(servers: &mut Servers, key: &[u8]) -> Result<bool> {
    if kind(servers, key).await? != "stream" {
        return Ok(false);
    }
    if is_named_so(key) {
        return Ok(true);
    }
    let first = servers.ask(key, Request::new("XRANGE").arg(key).args(["-", "+", "COUNT", "1"])).await?;
    match entries::read(first)?.first() {
        Some(entry) => Ok(is_marked(&entry.fields)),
        // What was sent back left no mark in it, but beside it.
        None => {
            let [job, ledger] = [":redrive", LEDGER].map(|suffix| beside(servers, key, suffix));
            let there = servers.ask(key, Request::new("EXISTS").arg(job).arg(ledger)).await?;
            Ok(number(&there).is_some_and(|count| count > 0))
        }
    }
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
