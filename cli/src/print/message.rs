//! Messages as data: what `sub` and `consume` write to stdout.
//!
//! | `--output` | a message is |
//! |---|---|
//! | text  | a line: what was sent, and before it what tells it from others, if anything must |
//! | jsonl | a line of JSON, always valid: bytes that are not UTF-8 become `{"base64": "…"}` |
//! | raw   | the bytes that were sent, nothing added, no line end |

use std::borrow::Cow;

use bytes::Bytes;
use rbq_resp::quote;
use serde_json::Value as Json;

/// `{"name": value, …}` in the order given.
pub(crate) fn object<'a>(members: impl IntoIterator<Item = (&'a str, Json)>, out: &mut Vec<u8>) {
    let mut separator = b'{';
    for (name, value) in members {
        out.push(separator);
        out.extend_from_slice(Json::from(name).to_string().as_bytes());
        out.push(b':');
        out.extend_from_slice(value.to_string().as_bytes());
        separator = b',';
    }
    out.extend_from_slice(if separator == b'{' { b"{}\n" } else { b"}\n" });
}

/// A JSON string, or for bytes that no JSON string can hold, `{"base64": "…"}`.
pub(crate) fn json(bytes: &[u8]) -> Json {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => serde_json::json!({ "base64": base64(bytes) }),
    }
}

/// The bytes that [`json`] has written.
pub(crate) fn from_json(json: &Json) -> Option<Bytes> {
    match json {
        Json::String(text) => Some(Bytes::copy_from_slice(text.as_bytes())),
        Json::Object(object) if object.len() == 1 => bytes_of_base64(object.get("base64")?.as_str()?).map(Bytes::from),
        _ => None,
    }
}

/// The fields of a stream entry as a JSON object. A field that occurs again has an array of its values.
pub(crate) fn json_fields(fields: &[(Bytes, Bytes)]) -> Json {
    let mut object = serde_json::Map::new();
    let mut repeated = std::collections::HashSet::new();
    for (name, value) in fields {
        let (name, value) = (field_name(name), json(value));
        match object.get_mut(&name) {
            None => drop(object.insert(name, value)),
            Some(Json::Array(values)) if repeated.contains(&name) => values.push(value),
            Some(first) => {
                *first = Json::Array(vec![first.take(), value]);
                repeated.insert(name);
            }
        }
    }
    Json::Object(object)
}

/// The fields of a stream entry in one line that reads back: the value alone if `data` is the only field, as `produce` sends
/// it, otherwise names and values, quoted where needed.
pub(crate) fn text_fields(fields: &[(Bytes, Bytes)], out: &mut Vec<u8>) {
    if let [(name, value)] = fields
        && name == "data"
    {
        return out.extend_from_slice(value);
    }
    for (index, word) in fields.iter().flat_map(|(name, value)| [name, value]).enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word_of(word).as_bytes());
    }
}

/// A word of a line that reads back: bare if it can be, or else in quotes. Letters of any alphabet stay what they are.
fn word_of(bytes: &[u8]) -> Cow<'_, str> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return quote(bytes).into();
    };
    let needs_quotes = |letter: char| letter.is_whitespace() || letter.is_control() || "\"'\\".contains(letter);
    if !text.is_empty() && !text.contains(needs_quotes) {
        return text.into();
    }
    let mut word = String::with_capacity(text.len() + 2);
    word.push('"');
    for letter in text.chars() {
        if letter.is_ascii() || letter.is_control() {
            let quoted = quote(letter.encode_utf8(&mut [0; 4]).as_bytes());
            word.push_str(&quoted[1..quoted.len() - 1]);
        } else {
            word.push(letter);
        }
    }
    word.push('"');
    word.into()
}

/// Bytes of strangers as a terminal may be given them: what would steer it, or is no text, becomes `\xHH`. Line ends and tabs stay.
pub(crate) fn harmless(bytes: &[u8]) -> Cow<'_, [u8]> {
    let steers = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    if std::str::from_utf8(bytes).is_ok_and(|text| !text.contains(steers)) {
        return bytes.into();
    }
    let mut out = Vec::with_capacity(bytes.len() + 16);
    let escape = |out: &mut Vec<u8>, bytes: &[u8]| {
        for byte in bytes {
            out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
        }
    };
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            let mut buffer = [0; 4];
            let letter_bytes = letter.encode_utf8(&mut buffer).as_bytes();
            if steers(letter) {
                escape(&mut out, letter_bytes);
            } else {
                out.extend_from_slice(letter_bytes);
            }
        }
        escape(&mut out, chunk.invalid());
    }
    out.into()
}

