//! A buffer that begins where a page of memory does: what a write that goes around the page cache asks for.
//!
//! It has its full length from the start and is filled up to a mark, because a `Vec` that grows moves, and what was aligned is
//! not any more.

use crate::storage::PAGE_BYTES;

/// The buffer.
pub(crate) struct Aligned {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
    filled: usize,
}

impl Aligned {
    /// So many zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let bytes = vec![0; len + PAGE_BYTES];
        // Whether it could be told is known only at run time; unaligned, the write goes the usual way.
        let start = bytes.as_ptr().align_offset(PAGE_BYTES).min(PAGE_BYTES);
        Self { bytes, start, len, filled: 0 }
    }

    pub(crate) fn all(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.len]
    }

    pub(crate) fn filled(&self) -> &[u8] {
        &self.all()[..self.filled]
    }

    pub(crate) fn is_full(&self) -> bool {
        self.filled == self.len
    }

    /// Takes as much as fits, and gives back the rest.
    pub(crate) fn fill<'a>(&mut self, from: &'a [u8]) -> &'a [u8] {
        let (taken, rest) = from.split_at(from.len().min(self.len - self.filled));
        let at = self.start + self.filled;
        self.bytes[at..at + taken.len()].copy_from_slice(taken);
        self.filled += taken.len();
        rest
    }

    pub(crate) fn clear(&mut self) {
        self.filled = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_at_a_page_and_takes_what_fits() {
        let mut buffer = Aligned::zeros(10);
        assert_eq!(buffer.all(), [0; 10]);
        assert_eq!(buffer.all().as_ptr().align_offset(PAGE_BYTES), 0);
        assert_eq!(buffer.fill(b"123456"), b"");
        assert_eq!(buffer.fill(b"789abcd"), b"bcd");
        assert!(buffer.is_full());
        assert_eq!(buffer.filled(), b"123456789a");
        buffer.clear();
        assert_eq!(buffer.filled(), b"");
    }
}
