//! Entries of streams: a row each, a column for each field.
//!
//! Where that would not be true to the entries, because one has a field twice, or wide beyond reading, because there are many
//! different fields, a field has a row of its own.

use rbq_resp::Value;

use super::Look;
use super::cell::{cell, text_cell};
use super::table::{table, titles};
use crate::catalog::{items, pairs};

/// Columns of fields; more do not fit on a terminal.
const FIELDS_MAX: usize = 8;

struct Entry<'a> {
    id: &'a [u8],
    fields: Vec<(&'a [u8], &'a [u8])>,
    /// Claimed, and deleted from the stream meanwhile.
    is_gone: bool,
}

/// The reply of XRANGE, XREVRANGE and XCLAIM (which with JUSTID has no entries).
pub(super) fn range(value: &Value, look: Look) -> Option<String> {
    let entries = read(value)?;
    (!entries.is_empty()).then(|| render(&entries, look))
}

/// The reply of XREAD and XREADGROUP: entries under the name of their stream.
pub(super) fn streams(value: &Value, look: Look) -> Option<String> {
    let streams: Vec<(&Value, &Value)> = match value {
        Value::Map(_) => pairs(value),
        _ => {
            let mut streams = Vec::new();
            for stream in items(value) {
                let [name, entries] = items(stream) else {
                    return None;
                };
                streams.push((name, entries));
            }
            streams
        }
    };
    let mut text = String::new();
    for (name, entries) in &streams {
        name.as_bytes()?;
        let entries = read(entries)?;
        let rows = if entries.is_empty() { "(no entries)\n".to_owned() } else { render(&entries, look) };
        text.push_str(&format!("{}\n{rows}", cell(name, Look { json: false, ..look })));
    }
    (!streams.is_empty()).then_some(text)
}

/// The reply of XAUTOCLAIM: where to go on, entries, and IDs that were deleted.
pub(super) fn claimed(value: &Value, look: Look) -> Option<String> {
    let [next, entries, rest @ ..] = items(value) else {
        return None;
    };
    let mut text = range(entries, look)?;
    text.push_str(&format!("next: {}\n", cell(next, look)));
    if let [deleted] = rest
        && !items(deleted).is_empty()
    {
        text.push_str(&format!("deleted: {}\n", cell(deleted, look)));
    }
    Some(text)
}

fn read(value: &Value) -> Option<Vec<Entry<'_>>> {
    let Value::Array(values) = value else {
        return None;
    };
    values.iter().map(read_one).collect()
}

fn read_one(value: &Value) -> Option<Entry<'_>> {
    // XREADGROUP with CLAIM adds how long it was idle and how often it was delivered.
    let [id, fields, ..] = items(value) else {
        return None;
    };
    let id = id.as_bytes()?;
    let list = match fields {
        Value::Array(list) if list.len().is_multiple_of(2) => list,
        Value::Null | Value::NullArray => return Some(Entry { id, fields: vec![], is_gone: true }),
        _ => return None,
    };
    let fields = list.chunks_exact(2).map(|pair| Some((pair[0].as_bytes()?, pair[1].as_bytes()?)));
    Some(Entry { id, fields: fields.collect::<Option<_>>()?, is_gone: false })
}

fn render(entries: &[Entry<'_>], look: Look) -> String {
    let names_look = Look { json: false, ..look };
    match columns(entries) {
        Some(names) => {
            let mut header = vec!["ID".to_owned()];
            header.extend(names.iter().map(|name| text_cell(name, names_look)));
            let row = |entry: &Entry<'_>| {
                let value = |name: &&[u8]| {
                    let found = entry.fields.iter().find(|(known, _)| known == name);
                    found.map_or(String::new(), |(_, value)| text_cell(value, look))
                };
                let id = id(entry);
                std::iter::once(id).chain(names.iter().map(value)).collect()
            };
            table(&header, entries.iter().map(row).collect(), look)
        }
        None => {
            let mut rows = Vec::new();
            for entry in entries {
                let mut id = id(entry);
                for (name, value) in &entry.fields {
                    rows.push(vec![std::mem::take(&mut id), text_cell(name, names_look), text_cell(value, look)]);
                }
            }
            table(&titles(["ID", "FIELD", "VALUE"]), rows, look)
        }
    }
}

fn id(entry: &Entry<'_>) -> String {
    let id = String::from_utf8_lossy(entry.id);
    if entry.is_gone { format!("{id} (deleted)") } else { id.into_owned() }
}

/// All fields in the order in which they first occur, if each can have a column.
fn columns<'a>(entries: &[Entry<'a>]) -> Option<Vec<&'a [u8]>> {
    let mut names: Vec<&[u8]> = Vec::new();
    for entry in entries {
        for (index, (name, _)) in entry.fields.iter().enumerate() {
            if entry.fields[..index].iter().any(|(other, _)| other == name) {
                return None;
            }
            if !names.contains(name) {
                names.push(name);
            }
            if names.len() > FIELDS_MAX {
                return None;
            }
        }
    }
    Some(names)
}
