//! For people: every element with its type or index, nested ones indented under their parent.

use std::io::Write as _;

use rbq_resp::{Value, quote};

/// One reply, ending in a newline.
pub(super) fn write(value: &Value, out: &mut Vec<u8>) {
    element(value, "", out);
}

/// `prefix` is what stands before every line but the first, which the parent has begun already.
fn element(value: &Value, prefix: &str, out: &mut Vec<u8>) {
    match value {
        Value::Status(text) => line(out, text),
        Value::Error(text) => line(out, &format!("(error) {text}")),
        Value::Integer(number) => line(out, &format!("(integer) {number}")),
        Value::BigNumber(digits) => line(out, &format!("(integer) {digits}")),
        Value::Double(number) => line(out, &format!("(double) {number}")),
        Value::Boolean(truth) => line(out, if *truth { "(true)" } else { "(false)" }),
        Value::Null | Value::NullArray => line(out, "(nil)"),
        Value::Bulk(bytes) => line(out, &quote(bytes)),
        Value::Verbatim { text, .. } => {
            out.extend_from_slice(text);
            out.push(b'\n');
        }
        Value::Array(values) => list(values, "(empty array)", ')', prefix, out),
        Value::Set(values) => list(values, "(empty set)", '~', prefix, out),
        Value::Push(values) => list(values, "(empty push)", ')', prefix, out),
        Value::Map(pairs) => map(pairs, prefix, out),
    }
}

fn list(values: &[Value], empty: &str, mark: char, prefix: &str, out: &mut Vec<u8>) {
    if values.is_empty() {
        return line(out, empty);
    }
    let (width, deeper) = indent(values.len(), prefix);
    for (index, value) in values.iter().enumerate() {
        number(index, width, mark, prefix, out);
        element(value, &deeper, out);
    }
}

fn map(pairs: &[(Value, Value)], prefix: &str, out: &mut Vec<u8>) {
    if pairs.is_empty() {
        return line(out, "(empty hash)");
    }
    let (width, deeper) = indent(pairs.len(), prefix);
    let mut text = Vec::new();
    for (index, (key, value)) in pairs.iter().enumerate() {
        number(index, width, '#', prefix, out);
        element(key, &deeper, out);
        out.pop();
        out.extend_from_slice(b" => ");
        text.clear();
        element(value, &deeper, &mut text);
        // What takes more than one line begins on a line of its own, so that it is indented like its siblings.
        if text[..text.len() - 1].contains(&b'\n') {
            out.push(b'\n');
            out.extend_from_slice(deeper.as_bytes());
        }
        out.extend_from_slice(&text);
    }
}

/// How wide the largest index is, and the prefix of what is nested under such an index.
fn indent(len: usize, prefix: &str) -> (usize, String) {
    let width = len.to_string().len();
    (width, format!("{prefix}{:1$}", "", width + 2))
}

fn number(index: usize, width: usize, mark: char, prefix: &str, out: &mut Vec<u8>) {
    let prefix = if index == 0 { "" } else { prefix };
    write!(out, "{prefix}{:>width$}{mark} ", index + 1).expect("a vector takes every write");
}

fn line(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
    out.push(b'\n');
}
