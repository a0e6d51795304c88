//! Up to 128 pending entries in a row.
//!
//! ```text
//!   live     1 1 0 1 0 1 …            one bit a record; acknowledging clears it, and nothing moves
//!   records  ┌────┬────┬────┬────┬─…
//!            │ id │ id │ id │ id │     32 bytes each: ID, delivery time, delivery count, owner
//!            └────┴────┴────┴────┴─…   sorted by ID, cleared ones included
//! ```
//!
//! An acknowledgement is a binary search among at most 128 records and one cleared bit. Cleared records are squeezed out
//! when they outnumber the rest, so a record moves about once in its life.

use crate::id::StreamId;

/// As many as the bits of the mask.
pub(crate) const RECORDS_MAX: usize = 128;

/// The owner of an entry that was handed back: nobody.
pub(crate) const NOBODY: u32 = u32::MAX;

/// One pending entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) id: StreamId,
    /// When it was last delivered. For [`NOBODY`] the place in the queue of entries handed back.
    pub(crate) stamp: u64,
    /// How often it was delivered; [`u32::MAX`] means the count is kept aside.
    pub(crate) deliveries: u32,
    pub(crate) owner: u32,
}

const _: () = assert!(size_of::<Record>() == 32, "the memory of a pending entry");

#[derive(Clone, Debug, Default)]
pub(crate) struct Chunk {
    live: u128,
    records: Vec<Record>,
}

impl Chunk {
    pub(crate) fn from_sorted(records: Vec<Record>) -> Self {
        debug_assert!(records.len() <= RECORDS_MAX && records.is_sorted_by(|a, b| a.id < b.id));
        let live = match records.len() {
            0 => 0,
            len => u128::MAX >> (RECORDS_MAX - len),
        };
        Self { live, records }
    }

    /// Bytes allocated, counters of the sharing pointer included.
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of::<Self>() + 2 * size_of::<usize>() + self.records.capacity() * size_of::<Record>()
    }

    pub(crate) fn live(&self) -> u32 {
        self.live.count_ones()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.records.len() == RECORDS_MAX
    }

    /// Records, cleared ones included.
    pub(crate) fn slots(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.records.capacity()
    }

    /// The greatest ID ever put here; it may be cleared.
    pub(crate) fn last_id(&self) -> Option<StreamId> {
        self.records.last().map(|record| record.id)
    }

    fn is_live(&self, at: usize) -> bool {
        self.live >> at & 1 == 1
    }

    /// Where the live record `id` is.
    pub(crate) fn find(&self, id: StreamId) -> Option<usize> {
        let at = self.records.binary_search_by_key(&id, |record| record.id).ok()?;
        self.is_live(at).then_some(at)
    }

    pub(crate) fn record(&self, at: usize) -> Record {
        self.records[at]
    }

    /// The live places at or after `from`, in order.
    pub(crate) fn places(&self, from: StreamId) -> Places {
        let skip = if self.records.first().is_none_or(|first| first.id >= from) {
            0
        } else {
            self.records.partition_point(|record| record.id < from)
        };
        let left = if skip >= RECORDS_MAX { 0 } else { self.live >> skip << skip };
        Places { left }
    }

    pub(crate) fn all(&self) -> Places {
        Places { left: self.live }
    }

    pub(crate) fn first_live(&self) -> Option<StreamId> {
        self.all().next().map(|at| self.records[at].id)
    }

    pub(crate) fn last_live(&self) -> Option<StreamId> {
        (self.live != 0).then(|| self.records[127 - self.live.leading_zeros() as usize].id)
    }

    pub(crate) fn clear(&mut self, at: usize) {
        self.live &= !(1 << at);
    }

    pub(crate) fn set(&mut self, at: usize, record: Record) {
        debug_assert_eq!(self.records[at].id, record.id);
        self.records[at] = record;
    }

    /// Adds a record after all others.
    pub(crate) fn push(&mut self, record: Record) {
        debug_assert!(self.last_id().is_none_or(|last| last < record.id) && !self.is_full());
        self.live |= 1 << self.records.len();
        self.records.push(record);
    }

    /// Adds a record that is not here yet, wherever it belongs. The chunk has room.
    pub(crate) fn insert(&mut self, record: Record) {
        match self.records.binary_search_by_key(&record.id, |record| record.id) {
            Ok(at) => {
                self.records[at] = record;
                self.live |= 1 << at;
            }
            Err(at) => {
                let below = (1u128 << at) - 1;
                self.live = (self.live & below) | (self.live & !below) << 1 | 1 << at;
                self.records.insert(at, record);
            }
        }
    }

    /// Whether squeezing pays: as many cleared as live, and enough of them.
    pub(crate) fn is_sparse(&self, live: u32) -> bool {
        let cleared = self.records.len() - live as usize;
        cleared >= 16 && cleared >= live as usize
    }

    /// Drops the cleared records.
    pub(crate) fn squeeze(&mut self) {
        let mut kept = 0;
        for at in self.all() {
            self.records[kept] = self.records[at];
            kept += 1;
        }
        self.records.truncate(kept);
        *self = Self::from_sorted(std::mem::take(&mut self.records));
    }

    pub(crate) fn shrink(&mut self) {
        self.records.shrink_to_fit();
    }

    /// Forgets everything but keeps the allocation.
    pub(crate) fn reset(&mut self) {
        self.records.clear();
        self.live = 0;
    }

    /// The upper half, which leaves this chunk.
    pub(crate) fn split_off_half(&mut self) -> Self {
        self.squeeze();
        let upper = self.records.split_off(self.records.len() / 2);
        *self = Self::from_sorted(std::mem::take(&mut self.records));
        Self::from_sorted(upper)
    }

    /// Takes over the records of the chunk after this one.
    pub(crate) fn append(&mut self, next: &Self) {
        self.squeeze();
        self.records.reserve_exact(next.live() as usize);
        self.records.extend(next.all().map(|at| next.records[at]));
        *self = Self::from_sorted(std::mem::take(&mut self.records));
    }
}

