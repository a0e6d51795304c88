//! One element inside a block: its bytes, with its length on both sides.
//!
//! ```text
//!   length below 128        ┌───┬───────────────┬───┐
//!                           │ n │  n bytes      │ n │
//!                           └───┴───────────────┴───┘
//!   length 128 .. 16383     ┌───┬───┬───────────┬───┬───┐
//!                           │ l │ h │  n bytes  │ h │ l │     l = 0x80 | n & 0x7f,  h = n >> 7
//!                           └───┴───┴───────────┴───┴───┘
//! ```
//!
//! The second length mirrors the first, so a block is read from either end with the same few instructions and
//! a short element costs two bytes. A length is written in its shortest form only; the checked reader refuses
//! any other, so two blocks with the same elements have the same bytes.

/// The longest element that two length bytes can describe. Longer ones never enter a block.
pub(crate) const LEN_MAX: usize = 0x3fff;

/// Lengths below this take one byte on each side.
const SHORT: usize = 0x80;

/// Bytes an element of `len` bytes takes inside a block.
#[inline]
pub(crate) const fn size(len: usize) -> usize {
    if len < SHORT { len + 2 } else { len + 4 }
}

/// Writes `payload` into `slot`, which is exactly [`size`] bytes long.
#[inline]
pub(crate) fn write(slot: &mut [u8], payload: &[u8]) {
    let len = payload.len();
    debug_assert_eq!(slot.len(), size(len));
    if len < SHORT {
        slot[0] = len as u8;
        slot[1..=len].copy_from_slice(payload);
        slot[len + 1] = len as u8;
    } else {
        let (low, high) = (SHORT as u8 | (len & 0x7f) as u8, (len >> 7) as u8);
        slot[0] = low;
        slot[1] = high;
        slot[2..len + 2].copy_from_slice(payload);
        slot[len + 2] = high;
        slot[len + 3] = low;
    }
}

/// The first element of a live range, and how many bytes its entry takes.
#[inline]
pub(crate) fn first(bytes: &[u8]) -> (&[u8], usize) {
    let low = bytes[0] as usize;
    if low < SHORT {
        (&bytes[1..=low], low + 2)
    } else {
        let len = low & 0x7f | (bytes[1] as usize) << 7;
        (&bytes[2..len + 2], len + 4)
    }
}

/// The last element of a live range, and how many bytes its entry takes.
#[inline]
pub(crate) fn last(bytes: &[u8]) -> (&[u8], usize) {
    let end = bytes.len();
    let low = bytes[end - 1] as usize;
    if low < SHORT {
        (&bytes[end - 1 - low..end - 1], low + 2)
    } else {
        let len = low & 0x7f | (bytes[end - 2] as usize) << 7;
        (&bytes[end - 2 - len..end - 2], len + 4)
    }
}

/// As [`first`], for bytes from outside: `None` unless a whole, canonical entry stands there.
pub(crate) fn first_checked(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let low = *bytes.first()? as usize;
    let len = if low < SHORT { low } else { low & 0x7f | (*bytes.get(1)? as usize) << 7 };
    if len > LEN_MAX || (low >= SHORT && len < SHORT) {
        return None;
    }
    let size = size(len);
    let width = (size - len) / 2;
    let payload = bytes.get(..size)?.get(width..width + len)?;
    let mirrored = if width == 1 {
        bytes[size - 1] == bytes[0]
    } else {
        bytes[size - 1] == bytes[0] && bytes[size - 2] == bytes[1]
    };
    mirrored.then_some((payload, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_reads_back_from_both_sides() {
        for len in (0..300).chain([LEN_MAX - 1, LEN_MAX]) {
            let payload: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let mut slot = vec![0xaa; size(len)];
            write(&mut slot, &payload);
            assert_eq!(first(&slot), (&payload[..], slot.len()));
            assert_eq!(last(&slot), (&payload[..], slot.len()));
            assert_eq!(first_checked(&slot), Some((&payload[..], slot.len())));
        }
    }

    #[test]
    fn a_cut_or_forged_entry_is_refused() {
        for len in [0, 1, 127, 128, 129, 1000] {
            let mut slot = vec![0; size(len)];
            write(&mut slot, &vec![7; len]);
            for cut in 0..slot.len() {
                assert_eq!(first_checked(&slot[..cut]), None, "{len} cut at {cut}");
            }
            let end = slot.len();
            slot[end - 1] ^= 1;
            assert_eq!(first_checked(&slot), None, "{len} with a wrong second length");
        }
        // Five bytes described with the long form: readable, but not the one way to write them.
        let long_form = [0x85, 0, 1, 2, 3, 4, 5, 0, 0x85];
        assert_eq!(first_checked(&long_form), None);
    }
}
