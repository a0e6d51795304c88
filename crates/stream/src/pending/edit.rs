//! Changing pending entries one at a time, or by the batch that a delivery makes.

use std::sync::Arc;

use super::{Chunk, ChunkRun, Hold, NOBODY, Pending, RECORDS_MAX, Record};
use crate::id::StreamId;

/// A chunk that becomes empty is kept for the next delivery when it is no larger than this, so that a group with little
/// in flight does not allocate for every message; a larger one would be memory held for nothing.
const SPARE_RECORDS_MAX: usize = 32;
/// Neighbours are put together when one is smaller than the first and both fit the second.
const MERGE_BELOW: u32 = 32;
const MERGE_INTO: u32 = 96;

impl Pending {
    /// Makes an entry pending, or changes the one there is. Returns what it was before.
    pub(crate) fn put(&mut self, hold: Hold) -> Option<Hold> {
        if !self.is_after_all(hold.id)
            && let Some((slot, at)) = self.locate(hold.id)
        {
            let before = self.record_at(slot, at);
            let old = self.hold(&before);
            self.forget_aside(&before);
            let record = self.record(&hold);
            self.edit(slot, |chunk| chunk.set(at, record));
            self.note_change(slot, &record);
            return Some(old);
        }
        let record = self.record(&hold);
        self.len += 1;
        if self.is_after_all(hold.id) {
            self.push_back(record);
        } else {
            self.insert(record);
        }
        None
    }

    /// Makes these entries pending for one owner, each delivered once. `false`, and nothing changes, when some may be
    /// pending already.
    pub(crate) fn extend(&mut self, ids: &[StreamId], owner: u32, delivered_ms: u64) -> bool {
        let Some(&first) = ids.first() else { return true };
        if !self.is_after_all(first) {
            return false;
        }
        let mut rest = ids.iter().map(|&id| Record { id, stamp: delivered_ms, deliveries: 1, owner });
        let mut left = ids.len();
        while left > 0 {
            let taken = self.fill_back(&mut rest);
            if taken == 0 {
                let record = rest.next().expect("some are left");
                self.len += 1;
                left -= 1;
                self.push_back(record);
            }
            left -= taken;
        }
        true
    }

    /// Fills up the last chunk. Returns how many went there.
    fn fill_back(&mut self, records: &mut impl Iterator<Item = Record>) -> usize {
        let Some(run) = self.directory.back_mut() else { return 0 };
        let shared = run.chunk.as_mut().expect("the back is never vacant");
        let room = RECORDS_MAX - shared.slots();
        if room == 0 {
            return 0;
        }
        let before = shared.heap_bytes();
        let chunk = Arc::make_mut(shared);
        let (mut taken, mut last) = (0, None);
        for record in records.take(room) {
            chunk.push(record);
            taken += 1;
            last = Some(record);
        }
        self.heap = self.heap + chunk.heap_bytes() - before;
        run.live += taken;
        self.len += u64::from(taken);
        if let Some(record) = last {
            self.note_change(self.directory.slots() - 1, &record);
        }
        taken as usize
    }

    /// Adds an entry after all others.
    fn push_back(&mut self, record: Record) {
        let slots = self.directory.slots();
        let room = self.directory.back().and_then(|run| run.chunk.as_ref()).is_some_and(|chunk| !chunk.is_full());
        if room {
            self.edit(slots - 1, |chunk| chunk.push(record));
            self.note_change(slots - 1, &record);
            return;
        }
        let chunk = self.fresh_chunk(record);
        self.directory.push_back(ChunkRun::new(chunk));
        self.note_floor(&record);
    }

    fn fresh_chunk(&mut self, record: Record) -> Arc<Chunk> {
        let mut chunk = self.spare.take().unwrap_or_default();
        Arc::make_mut(&mut chunk).push(record);
        self.heap += chunk.heap_bytes();
        chunk
    }

    /// Adds an entry among others.
    fn insert(&mut self, record: Record) {
        let slot = self.directory.floor(record.id).unwrap_or_else(|| {
            self.directory.get_mut(0).expect("there are others").first = record.id;
            0
        });
        let run = self.directory.get(slot).expect("the floor exists");
        let Some(chunk) = &run.chunk else {
            let first = run.first;
            let chunk = self.fresh_chunk(record);
            *self.directory.get_mut(slot).expect("the floor exists") = ChunkRun { first, ..ChunkRun::new(chunk) };
            self.directory.note_occupied();
            self.note_floor(&record);
            return;
        };
        let slot = if chunk.is_full() { self.make_room(slot, record.id) } else { slot };
        self.edit(slot, |chunk| chunk.insert(record));
        self.note_change(slot, &record);
    }

    /// Squeezes or splits a full chunk, and says where `id` then belongs.
    fn make_room(&mut self, slot: usize, id: StreamId) -> usize {
        if self.directory.get(slot).is_some_and(|run| (run.live as usize) < RECORDS_MAX) {
            self.edit(slot, Chunk::squeeze);
            return slot;
        }
        let mut upper = Chunk::default();
        self.edit(slot, |chunk| upper = chunk.split_off_half());
        self.heap += upper.heap_bytes();
        let run = ChunkRun::new(Arc::new(upper));
        let first = run.first;
        self.directory.insert(slot + 1, run);
        self.directory.get_mut(slot).expect("it was just split").refresh();
        if id < first { slot } else { slot + 1 }
    }