fn field_name(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => format!("base64:{}", base64(bytes)),
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648, section 4, with padding.
fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = ALPHABET[(word >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// The bytes that [`base64`] has written.
fn bytes_of_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut word, mut bits) = (0u32, 0);
    for digit in text.trim_end_matches('=').bytes() {
        let value = ALPHABET.iter().position(|letter| *letter == digit)?;
        (word, bits) = (word << 6 | value as u32, bits + 6);
        if bits >= 8 {
            bits -= 8;
            bytes.push((word >> bits) as u8);
        }
    }
    // One way to write it: padding, lengths and left-over bits are as `base64` would make them.
    (base64(&bytes) == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fields(pairs: &[(&'static str, &'static [u8])]) -> Vec<(Bytes, Bytes)> {
        pairs.iter().map(|(name, value)| (Bytes::from(*name), Bytes::from_static(value))).collect()
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (text, encoded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(text.as_bytes()), encoded);
            assert_eq!(bytes_of_base64(encoded).as_deref(), Some(text.as_bytes()));
        }
        assert_eq!(json(b"\xff\xfe").to_string(), r#"{"base64":"//4="}"#);
        for spoilt in ["Zg", "Zg=", "Zh==", "Z", "Zm9v=", "Zm 9", "====", "Z\u{e9}=="] {
            assert_eq!(bytes_of_base64(spoilt), None, "{spoilt}");
        }
        for bytes in [&b"text"[..], b"\xff\xfe", b""] {
            assert_eq!(from_json(&json(bytes)).as_deref(), Some(bytes));
        }
    }

    #[test]
    fn fields_become_an_object_and_repeated_ones_an_array() {
        let twice = fields(&[("b", b"1"), ("a", b"2"), ("b", b"3"), ("b", b"\xff")]);
        assert_eq!(json_fields(&twice).to_string(), r#"{"b":["1","3",{"base64":"/w=="}],"a":"2"}"#);
        let mut out = Vec::new();
        object([("id", "1-1".into()), ("fields", json_fields(&[]))], &mut out);
        assert_eq!(out, b"{\"id\":\"1-1\",\"fields\":{}}\n");
    }

    #[test]
    fn a_line_of_fields_reads_back() {
        for pairs in [
            fields(&[("a", b"1"), ("b c", b"\xff\"'\\")]),
            fields(&[("data", b"x"), ("", b"")]),
            fields(&[("größe", "ein Stück\u{9b}\n\u{a0}".as_bytes())]),
        ] {
            let mut out = Vec::new();
            text_fields(&pairs, &mut out);
            let words = rbq_resp::split_args(&out).unwrap();
            let expected: Vec<Vec<u8>> =
                pairs.iter().flat_map(|(name, value)| [name.to_vec(), value.to_vec()]).collect();
            assert_eq!(words, expected);
        }
        let mut out = Vec::new();
        text_fields(&fields(&[("data", b"any bytes \xff")]), &mut out);
        assert_eq!(out, b"any bytes \xff");
        out.clear();
        text_fields(&fields(&[("größe", "XL".as_bytes()), ("b", "ein Stück".as_bytes())]), &mut out);
        assert_eq!(out, "größe XL b \"ein Stück\"".as_bytes());
    }

    #[test]
    fn a_terminal_is_not_steered() {
        for (bytes, shown) in [
            ("größer\tund\nweiter".as_bytes(), "größer\tund\nweiter"),
            (b"\x1b]0;title\x07", r"\x1b]0;title\x07"),
            (b"a\rb\xff\xfe", r"a\x0db\xff\xfe"),
            ("\u{9b}2J".as_bytes(), r"\xc2\x9b2J"),
        ] {
            assert_eq!(harmless(bytes), shown.as_bytes());
        }
    }
}
