//! The entries of a stream: blocks in a row, the newest open at the end.
//!
//! ```text
//!   directory   ┌──────┬──────┬──────┬──────┐
//!               │ 0-1  │ 7-0  │ 9-4  │ 12-0 │   key, live entries, block
//!               └──┬───┴──┬───┴──┬───┴──┬───┘
//!                  ▼      ▼      ▼      ▼
//!               sealed  sealed  sealed  open     each shared, copied on write when somebody else holds it
//! ```
//!
//! Invariants: no block without a live entry; `first_id` and `newest_id` are the ends of what is alive, `0-0` when
//! nothing is; IDs ascend and never exceed `last_id`.

use std::sync::Arc;

use crate::block::{Block, BlockLimits};
use crate::directory::{Directory, Run};
use crate::entry::EntryRef;
use crate::error::{AppendError, SetIdError};
use crate::id::{NewId, StreamId};
use crate::trim::is_below;

/// Names and values of one entry together, in bytes. Redis has the same bound (1 GiB, so that a node's 32-bit lengths
/// suffice).
pub const PAYLOAD_BYTES_MAX: usize = 1 << 30;

/// One block in the directory.
#[derive(Clone, Debug)]
pub(crate) struct BlockRun {
    first: StreamId,
    live: u32,
    block: Option<Arc<Block>>,
}

impl Run for BlockRun {
    fn first(&self) -> StreamId {
        self.first
    }

    fn is_vacant(&self) -> bool {
        self.block.is_none()
    }
}

impl BlockRun {
    fn new(block: Block) -> Self {
        Self { first: block.first(), live: block.live(), block: Some(Arc::new(block)) }
    }

    pub(crate) fn first_id(&self) -> StreamId {
        self.first
    }

    pub(crate) fn live(&self) -> u32 {
        self.live
    }

    pub(crate) fn block(&self) -> Option<&Arc<Block>> {
        self.block.as_ref()
    }
}

/// The entries of a stream and the counters that describe them; groups live elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    pub(crate) directory: Directory<BlockRun>,
    live: u64,
    first_id: StreamId,
    newest_id: StreamId,
    last_id: StreamId,
    max_deleted_id: StreamId,
    added: u64,
    /// Appends of this very value, from which groups count their lag; unlike `added` nobody can set it.
    appended: u64,
    /// Bytes of all blocks.
    heap: usize,
}

/// Whether a deletion counts for `max_deleted_id`: deletions by ID do, trimming does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tombstone {
    Recorded,
    Silent,
}

/// Which end a deletion may have taken.
struct Gone {
    first: bool,
    newest: bool,
}

