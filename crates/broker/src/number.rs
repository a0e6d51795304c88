//! Numbers as Redis reads and writes them.
//!
//! Strictness is part of the protocol: ` 1`, `+1`, `01` and `1.0` are not integers, so that a number that was
//! parsed and written back is the same bytes.

use rustc_apfloat::Float;
use rustc_apfloat::ieee::Double;

/// A signed 64-bit integer in its one canonical spelling: no sign `+`, no leading zeros, no spaces.
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let magnitude = parse_u64(digits)?;
    match (negative, magnitude) {
        (true, 0) => None,
        (true, m) if m <= 1 << 63 => Some((m as i64).wrapping_neg()),
        (false, m) => i64::try_from(m).ok(),
        _ => None,
    }
}

/// An unsigned 64-bit integer in its one canonical spelling.
pub fn parse_u64(digits: &[u8]) -> Option<u64> {
    match digits {
        [] => None,
        b"0" => Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 20 => digits.iter().try_fold(0u64, |value, &byte| {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            value.checked_mul(10)?.checked_add(u64::from(digit))
        }),
        _ => None,
    }
}

/// A float as `strtod` reads one, with nothing before or after it: decimal, exponent, hexadecimal, `inf`, `infinity`. NaN
/// is refused, as Redis refuses it everywhere.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    if text.is_empty() || text.starts_with(char::is_whitespace) {
        return None;
    }
    let value: f64 = text.parse().ok().or_else(|| hexadecimal(text))?;
    if value.is_nan() { None } else { Some(value) }
}

fn hexadecimal(text: &str) -> Option<f64> {
    let text = text.to_ascii_lowercase();
    if !text.trim_start_matches(['+', '-']).starts_with("0x") {
        return None;
    }
    let text = if text.contains('p') { text } else { text + "p0" };
    let value = text.parse::<Double>().ok()?;
    Some(f64::from_bits(value.to_bits() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_spelling_is_an_integer() {
        assert_eq!(parse_i64(b"0"), Some(0));
        assert_eq!(parse_i64(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(parse_i64(b"9223372036854775807"), Some(i64::MAX));
        for bad in ["", "-", "-0", "+1", "01", " 1", "1 ", "1.0", "9223372036854775808", "-9223372036854775809", "a"] {
            assert_eq!(parse_i64(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn floats_are_read_whole_or_not_at_all() {
        assert_eq!(parse_f64(b"1e3"), Some(1000.0));
        assert_eq!(parse_f64(b"-inf"), Some(f64::NEG_INFINITY));
        assert_eq!(parse_f64(b"0x10"), Some(16.0));
        for bad in ["", " 1", "1 ", "nan", "1.2.3", "x", "0x", "0xg"] {
            assert_eq!(parse_f64(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
