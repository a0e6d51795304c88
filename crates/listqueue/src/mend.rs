//! Keeping the row of blocks in shape after an edit.
//!
//! Packed neighbours that 3/4 of a block can hold together become one, and a block that an edit left half empty moves
//! to a smaller buffer. A block is split only when it is full, so its parts must lose a quarter of a block before they
//! are merged again. With n large elements and b bytes of entries a row has at most 2n + 3b/block + 4 blocks,
//! whatever was done to it: the tests hold every operation to that.

use crate::block::Body;
use crate::list::List;
use crate::packed::Packed;
use std::ops::Range;

impl List {
    /// Whether block `i` is the first or the last, which alone may be open.
    pub(crate) fn is_end(&self, i: usize) -> bool {
        i == 0 || i + 1 == self.blocks.len()
    }

    /// After blocks `touched` have changed: drops the empty ones, merges what fits together, also with the
    /// neighbour on either side, and numbers anew.
    pub(crate) fn mend(&mut self, touched: Range<usize>) {
        let from = touched.start.saturating_sub(1);
        let to = (touched.end + 1).min(self.blocks.len());
        let mut kept = from;
        let mut at = from;
        while at < to {
            let run = self.run_that_fits(at..to);
            if run.len() > 1 {
                self.blocks[at].body = self.merge(run.clone());
            }
            if self.blocks[at].count() > 0 {
                self.blocks.swap(kept, at);
                kept += 1;
            }
            at = run.end;
        }
        for i in kept..to {
            let body = std::mem::replace(&mut self.blocks[i].body, Body::hole());
            self.retire(body);
        }
        self.blocks.drain(kept..to);
        // What was an end may have got a neighbour.
        for i in from..kept {
            if !self.is_end(i) {
                self.tighten(i);
            }
        }
        self.renumber(from..kept);
        self.shrink_handles();
    }

    /// Seals block `i`, which is no end, in a buffer that suits it.
    pub(crate) fn tighten(&mut self, i: usize) {
        if let Body::Packed(packed) = &mut self.blocks[i].body {
            let before = packed.capacity();
            packed.tighten();
            self.allocated = self.allocated + packed.capacity() - before;
        }
    }

    /// The longest run of packed blocks from the start of `range` that one block may hold together.
    fn run_that_fits(&self, range: Range<usize>) -> Range<usize> {
        let together_max = self.block_bytes() * 3 / 4;
        let mut sum = 0;
        let fits = |&i: &usize| match &self.blocks[i].body {
            Body::Packed(packed) => {
                sum += packed.live_len();
                sum <= together_max
            }
            Body::Large(_) => false,
        };
        let len = range.clone().take_while(fits).count();
        range.start..range.start + len.max(1)
    }

    /// One block with the entries of several, which are left empty.
    fn merge(&mut self, run: Range<usize>) -> Body {
        let (mut entries, mut count, mut listpack) = (Vec::with_capacity(self.block_bytes()), 0, 0);
        for i in run {
            let body = std::mem::replace(&mut self.blocks[i].body, Body::hole());
            if let Body::Packed(packed) = &body {
                entries.extend_from_slice(packed.live());
                count += packed.count();
                listpack += packed.listpack();
            }
            self.retire(body);
        }
        let merged = if count == 0 { Body::hole() } else { Body::Packed(Packed::sealed(&entries, count, listpack)) };
        self.allocated += merged.allocated();
        merged
    }

    /// Gives blocks `dirty`, and everything on the shorter side of them, their ordinals. Those on the other
    /// side keep theirs.
    fn renumber(&mut self, dirty: Range<usize>) {
        let behind = self.blocks.len() - dirty.end;
        if behind > 0 && dirty.start <= behind {
            let mut past = self.blocks[dirty.end].first;
            for i in (0..dirty.end).rev() {
                let block = &mut self.blocks[i];
                past -= block.count() as i64;
                if i < dirty.start && block.first == past {
                    break;
                }
                block.first = past;
            }
        } else {
            let mut first = if dirty.start > 0 { self.blocks[dirty.start - 1].past() } else { 0 };
            for i in dirty.start..self.blocks.len() {
                let block = &mut self.blocks[i];
                if i >= dirty.end && block.first == first {
                    break;
                }
                block.first = first;
                first += block.count() as i64;
            }
        }
    }
}
