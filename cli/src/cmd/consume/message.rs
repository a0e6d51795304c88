//! A message that was delivered: what it says, where it is from, and how often it was given to somebody.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use rbq_resp::Value;
use serde_json::{Value as Json, json};

use super::history::History;
use crate::cmd::produce::Kind;
use crate::deadletter::{Field, QUEUE_FIELD};
use crate::entries::EntryId;
use crate::facts::unexpected;
use crate::failure::{Failure, Result};
use crate::print::message;

/// A message in hand. A queue's is the one field `data`, as in its dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: Kind,
    /// Empty for a queue.
    pub(super) id: String,
    pub(super) fields: Vec<Field>,
    /// How often it was delivered, this time included; 0 where nobody counts.
    pub(super) delivery: u64,
    /// Who was given it, this time included.
    pub(super) history: History,
    /// When it came, in milliseconds since 1970.
    pub(super) at_ms: u64,
}

impl Message {
    pub(super) fn of_queue(payload: Bytes, at_ms: u64) -> Self {
        let fields = vec![(Bytes::from_static(QUEUE_FIELD.as_bytes()), payload)];
        Self { kind: Kind::Queue, id: String::new(), fields, delivery: 0, history: History::default(), at_ms }
    }

    /// The payload of a queue's message.
    pub(super) fn payload(&self) -> &Bytes {
        &self.fields[0].1
    }

    /// Its bytes alone: those of a lone field `data`, otherwise all fields as a JSON object.
    pub(super) fn value(&self) -> Bytes {
        match self.fields.as_slice() {
            [(name, value)] if name == QUEUE_FIELD => value.clone(),
            fields => message::json_fields(fields).to_string().into(),
        }
    }

    /// When it was added, as its ID tells it; for a queue's, when it came.
    pub(super) fn time_ms(&self) -> u64 {
        self.id.parse::<EntryId>().map_or(self.at_ms, |id| id.ms)
    }

    /// What a jq expression sees.
    pub(super) fn json(&self, key: &[u8]) -> Json {
        let value = self.value();
        let value = serde_json::from_slice(&value).unwrap_or_else(|_| message::json(&value));
        let mut json = json!({
            "key": message::json(key), "id": self.id, "time_ms": self.time_ms(), "delivery": self.delivery,
            "fields": message::json_fields(&self.fields), "value": value,
        });
        // What `--output` has shown can be asked for under the same name.
        for (name, value) in super::write::members(key, self) {
            json[name] = value;
        }
        json
    }
}

/// Which messages these are: equal ones are told apart, and thousands of them found again at once.
pub(super) fn which(messages: &[Arc<Message>]) -> HashSet<usize> {
    messages.iter().map(|message| Arc::as_ptr(message).addr()).collect()
}

/// The entries of a reply: of `XREAD` and `XREADGROUP` about one stream, where RESP3 maps names to entries and RESP2 has arrays
/// of two. Entries that are pending and deleted have no fields.
pub(super) fn read_stream(reply: Value) -> Result<Vec<(String, Option<Vec<Field>>)>> {
    let entries = match reply {
        Value::Null | Value::NullArray => return Ok(vec![]),
        Value::Map(mut streams) => streams.pop().map(|(_, entries)| entries),
        Value::Array(mut streams) => match streams.pop() {
            Some(Value::Array(mut pair)) => pair.pop(),
            _ => None,
        },
        other => return Err(unexpected(other)),
    };
    read_entries(entries.ok_or_else(strange)?)
}

/// The entries of `XRANGE` and `XCLAIM`; older servers have nil for one that is deleted, and it is left out.
pub(super) fn read_entries(reply: Value) -> Result<Vec<(String, Option<Vec<Field>>)>> {
    match reply {
        Value::Array(entries) => entries
            .into_iter()
            .filter(|entry| !matches!(entry, Value::Null | Value::NullArray))
            .map(|entry| entry_of(entry).ok_or_else(strange))
            .collect(),
        other => Err(unexpected(other)),
    }
}

fn entry_of(value: Value) -> Option<(String, Option<Vec<Field>>)> {
    let Value::Array(parts) = value else { return None };
    let mut parts = parts.into_iter();
    let id = String::from_utf8(parts.next()?.as_bytes()?.to_vec()).ok()?;
    let fields = match parts.next()? {
        Value::Array(flat) => {
            let mut fields = Vec::with_capacity(flat.len() / 2);
            let mut flat = flat.into_iter();
            while let Some(Value::Bulk(name)) = flat.next() {
                let Some(Value::Bulk(value)) = flat.next() else { return None };
                fields.push((name, value));
            }
            Some(fields)
        }
        Value::Null | Value::NullArray => None,
        _ => return None,
    };
    Some((id, fields))
}

fn strange() -> Failure {
    Failure::new("the server's reply is not what a stream's entries look like")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn bulk(text: &'static str) -> Value {
        Value::Bulk(Bytes::from(text))
    }

    #[test]
    fn both_protocols_say_the_same() {
        let entry = Value::Array(vec![bulk("1-1"), Value::Array(vec![bulk("a"), bulk("b")])]);
        let deleted = Value::Array(vec![bulk("2-1"), Value::NullArray]);
        let entries = Value::Array(vec![entry, deleted, Value::Null]);
        let resp2 = Value::Array(vec![Value::Array(vec![bulk("s"), entries.clone()])]);
        let resp3 = Value::Map(vec![(bulk("s"), entries)]);
        let expected = vec![("1-1".into(), Some(vec![("a".into(), "b".into())])), ("2-1".into(), None)];
        assert_eq!(read_stream(resp2).unwrap(), expected);
        assert_eq!(read_stream(resp3).unwrap(), expected);
        assert_eq!(read_stream(Value::NullArray).unwrap(), []);
    }

    #[test]
    fn what_is_shown_can_be_asked_for_under_the_same_name() {
        let entry = Message { kind: Kind::Stream, id: "7-0".into(), ..Message::of_queue("x".into(), 1) };
        for message in [Message::of_queue("x".into(), 1), entry] {
            let asked = message.json(b"jobs");
            for (name, shown) in crate::cmd::consume::write::members(b"jobs", &message) {
                assert_eq!(asked[name], shown, "{name}");
            }
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for value in [Value::Integer(1), Value::Array(vec![bulk("s")]), Value::Error("ERR no".into())] {
            assert!(read_stream(value).is_err());
        }
    }
}