    /// Takes an entry out. Returns what it was.
    pub(crate) fn remove(&mut self, id: StreamId) -> Option<Hold> {
        let slot = self.slot_of(id)?;
        let run = self.directory.get_mut(slot)?;
        let shared = run.chunk.as_mut()?;
        let at = shared.find(id)?;
        let before = shared.record(at);
        let heap = shared.heap_bytes();
        let chunk = Arc::make_mut(shared);
        chunk.clear(at);
        run.live -= 1;
        run.stale += 1;
        let tidy = run.live == 0 || chunk.is_sparse(run.live);
        self.heap = self.heap + chunk.heap_bytes() - heap;
        self.hint = slot;
        self.len -= 1;
        let old = self.hold(&before);
        self.forget_aside(&before);
        if tidy {
            if self.tidy(slot) {
                self.merge(slot);
            }
            self.directory.settle();
        }
        Some(old)
    }

    /// The record of a hold, with what does not fit it put aside.
    pub(super) fn record(&mut self, hold: &Hold) -> Record {
        let deliveries = u32::try_from(hold.deliveries).unwrap_or(u32::MAX);
        if deliveries == u32::MAX {
            self.large.insert(hold.id, hold.deliveries);
        }
        let Some(owner) = hold.owner else {
            let ticket = self.next_ticket;
            self.next_ticket += 1;
            self.queue.insert(ticket, hold.id);
            return Record { id: hold.id, stamp: ticket, deliveries, owner: NOBODY };
        };
        Record { id: hold.id, stamp: hold.delivered_ms, deliveries, owner }
    }

    /// Forgets what is kept aside for a record that is about to go or change.
    pub(super) fn forget_aside(&mut self, record: &Record) {
        if record.owner == NOBODY {
            self.queue.remove(&record.stamp);
        }
        if record.deliveries == u32::MAX {
            self.large.remove(&record.id);
        }
    }

    /// Shares no chunk with anybody from here on.
    pub(crate) fn unshare(&mut self) {
        for chunk in self.directory.iter_mut().filter_map(|run| run.chunk.as_mut()) {
            let before = chunk.heap_bytes();
            let chunk = Arc::make_mut(chunk);
            self.heap = self.heap + chunk.heap_bytes() - before;
        }
    }

    /// Changes a chunk, copying it first when somebody else holds it.
    pub(super) fn edit(&mut self, slot: usize, change: impl FnOnce(&mut Chunk)) {
        let run = self.directory.get_mut(slot).expect("the caller found it");
        let shared = run.chunk.as_mut().expect("the caller found it");
        let before = shared.heap_bytes();
        let chunk = Arc::make_mut(shared);
        change(chunk);
        run.live = chunk.live();
        self.heap = self.heap + chunk.heap_bytes() - before;
    }

    /// A record was written.
    pub(super) fn note_change(&mut self, slot: usize, record: &Record) {
        let run = self.directory.get_mut(slot).expect("the caller found it");
        run.note(record);
        run.stale += 1;
        if run.stale >= 2 * RECORDS_MAX as u32 {
            run.refresh();
        }
        self.note_floor(record);
    }

    fn note_floor(&mut self, record: &Record) {
        if record.owner == NOBODY {
            return;
        }
        if self.len == 1 {
            self.oldest_floor_ms = record.stamp;
        }
        self.oldest_floor_ms = self.oldest_floor_ms.min(record.stamp);
    }

    /// Vacates an empty chunk, squeezes a sparse one. Says whether the chunk was squeezed. Slots keep their numbers.
    pub(super) fn tidy(&mut self, slot: usize) -> bool {
        let is_back = slot + 1 == self.directory.slots();
        let run = self.directory.get_mut(slot).expect("the caller found it");
        if run.live == 0 {
            let mut chunk = run.chunk.take().expect("the caller found it");
            self.heap -= chunk.heap_bytes();
            self.directory.note_vacant();
            if chunk.capacity() <= SPARE_RECORDS_MAX
                && let Some(unshared) = Arc::get_mut(&mut chunk)
            {
                unshared.reset();
                self.spare = Some(chunk);
            }
            return false;
        }
        let live = run.live;
        if !run.chunk.as_ref().is_some_and(|chunk| chunk.is_sparse(live)) {
            return false;
        }
        self.edit(slot, |chunk| {
            chunk.squeeze();
            if !is_back && chunk.capacity() > 2 * chunk.slots() {
                chunk.shrink();
            }
        });
        true
    }

    /// Puts a small chunk together with a small neighbour.
    fn merge(&mut self, slot: usize) {
        let live = |slot: usize| self.directory.get(slot).map_or(0, |run| run.live);
        if live(slot) >= MERGE_BELOW {
            return;
        }
        let fits = |other: usize| live(other) > 0 && live(slot) + live(other) <= MERGE_INTO;
        let lower = match slot.checked_sub(1) {
            Some(below) if fits(below) => below,
            _ if fits(slot + 1) => slot,
            _ => return,
        };
        // Not a vacancy: what the upper run covered is the lower one's from now on.
        let upper = self.directory.remove(lower + 1).and_then(|run| run.chunk).expect("both are occupied");
        self.heap -= upper.heap_bytes();
        self.edit(lower, |chunk| chunk.append(&upper));
        self.directory.get_mut(lower).expect("it was just filled").refresh();
    }

    /// Puts back an entry after all others; one handed back has its place in the queue. `false` when it does not belong
    /// there.
    pub(crate) fn restore(&mut self, hold: &Hold, ticket: Option<u64>) -> bool {
        if !self.is_after_all(hold.id) {
            return false;
        }
        self.next_ticket = ticket.unwrap_or(self.next_ticket);
        let record = self.record(hold);
        self.len += 1;
        self.push_back(record);
        true
    }

    /// After the last entry was put back: tickets go on after the greatest.
    pub(crate) fn settle_restored(&mut self) {
        self.next_ticket = self.queue.last_key_value().map_or(0, |(ticket, _)| ticket + 1);
    }
}
