//! One value in one cell.

use rbq_resp::{Value, quote};

use super::{Look, json};

/// A value as a cell shows it: a text bare if it is printable, everything nested in one line.
pub(super) fn cell(value: &Value, look: Look) -> String {
    match value {
        Value::Null | Value::NullArray => "-".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Boolean(truth) => truth.to_string(),
        Value::BigNumber(digits) => digits.clone(),
        Value::Error(text) => text_cell(text.as_bytes(), look),
        Value::Map(pairs) => {
            let pair = |(key, value): &(Value, Value)| format!("{} {}", cell(key, look), cell(value, look));
            pairs.iter().map(pair).collect::<Vec<_>>().join(" ")
        }
        Value::Array(values) | Value::Set(values) | Value::Push(values) => {
            values.iter().map(|value| cell(value, look)).collect::<Vec<_>>().join(" ")
        }
        Value::Bulk(_) | Value::Status(_) | Value::Verbatim { .. } => {
            text_cell(value.as_bytes().unwrap_or_default(), look)
        }
    }
}

/// Bytes as a cell shows them.
pub(super) fn text_cell(bytes: &[u8], look: Look) -> String {
    if look.json
        && let Some(pretty) = json::pretty(bytes)
    {
        return pretty;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && !text.contains(is_unprintable) => text.to_owned(),
        _ => quote(bytes),
    }
}

/// A text of the server's with nothing in it that steers a terminal.
pub(crate) fn inert(text: &str) -> String {
    text.chars().map(|c| if is_unprintable(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Characters that move the cursor or change how what follows is read.
pub(super) fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
