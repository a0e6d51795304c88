//! Stream entries, out of the replies of `XREAD` and `XREADGROUP`, and onto stdout.

use bytes::Bytes;
use rbq_resp::Value;

use super::queue::refused;
use crate::failure::{Failure, Result};
use crate::print::message::{self, Output};

/// One entry of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: String,
    /// `None` for an entry that is pending but has been deleted since.
    pub(super) fields: Option<Vec<(Bytes, Bytes)>>,
}

/// The entries of a reply about one stream: RESP3 maps names to entries, RESP2 has arrays of two, and nil is no entries.
pub(super) fn read(reply: Value) -> Result<Vec<Entry>> {
    let entries = match reply {
        Value::Null | Value::NullArray => return Ok(vec![]),
        Value::Map(mut streams) => streams.pop().map(|(_, entries)| entries),
        Value::Array(mut streams) => match streams.pop() {
            Some(Value::Array(mut pair)) => pair.pop(),
            _ => None,
        },
        other => return Err(refused(other)),
    };
    match entries {
        Some(Value::Array(entries)) => entries.into_iter().map(|entry| entry_of(entry).ok_or_else(strange)).collect(),
        _ => Err(strange()),
    }
}

fn entry_of(value: Value) -> Option<Entry> {
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
    Some(Entry { id, fields })
}

fn strange() -> Failure {
    Failure::new("the server's reply is not what a stream's entries look like")
}

/// Writes an entry; a deleted one has nothing to show.
pub(super) fn write(stream: &[u8], entry: &Entry, output: Output, out: &mut Vec<u8>) {
    let Some(fields) = &entry.fields else { return };
    match output {
        Output::Raw => fields.iter().for_each(|(_, value)| out.extend_from_slice(value)),
        Output::Text => {
            message::text_fields(fields, out);
            out.push(b'\n');
        }
        Output::Jsonl => {
            let id = entry.id.as_str().into();
            let members = [("stream", message::json(stream)), ("id", id), ("fields", message::json_fields(fields))];
            message::object(members, out);
        }
    }
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
        let entries = Value::Array(vec![entry, deleted]);
        let resp2 = Value::Array(vec![Value::Array(vec![bulk("s"), entries.clone()])]);
        let resp3 = Value::Map(vec![(bulk("s"), entries)]);
        let expected = vec![
            Entry { id: "1-1".into(), fields: Some(vec![("a".into(), "b".into())]) },
            Entry { id: "2-1".into(), fields: None },
        ];
        assert_eq!(read(resp2).unwrap(), expected);
        assert_eq!(read(resp3).unwrap(), expected);
        assert_eq!(read(Value::NullArray).unwrap(), []);
    }

    #[test]
    fn anything_else_is_refused() {
        for value in [Value::Integer(1), Value::Array(vec![bulk("s")]), Value::Error("ERR no".into())] {
            assert!(read(value).is_err());
        }
    }
}
