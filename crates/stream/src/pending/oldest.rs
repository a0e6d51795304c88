//! Pending entries in the order they were delivered, longest ago first.
//!
//! There is no index by time. Deliveries go mostly in order of IDs, so a chunk's records are of much the same age, and its
//! oldest time is a good bound. A pass over the row picks the few chunks with the oldest bounds; they are opened one by
//! one as their bound comes up, and another pass is made only if they run out:
//!
//! ```text
//!   bounds     40  42  41  90  95 …           picked:  40  41  42       opened: 40   records: 40 43 44 …
//!                                                          ▲                            ▲
//!                                             next chunk is older than the next record? open it : take the record
//! ```
//!
//! Asking for the ten oldest of a million looks at every bound once and opens a chunk or two.
//! Entries delivered in the same millisecond come in order of their IDs.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::{Hold, NOBODY, Pending, Record};
use crate::id::StreamId;

/// What orders records, and chunks by what they may hold.
type Key = (u64, StreamId);

/// Chunks picked in one pass; a claim of a hundred rarely needs more than one or two.
const PICKED_MAX: usize = 32;

/// Owned entries delivered at or before some time.
#[derive(Debug)]
pub(crate) struct OldestFirst<'a> {
    pending: &'a Pending,
    until_ms: u64,
    /// Records of the chunks opened.
    records: BinaryHeap<Reverse<(Key, u32, u32)>>,
    /// Chunks to be opened, with their slots.
    picked: VecDeque<(Key, usize)>,
    /// The last chunk picked; `None` when no pass is needed any more.
    passed: Option<Option<Key>>,
}

impl Pending {
    /// Whether any owned entry was delivered at or before `until_ms`. Brings the bounds up to date that say so, which is
    /// work only after changes; a `false` costs one comparison most of the time.
    pub(crate) fn has_delivered_until(&mut self, until_ms: u64) -> bool {
        if self.len == self.nacked() || self.oldest_floor_ms > until_ms {
            return false;
        }
        let mut floor = u64::MAX;
        for run in self.directory.iter_mut() {
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
        let (records, picked) = (BinaryHeap::new(), VecDeque::new());
        OldestFirst { pending: self, until_ms, records, picked, passed: Some(None) }
    }
}

impl OldestFirst<'_> {
    /// Picks the oldest chunks after those picked before.
    fn pass(&mut self) {
        let Some(after) = self.passed else { return };
        let mut oldest: BinaryHeap<(Key, usize)> = BinaryHeap::with_capacity(PICKED_MAX + 1);
        let mut greatest = None;
        for (slot, run) in self.pending.directory.iter_slots() {
            let key = (run.oldest_ms, run.first);
            let due = run.oldest_ms <= self.until_ms && after.is_none_or(|after| after < key);
            if !due || greatest.is_some_and(|greatest| greatest < key) {
                continue;
            }
            oldest.push((key, slot));
            if oldest.len() > PICKED_MAX {
                oldest.pop();
                greatest = oldest.peek().map(|(key, _)| *key);
            }
        }
        // Fewer than asked for: these are the last.
        self.passed = greatest.map(Some);
        self.picked.extend(oldest.into_sorted_vec());
    }

    fn open(&mut self, slot: usize) {
        let chunk = self.pending.directory.get(slot).and_then(|run| run.chunk.as_ref());
        let chunk = chunk.expect("nothing changes while it is read");
        let records = chunk.all().map(|at| chunk.record(at));
        let due = records.filter(|record| record.owner != NOBODY && record.stamp <= self.until_ms);
        self.records.extend(due.map(|record| Reverse(((record.stamp, record.id), record.deliveries, record.owner))));
    }
}

impl Iterator for OldestFirst<'_> {
    type Item = Hold;

    fn next(&mut self) -> Option<Hold> {
        loop {
            if self.picked.is_empty() {
                self.pass();
            }
            let record = self.records.peek().map(|Reverse((key, _, _))| *key);
            let chunk = self.picked.front().map(|(key, _)| *key);
            if chunk.is_some_and(|chunk| record.is_none_or(|record| chunk <= record)) {
                let (_, slot) = self.picked.pop_front()?;
                self.open(slot);
                continue;
            }
            let Reverse(((stamp, id), deliveries, owner)) = self.records.pop()?;
            return Some(self.pending.hold(&Record { id, stamp, deliveries, owner }));
        }
    }
}
