//! Many elements side by side in one buffer.
//!
//! ```text
//!             start                                   end
//!               ▼                                      ▼
//!   ┌───────────┬───────┬───────┬─────────────┬───────┬─────────────┐
//!   │   room    │ entry │ entry │     ...     │ entry │    room     │   one buffer, about 8 KiB
//!   └───────────┴───────┴───────┴─────────────┴───────┴─────────────┘
//!     ◄── head pushes grow downward     tail pushes grow upward ──►
//!     head pops raise `start` ──►               ◄── tail pops lower `end`
//! ```
//!
//! Popping moves an offset and touches no byte, so it works on a shared buffer as on an own one. Writing needs a buffer
//! that nobody else can see. The blocks at the two ends of a list may stay *open* for that, a [`BytesMut`]; every other
//! block is *sealed*, a [`Bytes`] that is shared by cloning, and is opened again for an edit or when it has become an
//! end, without a copy unless somebody shares it. A clone of a list or a slice of it copies the open ends, 32 KiB at
//! most and 16 as a rule, and shares the rest: that way a push never has to ask whether somebody is looking.

use crate::element::End;
use crate::encoding::listpack_size;
use crate::entry;
use bytes::{Bytes, BytesMut};
use std::ops::Range;

/// Entries side by side. See the picture above; the format of an entry is in [`entry`].
#[derive(Clone)]
pub(crate) struct Packed {
    buffer: Buffer,
    start: u16,
    end: u16,
    count: u16,
    /// What a Redis listpack would need for these entries, without its frame.
    listpack: u16,
}

enum Buffer {
    Open(BytesMut),
    Sealed(Bytes),
}

impl Clone for Buffer {
    /// A clone is always sealed: an open buffer belongs to one list alone.
    fn clone(&self) -> Self {
        match self {
            Buffer::Open(buffer) => Buffer::Sealed(Bytes::copy_from_slice(buffer)),
            Buffer::Sealed(buffer) => Buffer::Sealed(buffer.clone()),
        }
    }
}

impl Packed {
    /// An empty block over `buffer`, its room where a push at `end` needs it.
    pub(crate) fn open(buffer: BytesMut, end: End) -> Self {
        let at = match end {
            End::Head => buffer.len() as u16,
            End::Tail => 0,
        };
        Packed { buffer: Buffer::Open(buffer), start: at, end: at, count: 0, listpack: 0 }
    }

    /// Nothing at all; see [`Body::hole`](crate::block::Body::hole).
    pub(crate) fn without_buffer() -> Self {
        Packed { buffer: Buffer::Sealed(Bytes::new()), start: 0, end: 0, count: 0, listpack: 0 }
    }

    /// A sealed block of exactly these entries, in a buffer of a size the allocator has.
    pub(crate) fn sealed(entries: &[u8], count: usize, listpack: usize) -> Self {
        let mut buffer = BytesMut::zeroed(size_class(entries.len()));
        buffer[..entries.len()].copy_from_slice(entries);
        Packed {
            buffer: Buffer::Sealed(buffer.freeze()),
            start: 0,
            end: entries.len() as u16,
            count: count as u16,
            listpack: listpack as u16,
        }
    }

    /// Shares its buffer with nobody from here on.
    pub(crate) fn unshare(&mut self) {
        if let Buffer::Sealed(buffer) = &mut self.buffer {
            *buffer = Bytes::copy_from_slice(buffer);
        }
    }

    #[inline]
    fn data(&self) -> &[u8] {
        match &self.buffer {
            Buffer::Open(buffer) => buffer,
            Buffer::Sealed(buffer) => buffer,
        }
    }

    /// The entries, raw.
    #[inline]
    pub(crate) fn live(&self) -> &[u8] {
        &self.data()[self.start as usize..self.end as usize]
    }

    #[inline]
    pub(crate) fn live_len(&self) -> usize {
        (self.end - self.start) as usize
    }

