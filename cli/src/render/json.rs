//! JSON in strings, over several lines.
//!
//! The text is laid out anew and otherwise kept: order, numbers and escapes are those of who wrote it. Only objects and arrays
//! count; that a plain `12` is JSON as well helps nobody.

use rbq_resp::Value;

use super::cell::is_unprintable;
use crate::print::{Form, Printer};

/// One reply as redis-cli prints it, but for the JSON in it.
pub(super) fn write(value: &Value, out: &mut Vec<u8>) {
    outline(value, "", out);
}

fn outline(value: &Value, prefix: &str, out: &mut Vec<u8>) {
    let elements: Vec<(Option<&Value>, &Value)> = match value {
        Value::Array(values) | Value::Set(values) | Value::Push(values) => {
            values.iter().map(|value| (None, value)).collect()
        }
        Value::Map(pairs) => pairs.iter().map(|(key, value)| (Some(key), value)).collect(),
        _ => vec![],
    };
    if elements.is_empty() {
        return scalar(value, prefix, out);
    }
    let mark = match value {
        Value::Set(_) => '~',
        Value::Map(_) => '#',
        _ => ')',
    };
    let width = elements.len().to_string().len();
    let deeper = format!("{prefix}{:1$}", "", width + 2);
    for (index, (key, value)) in elements.iter().enumerate() {
        let prefix = if index == 0 { "" } else { prefix };
        out.extend_from_slice(format!("{prefix}{:>width$}{mark} ", index + 1).as_bytes());
        if let Some(key) = key {
            scalar(key, &deeper, out);
            out.pop();
            out.extend_from_slice(b" => ");
        }
        outline(value, &deeper, out);
    }
}

fn scalar(value: &Value, prefix: &str, out: &mut Vec<u8>) {
    match value.as_bytes().and_then(pretty) {
        Some(text) => {
            out.extend_from_slice(text.replace('\n', &format!("\n{prefix}")).as_bytes());
            out.push(b'\n');
        }
        None => Printer::new(Form::Tty).reply(value, out),
    }
}

/// The object or array that these bytes are, laid out; `None` if they are neither.
pub(super) fn pretty(bytes: &[u8]) -> Option<String> {
    if !matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'[')) {
        return None;
    }
    // Bounded in depth, and nothing of it is kept.
    serde_json::from_slice::<serde_json::Value>(bytes).ok()?;
    Some(lay_out(std::str::from_utf8(bytes).ok()?))
}

/// Lays out what is known to be JSON.
fn lay_out(text: &str) -> String {
    let (mut out, mut depth) = (String::with_capacity(text.len() * 2), 0);
    let mut chars = text.chars().filter(|c| !c.is_ascii_whitespace() || *c == ' ').peekable();
    let line = |out: &mut String, depth: usize| out.extend(std::iter::once('\n').chain("  ".repeat(depth).chars()));
    while let Some(c) = chars.next() {
        match c {
            ' ' => {}
            '{' | '[' => {
                out.push(c);
                while chars.next_if_eq(&' ').is_some() {}
                if let Some(end) = chars.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth -= 1;
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            '"' => {
                out.push(c);
                string(&mut chars, &mut out);
            }
            other => out.push(other),
        }
    }
    out
}

fn string(chars: &mut impl Iterator<Item = char>, out: &mut String) {
    while let Some(c) = chars.next() {
        // JSON allows what a terminal would obey.
        if is_unprintable(c) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
            continue;
        }
        out.push(c);
        match c {
            '"' => return,
            '\\' => out.extend(chars.next()),
            _ => {}
        }
    }
}
