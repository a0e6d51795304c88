//! Changes in the middle: one block is rewritten where it lies, copied first if it is shared, or taken apart.
//!
//! ```text
//!   room, or can be given some   ┌─────────────┐  ──►  ┌───────────────┐
//!   full                         ┌─────────────┐  ──►  ┌──────┐ ┌──────┐            split at the new element
//!   a large element              ┌─────────────┐  ──►  ┌────┐ ╔═══════╗ ┌─────┐    left, element, right
//! ```
//!
//! What that leaves small is merged with its neighbours by `mend`.

use crate::block::{Block, Body};
use crate::element::{End, Place};
use crate::encoding::listpack_size;
use crate::entry;
use crate::list::List;
use crate::packed::{Packed, listpack_of, size_class};
use crate::room::grown_capacity;
use bytes::Bytes;
use std::ops::Range;

/// An element about to be put in the middle.
enum New<'a> {
    Packed(&'a [u8]),
    Large(Bytes),
}

impl New<'_> {
    fn listpack(&self) -> usize {
        match self {
            New::Packed(bytes) => listpack_size(bytes),
            New::Large(bytes) => listpack_size(bytes),
        }
    }

    fn len(&self) -> usize {
        match self {
            New::Packed(bytes) => bytes.len(),
            New::Large(bytes) => bytes.len(),
        }
    }
}

impl List {
    /// Replaces the element at `index`, counted from the tail when negative, as `LSET`; `false` when there is none.
    pub fn set(&mut self, index: i64, element: &[u8]) -> bool {
        let new = self.new_element(element);
        self.set_new(index, new)
    }

    /// As [`set`](Self::set), keeping the buffer of a [large](crate::LARGE) element.
    pub fn set_shared(&mut self, index: i64, element: Bytes) -> bool {
        if self.is_large(element.len()) {
            self.set_new(index, New::Large(element))
        } else {
            self.set_new(index, New::Packed(&element))
        }
    }

    /// Puts `element` beside the first element equal to `pivot`, as `LINSERT`; returns the new length, or `None`
    /// when there is no such element.
    pub fn insert(&mut self, place: Place, pivot: &[u8], element: &[u8]) -> Option<usize> {
        let position = self.iter().position(|found| found.as_slice() == pivot)?;
        let new = self.new_element(element);
        self.encoding = self.encoding.grown(self.listpack_bytes(), new.len());
        let (block, within) = self.locate(position);
        let at = match place {
            Place::Before => within..within,
            Place::After => within + 1..within + 1,
        };
        self.replace(block, at, new);
        Some(self.len)
    }

