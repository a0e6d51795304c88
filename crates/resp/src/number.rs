//! Integers on the wire, read as strictly as Redis reads them.

/// The longest 64-bit integer: a sign and 19 digits.
const INTEGER_BYTES_MAX: usize = 20;

/// Reads a decimal 64-bit integer, under the rules of Redis's `string2ll`: the whole text, no blanks, no `+`, no
/// leading zeros, no `-0`, no overflow. What passes is exactly what Redis would print for the number again.
#[must_use]
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    if text.len() > INTEGER_BYTES_MAX {
        return None;
    }
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    // Negative, because i64 has one more value on that side.
    let mut value: i64 = 0;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_sub(i64::from(digit))?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

/// Digits that [`short_count`] looks at. Longer ones are rare enough for the careful way.
const SHORT_DIGITS_MAX: usize = 6;

/// Reads a count of up to six digits and its line end: the count, and how many bytes it took with the line end.
///
/// `None` says nothing more than "not the common case": incomplete, longer, negative or broken. As in Redis the byte
/// after CR is awaited but not looked at.
#[inline]
pub(crate) fn short_count(line: &[u8]) -> Option<(u32, usize)> {
    // One digit is by far the most common; the loop costs twice as much.
    if let [digit @ b'0'..=b'9', b'\r', _, ..] = line {
        return Some((u32::from(digit - b'0'), 3));
    }
    let mut value = 0;
    for (at, &byte) in line.iter().enumerate().take(SHORT_DIGITS_MAX + 1) {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            value = value * 10 + u32::from(digit);
            continue;
        }
        let ended = byte == b'\r' && at > 0 && line.len() > at + 1;
        return (ended && line[0] != b'0').then_some((value, at + 2));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_strictly_as_redis_reads_them() {
        for (text, value) in [
            ("0", 0),
            ("7", 7),
            ("-1", -1),
            ("999999999999999", 999_999_999_999_999),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(parse_integer(text.as_bytes()), Some(value), "{text}");
        }
        for text in [
            "",
            "-",
            "+1",
            "01",
            "00",
            "-0",
            "-01",
            " 1",
            "1 ",
            "1x",
            "0x1",
            "--1",
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999",
            "100000000000000000000",
            "\0",
        ] {
            assert_eq!(parse_integer(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_short_count_agrees_with_the_careful_way_wherever_it_answers() {
        let mut answered = 0;
        for number in (0..1_100_000).step_by(7) {
            let line = format!("{number}\r\n");
            let expected = (number < 1_000_000).then_some((number, line.len()));
            assert_eq!(short_count(line.as_bytes()), expected, "{number}");
            answered += usize::from(expected.is_some());
        }
        assert!(answered > 100_000);
        for line in ["", "1", "12", "1\r", "-1\r\n", "01\r\n", "00\r\n", "1x\r\n", "\r\n", "1\n\n", "1234567\r\n"] {
            assert_eq!(short_count(line.as_bytes()), None, "{line:?}");
        }
        assert_eq!(short_count(b"0\r\n"), Some((0, 3)));
    }
}
