//! Requests that came while none may be run: set aside as they are, in pieces.
//!
//! A client that is parked, or does not read its replies, may still send up to `client-query-buffer-limit`. In the
//! decoder's one buffer that would be moved each time it doubles, and moving hundreds of megabytes holds up every other
//! connection of the thread for as long. Pieces are never moved.
//!
//! Invariant: once something was set aside, all that follows is too, until everything was taken back, so bytes keep
//! their order.

use std::collections::VecDeque;

use bytes::BytesMut;

/// What one read takes at most, and one turn of the decoder is fed.
const PIECE_BYTES: usize = 64 * 1024;
/// With less room than this another piece is begun: short reads cost a system call each.
const SPARE_BYTES_MIN: usize = 4 * 1024;

/// Bytes in the order they came.
#[derive(Default)]
pub(crate) struct Aside {
    pieces: VecDeque<BytesMut>,
    bytes: usize,
}

impl Aside {
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Bytes held.
    pub(crate) fn len(&self) -> usize {
        self.bytes
    }

    /// Where the next bytes go; [`Aside::note`] must be told how many they were.
    pub(crate) fn space(&mut self) -> &mut BytesMut {
        if self.pieces.back().is_none_or(|last| last.capacity() - last.len() < SPARE_BYTES_MIN) {
            self.pieces.push_back(BytesMut::with_capacity(PIECE_BYTES));
        }
        self.pieces.back_mut().expect("one was pushed if there was none")
    }

    /// So many bytes were read into the space.
    pub(crate) fn note(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// Takes the oldest piece back.
    pub(crate) fn take(&mut self) -> Option<BytesMut> {
        let piece = self.pieces.pop_front()?;
        self.bytes -= piece.len();
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_in_order_and_are_counted() {
        let sent: Vec<u8> = (0..1_000_000u32).map(|i| (i % 251) as u8).collect();
        let mut aside = Aside::default();
        let mut rest = &sent[..];
        while !rest.is_empty() {
            let space = aside.space();
            let bytes = (space.capacity() - space.len()).min(rest.len()).min(10_000);
            space.extend_from_slice(&rest[..bytes]);
            aside.note(bytes);
            rest = &rest[bytes..];
        }
        assert_eq!(aside.len(), sent.len());
        let mut taken = Vec::new();
        while let Some(piece) = aside.take() {
            assert!(piece.capacity() <= PIECE_BYTES);
            taken.extend_from_slice(&piece);
        }
        assert!(taken == sent && aside.is_empty());
    }
}