/// Places of live records, ascending.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    left: u128,
}

impl Iterator for Places {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.left == 0 {
            return None;
        }
        let at = self.left.trailing_zeros() as usize;
        self.left &= self.left - 1;
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(seq: u64) -> Record {
        Record { id: StreamId::new(0, seq), stamp: 0, deliveries: 1, owner: 0 }
    }

    fn ids(chunk: &Chunk) -> Vec<u64> {
        chunk.all().map(|at| chunk.record(at).id.seq).collect()
    }

    #[test]
    fn a_cleared_record_can_come_back() {
        let mut chunk = Chunk::from_sorted((1..=5).map(record).collect());
        let at = chunk.find(StreamId::new(0, 3)).expect("it is there");
        chunk.clear(at);
        assert_eq!(chunk.find(StreamId::new(0, 3)), None);
        assert_eq!(ids(&chunk), [1, 2, 4, 5]);
        chunk.insert(record(3));
        assert_eq!(ids(&chunk), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn inserting_keeps_the_order_and_the_bits() {
        let mut chunk = Chunk::from_sorted((1..=64).map(|seq| record(seq * 2)).collect());
        for seq in [4, 6, 128] {
            let at = chunk.find(StreamId::new(0, seq)).expect("it is there");
            chunk.clear(at);
        }
        for seq in (1..128).step_by(2) {
            chunk.insert(record(seq));
        }
        let expected: Vec<u64> = (1..128).filter(|seq| ![4, 6].contains(seq)).collect();
        assert_eq!(ids(&chunk), expected);
        chunk.squeeze();
        assert_eq!(ids(&chunk), expected);
        assert_eq!(chunk.slots(), expected.len());
    }

    #[test]
    fn a_full_chunk_has_all_bits() {
        let mut chunk = Chunk::from_sorted((1..=128).map(record).collect());
        assert!(chunk.is_full());
        assert_eq!(chunk.live(), 128);
        assert_eq!(chunk.last_live(), Some(StreamId::new(0, 128)));
        assert_eq!(chunk.places(StreamId::new(0, 128)).count(), 1);
        assert_eq!(chunk.places(StreamId::new(0, 129)).count(), 0);
        let upper = chunk.split_off_half();
        assert_eq!((chunk.live(), upper.live()), (64, 64));
        chunk.append(&upper);
        assert_eq!(ids(&chunk), (1..=128).collect::<Vec<_>>());
    }
}
