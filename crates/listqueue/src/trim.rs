//! Dropping from the ends without looking: whole blocks at a time.

use crate::block::{Block, Body};
use crate::element::End;
use crate::list::List;
use crate::range::normalise;

impl List {
    /// Keeps the elements from `start` to `stop`, both included, as `LTRIM` does; returns how many were dropped.
    /// O(blocks dropped), plus a walk inside the two blocks that stay in part.
    pub fn trim(&mut self, start: i64, stop: i64) -> usize {
        let kept = normalise(start, stop, self.len);
        let behind = self.len - kept.end;
        self.discard(End::Tail, behind) + self.discard(End::Head, kept.start)
    }

    /// Drops up to `count` elements at `end`; returns how many there were to drop. O(blocks dropped).
    pub fn discard(&mut self, end: End, count: usize) -> usize {
        let mut left = count.min(self.len);
        let dropped = left;
        while left > 0 {
            let block = match end {
                End::Head => self.blocks.front_mut(),
                End::Tail => self.blocks.back_mut(),
            };
            let Some(Block { first, body }) = block else {
                break;
            };
            let whole = body.count();
            match body {
                Body::Packed(packed) if left < whole => {
                    self.listpack -= packed.discard(end, left);
                    if end == End::Head {
                        *first += left as i64;
                    }
                    left = 0;
                }
                body => {
                    self.listpack -= body.listpack();
                    left -= whole;
                    self.drop_block(end);
                }
            }
        }
        self.len -= dropped;
        self.shrink_lone_block();
        self.encoding = self.encoding.shrunk(self.listpack_bytes());
        dropped
    }
}
