//! How many bytes an entry would take in Redis's own node, so that our blocks end where its nodes end.
//!
//! Redis trims approximately by dropping whole nodes, and ends a node by bytes or by entries. A client that trims with
//! `~` sees the number of entries that were dropped, so to answer as Redis does the boundaries must agree; our own
//! encoding is denser, so its size cannot be the measure. The model is the listpack format (redis `listpack.c`): each
//! element is an encoding byte or more, the data, and a back-length; a text that spells an integer is kept as one.
//!
//! ```text
//!   header 6 │ live │ deleted │ #names │ name … │ 0 │ entry … │ end 1
//!   entry:     flags │ ms − first │ seq − first │ [#fields] │ [name] value … │ #elements
//! ```

use crate::id::StreamId;

/// The header of a listpack (total bytes, number of elements) and its end mark.
const FRAME: usize = 6 + 1;

/// Bytes of an integer element.
const fn int(value: i64) -> usize {
    let encoding = match value {
        0..=127 => 1,
        -4096..=4095 => 2,
        -0x8000..=0x7fff => 3,
        -0x80_0000..=0x7f_ffff => 4,
        -0x8000_0000..=0x7fff_ffff => 5,
        _ => 9,
    };
    encoding + back_length(encoding)
}

/// Bytes of a text element.
fn text(bytes: &[u8]) -> usize {
    if let Some(value) = as_int(bytes) {
        return int(value);
    }
    let encoding = match bytes.len() {
        len @ 0..64 => 1 + len,
        len @ 64..4096 => 2 + len,
        len => 5 + len,
    };
    encoding + back_length(encoding)
}

const fn back_length(encoding: usize) -> usize {
    match encoding {
        0..=127 => 1,
        128..16383 => 2,
        16383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// The integer that `bytes` spells, if spelling the integer gives `bytes` again.
fn as_int(bytes: &[u8]) -> Option<i64> {
    if bytes.is_empty() || bytes.len() > 20 {
        return None;
    }
    let (negative, digits) = match bytes[0] {
        b'-' => (true, &bytes[1..]),
        _ => (false, bytes),
    };
    match digits.first()? {
        b'0' if digits.len() == 1 && !negative => return Some(0),
        b'1'..=b'9' => {}
        _ => return None,
    }
    let mut value: i64 = 0;
    for &byte in digits {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        let digit = if negative { -i64::from(digit) } else { i64::from(digit) };
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    Some(value)
}

/// Bytes of the part that a node begins with: the names of its first entry.
pub(crate) fn names<'a>(names: impl Iterator<Item = &'a [u8]>) -> usize {
    let (mut bytes, mut count) = (0, 0);
    for name in names {
        bytes += text(name);
        count += 1;
    }
    bytes + int(count) + int(0)
}

/// Whether an entry repeats the names its node began with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    Same,
    Own,
}

/// Bytes of one entry in a node whose key is `first`.
pub(crate) fn entry<'a>(
    first: StreamId,
    id: StreamId,
    kind: Names,
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> usize {
    let (mut bytes, mut count) = (0, 0i64);
    for (name, value) in fields {
        bytes += text(value);
        if kind == Names::Own {
            bytes += text(name);
        }
        count += 1;
    }
    let elements = match kind {
        Names::Same => count + 3,
        Names::Own => {
            bytes += int(count);
            2 * count + 4
        }
    };
    let flags = int(0);
    let (ms, seq) = (id.ms.wrapping_sub(first.ms) as i64, id.seq.wrapping_sub(first.seq) as i64);
    bytes + flags + int(ms) + int(seq) + int(elements)
}

/// Bytes of a whole node whose names and entries take `body`.
pub(crate) fn node(live: u32, deleted: u32, body: usize) -> usize {
    FRAME + int(i64::from(live)) + int(i64::from(deleted)) + body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_take_the_smallest_encoding() {
        let sizes = [(0, 2), (127, 2), (128, 3), (-1, 3), (4095, 3), (-4096, 3), (4096, 4), (32767, 4), (32768, 5)];
        for (value, size) in sizes {
            assert_eq!(int(value), size, "{value}");
        }
        assert_eq!(int(8_388_608), 6);
        assert_eq!(int(i64::MAX), 10);
    }

    #[test]
    fn texts_that_spell_an_integer_are_kept_as_one() {
        for (bytes, size) in [(&b"12"[..], 2), (b"012", 5), (b"-0", 4), (b"0", 2), (b"-1", 3), (b"+1", 4), (b"", 2)] {
            assert_eq!(text(bytes), size, "{}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(as_int(b"9223372036854775807"), Some(i64::MAX));
        assert_eq!(as_int(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(as_int(b"9223372036854775808"), None);
        assert_eq!(text(&[b'x'; 63]), 65);
        assert_eq!(text(&[b'x'; 64]), 67);
        assert_eq!(text(&[b'x'; 4096]), 4103);
    }
}
