//! Entries of a stream, read a page at a time.
//!
//! A page is bounded by bytes as well as by number: a batch of a thousand is fine with ordinary messages, and with large ones
//! it would be a gigabyte. The server is asked for what the last page says will fit.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use rbq_client::Request;
use rbq_resp::Value;
use serde::{Deserialize, Serialize};

use crate::deadletter::Field;
use crate::failure::{Failure, Result};

/// What a page should hold at most: large enough that round trips do not count, small enough for any machine.
const PAGE_BYTES: usize = 8 * 1024 * 1024;

/// An entry's ID, in the order of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct EntryId {
    pub(crate) ms: u64,
    pub(crate) seq: u64,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

impl FromStr for EntryId {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parsed =
            text.split_once('-').and_then(|(ms, seq)| Some(Self { ms: ms.parse().ok()?, seq: seq.parse().ok()? }));
        parsed.ok_or_else(|| format!("`{text}` is no ID of an entry; one looks like `1700000000000-0`"))
    }
}

impl TryFrom<String> for EntryId {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        text.parse()
    }
}

impl From<EntryId> for String {
    fn from(id: EntryId) -> Self {
        id.to_string()
    }
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: EntryId,
    pub(crate) fields: Vec<Field>,
}

impl Entry {
    fn size_bytes(&self) -> usize {
        self.fields.iter().map(|(name, value)| name.len() + value.len()).sum()
    }
}

/// The entries in the reply of `XRANGE` or `XREVRANGE`.
///
/// # Errors
/// An error reply, or what is no list of entries.
pub(crate) fn read(reply: Value) -> Result<Vec<Entry>> {
    match reply {
        Value::Array(entries) => entries.into_iter().map(|entry| one(entry).ok_or_else(strange)).collect(),
        Value::Null | Value::NullArray => Ok(vec![]),
        other => Err(refused(other)),
    }
}

fn one(value: Value) -> Option<Entry> {
    let Value::Array(parts) = value else { return None };
    let mut parts = parts.into_iter();
    let id = std::str::from_utf8(parts.next()?.as_bytes()?).ok()?.parse().ok()?;
    let Value::Array(flat) = parts.next()? else { return None };
    let mut fields = Vec::with_capacity(flat.len() / 2);
    let mut flat = flat.into_iter();
    while let Some(name) = flat.next() {
        fields.push((bulk(name)?, bulk(flat.next()?)?));
    }
    Some(Entry { id, fields })
}

fn bulk(value: Value) -> Option<Bytes> {
    match value {
        Value::Bulk(bytes) => Some(bytes),
        _ => None,
    }
}

fn strange() -> Failure {
    Failure::new("the server's reply is not what a stream's entries look like")
}

/// The failure that a reply stands for which is not what was asked for.
pub(crate) fn refused(value: Value) -> Failure {
    match value {
        Value::Error(text) if text.starts_with("WRONGTYPE") => {
            Failure::new("the key holds something else than a stream").hint("`rbq cli TYPE key` tells what it is")
        }
        Value::Error(text) => rbq_client::Error::from_error_reply(text).into(),
        other => Failure::new(format!("the server answered with something unexpected: {other:?}")),
    }
}

/// `XADD key * …`.
pub(crate) fn append(key: &[u8], fields: &[Field]) -> Request {
    let parts = fields.iter().flat_map(|(name, value)| [name, value]);
    Request::new("XADD").arg(key).arg("*").args(parts)
}

/// Which way a stream is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Direction {
    OldestFirst,
    NewestFirst,
}

/// A walk over the entries up to a last one.
#[derive(Debug, Clone)]
pub(crate) struct Walk {
    pub(crate) direction: Direction,
    /// Nothing behind this one is looked at.
    pub(crate) last: EntryId,
    /// The last one that was looked at.
    pub(crate) cursor: Option<EntryId>,
    entries_max: usize,
    entry_bytes: usize,
}

impl Walk {
    /// A walk with pages of at most so many entries.
    pub(crate) fn new(direction: Direction, last: EntryId, entries_max: usize) -> Self {
        Self { direction, last, cursor: None, entries_max, entry_bytes: 1 }
    }

    /// The request for the next page, with at most `limit` entries.
    pub(crate) fn request(&self, key: &[u8], limit: usize) -> Request {
        let fitting = (PAGE_BYTES / self.entry_bytes).clamp(1, self.entries_max);
        let count = fitting.min(limit).max(1).to_string();
        let last = self.last.to_string();
        let behind = self.cursor.map(|cursor| format!("({cursor}"));
        let request = match self.direction {
            Direction::OldestFirst => Request::new("XRANGE").arg(key).arg(behind.as_deref().unwrap_or("-")).arg(&last),
            Direction::NewestFirst => {
                Request::new("XREVRANGE").arg(key).arg(behind.as_deref().unwrap_or(&last)).arg("-")
            }
        };
        request.arg("COUNT").arg(count)
    }

    /// Takes note of how large entries are here.
    pub(crate) fn saw(&mut self, page: &[Entry]) {
        if !page.is_empty() {
            self.entry_bytes = (page.iter().map(Entry::size_bytes).sum::<usize>() / page.len()).max(1);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn id(text: &str) -> EntryId {
        text.parse().unwrap()
    }

    fn line(request: &Request) -> String {
        request.iter().map(|arg| String::from_utf8_lossy(arg).into_owned()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_walk_goes_on_behind_its_cursor_and_not_past_its_last() {
        let mut walk = Walk::new(Direction::OldestFirst, id("9-0"), 100);
        assert_eq!(line(&walk.request(b"d", 500)), "XRANGE d - 9-0 COUNT 100");
        walk.cursor = Some(id("3-1"));
        assert_eq!(line(&walk.request(b"d", 7)), "XRANGE d (3-1 9-0 COUNT 7");
        walk.direction = Direction::NewestFirst;
        assert_eq!(line(&walk.request(b"d", 7)), "XREVRANGE d (3-1 - COUNT 7");
        walk.cursor = None;
        assert_eq!(line(&walk.request(b"d", 0)), "XREVRANGE d 9-0 - COUNT 1");
    }

    #[test]
    fn large_entries_make_small_pages() {
        let mut walk = Walk::new(Direction::OldestFirst, id("9-0"), 1000);
        walk.saw(&[Entry { id: id("1-0"), fields: vec![("data".into(), vec![0; PAGE_BYTES / 4].into())] }]);
        assert_eq!(line(&walk.request(b"d", 1000)), "XRANGE d - 9-0 COUNT 3");
    }

    #[test]
    fn ids_are_read_and_ordered_as_numbers() {
        assert!(id("9-1") < id("10-0") && id("10-0") < id("10-1"));
        for wrong in ["", "1", "1-", "-1", "a-b", "1-1-1"] {
            assert!(wrong.parse::<EntryId>().is_err(), "{wrong}");
        }
    }
}