    fn new_element<'a>(&self, element: &'a [u8]) -> New<'a> {
        if self.is_large(element.len()) { New::Large(Bytes::copy_from_slice(element)) } else { New::Packed(element) }
    }

    fn set_new(&mut self, index: i64, new: New<'_>) -> bool {
        let Some(position) = self.position(index) else {
            return false;
        };
        self.encoding = self.encoding.grown(self.listpack_bytes(), new.len());
        let (block, within) = self.locate(position);
        self.replace(block, within..within + 1, new);
        self.shrink_lone_block();
        self.encoding = self.encoding.shrunk(self.listpack_bytes());
        true
    }

    /// Puts `new` in the place of the elements `at` (one or none) of block `i`.
    fn replace(&mut self, i: usize, at: Range<usize>, new: New<'_>) {
        let listpack = new.listpack();
        let gone = match &self.blocks[i].body {
            Body::Packed(packed) => listpack_of(packed.entries(at.clone())),
            Body::Large(bytes) if !at.is_empty() => listpack_size(bytes),
            Body::Large(_) => 0,
        };
        self.listpack = self.listpack + listpack - gone;
        self.len = self.len + 1 - at.len();
        let new = match new {
            New::Packed(element) => {
                let change = listpack as isize - gone as isize;
                if self.replace_in_place(i, at.clone(), element, change) {
                    return self.mend(i..i + 1);
                }
                let mut entries = vec![0; entry::size(element.len())];
                entry::write(&mut entries, element);
                Body::Packed(Packed::sealed(&entries, 1, listpack))
            }
            New::Large(bytes) => Body::Large(bytes),
        };
        self.replace_by_parts(i, at, new);
    }

    /// Writes `element` into the block, or into a copy of it that is ours alone and has the room; `false` when the
    /// result would be longer than a block should be.
    fn replace_in_place(&mut self, i: usize, at: Range<usize>, element: &[u8], listpack: isize) -> bool {
        let (full, is_end) = (self.block_bytes(), self.is_end(i));
        let Body::Packed(packed) = &mut self.blocks[i].body else { return false };
        let from = packed.offset(at.start);
        let bytes = from..from + packed.entries(at.clone()).len();
        let size = entry::size(element.len());
        let grow = size.saturating_sub(bytes.len());
        if !packed.can_splice(grow) {
            let needed = packed.live_len() - bytes.len() + size;
            if needed > full {
                return false;
            }
            // The entries move as they are, before the longer or shorter one is written.
            let held = needed.max(packed.live_len());
            let capacity = if is_end {
                grown_capacity(packed.capacity(), held, full)
            } else {
                size_class(held).max(size_class(held + held / 8).min(full))
            };
            self.move_block(i, End::Tail, grow, capacity);
        }
        let Body::Packed(packed) = &mut self.blocks[i].body else { return false };
        entry::write(packed.splice(bytes, size), element);
        packed.recount(1 - at.len() as isize, listpack);
        true
    }

    /// Takes block `i` apart around `at`, puts `new` between, and joins again what fits together.
    fn replace_by_parts(&mut self, i: usize, at: Range<usize>, new: Body) {
        let old = std::mem::replace(&mut self.blocks[i].body, Body::hole());
        let count = old.count();
        let part = |range: Range<usize>| match &old {
            _ if range.is_empty() => None,
            Body::Packed(packed) => Some(Body::Packed(packed.copied(range))),
            Body::Large(bytes) => Some(Body::Large(bytes.clone())),
        };
        let parts = [part(0..at.start), Some(new), part(at.end..count)];
        let mut next = i + 1;
        for body in parts.into_iter().flatten() {
            self.allocated += body.allocated();
            self.blocks.insert(next, Block { first: 0, body });
            next += 1;
        }
        self.retire(old);
        self.mend(i..next);
    }

    /// Removes elements equal to `element`: the first `count` from the head, the last `-count` from the tail, or
    /// all for 0, as `LREM`. Returns how many. O(length); rewrites only blocks with a match.
    pub fn remove(&mut self, count: i64, element: &[u8]) -> usize {
        let wanted = match count {
            0 => usize::MAX,
            _ => usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX),
        };
        let blocks = self.blocks.len();
        let mut removed = 0;
        let mut touched: Option<Range<usize>> = None;
        for step in 0..blocks {
            let i = if count < 0 { blocks - 1 - step } else { step };
            let here = self.remove_in_block(i, element, wanted - removed, count < 0);
            if here > 0 {
                removed += here;
                touched = Some(touched.map_or(i..i + 1, |t| t.start.min(i)..t.end.max(i + 1)));
                if removed == wanted {
                    break;
                }
            }
        }
        if let Some(touched) = touched {
            self.len -= removed;
            self.listpack -= removed * listpack_size(element);
            self.mend(touched);
            self.shrink_lone_block();
            self.encoding = self.encoding.shrunk(self.listpack_bytes());
        }
        removed
    }

    /// Removes up to `wanted` matches from block `i`, which may be left empty; the last ones if `from_tail`.
    fn remove_in_block(&mut self, i: usize, element: &[u8], wanted: usize, from_tail: bool) -> usize {
        let body = &mut self.blocks[i].body;
        let packed = match body {
            Body::Packed(packed) => packed,
            Body::Large(bytes) if **bytes == *element => {
                let old = std::mem::replace(body, Body::hole());
                self.retire(old);
                return 1;
            }
            Body::Large(_) => return 0,
        };
        let mut matches = packed.matches(element);
        if matches.is_empty() {
            return 0;
        }
        let surplus = matches.len().saturating_sub(wanted);
        if from_tail {
            matches.drain(..surplus);
        } else {
            matches.truncate(wanted);
        }
        let before = packed.capacity();
        packed.remove(&matches, element);
        self.allocated = self.allocated + packed.capacity() - before;
        matches.len()
    }
}
