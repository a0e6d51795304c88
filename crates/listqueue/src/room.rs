//! Where a push finds room, and where an emptied buffer goes.
//!
//! ```text
//!   the end block is open and has room          write there                      nearly every push
//!   it is half empty, its room on the far side  slide the entries                a short queue, now and then
//!   it is small, or shared and half empty       move them to a bigger buffer     a list that grows
//!   it is full                                  a new block beside it            every hundredth push or so
//! ```
//!
//! A new block takes the spare buffer if there is one: the block emptied last leaves it. In a steady queue one end
//! empties blocks as fast as the other fills them, and the allocator is never asked; measured against freeing and
//! allocating 8 KiB each time that saves about a tenth of the time of a push and a pop.

use crate::block::{Block, Body};
use crate::element::End;
use crate::list::List;
use crate::packed::{Packed, size_class, worth_sliding};
use bytes::BytesMut;

/// A lone block larger than this moves to a smaller buffer once it is nearly empty.
const LONE_BLOCK_BYTES_KEPT: usize = 2048;

impl List {
    /// Sees to it that the block at `end` is open and has room for an entry of `size` bytes there.
    #[cold]
    #[inline(never)]
    pub(crate) fn make_room(&mut self, end: End, size: usize) {
        let full = self.block_bytes();
        let beside_packed = match self.end_mut(end) {
            Some(Block { body: Body::Packed(packed), .. }) => {
                packed.unseal();
                if packed.is_open() && packed.room(end) >= size {
                    return;
                }
                if worth_sliding(packed, size) {
                    return packed.slide(end);
                }
                let live = packed.live_len();
                if live <= full / 2 && live + size <= 2 * full {
                    let capacity = packed.capacity();
                    let capacity = grown_capacity(capacity, live + size, full);
                    let i = match end {
                        End::Head => 0,
                        End::Tail => self.blocks.len() - 1,
                    };
                    return self.move_block(i, end, size, capacity);
                }
                true
            }
            _ => false,
        };
        // A block behind a full one will be filled as well; one beside a large element perhaps not.
        let capacity = if beside_packed { capacity_for(size, full) } else { size_class(size) };
        let buffer = self.buffer(capacity);
        self.add_block(end, Body::Packed(Packed::open(buffer, end)));
    }

    /// Moves block `i` into a buffer of `capacity` that nobody shares, with room for `size` bytes at `end`.
    pub(crate) fn move_block(&mut self, i: usize, end: End, size: usize, capacity: usize) {
        let buffer = self.buffer(capacity);
        if let Body::Packed(packed) = &mut self.blocks[i].body {
            let old = packed.move_into(buffer, end, size);
            self.allocated -= old.capacity();
        }
    }

    /// Puts a new block at `end`; what stood there before is no end any more and is sealed.
    pub(crate) fn add_block(&mut self, end: End, body: Body) {
        if self.blocks.len() > 1 {
            match end {
                End::Head => self.tighten(0),
                End::Tail => self.tighten(self.blocks.len() - 1),
            }
        }
        if self.blocks.len() == self.blocks.capacity() {
            // One for a short list; an eighth more for a long one, where doubling would cost a byte an element.
            self.blocks.reserve_exact(1 + self.blocks.len() / 8);
        }
        let count = body.count() as i64;
        match end {
            End::Head => {
                let first = self.blocks.front().map_or(0, |block| block.first) - count;
                self.blocks.push_front(Block { first, body });
            }
            End::Tail => {
                let first = self.blocks.back().map_or(0, Block::past);
                self.blocks.push_back(Block { first, body });
            }
        }
    }

    /// Drops the emptied block at `end`.
    #[cold]
    #[inline(never)]
    pub(crate) fn drop_block(&mut self, end: End) {
        let block = match end {
            End::Head => self.blocks.pop_front(),
            End::Tail => self.blocks.pop_back(),
        };
        if let Some(block) = block {
            self.retire(block.body);
        }
        self.shrink_handles();
    }

    /// Gives back the room for handles after a great list has drained.
    pub(crate) fn shrink_handles(&mut self) {
        let (len, capacity) = (self.blocks.len(), self.blocks.capacity());
        if capacity > 16 && len < capacity / 2 {
            self.blocks.shrink_to(len + len / 8);
        }
    }

    /// Moves the last few elements of a list out of a full-size buffer.
    #[inline]
    pub(crate) fn shrink_lone_block(&mut self) {
        if self.blocks.len() == 1
            && let Body::Packed(packed) = &self.blocks[0].body
        {
            let capacity = packed.capacity();
            if capacity > LONE_BLOCK_BYTES_KEPT && packed.live_len() <= capacity / 8 {
                self.release_spare();
                self.move_block(0, End::Tail, 0, size_class(capacity / 4));
                self.release_spare();
            }
        }
    }

    /// A buffer of at least `capacity` bytes: the spare one if it serves.
    fn buffer(&mut self, capacity: usize) -> BytesMut {
        if let Some(spare) = self.spare.take() {
            // Not a long list's spare for a lone short element, where it would stay for ever.
            let fits = capacity..=4 * capacity.max(LONE_BLOCK_BYTES_KEPT / 4);
            if fits.contains(&spare.len()) {
                return spare;
            }
            if self.blocks.len() > 1 {
                self.spare = Some(spare);
            } else {
                self.allocated -= spare.len();
            }
        }
        self.allocated += capacity;
        BytesMut::zeroed(capacity)
    }

    /// Takes back the buffer of a block that is no more: kept as the spare one, or freed.
    pub(crate) fn retire(&mut self, body: Body) {
        self.allocated -= body.allocated();
        if self.spare.is_none()
            && body.allocated() <= self.block_bytes()
            && let Body::Packed(packed) = body
            && let Some(buffer) = packed.into_buffer()
        {
            self.allocated += buffer.len();
            self.spare = Some(buffer);
        }
    }

    #[cfg(test)]
    pub(crate) fn spare_bytes(&self) -> usize {
        self.spare.as_ref().map_or(0, |spare| spare.len())
    }

    pub(crate) fn release_spare(&mut self) {
        if let Some(spare) = self.spare.take() {
            self.allocated -= spare.len();
        }
    }
}

/// The next size of a block that grows: so that doubling from any size ends at `full` exactly, a power-of-two part
/// of it, unless the entries need even more.
pub(crate) fn grown_capacity(capacity: usize, needed: usize, full: usize) -> usize {
    let wanted = needed.max(capacity + capacity / 2);
    if needed > full {
        return size_class(needed);
    }
    (0..full.ilog2()).map(|halvings| full >> halvings).take_while(|&part| part >= wanted).last().unwrap_or(full)
}

/// The size of a new block whose first entry takes `size` bytes: `full`, or up to twice that when entries are so
/// long that fewer would be left over.
fn capacity_for(size: usize, full: usize) -> usize {
    if size <= full / 16 {
        return full;
    }
    let waste = |capacity: usize| (capacity % size) * 1024 / capacity;
    (4..=8)
        .map(|quarters| size_class(full * quarters / 4))
        .filter(|&capacity| capacity >= size)
        .min_by_key(|&capacity| waste(capacity))
        .unwrap_or(2 * full)
}
