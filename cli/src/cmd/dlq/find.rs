//! Every dead-letter stream of a server: by its mark, by its name; and those that hold what died of one source.
//!
//! By the mark is sure: its first entry ends with `_rbq.count`. By the name is a guess that people's own tools have earned, and
//! the listing says which it was. SCAN looks at all keys without holding up the server, and may show one twice.
//!
//! Whose letters a stream holds only its entries say. Its ends tell nearly always; a stream that several sources share is read
//! on from its beginning, up to a limit.

use std::collections::BTreeSet;

use rbq_client::Request;
use rbq_resp::Value;

use super::entries::{self, Direction, Entry, EntryId, Walk, refused};
use super::keys::is_named_so;
use crate::deadletter::{DeadLetter, is_marked};
use crate::failure::Result;
use crate::servers::{Servers, accepted};
use crate::transfer::temporary::run_of;

/// Keys that one SCAN looks at: about a millisecond of a server's time.
const SCAN_COUNT: &str = "1000";

/// Entries of one stream that are looked at for a letter of a source: a second or so. Who wants one behind them names the stream.
const LOOKED_AT_MAX: usize = 10_000;

/// Entries of a page.
const PAGE: usize = 500;

/// By what a stream is known to hold dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    ByMark,
    ByName,
}

/// A dead-letter stream.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) key: Vec<u8>,
    pub(super) known: Known,
    pub(super) length: u64,
    pub(super) first: Option<Entry>,
    pub(super) last: Option<Entry>,
}

/// All of them, in the order of their names.
///
/// # Errors
/// Of the server.
pub(super) async fn all(servers: &mut Servers) -> Result<Vec<Found>> {
    let mut keys = BTreeSet::new();
    for node in servers.nodes() {
        let mut cursor = "0".to_owned();
        loop {
            let scan = Request::new("SCAN").arg(&cursor).args(["COUNT", SCAN_COUNT, "TYPE", "stream"]);
            let (next, page) = page_of(accepted(servers.at(node.clone()).await?.call(scan).await?)?)?;
            // A part of a key is nobody's dead letters yet.
            keys.extend(page.into_iter().filter(|key| run_of(key).is_none()));
            if next == "0" {
                break;
            }
            cursor = next;
        }
    }
    let keys: Vec<Vec<u8>> = keys.into_iter().collect();
    look(servers, keys).await
}

/// Those that hold dead letters of this source, by their mark, whatever they are called.
///
/// # Errors
/// Of the server.
pub(super) async fn of_source(servers: &mut Servers, source: &[u8]) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for one in all(servers).await?.into_iter().filter(|one| one.known == Known::ByMark) {
        if one.ends().any(|entry| is_of(entry, source)) || is_further_on(servers, &one, source).await? {
            found.push(one);
        }
    }
    Ok(found)
}

/// Whether a letter of this source stands between the ends.
async fn is_further_on(servers: &mut Servers, found: &Found, source: &[u8]) -> Result<bool> {
    if found.length <= 2 {
        return Ok(false);
    }
    let mut walk = Walk::new(Direction::OldestFirst, EntryId { ms: u64::MAX, seq: u64::MAX }, PAGE);
    let mut left = LOOKED_AT_MAX;
    while left > 0 {
        let page = entries::read(servers.ask(&found.key, walk.request(&found.key, left)).await?)?;
        let Some(last) = page.last() else { break };
        if page.iter().any(|entry| is_of(entry, source)) {
            return Ok(true);
        }
        walk.saw(&page);
        walk.cursor = Some(last.id);
        left = left.saturating_sub(page.len());
    }
    Ok(false)
}

fn is_of(entry: &Entry, source: &[u8]) -> bool {
    DeadLetter::decode(&entry.fields).is_ok_and(|letter| letter.provenance.source == source)
}

impl Found {
    fn ends(&self) -> impl Iterator<Item = &Entry> {
        self.first.iter().chain(&self.last)
    }
}

/// Looks at the ends of all streams, and keeps those that hold dead letters.
async fn look(servers: &mut Servers, keys: Vec<Vec<u8>>) -> Result<Vec<Found>> {
    let end =
        |verb: &str, from: &str, to: &str, key: &Vec<u8>| Request::new(verb).arg(key).args([from, to, "COUNT", "1"]);
    let mut requests: Vec<(&[u8], Request)> = Vec::with_capacity(keys.len() * 3);
    for key in &keys {
        requests.push((key, end("XRANGE", "-", "+", key)));
        requests.push((key, end("XREVRANGE", "+", "-", key)));
        requests.push((key, Request::new("XLEN").arg(key)));
    }
    let mut replies = servers.gather(requests).await?.into_iter();
    let mut all = Vec::new();
    for key in keys {
        let mut next = || replies.next().expect("each key was asked three things");
        let (first, last, length) = (next(), next(), next());
        // Deleted since, or replaced by something else.
        let (Ok(first), Ok(last), Value::Integer(length)) = (entries::read(first), entries::read(last), length) else {
            continue;
        };
        let (first, last) = (first.into_iter().next(), last.into_iter().next());
        let known = match &first {
            Some(entry) if is_marked(&entry.fields) => Known::ByMark,
            _ if is_named_so(&key) => Known::ByName,
            _ => continue,
        };
        all.push(Found { key, known, length: length.unsigned_abs(), first, last });
    }
    Ok(all)
}

fn page_of(reply: Value) -> Result<(String, Vec<Vec<u8>>)> {
    let page = || match &reply {
        Value::Array(parts) => match parts.as_slice() {
            [cursor, Value::Array(keys)] => {
                let cursor = String::from_utf8(cursor.as_bytes()?.to_vec()).ok()?;
                Some((cursor, keys.iter().filter_map(Value::as_bytes).map(<[u8]>::to_vec).collect()))
            }
            _ => None,
        },
        _ => None,
    };
    page().ok_or_else(|| refused(reply.clone()))
}
