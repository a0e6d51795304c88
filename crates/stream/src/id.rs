//! Entry IDs: a millisecond clock and a sequence within it, ordered as one 128-bit number.
//!
//! ```text
//!   1526569498055-12
//!   └─── ms ────┘ └ seq
//! ```
//!
//! The parsers accept what Redis's own number reader accepts (`string2ull`, which falls back to the C library's
//! `strtoull`): leading white space, a plus sign and leading zeros all pass, because clients in the field send them.
//! Which of the special forms (`-`, `+`, `(`, `*`, `ms-*`) a place allows is the caller's choice of parser.

use std::fmt;

/// The ID of one entry. The order of IDs is the order of entries in the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Unix time in milliseconds, or whatever the producer chose.
    pub ms: u64,
    /// The position among the entries of the same millisecond.
    pub seq: u64,
}

/// An ID text longer than this is refused unread, as Redis does (its parse buffer holds 127 bytes and a terminator).
const TEXT_LEN_MAX: usize = 127;

impl StreamId {
    /// `0-0`: before every entry, and the ID that no entry may have.
    pub const MIN: Self = Self { ms: 0, seq: 0 };
    /// The last ID there is; a stream that has used it takes no more entries.
    pub const MAX: Self = Self { ms: u64::MAX, seq: u64::MAX };

    /// The ID `ms-seq`.
    #[must_use]
    pub const fn new(ms: u64, seq: u64) -> Self {
        Self { ms, seq }
    }

    /// Whether this is `0-0`.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.ms == 0 && self.seq == 0
    }

    /// The ID right after this one, or `None` after [`MAX`](Self::MAX).
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match (self.seq.checked_add(1), self.ms.checked_add(1)) {
            (Some(seq), _) => Some(Self { ms: self.ms, seq }),
            (None, Some(ms)) => Some(Self { ms, seq: 0 }),
            (None, None) => None,
        }
    }

    /// The ID right before this one, or `None` before [`MIN`](Self::MIN).
    #[must_use]
    pub const fn prev(self) -> Option<Self> {
        match (self.seq.checked_sub(1), self.ms.checked_sub(1)) {
            (Some(seq), _) => Some(Self { ms: self.ms, seq }),
            (None, Some(ms)) => Some(Self { ms, seq: u64::MAX }),
            (None, None) => None,
        }
    }

    /// Reads `ms` or `ms-seq`; a missing sequence becomes `missing_seq`.
    ///
    /// Starts of ranges and most commands pass 0, ends of ranges `u64::MAX`. `-`, `+` and the other special forms are
    /// refused; see [`parse_bound`](Self::parse_bound), [`NewId`] and [`Interval`].
    #[must_use]
    pub fn parse(text: &[u8], missing_seq: u64) -> Option<Self> {
        let (ms, seq) = split(text)?;
        let seq = match seq {
            Some(seq) => parse_u64(seq)?,
            None => missing_seq,
        };
        Some(Self { ms: parse_u64(ms)?, seq })
    }

    /// As [`parse`](Self::parse), and `-` is the smallest and `+` the greatest ID.
    #[must_use]
    pub fn parse_bound(text: &[u8], missing_seq: u64) -> Option<Self> {
        match c_string(text) {
            b"-" => Some(Self::MIN),
            b"+" => Some(Self::MAX),
            _ => Self::parse(text, missing_seq),
        }
    }

    /// The 16 bytes that sort as the ID does.
    #[must_use]
    pub fn to_be_bytes(self) -> [u8; 16] {
        ((u128::from(self.ms) << 64) | u128::from(self.seq)).to_be_bytes()
    }

    /// The reverse of [`to_be_bytes`](Self::to_be_bytes).
    #[must_use]
    pub fn from_be_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_be_bytes(bytes);
        Self { ms: (both >> 64) as u64, seq: both as u64 }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// The ID a producer asks for when it adds an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewId {
    /// `*`: the clock's millisecond, or the ID after the last one where the clock is behind.
    Auto,
    /// `ms-*`: this millisecond, with the next free sequence in it.
    AutoSeq(u64),
    /// Exactly this ID.
    Exact(StreamId),
}

