//! The pending entries of one group: delivered, not acknowledged.
//!
//! ```text
//!   directory   ┌────────┬────────┬────────┐   per chunk: first ID, how many live,
//!               │ 1-0    │ 129-0  │ 400-0  │   oldest delivery time, bits of the owners
//!               └───┬────┴───┬────┴───┬────┘
//!                   ▼        ▼        ▼
//!                 chunk    chunk    chunk      ≤ 128 records, shared, copied on write
//!
//!   queue       handed back (nobody owns them), in the order they were
//! ```
//!
//! One sorted row serves everything, where Redis keeps three indexes: by ID it is a binary search; by owner the bits let a
//! scan pass over chunks the consumer has nothing in; by age the oldest times do the same. A record costs 32 bytes.
//!
//! Owner bits and oldest times may be stale in one direction only: a bit may be set for an owner that is gone, a time may
//! be older than any that is left. So they never hide an entry. They are brought up to date after as many changes as the
//! chunk has records, or when a scan is about to trust them.

mod chunk;
mod oldest;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) use chunk::{Chunk, NOBODY, Places, RECORDS_MAX, Record};

use crate::directory::{Directory, Run};
use crate::id::StreamId;

/// A pending entry, put together from its record and what is kept aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) id: StreamId,
    /// `None` when it was handed back.
    pub(crate) owner: Option<u32>,
    /// 0 when it was handed back.
    pub(crate) delivered_ms: u64,
    pub(crate) deliveries: u64,
}

/// One chunk in the directory.
#[derive(Clone, Debug)]
pub(crate) struct ChunkRun {
    pub(crate) first: StreamId,
    /// No owned record here was delivered before this; `u64::MAX` when none is owned.
    pub(crate) oldest_ms: u64,
    /// Bit `owner % 64` of every owner here.
    pub(crate) owners: u64,
    pub(crate) live: u32,
    /// Changes since the two above were exact.
    stale: u32,
    pub(crate) chunk: Option<Arc<Chunk>>,
}

impl Run for ChunkRun {
    fn first(&self) -> StreamId {
        self.first
    }

    fn is_vacant(&self) -> bool {
        self.chunk.is_none()
    }
}

impl ChunkRun {
    fn note(&mut self, record: &Record) {
        if record.owner != NOBODY {
            self.oldest_ms = self.oldest_ms.min(record.stamp);
            self.owners |= owner_bit(record.owner);
        }
    }

    fn refresh(&mut self) {
        (self.oldest_ms, self.owners, self.stale) = (u64::MAX, 0, 0);
        let Some(chunk) = self.chunk.take() else {
            return;
        };
        for at in chunk.all() {
            self.note(&chunk.record(at));
        }
        self.chunk = Some(chunk);
    }
}

const fn owner_bit(owner: u32) -> u64 {
    1 << (owner % 64)
}

/// What a walk does with the entry it is shown.
pub(crate) enum Step {
    Keep,
    /// Replace owner, time and count; the ID stays.
    Put(Hold),
    Remove,
    /// End the walk before this entry.
    Stop,
}

/// Which entries a walk shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk {
    pub(crate) from: StreamId,
    pub(crate) owner: Option<u32>,
    /// The walk ends after this many, without looking for more.
    pub(crate) at_most: u64,
}

/// A chunk that becomes empty is kept for the next delivery when it is no larger than this, so that a group with little
/// in flight does not allocate for every message; a larger one would be memory held for nothing.
const SPARE_RECORDS_MAX: usize = 32;
/// Neighbours are put together when one is smaller than the first and both fit the second.
const MERGE_BELOW: u32 = 32;
const MERGE_INTO: u32 = 96;

#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    directory: Directory<ChunkRun>,
    len: u64,
    /// Not after the delivery time of any owned entry.
    oldest_floor_ms: u64,
    /// Handed back, by ticket. A ticket is the record's stamp.
    queue: BTreeMap<u64, StreamId>,
    next_ticket: u64,
    /// Delivery counts of `u32::MAX` and more.
    large: BTreeMap<StreamId, u64>,
    /// Bytes of all chunks.
    heap: usize,
    /// The slot last used; only ever a guess.
    hint: usize,
    spare: Option<Arc<Chunk>>,
}

impl Pending {
    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn nacked(&self) -> u64 {
        self.queue.len() as u64
    }

    /// IDs handed back, in the order they were.
    pub(crate) fn nacked_ids(&self) -> impl Iterator<Item = StreamId> {
        self.queue.values().copied()
    }

    pub(crate) fn first_id(&self) -> Option<StreamId> {
        self.directory.front()?.chunk.as_ref()?.first_live()
    }

    pub(crate) fn last_id(&self) -> Option<StreamId> {
        self.directory.back()?.chunk.as_ref()?.last_live()
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let aside = self.queue.len() + self.large.len();
        let spare = self.spare.as_ref().map_or(0, |chunk| chunk.heap_bytes());
        self.heap + spare + self.directory.heap_bytes() + aside * size_of::<(u64, StreamId)>() * 3 / 2
    }

