//! For programs: JSON as redis-cli has it, which is JSON as long as no error, infinity or NaN is in it and all strings are
//! UTF-8. (`rbq consume --output jsonl` is JSON always.)

use std::io::Write as _;

use rbq_resp::{Value, quote};

/// How strings are written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Strings {
    /// Their bytes, which may be no UTF-8.
    Utf8,
    /// As on a terminal, with each backslash doubled. A quote inside of one makes the whole no JSON: redis-cli's way.
    Quoted,
}

impl Strings {
    fn write(self, bytes: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Utf8 => string(bytes, out),
            Self::Quoted => put(out, &quote(bytes).replace('\\', "\\\\")),
        }
    }
}

/// One reply, without its newline.
pub(super) fn write(value: &Value, strings: Strings, out: &mut Vec<u8>) {
    match value {
        Value::Null | Value::NullArray => put(out, "null"),
        Value::Error(text) => {
            put(out, "error:");
            strings.write(text.as_bytes(), out);
        }
        Value::Status(text) => strings.write(text.as_bytes(), out),
        Value::Integer(number) => write!(out, "{number}").expect("a vector takes every write"),
        Value::BigNumber(digits) => put(out, digits),
        Value::Double(number) => put(out, &number.to_string()),
        Value::Boolean(truth) => put(out, if *truth { "true" } else { "false" }),
        Value::Bulk(bytes) | Value::Verbatim { text: bytes, .. } => strings.write(bytes, out),
        Value::Array(values) | Value::Set(values) | Value::Push(values) => array(values, strings, out),
        Value::Map(pairs) => object(pairs, strings, out),
    }
}

fn array(values: &[Value], strings: Strings, out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(value, strings, out);
    }
    out.push(b']');
}

fn object(pairs: &[(Value, Value)], strings: Strings, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (key, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        match key {
            Value::Status(_) | Value::Bulk(_) | Value::Verbatim { .. } => write(key, strings, out),
            // JSON knows only strings as keys: other keys become the string of their JSON.
            other => {
                let mut text = Vec::new();
                write(other, strings, &mut text);
                strings.write(&text, out);
            }
        }
        out.push(b':');
        write(value, strings, out);
    }
    out.push(b'}');
}

fn string(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => out.extend([b'\\', byte]),
            b'\n' => put(out, "\\n"),
            b'\x0c' => put(out, "\\f"),
            b'\r' => put(out, "\\r"),
            b'\t' => put(out, "\\t"),
            b'\x08' => put(out, "\\b"),
            0..=0x1f => write!(out, "\\u{byte:04x}").expect("a vector takes every write"),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}