impl Entries {
    /// Live entries.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.live
    }

    /// Whether no entry is alive.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// The greatest ID ever given out (Redis: `last-generated-id`). An entry with it need not exist.
    #[must_use]
    pub const fn last_id(&self) -> StreamId {
        self.last_id
    }

    /// The oldest live entry's ID (Redis: `recorded-first-entry-id`), `0-0` when there is none.
    #[must_use]
    pub const fn first_id(&self) -> StreamId {
        self.first_id
    }

    /// The newest live entry's ID, `0-0` when there is none. Unlike [`last_id`](Self::last_id) an entry has it.
    #[must_use]
    pub const fn newest_id(&self) -> StreamId {
        self.newest_id
    }

    /// The greatest ID ever deleted by ID; trimming does not move it.
    #[must_use]
    pub const fn max_deleted_id(&self) -> StreamId {
        self.max_deleted_id
    }

    /// Entries ever added, as far as known.
    #[must_use]
    pub const fn added(&self) -> u64 {
        self.added
    }

    pub(crate) const fn appended(&self) -> u64 {
        self.appended
    }

    /// Blocks held (Redis: `radix-tree-keys`).
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.directory.occupied()
    }

    /// Bytes allocated for entries.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.heap + self.directory.heap_bytes()
    }

    /// The live entry `id`.
    #[must_use]
    pub fn get(&self, id: StreamId) -> Option<EntryRef<'_>> {
        if id < self.first_id || id > self.newest_id {
            return None;
        }
        self.directory.get(self.directory.floor(id)?)?.block()?.find(id)
    }

    /// Whether `id` is a live entry.
    #[must_use]
    pub fn contains(&self, id: StreamId) -> bool {
        self.get(id).is_some()
    }

    /// The oldest live entry.
    #[must_use]
    pub fn first(&self) -> Option<EntryRef<'_>> {
        self.get(self.first_id)
    }

    /// The newest live entry.
    #[must_use]
    pub fn newest(&self) -> Option<EntryRef<'_>> {
        self.get(self.newest_id)
    }

    /// Live entries with IDs greater than `id`.
    #[must_use]
    pub fn count_after(&self, id: StreamId) -> u64 {
        if id < self.first_id {
            return self.live;
        }
        let mut count = 0;
        for run in self.directory.iter().rev() {
            if run.first > id {
                count += u64::from(run.live);
                continue;
            }
            return count + run.block().map_or(0, |block| u64::from(block.live_after(id)));
        }
        count
    }

    /// The ID an append would get at `now_ms`.
    ///
    /// # Errors
    /// As for [`Stream::append`](crate::Stream::append), apart from the size.
    pub fn next_id(&self, id: NewId, now_ms: u64) -> Result<StreamId, AppendError> {
        if self.last_id == StreamId::MAX {
            return Err(AppendError::Exhausted);
        }
        let id = match id {
            NewId::Auto if now_ms > self.last_id.ms => StreamId::new(now_ms, 0),
            NewId::Auto => self.last_id.next().ok_or(AppendError::Exhausted)?,
            NewId::AutoSeq(ms) if ms == self.last_id.ms => {
                StreamId::new(ms, self.last_id.seq.checked_add(1).ok_or(AppendError::NotGreater)?)
            }
            NewId::AutoSeq(ms) => StreamId::new(ms, 0),
            NewId::Exact(id) if id.is_zero() => return Err(AppendError::Zero),
            NewId::Exact(id) => id,
        };
        if id <= self.last_id {
            return Err(AppendError::NotGreater);
        }
        Ok(id)
    }

    /// Appends the entry `id`, which is known to be greater than the last.
    pub(crate) fn push<'f>(
        &mut self,
        id: StreamId,
        fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone,
        limits: BlockLimits,
    ) -> Result<(), AppendError> {
        let payload: usize = fields.clone().map(|(name, value)| name.len() + value.len()).sum();
        if payload > PAYLOAD_BYTES_MAX {
            return Err(AppendError::TooLarge);
        }
        if !self.back_has_room(payload, limits) {
            self.seal_back();
            let block = Block::new(id, fields.clone());
            self.heap += block.heap_bytes();
            self.directory.push_back(BlockRun::new(block));
        }
        let run = self.directory.back_mut().expect("a block was just made");
        let shared = run.block.as_mut().expect("the back is never vacant");
        let before = shared.heap_bytes();
        let block = Arc::make_mut(shared);
        block.push(id, fields);
        self.heap = self.heap + block.heap_bytes() - before;
        run.live += 1;
        self.live += 1;
        self.added = self.added.saturating_add(1);
        self.appended += 1;
        self.last_id = id;
        self.newest_id = id;
        if self.live == 1 {
            self.first_id = id;
        }
        Ok(())
    }

    /// Whether an entry of this payload joins the newest block.
    pub(crate) fn back_has_room(&self, payload: usize, limits: BlockLimits) -> bool {
        self.directory.back().and_then(BlockRun::block).is_some_and(|block| block.has_room(payload, limits))
    }

    fn seal_back(&mut self) {
        let Some(block) = self.directory.back_mut().and_then(|run| run.block.as_mut()) else {
            return;
        };
        // Somebody else reading it is no reason for a copy: it then stays a little too large.
        if let Some(block) = Arc::get_mut(block) {
            let before = block.heap_bytes();
            block.seal();
            self.heap = self.heap + block.heap_bytes() - before;
        }
    }

    /// Deletes the live entry `id`. Says whether it was there.
    pub(crate) fn delete(&mut self, id: StreamId, tombstone: Tombstone) -> bool {
        if id < self.first_id || id > self.newest_id {
            return false;
        }
        let Some(slot) = self.directory.floor(id) else { return false };
        let block = self.directory.get(slot).and_then(BlockRun::block);
        let Some(place) = block.and_then(|block| block.place(id)) else { return false };
        self.change_block(slot, |block| block.kill(place));
        if tombstone == Tombstone::Recorded {
            self.max_deleted_id = self.max_deleted_id.max(id);
        }
        self.settle_ends(Gone { first: id == self.first_id, newest: id == self.newest_id });
        true
    }

    /// Deletes the oldest live entries while more than `keep` are alive and their IDs lie below `below`. Returns how
    /// many. Whole blocks go without being read.
    pub(crate) fn trim_front(&mut self, keep: u64, below: Option<StreamId>) -> u64 {
        let before = self.live;
        while self.live > keep {
            let excess = self.live - keep;
            let Some(run) = self.directory.front() else {
                break;
            };
            let block = run.block.as_ref().expect("the front is never vacant");
            if !is_below(run.first, below) {
                break;
            }
            if u64::from(run.live) <= excess && is_below(block.last(), below) {
                self.live -= u64::from(run.live);
                self.heap -= block.heap_bytes();
                self.directory.pop_front();
                continue;
            }
            let more = block.first_live().is_some_and(|id| is_below(id, below));
            if more {
                self.change_block(0, |block| {
                    block.kill_front(excess, below);
                });
            }
            break;
        }
        if self.live != before {
            self.settle_ends(Gone { first: true, newest: false });
        }
        before - self.live
    }

    /// Shares no block with anybody from here on.
    pub(crate) fn unshare(&mut self) {
        for block in self.directory.iter_mut().filter_map(|run| run.block.as_mut()) {
            let before = block.heap_bytes();
            let block = Arc::make_mut(block);
            self.heap = self.heap + block.heap_bytes() - before;
        }
    }

    /// Changes one block and brings the books in order; the ends are for the caller to settle.
    fn change_block(&mut self, slot: usize, change: impl FnOnce(&mut Block)) {
        let is_back = slot + 1 == self.directory.slots();
        let run = self.directory.get_mut(slot).expect("the caller found it");
        let shared = run.block.as_mut().expect("the caller found it");
        let before = shared.heap_bytes();
        let block = Arc::make_mut(shared);
        change(block);
        self.live -= u64::from(run.live - block.live());
        run.live = block.live();
        if run.live == 0 {
            run.block = None;
            self.heap -= before;
            self.directory.note_vacant();
            self.directory.settle();
            return;
        }
        if !is_back && block.is_sparse() {
            *block = block.without_dead();
        }
        self.heap = self.heap + block.heap_bytes() - before;
    }

    /// Finds the ends anew after deletions. An end moves only when the entry there is gone, and finding the newest means
    /// reading a whole block.
    fn settle_ends(&mut self, gone: Gone) {
        let Some((front, back)) = self.directory.front().zip(self.directory.back()) else {
            (self.first_id, self.newest_id) = (StreamId::MIN, StreamId::MIN);
            return;
        };
        if gone.first {
            self.first_id = front.block().and_then(|block| block.first_live()).expect("a block holds a live entry");
        }
        if gone.newest {
            self.newest_id = back.block().and_then(|block| block.last_live()).expect("a block holds a live entry");
        }
    }

    /// Puts back a block after all others. `false` when it does not belong there.
    pub(crate) fn restore_block(&mut self, block: Block) -> bool {
        let before = self.directory.back().and_then(BlockRun::block).map(|block| block.last());
        if before.is_some_and(|last| last >= block.first()) {
            return false;
        }
        self.heap += block.heap_bytes();
        self.live += u64::from(block.live());
        self.appended += u64::from(block.live());
        self.directory.push_back(BlockRun::new(block));
        true
    }

    /// Sets what blocks do not tell, once they are all back.
    pub(crate) fn restore_counters(&mut self, last_id: StreamId, max_deleted_id: StreamId, added: u64) {
        (self.last_id, self.max_deleted_id, self.added) = (last_id, max_deleted_id, added);
        self.settle_ends(Gone { first: true, newest: true });
    }

    /// Sets the last ID, and where given the number of entries ever added and the greatest deleted ID.
    pub(crate) fn set_id(
        &mut self,
        last_id: StreamId,
        added: Option<u64>,
        max_deleted_id: Option<StreamId>,
    ) -> Result<(), SetIdError> {
        let given = max_deleted_id.unwrap_or(StreamId::MIN);
        if last_id < given {
            return Err(SetIdError::BelowGivenDeleted);
        }
        if last_id < self.max_deleted_id {
            return Err(SetIdError::BelowDeleted);
        }
        if !self.is_empty() {
            if last_id < self.newest_id {
                return Err(SetIdError::BelowNewest);
            }
            if added.is_some_and(|added| added < self.live) {
                return Err(SetIdError::AddedBelowLength);
            }
        }
        self.last_id = last_id;
        self.added = added.unwrap_or(self.added);
        if !given.is_zero() {
            self.max_deleted_id = given;
        }
        self.forget_dead_behind(last_id);
        Ok(())
    }

    /// IDs may go back to before entries that are dead but still in the newest block: nothing is to be told by them any more.
    fn forget_dead_behind(&mut self, last_id: StreamId) {
        if self.directory.back().and_then(BlockRun::block).is_some_and(|block| block.last() > last_id) {
            self.change_block(self.directory.slots() - 1, |block| *block = block.without_dead_end());
        }
    }
}

#[cfg(test)]
impl Entries {
    pub(crate) fn heap_bytes(&self) -> usize {
        self.heap
    }
}