impl NewId {
    /// Reads `*`, `ms-*`, `ms-seq` or `ms` (whose sequence is 0).
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text == b"*" {
            return Some(Self::Auto);
        }
        match split(text)? {
            (ms, Some(b"*")) => Some(Self::AutoSeq(parse_u64(ms)?)),
            _ => Some(Self::Exact(StreamId::parse(text, 0)?)),
        }
    }
}

/// Reading the two ends of a range, where `(` makes an end exclusive.
#[derive(Clone, Copy, Debug)]
pub struct Interval;

/// Why an end of a range was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntervalError {
    /// Not an ID.
    Invalid,
    /// `(` before the greatest ID as a start, or before the smallest as an end: nothing lies beyond.
    Empty,
}

impl Interval {
    /// The first ID of a range: `-`, `+`, an ID, or `(` and an ID. A missing sequence is 0.
    ///
    /// # Errors
    /// [`IntervalError::Invalid`] for what is no ID, [`IntervalError::Empty`] when nothing can follow an exclusive start.
    pub fn parse_start(text: &[u8]) -> Result<StreamId, IntervalError> {
        match exclusive(text) {
            Some(rest) => StreamId::parse(rest, 0).ok_or(IntervalError::Invalid)?.next().ok_or(IntervalError::Empty),
            None => StreamId::parse_bound(text, 0).ok_or(IntervalError::Invalid),
        }
    }

    /// The last ID of a range: `-`, `+`, an ID, or `(` and an ID. A missing sequence is `u64::MAX`.
    ///
    /// # Errors
    /// [`IntervalError::Invalid`] for what is no ID, [`IntervalError::Empty`] when nothing can precede an exclusive end.
    pub fn parse_end(text: &[u8]) -> Result<StreamId, IntervalError> {
        match exclusive(text) {
            Some(rest) => {
                StreamId::parse(rest, u64::MAX).ok_or(IntervalError::Invalid)?.prev().ok_or(IntervalError::Empty)
            }
            None => StreamId::parse_bound(text, u64::MAX).ok_or(IntervalError::Invalid),
        }
    }
}

fn exclusive(text: &[u8]) -> Option<&[u8]> {
    (text.len() > 1 && text[0] == b'(').then(|| &text[1..])
}

/// Redis reads IDs through C strings, which end at the first NUL.
fn c_string(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
    &text[..end]
}

/// The two sides of the first dash.
fn split(text: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    if text.len() > TEXT_LEN_MAX {
        return None;
    }
    let text = c_string(text);
    Some(match text.iter().position(|&byte| byte == b'-') {
        Some(dash) => (&text[..dash], Some(&text[dash + 1..])),
        None => (text, None),
    })
}

