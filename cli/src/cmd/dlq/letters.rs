//! A dead letter as a document: what jq sees, and what `export` writes.

use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::entries::EntryId;
use crate::deadletter::{Attempt, DeadLetter, Field};
use crate::print::message;
use crate::records::Cell;

/// The document that a jq expression is asked about. `fields` has the message's fields by name.
pub(crate) fn document(id: EntryId, letter: &DeadLetter) -> Json {
    let mut document =
        Json::Object(members(id, letter).into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
    document["fields"] = message::json_fields(&letter.payload);
    document
}

/// The members of an exported line, in their order. `fields` is a list of pairs: order and repeated names are kept.
pub(crate) fn members(id: EntryId, letter: &DeadLetter) -> Vec<(&'static str, Json)> {
    let from = &letter.provenance;
    vec![
        ("id", id.to_string().into()),
        ("source", message::json(&from.source)),
        ("type", from.kind.as_str().into()),
        ("group", message::json(&from.group)),
        ("original_id", from.id.as_str().into()),
        ("reason", from.reason.as_str().into()),
        ("error", message::json(&from.error)),
        ("attempts", from.attempts.iter().map(attempt).collect()),
        ("attempts_total", from.attempts_total().into()),
        ("first_delivered_ms", from.first_delivered_ms.into()),
        ("died_ms", from.died_ms.into()),
        ("redrives", from.redrives.into()),
        ("job", from.job.as_str().into()),
        ("hash", letter.hash.to_string().into()),
        ("changed", letter.is_changed().into()),
        ("fields", pairs(&letter.payload)),
    ]
}

/// One attempt, as a dead letter has it.
pub(crate) fn attempt(attempt: &Attempt) -> Json {
    json!({ "consumer": message::json(&attempt.consumer), "at": attempt.at_ms })
}

/// The fields by name; a list of pairs where an object would lose something, a name that is no text or stands twice.
pub(crate) fn fields(fields: &[Field]) -> Json {
    let mut object = serde_json::Map::new();
    for (name, value) in fields {
        let name = std::str::from_utf8(name).ok();
        if name.is_none_or(|name| object.insert(name.to_owned(), message::json(value)).is_some()) {
            return pairs(fields);
        }
    }
    Json::Object(object)
}

/// What may be empty: left out for people, an empty string for programs, which then need not ask whether it is there.
pub(crate) fn optional(bytes: &[u8]) -> Cell {
    if bytes.is_empty() { Cell::none().with_json("".into()) } else { Cell::bytes(bytes) }
}

/// Fields as a list of pairs.
pub(crate) fn pairs(fields: &[Field]) -> Json {
    fields.iter().map(|(name, value)| json!([message::json(name), message::json(value)])).collect()
}

/// The fields that [`pairs`] has written.
pub(crate) fn fields_of(json: &Json) -> Option<Vec<Field>> {
    let pair = |pair: &Json| match pair.as_array()?.as_slice() {
        [name, value] => Some((message::from_json(name)?, message::from_json(value)?)),
        _ => None,
    };
    json.as_array()?.iter().map(pair).collect()
}

/// The message in one line, as `consume` would print it.
pub(crate) fn line(fields: &[Field]) -> Bytes {
    let mut line = Vec::new();
    message::text_fields(fields, &mut line);
    line.into()
}
