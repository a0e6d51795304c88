//! Entries of a stream and their IDs, out of the replies of `XRANGE`, `XREAD` and `XINFO STREAM`.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use rbq_resp::Value;
use serde::{Deserialize, Serialize};

use crate::facts::unexpected;
use crate::failure::{Failure, Result};

/// IDs below this are numbers of somebody's own: as times they would lie before September 2001.
const TIME_MS_MIN: u64 = 1_000_000_000_000;

/// An entry's ID, in the order of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct EntryId {
    pub(crate) ms: u64,
    pub(crate) seq: u64,
}

impl EntryId {
    /// When it was added, if the ID is a time at all.
    pub(crate) fn time_ms(self) -> Option<u64> {
        (self.ms >= TIME_MS_MIN).then_some(self.ms)
    }

    /// How old it is, if the ID is a time at all.
    pub(crate) fn age_ms(self, now_ms: u64) -> Option<u64> {
        self.time_ms().map(|ms| now_ms.saturating_sub(ms))
    }
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
    pub(crate) fields: Vec<(Bytes, Bytes)>,
}

impl Entry {
    /// Of names and values together.
    pub(crate) fn size_bytes(&self) -> usize {
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
        other => Err(unexpected(other)),
    }
}

/// The entries in the reply of `XREAD` about one stream; nothing is no entries.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_of_one_stream(reply: Value) -> Result<Vec<Entry>> {
    let entries = match reply {
        // RESP3 maps names to entries, RESP2 has arrays of two.
        Value::Map(mut streams) => streams.pop().map(|(_, entries)| entries),
        Value::Array(mut streams) => match streams.pop() {
            Some(Value::Array(mut pair)) => pair.pop(),
            _ => None,
        },
        other => Some(other),
    };
    read(entries.ok_or_else(strange)?)
}

/// One entry as it stands in any of these replies.
pub(crate) fn one(value: Value) -> Option<Entry> {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn both_protocols_say_the_same() {
        let text = |text: &'static str| Value::Bulk(Bytes::from(text));
        let entry = Value::Array(vec![text("1-1"), Value::Array(vec![text("a"), text("b")])]);
        let entries = Value::Array(vec![entry]);
        let expected = vec![Entry { id: "1-1".parse().unwrap(), fields: vec![("a".into(), "b".into())] }];
        let resp2 = Value::Array(vec![Value::Array(vec![text("s"), entries.clone()])]);
        let resp3 = Value::Map(vec![(text("s"), entries.clone())]);
        for reply in [resp2, resp3] {
            assert_eq!(read_of_one_stream(reply).unwrap(), expected);
        }
        assert_eq!(read(entries).unwrap(), expected);
        assert_eq!(read_of_one_stream(Value::NullArray).unwrap(), []);
        assert!(read(Value::Integer(1)).is_err());
    }

    #[test]
    fn ids_are_ordered_as_numbers_and_some_are_times() {
        let id = |text: &str| text.parse::<EntryId>().unwrap();
        assert!(id("9-1") < id("10-0") && id("10-0") < id("10-1"));
        assert_eq!(id("9-1").age_ms(10), None);
        assert_eq!(id("1700000000000-1").age_ms(1_700_000_000_500), Some(500));
        for wrong in ["", "1", "1-", "-1", "a-b", "1-1-1"] {
            assert!(wrong.parse::<EntryId>().is_err(), "{wrong}");
        }
    }
}