/// `strtoull` in base ten over the whole text; a plain negative number (`-5`) is refused, as `string2ull` does.
fn parse_u64(text: &[u8]) -> Option<u64> {
    let spaces = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')).count();
    let text_trimmed = &text[spaces..];
    let (negative, digits) = match text_trimmed.first()? {
        b'-' => (true, &text_trimmed[1..]),
        b'+' => (false, &text_trimmed[1..]),
        _ => (false, text_trimmed),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value: u64 = 0;
    for &byte in digits {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    if !negative {
        return Some(value);
    }
    // `-5` reads as a signed number and is out of range; `-05` and ` -5` do not, and wrap as in C.
    let plain = spaces == 0 && digits[0] != b'0' && value <= 1 << 63;
    (!plain).then(|| value.wrapping_neg())
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn id(ms: u64, seq: u64) -> StreamId {
        StreamId::new(ms, seq)
    }

    #[test]
    fn next_and_prev_cross_the_millisecond_and_stop_at_the_ends() {
        assert_eq!(id(1, u64::MAX).next(), Some(id(2, 0)));
        assert_eq!(id(2, 0).prev(), Some(id(1, u64::MAX)));
        assert_eq!(StreamId::MAX.next(), None);
        assert_eq!(StreamId::MIN.prev(), None);
        assert_eq!(id(u64::MAX, 3).next(), Some(id(u64::MAX, 4)));
    }

    #[test]
    fn strict_ids() {
        let all: &[(&[u8], Option<StreamId>)] = &[
            (b"5", Some(id(5, 9))),
            (b"5-6", Some(id(5, 6))),
            (b"0-0", Some(id(0, 0))),
            (b"18446744073709551615-18446744073709551615", Some(StreamId::MAX)),
            (b"18446744073709551616-1", None),
            (b"007-01", Some(id(7, 1))),
            (b" 7-+1", Some(id(7, 1))),
            (b"7- 1", Some(id(7, 1))),
            (b"7\0rest", Some(id(7, 9))),
            (b"7-", None),
            (b"-7", None),
            (b"--", None),
            (b"-", None),
            (b"+", None),
            (b"*", None),
            (b"7-*", None),
            (b"7-1-1", None),
            (b"7--5", None),
            (b"7--05", Some(id(7, 5u64.wrapping_neg()))),
            (b"", None),
            (b"abc-1", None),
            (b"1-abc", None),
            (b"1.5", None),
        ];
        for (text, expected) in all {
            assert_eq!(StreamId::parse(text, 9), *expected, "{}", String::from_utf8_lossy(text));
        }
        assert_eq!(StreamId::parse(&[b'0'; 127], 0), Some(StreamId::MIN));
        assert_eq!(StreamId::parse(&[b'0'; 128], 0), None);
    }

    #[test]
    fn bounds_and_new_ids() {
        assert_eq!(StreamId::parse_bound(b"-", 0), Some(StreamId::MIN));
        assert_eq!(StreamId::parse_bound(b"+", 0), Some(StreamId::MAX));
        assert_eq!(StreamId::parse_bound(b"3", u64::MAX), Some(id(3, u64::MAX)));
        assert_eq!(NewId::parse(b"*"), Some(NewId::Auto));
        assert_eq!(NewId::parse(b"5-*"), Some(NewId::AutoSeq(5)));
        assert_eq!(NewId::parse(b"5-7"), Some(NewId::Exact(id(5, 7))));
        assert_eq!(NewId::parse(b"5"), Some(NewId::Exact(id(5, 0))));
        assert_eq!(NewId::parse(b"**"), None);
        assert_eq!(NewId::parse(b"-*"), None);
        assert_eq!(NewId::parse(b"-"), None);
    }

    #[test]
    fn intervals() {
        assert_eq!(Interval::parse_start(b"(5-5"), Ok(id(5, 6)));
        assert_eq!(Interval::parse_end(b"(5-5"), Ok(id(5, 4)));
        assert_eq!(Interval::parse_end(b"(5"), Ok(id(5, u64::MAX - 1)));
        assert_eq!(Interval::parse_end(b"5"), Ok(id(5, u64::MAX)));
        assert_eq!(Interval::parse_start(b"(-"), Err(IntervalError::Invalid));
        assert_eq!(Interval::parse_end(b"(+"), Err(IntervalError::Invalid));
        assert_eq!(Interval::parse_start(b"("), Err(IntervalError::Invalid));
        assert_eq!(Interval::parse_end(b"(0-0"), Err(IntervalError::Empty));
        let greatest = format!("({}", StreamId::MAX);
        assert_eq!(Interval::parse_start(greatest.as_bytes()), Err(IntervalError::Empty));
    }

    #[test]
    fn bytes_sort_as_ids_do() {
        let ids = [StreamId::MIN, id(0, 1), id(1, 0), id(1, u64::MAX), id(256, 0), StreamId::MAX];
        assert!(ids.windows(2).all(|pair| pair[0].to_be_bytes() < pair[1].to_be_bytes()));
        assert!(ids.iter().all(|id| StreamId::from_be_bytes(id.to_be_bytes()) == *id));
    }
}
