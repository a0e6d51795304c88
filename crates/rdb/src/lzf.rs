//! LZF, the compression of long strings, backwards only.
//!
//! ```text
//!   000LLLLL              L+1 bytes follow as they are
//!   LLLooooo oooooooo     L+2 bytes from o+1 bytes back
//!   111ooooo LLLLLLLL oooooooo    the same with L+9
//! ```
//!
//! The length that a file promises is only compared with: the output grows with what the input says, which is at most 88
//! bytes for one.

/// The `length` bytes that were compressed; `None` if these bytes are no compression of so many.
pub(crate) fn decompress(input: &[u8], length: u64) -> Option<Vec<u8>> {
    let mut out: Vec<u8> = Vec::new();
    let mut input = input.iter().copied();
    while let Some(control) = input.next() {
        let control = usize::from(control);
        if control < 32 {
            let literal = control + 1;
            let before = out.len();
            out.extend(input.by_ref().take(literal));
            if out.len() != before + literal {
                return None;
            }
        } else {
            let mut count = control >> 5;
            if count == 7 {
                count += usize::from(input.next()?);
            }
            let back = ((control & 31) << 8) + usize::from(input.next()?) + 1;
            let start = out.len().checked_sub(back)?;
            // Byte by byte where the copy reads what it has just written: that is how runs are told.
            for at in start..start + count + 2 {
                out.push(out[at]);
            }
        }
        if out.len() as u64 > length {
            return None;
        }
    }
    (out.len() as u64 == length).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_runs_and_long_copies() {
        assert_eq!(decompress(b"\x02abc", 3).as_deref(), Some(&b"abc"[..]));
        assert_eq!(decompress(b"\x00a\x20\x00", 4).as_deref(), Some(&b"aaaa"[..]));
        assert_eq!(decompress(b"\x00a\xe0\x01\x00", 11).as_deref(), Some(&b"aaaaaaaaaaa"[..]));
    }

    #[test]
    fn what_is_no_compression_is_refused() {
        for (bytes, length) in [
            (&b"\x02ab"[..], 3),
            (b"\x20\x00", 3),
            (b"\x00a\x20\x01", 4),
            (b"\x00a\xe0", 9),
            (b"\x02abc", 2),
            (b"\x02abc", u64::MAX),
        ] {
            assert_eq!(decompress(bytes, length), None, "{bytes:?}");
        }
    }
}