    #[inline]
    pub(crate) fn count(&self) -> usize {
        self.count as usize
    }

    #[inline]
    pub(crate) fn capacity(&self) -> usize {
        self.data().len()
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.buffer, Buffer::Open(_))
    }

    /// What a Redis listpack would need for these entries, without its frame.
    pub(crate) fn listpack(&self) -> usize {
        self.listpack as usize
    }

    /// Free bytes that a push at `end` may take.
    pub(crate) fn room(&self, end: End) -> usize {
        match end {
            End::Head => self.start as usize,
            End::Tail => self.capacity() - self.end as usize,
        }
    }

    /// Lets the buffer be shared.
    fn seal(&mut self) {
        if let Buffer::Open(buffer) = &mut self.buffer {
            self.buffer = Buffer::Sealed(std::mem::take(buffer).freeze());
        }
    }

    /// Lets the buffer be written, unless somebody else can see it. Copies nothing.
    pub(crate) fn unseal(&mut self) -> bool {
        if let Buffer::Sealed(buffer) = &mut self.buffer {
            match std::mem::take(buffer).try_into_mut() {
                Ok(own) => self.buffer = Buffer::Open(own),
                Err(shared) => *buffer = shared,
            }
        }
        self.is_open()
    }

    /// The buffer, if nobody shares it.
    pub(crate) fn into_buffer(mut self) -> Option<BytesMut> {
        self.unseal();
        match self.buffer {
            Buffer::Open(buffer) => Some(buffer),
            Buffer::Sealed(_) => None,
        }
    }

    /// Adds `payload` at `end`; `false` when the block is sealed or has no room there.
    #[inline]
    pub(crate) fn try_push(&mut self, end: End, payload: &[u8], listpack: usize) -> bool {
        let Buffer::Open(buffer) = &mut self.buffer else {
            return false;
        };
        let size = entry::size(payload.len());
        let at = match end {
            End::Tail => {
                let at = self.end as usize;
                if buffer.len() - at < size {
                    return false;
                }
                self.end += size as u16;
                at
            }
            End::Head => {
                if (self.start as usize) < size {
                    return false;
                }
                self.start -= size as u16;
                self.start as usize
            }
        };
        entry::write(&mut buffer[at..at + size], payload);
        self.count += 1;
        self.listpack += listpack as u16;
        true
    }

    #[inline]
    pub(crate) fn peek(&self, end: End) -> &[u8] {
        match end {
            End::Head => entry::first(self.live()).0,
            End::Tail => entry::last(self.live()).0,
        }
    }

    /// Forgets the element at `end`, whose length and listpack size the caller has just seen.
    #[inline]
    pub(crate) fn drop_end(&mut self, end: End, len: usize, listpack: usize) {
        let size = entry::size(len) as u16;
        match end {
            End::Head => self.start += size,
            End::Tail => self.end -= size,
        }
        self.count -= 1;
        self.listpack -= listpack as u16;
    }

    /// Forgets `count` elements at `end`, fewer than there are; returns their listpack size.
    pub(crate) fn discard(&mut self, end: End, count: usize) -> usize {
        let mut gone = 0;
        for _ in 0..count {
            let payload = self.peek(end);
            let (len, listpack) = (payload.len(), listpack_size(payload));
            self.drop_end(end, len, listpack);
            gone += listpack;
        }
        gone
    }

    /// Where entry `index` begins within [`live`](Self::live), walking from the nearer end.
    pub(crate) fn offset(&self, index: usize) -> usize {
        let live = self.live();
        if index <= self.count() / 2 {
            let mut at = 0;
            for _ in 0..index {
                at += entry::first(&live[at..]).1;
            }
            at
        } else {
            let mut at = live.len();
            for _ in index..self.count() {
                at -= entry::last(&live[..at]).1;
            }
            at
        }
    }

    pub(crate) fn element(&self, index: usize) -> &[u8] {
        entry::first(&self.live()[self.offset(index)..]).0
    }

    /// The raw entries of `range`.
    pub(crate) fn entries(&self, range: Range<usize>) -> &[u8] {
        let from = self.offset(range.start);
        let to = if range.end == self.count() { self.live_len() } else { self.offset(range.end) };
        &self.live()[from..to]
    }

    /// The elements of `range` in a buffer of their own.
    pub(crate) fn copied(&self, range: Range<usize>) -> Packed {
        let entries = self.entries(range.clone());
        Packed::sealed(entries, range.len(), listpack_of(entries))
    }

    /// The elements of `range`, in the same buffer when it is sealed.
    pub(crate) fn window(&self, range: Range<usize>) -> Packed {
        let entries = self.entries(range.clone());
        let listpack = if range.len() == self.count() { self.listpack as usize } else { listpack_of(entries) };
        match &self.buffer {
            Buffer::Open(_) => Packed::sealed(entries, range.len(), listpack),
            Buffer::Sealed(buffer) => {
                let start = self.start as usize + self.offset(range.start);
                Packed {
                    buffer: Buffer::Sealed(buffer.clone()),
                    start: start as u16,
                    end: (start + entries.len()) as u16,
                    count: range.len() as u16,
                    listpack: listpack as u16,
                }
            }
        }
    }

    /// Moves the entries inside their open buffer so that most of the free room is at `end`.
    pub(crate) fn slide(&mut self, end: End) {
        let live = self.start as usize..self.end as usize;
        let to = settle(end, self.capacity(), live.len(), true);
        let Buffer::Open(buffer) = &mut self.buffer else {
            return;
        };
        buffer.copy_within(live.clone(), to);
        self.start = to as u16;
        self.end = (to + live.len()) as u16;
    }

    /// Moves the entries into `buffer`, with room at `end`; returns the old buffer.
    pub(crate) fn move_into(&mut self, mut buffer: BytesMut, end: End, size: usize) -> Packed {
        let len = self.live_len();
        let slack = buffer.len() - len;
        let both = self.room(end.opposite()) > 0 && end_share(slack) >= size;
        let to = settle(end, buffer.len(), len, both);
        buffer[to..to + len].copy_from_slice(self.live());
        let moved = Packed {
            buffer: Buffer::Open(buffer),
            start: to as u16,
            end: (to + len) as u16,
            count: self.count,
            listpack: self.listpack,
        };
        std::mem::replace(self, moved)
    }

    /// Whether the buffer can be written and has `grow` bytes free on either side.
    pub(crate) fn can_splice(&mut self, grow: usize) -> bool {
        (self.room(End::Tail) >= grow || self.room(End::Head) >= grow) && self.unseal()
    }

    /// Replaces the bytes `at` of [`live`](Self::live) by a gap of `size` bytes to write into;
    /// [`can_splice`](Self::can_splice) was asked before. Counts are the caller's to mend with
    /// [`recount`](Self::recount).
    pub(crate) fn splice(&mut self, at: Range<usize>, size: usize) -> &mut [u8] {
        let (start, end) = (self.start as usize, self.end as usize);
        let (from, to) = (start + at.start, start + at.end);
        let grow = size as isize - at.len() as isize;
        let upward = grow <= self.room(End::Tail) as isize;
        let downward = grow <= self.room(End::Head) as isize;
        let Buffer::Open(buffer) = &mut self.buffer else {
            unreachable!("can_splice opens the buffer");
        };
        // Both ways open: move the shorter side.
        let gap = if upward && (!downward || end - to <= from - start) {
            buffer.copy_within(to..end, from + size);
            self.end = (end as isize + grow) as u16;
            from
        } else {
            let lower = (start as isize - grow) as usize;
            buffer.copy_within(start..from, lower);
            self.start = lower as u16;
            (from as isize - grow) as usize
        };
        &mut buffer[gap..gap + size]
    }

    /// Where in [`live`](Self::live) the entries equal to `element` begin.
    pub(crate) fn matches(&self, element: &[u8]) -> Vec<usize> {
        let live = self.live();
        let (mut at, mut found) = (0, Vec::new());
        while at < live.len() {
            let (payload, size) = entry::first(&live[at..]);
            if payload == element {
                found.push(at);
            }
            at += size;
        }
        found
    }

    /// Removes the entries beginning at `offsets`, which ascend, all of them equal to `element`. A shared buffer is
    /// replaced by one of the right size.
    pub(crate) fn remove(&mut self, offsets: &[usize], element: &[u8]) {
        let size = entry::size(element.len());
        let listpack = self.listpack as usize - offsets.len() * listpack_size(element);
        let count = self.count() - offsets.len();
        if let &[at] = offsets
            && self.can_splice(0)
        {
            self.splice(at..at + size, 0);
            self.recount(-1, listpack as isize - self.listpack as isize);
            return;
        }
        let mut rest = Vec::with_capacity(self.live_len() - offsets.len() * size);
        let mut from = 0;
        for &at in offsets {
            rest.extend_from_slice(&self.live()[from..at]);
            from = at + size;
        }
        rest.extend_from_slice(&self.live()[from..]);
        *self = Packed::sealed(&rest, count, listpack);
    }

    /// Seals a block that is no end any more, in a smaller buffer if this one is half empty.
    pub(crate) fn tighten(&mut self) {
        if size_class(self.live_len()) <= self.capacity() / 2 {
            *self = Packed::sealed(self.live(), self.count(), self.listpack());
        }
        self.seal();
    }

    /// Adds to the counts what an edit of the bytes changed.
    pub(crate) fn recount(&mut self, count: isize, listpack: isize) {
        self.count = (self.count as isize + count) as u16;
        self.listpack = (self.listpack as isize + listpack) as u16;
    }
}

