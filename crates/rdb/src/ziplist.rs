//! A ziplist: what a listpack was before Redis 7.
//!
//! ```text
//!   total bytes (4) │ offset of the last (4) │ count (2) │ length of the one before, element │ … │ FF
//! ```

use crate::listpack::{Element, signed};

/// What every damage of a ziplist is told as.
const DAMAGED: &str = "a ziplist";

/// Bytes before the first element.
const HEADER_BYTES: usize = 10;

const END: u8 = 0xff;

/// All elements, from the head on.
pub(crate) fn elements(bytes: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    let (header, mut rest) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(DAMAGED)?;
    let total = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
    if total as usize != bytes.len() {
        return Err(DAMAGED);
    }
    let mut elements = Vec::new();
    loop {
        let before = match rest {
            [END] => return Ok(elements),
            // The length of the element before is one byte, or this mark and four.
            [0xfe, ..] => 5,
            [] | [END, ..] => return Err(DAMAGED),
            _ => 1,
        };
        rest = rest.get(before..).ok_or(DAMAGED)?;
        let (element, size) = element(rest).ok_or(DAMAGED)?;
        elements.push(element.text().into_owned());
        rest = rest.get(size..).ok_or(DAMAGED)?;
    }
}

/// The element at the beginning, and how many bytes it takes.
fn element(bytes: &[u8]) -> Option<(Element<'_>, usize)> {
    let (first, rest) = bytes.split_first()?;
    let string = |head: usize, length: usize| {
        let end = head.checked_add(length)?;
        Some((Element::Bytes(bytes.get(head..end)?), end))
    };
    let number = |count: usize| Some((Element::Number(signed(rest.get(..count)?)), 1 + count));
    match *first {
        0x00..=0x3f => string(1, usize::from(*first)),
        0x40..=0x7f => string(2, usize::from(first & 0x3f) << 8 | usize::from(*rest.first()?)),
        0x80 => string(5, u32::from_be_bytes(*rest.first_chunk()?) as usize),
        0xc0 => number(2),
        0xd0 => number(4),
        0xe0 => number(8),
        0xf0 => number(3),
        0xfe => number(1),
        0xf1..=0xfd => Some((Element::Number(i64::from(first & 0x0f) - 1), 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(elements: &[u8]) -> Vec<u8> {
        let mut bytes = (elements.len() as u32 + 11).to_le_bytes().to_vec();
        bytes.extend_from_slice(&[0; 6]);
        bytes.extend_from_slice(elements);
        bytes.push(END);
        bytes
    }

    fn all(elements_of: &[u8]) -> Result<Vec<String>, &'static str> {
        let all = elements(&packed(elements_of))?;
        Ok(all.iter().map(|element| String::from_utf8_lossy(element).into_owned()).collect())
    }

    #[test]
    fn numbers_of_every_size_and_strings() {
        let bytes = b"\x00\x02hi\x04\xc0\xfe\xff\x04\xf0\x00\x00\x80\xfe\x05\x00\x00\x00\xfe\x80\x03\xf1\x02\xfd\
            \x02\x40\x01x\x04\xd0\x01\x00\x00\x00\x06\xe0\xff\xff\xff\xff\xff\xff\xff\x7f\x0a\x80\x00\x00\x00\x01y";
        let expected = ["hi", "-2", "-8388608", "-128", "0", "12", "x", "1", "9223372036854775807", "y"];
        assert_eq!(all(bytes).unwrap(), expected);
    }

    #[test]
    fn what_is_no_ziplist_is_refused() {
        for bytes in [&b"\x00\x02h"[..], b"\x00\x80\xff\xff\xff\xff", b"\x00\x81", b"\xfe\x00", b"\xff"] {
            assert!(all(bytes).is_err(), "{bytes:?}");
        }
        assert!(elements(b"").is_err());
    }
}