    pub(crate) fn hold(&self, record: &Record) -> Hold {
        let deliveries = match record.deliveries {
            u32::MAX => self.large.get(&record.id).copied().unwrap_or(u64::from(u32::MAX)),
            count => u64::from(count),
        };
        let owned = record.owner != NOBODY;
        Hold {
            id: record.id,
            owner: owned.then_some(record.owner),
            delivered_ms: if owned { record.stamp } else { 0 },
            deliveries,
        }
    }

    /// The slot whose run covers `id`.
    #[inline]
    fn slot_of(&self, id: StreamId) -> Option<usize> {
        let guess = self.directory.get(self.hint).is_some_and(|run| run.first <= id)
            && self.directory.get(self.hint + 1).is_none_or(|run| run.first > id);
        if guess { Some(self.hint) } else { self.directory.floor(id) }
    }

    fn locate(&self, id: StreamId) -> Option<(usize, usize)> {
        let slot = self.slot_of(id)?;
        let at = self.directory.get(slot)?.chunk.as_ref()?.find(id)?;
        Some((slot, at))
    }

    fn record_at(&self, slot: usize, at: usize) -> Record {
        self.directory.get(slot).and_then(|run| run.chunk.as_ref()).expect("the slot was just found").record(at)
    }

    pub(crate) fn get(&self, id: StreamId) -> Option<Hold> {
        let (slot, at) = self.locate(id)?;
        Some(self.hold(&self.record_at(slot, at)))
    }

