//! For tables: everything in one row, strings quoted as on a terminal, structure flattened.

use std::io::Write as _;

use rbq_resp::{Value, quote};

/// One reply, without its newline.
pub(super) fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null | Value::NullArray => put(out, "NULL"),
        Value::Error(text) => put(out, &format!("ERROR,{}", quote(text.as_bytes()))),
        Value::Status(text) => put(out, &quote(text.as_bytes())),
        Value::Integer(number) => write!(out, "{number}").expect("a vector takes every write"),
        Value::BigNumber(digits) => put(out, digits),
        Value::Double(number) => put(out, &number.to_string()),
        Value::Boolean(truth) => put(out, if *truth { "true" } else { "false" }),
        Value::Bulk(bytes) | Value::Verbatim { text: bytes, .. } => put(out, &quote(bytes)),
        Value::Array(values) | Value::Set(values) | Value::Push(values) => row(values.iter(), out),
        Value::Map(pairs) => row(pairs.iter().flat_map(|(key, value)| [key, value]), out),
    }
}

fn row<'a>(values: impl Iterator<Item = &'a Value>, out: &mut Vec<u8>) {
    for (index, value) in values.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(value, out);
    }
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}
