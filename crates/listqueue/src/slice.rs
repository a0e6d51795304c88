//! A part of a list that outlives the list's next change.
//!
//! Taking a slice shares the sealed blocks and copies at most the two open ones. The list goes on; whoever holds
//! the slice, on whatever thread, reads what was there when it was taken. A big `LRANGE` is encoded from one as
//! its socket drains, a snapshot is written from one.

use crate::block::{Block, Body};
use crate::element::Element;
use crate::entry;
use crate::image::BlockRef;
use crate::list::List;
use crate::range::{Iter, Run, normalise};
use std::fmt;
use std::sync::Arc;

/// Elements of a list as they were when [`List::slice`] was called. Cloning is O(1).
#[derive(Clone)]
pub struct Slice {
    blocks: Arc<Vec<Block>>,
    len: usize,
}

impl List {
    /// The elements from `start` to `stop`, both included as for `LRANGE`, detached from the list. O(blocks
    /// covered), with at most two blocks copied.
    pub fn slice(&self, start: i64, stop: i64) -> Slice {
        let range = normalise(start, stop, self.len);
        if range.is_empty() {
            return Slice { blocks: Arc::default(), len: 0 };
        }
        let (first, from) = self.locate(range.start);
        let (last, to) = self.locate(range.end - 1);
        let mut blocks = Vec::with_capacity(last - first + 1);
        for (i, block) in self.blocks.range(first..=last).enumerate() {
            let from = if i == 0 { from } else { 0 };
            let to = if first + i == last { to + 1 } else { block.count() };
            blocks.push(Block { first: block.first + from as i64, body: block.body.window(from..to) });
        }
        Slice { blocks: Arc::new(blocks), len: range.len() }
    }
}

impl Slice {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The elements, in order.
    pub fn iter(&self) -> Iter<'_> {
        Iter::new(&self.blocks, &[], Run::Done, Run::Done, self.len)
    }

    /// The blocks, to be written out whole and read back by [`List::from_blocks`].
    pub fn blocks(&self) -> impl Iterator<Item = BlockRef<'_>> {
        self.blocks.iter().map(|block| BlockRef::of(&block.body))
    }

    /// Bytes of entries: what writing out all blocks takes.
    pub fn block_bytes(&self) -> usize {
        self.blocks.iter().map(|block| block.body.live_len()).sum()
    }

    /// A reader that owns the slice and can stop anywhere.
    pub fn cursor(self) -> SliceCursor {
        SliceCursor { remaining: self.len, slice: self, block: 0, offset: 0 }
    }
}

impl<'a> IntoIterator for &'a Slice {
    type Item = Element<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slice").field("len", &self.len).field("blocks", &self.blocks.len()).finish()
    }
}

/// Reads a [`Slice`] step by step, for a writer that emits some bytes whenever there is room for them.
#[derive(Clone, Debug)]
pub struct SliceCursor {
    slice: Slice,
    block: usize,
    /// Where the next entry begins in the live bytes of `block`.
    offset: usize,
    remaining: usize,
}

impl SliceCursor {
    /// The next element, or `None` after the last.
    // Not an `Iterator`: the element borrows from the cursor.
    #[allow(clippy::should_implement_trait)]
    #[inline]
    pub fn next(&mut self) -> Option<Element<'_>> {
        if self.remaining == 0 {
            return None;
        }
        self.remaining -= 1;
        loop {
            match &self.slice.blocks[self.block].body {
                Body::Packed(packed) if self.offset == packed.live_len() => {
                    self.block += 1;
                    self.offset = 0;
                }
                Body::Packed(packed) => {
                    let (payload, size) = entry::first(&packed.live()[self.offset..]);
                    self.offset += size;
                    return Some(Element::Slice(payload));
                }
                Body::Large(bytes) => {
                    self.block += 1;
                    return Some(Element::Shared(bytes));
                }
            }
        }
    }

    /// How many elements are still to come.
    pub fn remaining(&self) -> usize {
        self.remaining
    }
}
