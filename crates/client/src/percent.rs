//! Percent-decoding, the little of it that a server URL needs (RFC 3986, section 2.1).

/// The text with each `%XX` replaced by its byte; `None` for a broken escape or bytes that are not UTF-8.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'%' {
            out.push(byte);
            rest = after;
            continue;
        }
        let (high, low) = (hex(*after.first()?)?, hex(*after.get(1)?)?);
        out.push(high * 16 + low);
        rest = &after[2..];
    }
    String::from_utf8(out).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn escapes_become_bytes() {
        assert_eq!(decode("a%20b%C3%A9+").as_deref(), Some("a bé+"));
        for broken in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
    }
}
