//! A listpack: strings and small numbers in one block of bytes, from Redis 5 on.
//!
//! ```text
//!   total bytes (4) │ count (2) │ element, its own length backwards │ … │ FF
//! ```
//!
//! The backward lengths are for walking from the end, so they are passed over here; their size follows from the element.

use std::borrow::Cow;

/// The elements of one listpack; an element that makes no sense comes out as `Err`, and nothing after it.
#[derive(Debug, Clone)]
pub(crate) struct Listpack<'a> {
    rest: &'a [u8],
}

/// What every damage of a listpack is told as.
pub(crate) const DAMAGED: &str = "a listpack";

/// Bytes before the first element.
const HEADER_BYTES: usize = 6;

const END: u8 = 0xff;

/// An element: a string as it lies there, or a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element<'a> {
    Bytes(&'a [u8]),
    Number(i64),
}

impl<'a> Element<'a> {
    /// As a string; that is what every element is to whoever wrote it.
    pub(crate) fn text(self) -> Cow<'a, [u8]> {
        match self {
            Self::Bytes(bytes) => Cow::Borrowed(bytes),
            Self::Number(number) => Cow::Owned(number.to_string().into_bytes()),
        }
    }

    /// As a number, which the string of one is too.
    pub(crate) fn number(self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        }
    }
}

impl<'a> Listpack<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, &'static str> {
        let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(DAMAGED)?;
        let total = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
        if total as usize != bytes.len() || rest.last() != Some(&END) {
            return Err(DAMAGED);
        }
        Ok(Self { rest })
    }

    /// Goes on with what was [`left`](Self::left) of one.
    pub(crate) fn resume(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// How many bytes are left, the end mark included.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next element; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Element<'a>>, &'static str> {
        match self.rest {
            [] => Err(DAMAGED),
            [END] => Ok(None),
            _ => {
                let (element, size) = element(self.rest).ok_or(DAMAGED)?;
                self.rest = self.rest.get(size + backward_bytes(size)..).ok_or(DAMAGED)?;
                Ok(Some(element))
            }
        }
    }

    /// The next element, which must be there.
    pub(crate) fn required(&mut self) -> Result<Element<'a>, &'static str> {
        self.next()?.ok_or(DAMAGED)
    }

    /// The next element, which must be a number.
    pub(crate) fn number(&mut self) -> Result<i64, &'static str> {
        self.required()?.number().ok_or(DAMAGED)
    }
}

/// The element at the beginning, and how many bytes it takes without its length backwards.
fn element(bytes: &[u8]) -> Option<(Element<'_>, usize)> {
    let (first, rest) = bytes.split_first()?;
    let string = |head: usize, length: usize| {
        let end = head.checked_add(length)?;
        Some((Element::Bytes(bytes.get(head..end)?), end))
    };
    let number = |count: usize| Some((Element::Number(signed(rest.get(..count)?)), 1 + count));
    match *first {
        0x00..=0x7f => Some((Element::Number(i64::from(*first)), 1)),
        0x80..=0xbf => string(1, usize::from(first & 0x3f)),
        0xc0..=0xdf => {
            let value = i64::from(first & 0x1f) << 8 | i64::from(*rest.first()?);
            Some((Element::Number(if value >= 1 << 12 { value - (1 << 13) } else { value }), 2))
        }
        0xe0..=0xef => string(2, usize::from(first & 0x0f) << 8 | usize::from(*rest.first()?)),
        0xf0 => string(5, u32::from_le_bytes(*rest.first_chunk()?) as usize),
        0xf1 => number(2),
        0xf2 => number(3),
        0xf3 => number(4),
        0xf4 => number(8),
        _ => None,
    }
}

/// A little-endian number of up to eight bytes, with its sign.
pub(crate) fn signed(bytes: &[u8]) -> i64 {
    let mut wide = [0; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    let unused = 64 - 8 * bytes.len() as u32;
    i64::from_le_bytes(wide) << unused >> unused
}

fn backward_bytes(size: usize) -> usize {
    match size {
        0..=127 => 1,
        128..=16_383 => 2,
        16_384..=2_097_151 => 3,
        2_097_152..=268_435_455 => 4,
        _ => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(elements: &[u8]) -> Vec<u8> {
        let mut bytes = (elements.len() as u32 + 7).to_le_bytes().to_vec();
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(elements);
        bytes.push(END);
        bytes
    }

    fn all(bytes: &[u8]) -> Result<Vec<String>, &'static str> {
        let mut pack = Listpack::new(bytes)?;
        let mut all = Vec::new();
        while let Some(element) = pack.next()? {
            all.push(String::from_utf8_lossy(&element.text()).into_owned());
        }
        Ok(all)
    }

    #[test]
    fn numbers_of_every_size_and_strings() {
        let elements = b"\x07\x01\x82hi\x03\xdf\xff\x02\xc0\x80\x02\xe0\x01x\x03\xf1\xfe\xff\x03\xf2\x00\x00\x80\x04\
            \xf3\x01\x00\x00\x00\x05\xf4\xff\xff\xff\xff\xff\xff\xff\x7f\x09";
        let expected = ["7", "hi", "-1", "128", "x", "-2", "-8388608", "1", "9223372036854775807"];
        assert_eq!(all(&packed(elements)).unwrap(), expected);
    }

    #[test]
    fn what_is_no_listpack_is_refused() {
        for elements in [&b"\x82h"[..], b"\xf0\xff\xff\xff\xff", b"\xf5\x01", b"\xe1", b"\xf4\x00\x01"] {
            assert!(all(&packed(elements)).is_err(), "{elements:?}");
        }
        assert!(all(b"").is_err());
        assert!(all(b"\x07\x00\x00\x00\x00\x00\x01").is_err());
    }
}
