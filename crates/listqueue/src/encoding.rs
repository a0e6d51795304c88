//! What Redis would call this list: `listpack` or `quicklist`.
//!
//! Clients see the answer in `OBJECT ENCODING`. Redis keeps a short list in one listpack and turns it into a
//! quicklist of several when it grows; its rule since 7.2 with the default `list-max-listpack-size -2`
//! (redis/redis `src/t_list.c`, `src/quicklist.c`) is reproduced here on numbers alone, because rbq's own blocks
//! are neither:
//!
//! ```text
//!                before a push, insert or set: bytes + added > 8192
//!              ┌────────────────────────────────────────────────────┐
//!          listpack                                             quicklist
//!              └────────────────────────────────────────────────────┘
//!                after a pop, remove, trim or set: bytes <= 4096
//! ```
//!
//! `bytes` is what a listpack of these elements takes, integers in their short form included. The one
//! difference: Redis also asks that the quicklist has come down to a single node, which depends on where its
//! nodes happened to break; here the bytes alone decide.

/// Redis's limit of one packed list, `list-max-listpack-size -2`: 8 KiB.
pub const LISTPACK_BYTES_MAX: usize = 8192;

/// A listpack's own header and terminator.
pub(crate) const LISTPACK_BYTES_EMPTY: usize = 7;

/// The name Redis gives to a list's representation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RedisEncoding {
    /// All elements in one packed allocation.
    Listpack,
    /// A linked list of listpacks.
    Quicklist,
}

impl RedisEncoding {
    /// The word `OBJECT ENCODING` replies.
    pub const fn as_str(self) -> &'static str {
        match self {
            RedisEncoding::Listpack => "listpack",
            RedisEncoding::Quicklist => "quicklist",
        }
    }

    /// What a list freshly built or loaded starts as.
    pub(crate) const fn of(bytes: usize) -> Self {
        if bytes > LISTPACK_BYTES_MAX { RedisEncoding::Quicklist } else { RedisEncoding::Listpack }
    }

    /// The encoding once elements of `added` payload bytes in all are about to join `bytes`.
    #[inline]
    pub(crate) const fn grown(self, bytes: usize, added: usize) -> Self {
        if bytes + added > LISTPACK_BYTES_MAX { RedisEncoding::Quicklist } else { self }
    }

    /// The encoding once elements have left and `bytes` remain. Half the limit, so that a list which hovers
    /// around it is not converted to and fro.
    #[inline]
    pub(crate) const fn shrunk(self, bytes: usize) -> Self {
        if bytes <= LISTPACK_BYTES_MAX / 2 { RedisEncoding::Listpack } else { self }
    }
}

/// Bytes that `element` takes in a Redis listpack: its header, itself, and the backward length.
#[inline]
pub(crate) fn listpack_size(element: &[u8]) -> usize {
    let len = element.len();
    // The longest integer, -9223372036854775808, has 20 characters.
    if len <= 20
        && let Some(bytes) = integer_size(element)
    {
        return bytes + 1;
    }
    let bytes = match len {
        0..64 => len + 1,
        64..4096 => len + 2,
        _ => len + 5,
    };
    bytes + backward_size(bytes)
}

/// Bytes of the backward length behind an entry of `bytes` bytes.
const fn backward_size(bytes: usize) -> usize {
    match bytes {
        0..=127 => 1,
        128..16383 => 2,
        16383..2097151 => 3,
        2097151..268435455 => 4,
        _ => 5,
    }
}

/// Header and value bytes when a listpack would store `element` as an integer: only the canonical decimal form.
fn integer_size(element: &[u8]) -> Option<usize> {
    let (negative, digits) = match element {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let canonical = match digits {
        [b'0'] => !negative,
        [b'1'..=b'9', ..] => true,
        _ => false,
    };
    if !canonical || digits.len() > 19 {
        return None;
    }
    let mut magnitude: u64 = 0;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        magnitude = magnitude * 10 + u64::from(digit - b'0');
    }
    // One's complement for negatives: both signs then reach the same power of two.
    let reach = if negative { magnitude - 1 } else { magnitude };
    match u64::BITS - reach.leading_zeros() {
        0..=7 if !negative => Some(1),
        0..=12 => Some(2),
        13..=15 => Some(3),
        16..=23 => Some(4),
        24..=31 => Some(5),
        32..=63 => Some(9),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_take_their_listpack_size() {
        for (text, size) in [
            ("0", 2),
            ("127", 2),
            ("128", 3),
            ("-1", 3),
            ("4095", 3),
            ("-4096", 3),
            ("4096", 4),
            ("-4097", 4),
            ("32767", 4),
            ("-32768", 4),
            ("32768", 5),
            ("8388607", 5),
            ("-8388608", 5),
            ("8388608", 6),
            ("2147483647", 6),
            ("-2147483648", 6),
            ("2147483648", 10),
            ("9223372036854775807", 10),
            ("-9223372036854775808", 10),
        ] {
            assert_eq!(listpack_size(text.as_bytes()), size, "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_an_integer_is_a_string() {
        for text in ["", "-", "-0", "00", "01", "+1", "1 ", "1a", "9223372036854775808"] {
            assert_eq!(listpack_size(text.as_bytes()), text.len() + 2, "{text}");
        }
    }

    #[test]
    fn strings_take_their_listpack_size() {
        for (len, size) in [(0, 2), (63, 65), (64, 67), (125, 128), (126, 130), (4095, 4099), (4096, 4103)] {
            assert_eq!(listpack_size(&vec![b'x'; len]), size, "{len}");
        }
    }
}
