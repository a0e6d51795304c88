//! Bytes as a person reads them: between double quotes, with escapes.

use std::fmt::Write as _;

/// Shows bytes as Redis does in `MONITOR` and `redis-cli` (`sdscatrepr`): in double quotes, printable ASCII as it is,
/// the rest escaped. [`split_args`](crate::split_args) turns the text back into the same bytes.
#[must_use]
pub fn quote(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 2);
    quote_into(bytes, &mut text);
    text
}

/// Appends what [`quote`] returns.
pub fn quote_into(bytes: &[u8], text: &mut String) {
    text.push('"');
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => text.extend(['\\', char::from(byte)]),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            7 => text.push_str("\\a"),
            8 => text.push_str("\\b"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => write!(text, "\\x{byte:02x}").expect("a string takes every write"),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split_args;

    #[test]
    fn every_byte_is_shown_as_redis_shows_it_and_reads_back() {
        assert_eq!(quote(b"a b\"\\\n\r\t\x07\x08\x00\x7f\xff~"), r#""a b\"\\\n\r\t\a\b\x00\x7f\xff~""#);
        let every: Vec<u8> = (0..=255).collect();
        assert_eq!(split_args(quote(&every).as_bytes()), Ok(vec![every]));
        assert_eq!(quote(b""), r#""""#);
    }
}
