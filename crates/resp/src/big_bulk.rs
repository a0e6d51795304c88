//! A big bulk on its way in: a buffer of its own, read into straight from the socket.
//!
//! Two wishes meet here. The buffer may not be as large as the length that was *promised*, or a few bytes would cost us
//! half a gigabyte. And when it is complete it should be *no larger* than the bulk, since it is kept as it is for as long
//! as the message lives. So the sizes are chosen from the end: the whole, its half, its quarter, … down to about 16 KiB.
//! Growth starts at the smallest that holds what is there and doubles only when that is full; the last step fits.
//!
//! ```text
//!   bulk of 100,000 bytes    25,001 ──► 50,001 ──► 100,002 = bulk and its CRLF
//! ```

use bytes::{Bytes, BytesMut};

use crate::limits::BIG_BULK_BYTES;

/// The line end that follows every bulk.
pub(crate) const LINE_END_BYTES: usize = 2;

/// A bulk whose length is known and whose bytes are arriving.
#[derive(Debug)]
pub(crate) struct BigBulk {
    buf: BytesMut,
    len: usize,
}

impl BigBulk {
    /// A bulk of `len` bytes of which `received` are here already, perhaps with its line end.
    pub(crate) fn new(len: usize, received: &[u8]) -> BigBulk {
        let whole = len + LINE_END_BYTES;
        let wanted = received.len().max(BIG_BULK_BYTES);
        let mut capacity = whole;
        while capacity / 2 > wanted {
            capacity = capacity.div_ceil(2);
        }
        let mut buf = BytesMut::with_capacity(capacity);
        buf.extend_from_slice(received);
        BigBulk { buf, len }
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.buf.len() >= self.len + LINE_END_BYTES
    }

    pub(crate) fn received(&self) -> usize {
        self.buf.len()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.buf.capacity()
    }

    /// Where the next bytes go. Has spare capacity while the bulk is incomplete.
    pub(crate) fn space(&mut self) -> &mut BytesMut {
        if self.buf.len() == self.buf.capacity() {
            let missing = (self.len + LINE_END_BYTES).saturating_sub(self.buf.len());
            // The vector below doubles at least, so this asks for exactly the next of the planned sizes.
            self.buf.reserve(missing.min(self.buf.capacity()));
        }
        &mut self.buf
    }

    /// Bytes that were read beyond the line end of this bulk; they begin the next argument or request.
    pub(crate) fn take_overrun(&mut self) -> BytesMut {
        let whole = self.len + LINE_END_BYTES;
        if self.buf.len() <= whole {
            return BytesMut::new();
        }
        // Copied, as splitting would keep both parts in one allocation; it is a few bytes, by the choice of sizes.
        let overrun = BytesMut::from(&self.buf[whole..]);
        self.buf.truncate(whole);
        overrun
    }

    /// The bulk without its line end. As in Redis the two bytes after a bulk are not looked at.
    pub(crate) fn finish(mut self) -> Bytes {
        debug_assert!(self.is_complete(), "only a complete bulk is finished");
        self.buf.truncate(self.len);
        self.buf.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_costs_little_and_a_complete_bulk_fits() {
        for len in [
            BIG_BULK_BYTES,
            20_000,
            65_536,
            100_000,
            1 << 20,
            1_234_567,
            10 << 20,
        ] {
            let mut bulk = BigBulk::new(len, b"");
            assert!(
                bulk.capacity() <= 2 * BIG_BULK_BYTES + LINE_END_BYTES,
                "{len}: {}",
                bulk.capacity()
            );
            while !bulk.is_complete() {
                let space = bulk.space();
                let take = (space.capacity() - space.len()).clamp(1, 4096);
                space.extend_from_slice(&vec![b'x'; take]);
                let received = bulk.received();
                assert!(
                    bulk.capacity() <= (2 * received).max(2 * BIG_BULK_BYTES + LINE_END_BYTES),
                    "{len}: {received}"
                );
            }
            assert!(
                bulk.capacity() <= len + LINE_END_BYTES + len / 1024 + 1,
                "{len}: {}",
                bulk.capacity()
            );
            bulk.take_overrun();
            assert_eq!(bulk.finish().len(), len);
        }
    }
}
