//! A block as bytes, and a block from bytes nobody vouches for.

use super::scan::read_entry;
use super::{Block, KNOWN_FLAGS, MARK, SAME_NAMES};
use crate::entry::Fields;
use crate::id::StreamId;
use crate::varint::Reader;

impl Block {
    /// The bytes a snapshot keeps, beside key, last ID and cost.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) const fn cost(&self) -> u32 {
        self.cost
    }

    /// A block from its parts; `None` when they are not one's. The cost is believed: it only says when the block is full.
    pub(crate) fn from_parts(first: StreamId, last: StreamId, cost: u32, bytes: Vec<u8>) -> Option<Self> {
        u32::try_from(bytes.len()).ok()?;
        let mut reader = Reader::new(&bytes, 0);
        let count = usize::try_from(reader.varint()?).ok()?;
        let names = reader;
        for _ in 0..count {
            reader.bytes()?;
        }
        let head = reader.at() as u32;
        let mut marks = Vec::new();
        let (mut prev, mut total, mut live) = (first, 0u32, 0);
        while !reader.is_at_end() {
            let raw = read_entry(&mut reader, first, prev)?;
            let ascends = raw.id > prev || (total == 0 && raw.id == first);
            if !ascends || raw.flags & !KNOWN_FLAGS != 0 || raw.id > last || raw.id.is_zero() {
                return None;
            }
            let fields = if raw.flags & SAME_NAMES != 0 {
                Fields::with_names(names, count, raw.body)
            } else {
                Fields::with_own_names(raw.body)?
            };
            if !fields.is_sound() {
                return None;
            }
            if raw.flags & MARK != 0 {
                marks.push(raw.at as u32);
            }
            prev = raw.id;
            total += 1;
            live += u32::from(!raw.is_dead());
        }
        if live == 0 {
            return None;
        }
        marks.shrink_to_fit();
        let mut block = Self { first, last, head_prev: first, head, total, live, cost, bytes, marks };
        block.advance_head();
        Some(block)
    }
}
