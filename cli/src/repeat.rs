//! A number before a command repeats it: `5 PING`.

/// Whether the first word is a count.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    Not,
    Times(i64),
    Invalid,
}

/// `strtol` decides, as in redis-cli: blanks and a sign are allowed, and an empty word is 0.
pub(crate) fn repetitions(words: &[Vec<u8>]) -> Repeat {
    let [first, _, ..] = words else {
        return Repeat::Not;
    };
    let text = first.trim_ascii_start();
    let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    if !digits.iter().all(u8::is_ascii_digit) || digits.is_empty() && !first.is_empty() {
        return Repeat::Not;
    }
    match std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()) {
        Some(times @ 1..) => Repeat::Times(times),
        _ => Repeat::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_before_a_command_repeats_it() {
        for (line, expected) in [
            ("3 ping", Repeat::Times(3)),
            ("+3 ping", Repeat::Times(3)),
            ("0 ping", Repeat::Invalid),
            ("-1 ping", Repeat::Invalid),
            ("99999999999999999999 ping", Repeat::Invalid),
            ("3", Repeat::Not),
            ("3x ping", Repeat::Not),
            ("- ping", Repeat::Not),
            ("ping 3", Repeat::Not),
        ] {
            let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
            assert_eq!(repetitions(&words), expected, "{line}");
        }
    }
}
