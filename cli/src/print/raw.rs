//! For programs: the bytes alone. Structure is lost, except that a map keeps key and value on a line.

use std::io::Write as _;

use rbq_resp::Value;

/// One reply, without what ends it.
pub(super) fn write(value: &Value, element_end: &[u8], out: &mut Vec<u8>) {
    match value {
        Value::Null | Value::NullArray => {}
        // An error brings its own newline, so that a script sees an empty line after it.
        Value::Error(text) => put(out, format_args!("{text}\n")),
        Value::Status(text) => put(out, format_args!("{text}")),
        Value::Integer(number) => put(out, format_args!("{number}")),
        Value::BigNumber(digits) => put(out, format_args!("{digits}")),
        Value::Double(number) => put(out, format_args!("{number}")),
        Value::Boolean(truth) => put(out, format_args!("({truth})")),
        Value::Bulk(bytes) | Value::Verbatim { text: bytes, .. } => out.extend_from_slice(bytes),
        Value::Array(values) | Value::Set(values) | Value::Push(values) => {
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.extend_from_slice(element_end);
                }
                write(value, element_end, out);
            }
        }
        Value::Map(pairs) => {
            for (index, (key, value)) in pairs.iter().enumerate() {
                if index > 0 {
                    out.extend_from_slice(element_end);
                }
                write(key, element_end, out);
                out.push(b' ');
                write(value, element_end, out);
            }
        }
    }
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a vector takes every write");
}