/// Three quarters of the free room go to the end that asks, so that the next push at the other end does not
/// have to move everything back.
const fn end_share(slack: usize) -> usize {
    slack - slack / 4
}

/// Where `len` live bytes begin in a buffer of `capacity` so that `end` has the room.
fn settle(end: End, capacity: usize, len: usize, both: bool) -> usize {
    let slack = capacity - len;
    let share = if both { end_share(slack) } else { slack };
    match end {
        End::Head => share,
        End::Tail => slack - share,
    }
}

/// Whether sliding the entries of `packed` gives a push of `size` bytes at its end room enough, cheaply: at least
/// as many bytes are pushed before the next slide as this one moves, within a small factor.
pub(crate) fn worth_sliding(packed: &Packed, size: usize) -> bool {
    let slack = packed.capacity() - packed.live_len();
    packed.is_open() && packed.live_len() <= packed.capacity() / 2 && end_share(slack) >= size
}

/// The listpack size of raw entries.
pub(crate) fn listpack_of(mut entries: &[u8]) -> usize {
    let mut sum = 0;
    while !entries.is_empty() {
        let (payload, size) = entry::first(entries);
        sum += listpack_size(payload);
        entries = &entries[size..];
    }
    sum
}

/// The smallest buffer, for a list of one short element.
pub(crate) const BUFFER_BYTES_MIN: usize = 64;

/// `bytes` rounded up to a size the allocator hands out whole: four steps per doubling, as in jemalloc and its
/// kin, so that no tail of an allocation lies unused.
pub(crate) fn size_class(bytes: usize) -> usize {
    if bytes <= BUFFER_BYTES_MIN {
        return BUFFER_BYTES_MIN;
    }
    let step = 1 << ((bytes - 1).ilog2() - 2);
    bytes.next_multiple_of(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_round_up_to_four_steps_per_doubling() {
        for (bytes, class) in [(1, 64), (64, 64), (65, 80), (81, 96), (128, 128), (129, 160), (4100, 5120)] {
            assert_eq!(size_class(bytes), class, "{bytes}");
        }
        assert_eq!(size_class(8192), 8192);
        assert_eq!(size_class(8193), 10240);
    }
}
