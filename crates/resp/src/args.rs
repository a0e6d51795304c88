//! Where the arguments of requests stand.
//!
//! An argument is eight bytes, however large it is: an offset into the bytes of its request, or the number of a big
//! bulk that has a buffer of its own. Offsets count from the first byte of the request, and big bulks from the
//! request's first, so neither has to be touched when buffers move.

use bytes::Bytes;

use crate::request::Bulk;

/// One argument: `len` bytes from `at`, or the big bulk number `at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    at: u32,
    len: u32,
}

impl Span {
    /// Marks a big bulk; no slice is that long, since from 16 KiB on a bulk is big and a line ends at 4 GiB.
    const SHARED: u32 = u32::MAX;

    /// An argument at `at` in the bytes of its request. Both fit: the decoder bounds a request to 4 GiB.
    #[inline]
    pub(crate) fn slice(at: usize, len: usize) -> Span {
        debug_assert!(at + len <= u32::MAX as usize && len != Span::SHARED as usize, "requests are bounded to 4 GiB");
        Span { at: at as u32, len: len as u32 }
    }

    pub(crate) fn shared(number: usize) -> Span {
        Span { at: u32::try_from(number).expect("a request has at most 2^31-1 arguments"), len: Span::SHARED }
    }

    #[inline]
    pub(crate) fn resolve<'a>(self, bytes: &'a [u8], shared: &'a [Bytes]) -> Bulk<'a> {
        if self.len == Span::SHARED {
            Bulk::Shared(&shared[self.at as usize])
        } else {
            let at = self.at as usize;
            Bulk::Slice(&bytes[at..at + self.len as usize])
        }
    }
}

/// The arguments of any number of requests, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Args {
    pub(crate) spans: Vec<Span>,
    pub(crate) shared: Vec<Bytes>,
}

/// A place in [`Args`]: where a request's arguments begin.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mark {
    pub(crate) spans: usize,
    pub(crate) shared: usize,
}

impl Args {
    /// Spans and big bulks kept for reuse by [`Args::clear`]: 1024 requests of four arguments.
    const KEPT: usize = 4096;

    #[inline]
    pub(crate) fn mark(&self) -> Mark {
        Mark { spans: self.spans.len(), shared: self.shared.len() }
    }

    /// Adds a big bulk to the request that began at `start`.
    pub(crate) fn push_shared(&mut self, bulk: Bytes, start: Mark) {
        self.spans.push(Span::shared(self.shared.len() - start.shared));
        self.shared.push(bulk);
    }

    /// Moves everything from `start` on to the end of `to`.
    pub(crate) fn move_tail(&mut self, start: Mark, to: &mut Args) {
        to.spans.extend(self.spans.drain(start.spans..));
        to.shared.extend(self.shared.drain(start.shared..));
    }

    /// Forgets everything; keeps the allocation unless it is outsized.
    pub(crate) fn clear(&mut self) {
        self.spans.clear();
        self.shared.clear();
        self.spans.shrink_to(Args::KEPT);
        self.shared.shrink_to(Args::KEPT / 64);
    }

    /// Gives back what the tables do not use.
    pub(crate) fn fit(&mut self) {
        self.spans.shrink_to_fit();
        self.shared.shrink_to_fit();
    }

    /// Bytes of the tables and of the big bulks in them.
    pub(crate) fn memory_bytes(&self) -> usize {
        let tables = self.spans.capacity() * size_of::<Span>() + self.shared.capacity() * size_of::<Bytes>();
        tables + self.shared.iter().map(Bytes::len).sum::<usize>()
    }
}
