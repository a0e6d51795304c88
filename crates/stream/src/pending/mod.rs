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
mod edit;
mod oldest;
mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) use chunk::{Chunk, NOBODY, Places, RECORDS_MAX, Record};
pub(crate) use walk::{PendingIter, Step, Walk};

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
    fn new(chunk: Arc<Chunk>) -> Self {
        let first = chunk.first_live().expect("a chunk in the row holds something");
        let live = chunk.live();
        let mut run = Self { first, oldest_ms: u64::MAX, owners: 0, live, stale: 0, chunk: Some(chunk) };
        run.refresh();
        run
    }

    fn note(&mut self, record: &Record) {
        if record.owner != NOBODY {
            self.oldest_ms = self.oldest_ms.min(record.stamp);
            self.owners |= owner_bit(record.owner);
        }
    }

    /// Counts the bounds from the records.
    fn refresh(&mut self) {
        (self.oldest_ms, self.owners, self.stale) = (u64::MAX, 0, 0);
        let Some(chunk) = self.chunk.take() else { return };
        for at in chunk.all() {
            self.note(&chunk.record(at));
        }
        self.chunk = Some(chunk);
    }

    fn may_have(&self, owner: Option<u32>) -> bool {
        owner.is_none_or(|owner| self.owners & owner_bit(owner) != 0)
    }
}

const fn owner_bit(owner: u32) -> u64 {
    1 << (owner % 64)
}

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
    /// An empty chunk for the next delivery.
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
        // A tree's node is about two thirds full.
        let aside = (self.queue.len() + self.large.len()) * size_of::<(u64, StreamId)>() * 3 / 2;
        let spare = self.spare.as_ref().map_or(0, |chunk| chunk.heap_bytes());
        self.heap + spare + self.directory.heap_bytes() + aside
    }

    fn hold(&self, record: &Record) -> Hold {
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

    /// Whether `id` is after all there is, so that it cannot be pending.
    fn is_after_all(&self, id: StreamId) -> bool {
        let last = self.directory.back().and_then(|run| run.chunk.as_ref()?.last_id());
        last.is_none_or(|last| last < id)
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
