//! A big bulk on its way in: a buffer of its own, read into straight from the socket.
//!
//! Two wishes meet here. The buffer may not be as large as the length that was *promised*, or a few bytes would cost
//! us half a gigabyte. And when it is complete it should be *no larger* than the bulk, since it is kept as it is for
//! as long as the message lives. So the sizes are chosen from the end: the whole, its half, its quarter, … down to
//! about 16 KiB. Growth starts at the smallest that holds what is there and doubles only when that is full; the last
//! step fits.
//!
//! ```text
//!   bulk of 100,000 bytes    25,000 ──► 50,001 ──► 100,002 = bulk and its line end
//! ```
//!
//! A copy of hundreds of megabytes would keep everybody else on the thread waiting. So once [`TRUSTED_BYTES`] have come the
//! buffer grows to the whole at once: what was not written yet is address space, not memory.
//!
//! So the space that is offered ends exactly where the bulk ends, and what follows it arrives in the read buffer.

use bytes::{Bytes, BytesMut};

use crate::limits::BIG_BULK_BYTES;

/// Who has sent this much is believed the rest. What is copied at most at once; a few milliseconds' work.
const TRUSTED_BYTES: usize = 16 << 20;

/// The line end that follows every bulk.
pub(crate) const LINE_END_BYTES: usize = 2;

/// A bulk whose length is known and whose bytes are arriving.
pub(crate) struct BigBulk {
    buf: BytesMut,
    /// Length of the bulk with its line end.
    whole: usize,
    /// How often the buffer will still double: its size is the whole, halved so many times.
    doublings: u32,
}

impl BigBulk {
    /// A bulk of `len` bytes of which `received` are here already, perhaps with its line end.
    pub(crate) fn new(len: usize, received: &[u8]) -> BigBulk {
        let whole = len + LINE_END_BYTES;
        let wanted = received.len().max(BIG_BULK_BYTES);
        let mut doublings = 0;
        while whole >> (doublings + 1) >= wanted {
            doublings += 1;
        }
        let mut buf = BytesMut::with_capacity(whole >> doublings);
        buf.extend_from_slice(received);
        BigBulk { buf, whole, doublings }
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.buf.len() >= self.whole
    }

    /// Length of the bulk with its line end.
    pub(crate) fn whole(&self) -> usize {
        self.whole
    }

    pub(crate) fn received(&self) -> usize {
        self.buf.len()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.buf.capacity()
    }

    /// Where the next bytes go. Has spare capacity; call it while the bulk is incomplete.
    pub(crate) fn space(&mut self) -> &mut BytesMut {
        let len = self.buf.len();
        if len == self.buf.capacity() {
            while self.doublings > 0 && self.whole >> self.doublings <= len {
                self.doublings -= 1;
            }
            if len >= TRUSTED_BYTES {
                self.doublings = 0;
            }
            // At least twice the capacity there is, so it is also what the vector below grows to, and no more.
            self.buf.reserve((self.whole >> self.doublings) - len);
        }
        &mut self.buf
    }

    /// Bytes that were read beyond the line end of this bulk; they begin the next argument or request.
    pub(crate) fn take_overrun(&mut self) -> BytesMut {
        if self.buf.len() <= self.whole {
            return BytesMut::new();
        }
        // Copied, as splitting would keep both parts in one allocation. Only an owner who writes more than the space
        // it was offered gets here.
        let overrun = BytesMut::from(&self.buf[self.whole..]);
        self.buf.truncate(self.whole);
        overrun
    }

    /// The bulk without its line end. As in Redis the two bytes after a bulk are not looked at.
    pub(crate) fn finish(mut self) -> Bytes {
        debug_assert!(self.is_complete(), "only a complete bulk is finished");
        self.buf.truncate(self.whole - LINE_END_BYTES);
        self.buf.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_costs_little_and_a_complete_bulk_fits() {
        let lens = [BIG_BULK_BYTES, 20_000, 65_536, 100_000, 1 << 20, 1_234_567, 10 << 20];
        for (len, received) in lens.into_iter().flat_map(|len| [(len, 0), (len, 1), (len, len / 3), (len, len + 1)]) {
            let mut bulk = BigBulk::new(len, &vec![b'x'; received]);
            assert!(bulk.capacity() <= 2 * BIG_BULK_BYTES.max(received) + LINE_END_BYTES, "{len}: {}", bulk.capacity());
            while !bulk.is_complete() {
                let space = bulk.space();
                let take = (space.capacity() - space.len()).min(4096);
                assert!(take > 0);
                space.resize(space.len() + take, b'x');
                let bound = 2 * bulk.received().max(BIG_BULK_BYTES) + LINE_END_BYTES;
                assert!(bulk.capacity() <= bound, "{len}: {} > {bound}", bulk.capacity());
            }
            assert_eq!((bulk.received(), bulk.capacity()), (bulk.whole(), bulk.whole()));
            assert_eq!(bulk.finish(), vec![b'x'; len]);
        }
    }

    #[test]
    fn a_huge_bulk_is_copied_while_it_is_small_only() {
        let whole = 8 * TRUSTED_BYTES;
        let mut bulk = BigBulk::new(whole, b"");
        let (mut before, mut copied) = (bulk.capacity(), 0);
        while !bulk.is_complete() {
            let space = bulk.space();
            if space.capacity() != before {
                (before, copied) = (space.capacity(), copied.max(space.len()));
            }
            space.resize(space.capacity(), b'x');
        }
        assert!(copied <= 2 * TRUSTED_BYTES, "{copied}");
        assert_eq!(bulk.capacity(), bulk.whole());
    }

    #[test]
    fn bytes_beyond_the_end_are_given_back() {
        let mut bulk = BigBulk::new(BIG_BULK_BYTES, b"");
        bulk.space().extend_from_slice(&vec![b'x'; BIG_BULK_BYTES]);
        bulk.space().extend_from_slice(b"\r\nPING");
        assert_eq!(bulk.take_overrun(), "PING");
        assert_eq!(bulk.take_overrun(), "");
        assert_eq!(bulk.finish(), vec![b'x'; BIG_BULK_BYTES]);
    }
}
