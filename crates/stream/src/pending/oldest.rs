//! Pending entries in the order they were delivered, longest ago first.
//!
//! There is no index by time. Deliveries go mostly in order of IDs, so a chunk's records are of much the same age, and its
//! oldest time is a good bound: a heap starts with one item a chunk, and a chunk is opened only when it comes to the top.
//! Asking for the ten oldest of a million opens a chunk or two.
//!
//! Entries delivered in the same millisecond come in order of their IDs.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Hold, NOBODY, Pending, Record};
use crate::id::StreamId;

/// Time, ID, and what it is: a chunk to open, or a record.
type Item = Reverse<(u64, StreamId, Source)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Chunk(usize),
    Record(u32, u32),
}

/// Owned entries delivered at or before some time.
#[derive(Debug)]
pub(crate) struct OldestFirst<'a> {
    pending: &'a Pending,
    heap: BinaryHeap<Item>,
    until_ms: u64,
}

impl Pending {
    /// Whether any owned entry was delivered at or before `until_ms`. Brings the bounds up to date that say so, which is
    /// work only after changes; a `false` costs one comparison most of the time.
    pub(crate) fn has_delivered_until(&mut self, until_ms: u64) -> bool {
        if self.len == self.nacked() || self.oldest_floor_ms > until_ms {
            return false;
        }
        let mut floor = u64::MAX;
        for slot in 0..self.directory.slots() {
            let run = self.directory.get_mut(slot).expect("within the row");
            if run.chunk.is_none() {
                continue;
            }
            if run.stale > 0 && run.oldest_ms <= until_ms {
                run.refresh();
            }
            floor = floor.min(run.oldest_ms);
        }
        self.oldest_floor_ms = floor;
        floor <= until_ms
    }

    /// Owned entries delivered at or before `until_ms`, longest ago first.
    pub(crate) fn oldest_first(&self, until_ms: u64) -> OldestFirst<'_> {
        let chunks = (0..self.directory.slots()).filter_map(|slot| {
            let run = self.directory.get(slot).filter(|run| run.chunk.is_some() && run.oldest_ms <= until_ms)?;
            Some(Reverse((run.oldest_ms, run.first, Source::Chunk(slot))))
        });
        OldestFirst { pending: self, heap: chunks.collect::<Vec<_>>().into(), until_ms }
    }
}

impl Iterator for OldestFirst<'_> {
    type Item = Hold;

    fn next(&mut self) -> Option<Hold> {
        loop {
            let Reverse((stamp, id, source)) = self.heap.pop()?;
            match source {
                Source::Record(deliveries, owner) => {
                    return Some(self.pending.hold(&Record { id, stamp, deliveries, owner }));
                }
                Source::Chunk(slot) => {
                    let chunk = self.pending.directory.get(slot).and_then(|run| run.chunk.as_ref());
                    let chunk = chunk.expect("it was there when the heap was made");
                    let records = chunk.all().map(|at| chunk.record(at));
                    self.heap.extend(
                        records.filter(|record| record.owner != NOBODY && record.stamp <= self.until_ms).map(
                            |record| {
                                let source = Source::Record(record.deliveries, record.owner);
                                Reverse((record.stamp, record.id, source))
                            },
                        ),
                    );
                }
            }
        }
    }
}