    pub(crate) fn contains(&self, id: StreamId) -> bool {
        self.len > 0 && self.locate(id).is_some()
    }

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
        if !self.push_back(record) {
            self.insert(record);
        }
        None
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
        self.push_back(record)
    }

    /// After the last entry was put back: tickets go on after the greatest.
    pub(crate) fn settle_restored(&mut self) {
        self.next_ticket = self.queue.last_key_value().map_or(0, |(ticket, _)| ticket + 1);
    }

    fn is_after_all(&self, id: StreamId) -> bool {
        let last = self.directory.back().and_then(|run| run.chunk.as_ref()?.last_id());
        last.is_none_or(|last| last < id)
    }

    /// Makes a new entry pending if it is after all others, which is what delivering does; says whether it was.
    fn push_back(&mut self, record: Record) -> bool {
        let slot = self.directory.slots();
        if let Some(run) = self.directory.back_mut() {
            let shared = run.chunk.as_mut().expect("the back is never vacant");
            if shared.last_id().is_some_and(|last| last >= record.id) {
                return false;
            }
            if !shared.is_full() {
                let before = shared.heap_bytes();
                let chunk = Arc::make_mut(shared);
                chunk.push(record);
                self.heap = self.heap + chunk.heap_bytes() - before;
                run.live += 1;
                self.note_change(slot - 1, &record);
                return true;
            }
        }
        let chunk = self.fresh_chunk(record);
        self.directory.push_back(run_of(chunk));
        self.note_floor(&record);
        self.hint = slot;
        true
    }

    fn fresh_chunk(&mut self, record: Record) -> Arc<Chunk> {
        let mut chunk = self.spare.take().unwrap_or_default();
        Arc::make_mut(&mut chunk).push(record);
        self.heap += chunk.heap_bytes();
        chunk
    }

    /// Makes an entry pending anywhere.
    fn insert(&mut self, record: Record) {
        let slot = match self.directory.floor(record.id) {
            Some(slot) => slot,
            None => {
                self.directory.get_mut(0).expect("an empty row was pushed to").first = record.id;
                0
            }
        };
        let Some(chunk) = self.directory.get(slot).and_then(|run| run.chunk.as_ref()) else {
            let chunk = self.fresh_chunk(record);
            let first = self.directory.get(slot).expect("the floor exists").first;
            *self.directory.get_mut(slot).expect("the floor exists") = ChunkRun { first, ..run_of(chunk) };
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
        let run = run_of(Arc::new(upper));
        let first = run.first;
        self.directory.insert(slot + 1, run);
        self.directory.get_mut(slot).expect("it was just split").refresh();
        if id < first { slot } else { slot + 1 }
    }

    /// Takes an entry out. Returns what it was.
    pub(crate) fn remove(&mut self, id: StreamId) -> Option<Hold> {
        let (slot, at) = self.locate(id)?;
        self.hint = slot;
        let before = self.record_at(slot, at);
        let old = self.hold(&before);
        self.forget_aside(&before);
        self.edit(slot, |chunk| chunk.clear(at));
        self.len -= 1;
        self.directory.get_mut(slot).expect("it was just found").stale += 1;
        if self.tidy(slot) {
            self.merge(slot);
        }
        self.directory.settle();
        Some(old)
    }

    /// Shows entries in order of their IDs and does with each what `visit` says. Returns where it was stopped.
    pub(crate) fn walk(&mut self, mut walk: Walk, mut visit: impl FnMut(Hold) -> Step) -> Option<StreamId> {
        let mut slot = self.directory.floor_or_front(walk.from);
        let mut stopped = None;
        while stopped.is_none()
            && walk.at_most > 0
            && let Some(run) = self.directory.get(slot)
        {
            let passes = walk.owner.is_none_or(|owner| run.owners & owner_bit(owner) != 0);
            if let Some(chunk) = run.chunk.as_ref().filter(|_| passes) {
                let places = chunk.places(walk.from);
                stopped = self.walk_chunk(slot, places, &mut walk, &mut visit);
                self.tidy(slot);
            }
            slot += 1;
        }
        self.directory.settle();
        stopped
    }

    fn walk_chunk(
        &mut self,
        slot: usize,
        places: Places,
        walk: &mut Walk,
        visit: &mut impl FnMut(Hold) -> Step,
    ) -> Option<StreamId> {
        for at in places {
            let before = self.record_at(slot, at);
            if walk.owner.is_some_and(|owner| owner != before.owner) {
                continue;
            }
            match visit(self.hold(&before)) {
                Step::Keep => {}
                Step::Stop => return Some(before.id),
                Step::Put(hold) => {
                    self.forget_aside(&before);
                    let record = self.record(&hold);
                    self.edit(slot, |chunk| chunk.set(at, record));
                    self.note_change(slot, &record);
                }
                Step::Remove => {
                    self.forget_aside(&before);
                    self.edit(slot, |chunk| chunk.clear(at));
                    self.len -= 1;
                    self.directory.get_mut(slot).expect("it is being walked").stale += 1;
                }
            }
            walk.at_most -= 1;
            if walk.at_most == 0 {
                break;
            }
        }
        None
    }

    /// Entries from `from` on, of one owner where given.
    pub(crate) fn iter(&self, from: StreamId, owner: Option<u32>) -> PendingIter<'_> {
        let slot = self.directory.floor_or_front(from);
        PendingIter { pending: self, slot, chunk: None, from, owner }
    }

    /// The record of a hold, with what does not fit it put aside.
    fn record(&mut self, hold: &Hold) -> Record {
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
    fn forget_aside(&mut self, record: &Record) {
        if record.owner == NOBODY {
            self.queue.remove(&record.stamp);
        }
        if record.deliveries == u32::MAX {
            self.large.remove(&record.id);
        }
    }

    /// Changes a chunk, copying it first when somebody else holds it.
    fn edit(&mut self, slot: usize, change: impl FnOnce(&mut Chunk)) {
        let run = self.directory.get_mut(slot).expect("the caller found it");
        let shared = run.chunk.as_mut().expect("the caller found it");
        let before = shared.heap_bytes();
        let chunk = Arc::make_mut(shared);
        change(chunk);
        run.live = chunk.live();
        self.heap = self.heap + chunk.heap_bytes() - before;
    }

    fn note_change(&mut self, slot: usize, record: &Record) {
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
    fn tidy(&mut self, slot: usize) -> bool {
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
        if !run.chunk.as_ref().is_some_and(|chunk| chunk.is_sparse()) {
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
}

fn run_of(chunk: Arc<Chunk>) -> ChunkRun {
    let first = chunk.first_live().expect("a chunk in the row holds something");
    let live = chunk.live();
    let mut run = ChunkRun { first, oldest_ms: u64::MAX, owners: 0, live, stale: 0, chunk: Some(chunk) };
    run.refresh();
    run
}

/// Entries in order of their IDs.
#[derive(Clone, Debug)]
pub(crate) struct PendingIter<'a> {
    pending: &'a Pending,
    slot: usize,
    chunk: Option<(&'a Chunk, Places)>,
    from: StreamId,
    owner: Option<u32>,
}

impl Iterator for PendingIter<'_> {
    type Item = Hold;

    fn next(&mut self) -> Option<Hold> {
        loop {
            if let Some((chunk, places)) = &mut self.chunk {
                for at in places {
                    let record = chunk.record(at);
                    if self.owner.is_none_or(|owner| owner == record.owner) {
                        return Some(self.pending.hold(&record));
                    }
                }
                self.chunk = None;
            }
            let run = self.pending.directory.get(self.slot)?;
            self.slot += 1;
            let passes = self.owner.is_none_or(|owner| run.owners & owner_bit(owner) != 0);
            if let Some(chunk) = run.chunk.as_deref().filter(|_| passes) {
                self.chunk = Some((chunk, chunk.places(self.from)));
            }
        }
    }
}

#[cfg(test)]
impl Pending {
    pub(crate) fn runs(&self) -> impl Iterator<Item = &ChunkRun> {
        self.directory.iter()
    }

    pub(crate) fn ticket(&self, ticket: u64) -> Option<StreamId> {
        self.queue.get(&ticket).copied()
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.heap
    }

    pub(crate) fn large_len(&self) -> usize {
        self.large.len()
    }

    pub(crate) fn oldest_floor(&self) -> u64 {
        self.oldest_floor_ms
    }

    pub(crate) fn audit_row(&self) {
        self.directory.audit();
    }
}
