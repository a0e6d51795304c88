//! The journal itself: every step in order, by whoever has the log at the time, deterministic.
//!
//! ```text
//!   gathered ──write──► in the segment ──sync──► durable ──note──► noted while nothing happens
//!            (written)                 (synced)           and once a second
//! ```
//!
//! Invariant: `synced ≤ written`, both only grow, and each is told only after the call that made it true returned.
//! A batch says which batch was durable when it was written (`durable_sequence`): it vouches for all before.
//!
//! What arrives during a sync is the next batch. Where many share one, the next waits for as many again, but for no longer
//! than a sync takes; a client alone, and a few, are never made to wait for others (`Shared::let_appenders_gather`).
//!
//! Where answers wait for the write alone, a slow disk must not be felt by whoever writes: syncs that fall due ([`Log::due_sync`])
//! and the way into the next segment ([`Log::rotation`]) are made by whoever has let go of the log. What arrives on the way into
//! the next segment has no place to be written to, as a segment's first batch vouches for all before it: it is gathered, and its
//! answers wait. So that they wait for little, a sync also falls due when as much is unsynced as there is room left in the
//! segment: it is made while others go on writing into that room, and the rotation finds little left to sync.
//!
//! Whatever goes wrong here is fatal: the files were prepared, so there is no lack of space to wait for, and after a
//! failed sync the kernel may have dropped what it could not write. So it is remembered with the log, and whoever has the log next
//! does nothing more with it, whether or not it was told.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::batch::{self, HEADER_BYTES};
use crate::catalog::Entry;
use crate::chance::Chance;
use crate::error::Fatal;
use crate::gather::Taken;
use crate::options::{Lsn, NOTE_AFTER_MS, NOTE_EVERY_MS, Policy, SYNC_EVERY_MS};
use crate::rotation::{DueSync, Place, Rotated, Rotation, Syncs};
use crate::segment::Use;
use crate::shared::Shared;
use crate::slot::{DueNote, Slots, snapshot_number};
use crate::storage::PAGE_BYTES;
use crate::store::NamedFile;
use crate::walk::Chain;

/// What is not worth a sync of its own before a rotation: such a share of a segment, and less.
const SYNCED_SHARE: u64 = 64;

/// The segment that is written.
pub(crate) struct Active {
    pub file: NamedFile,
    pub number: u64,
    pub epoch: u64,
    pub capacity: u64,
    /// Where the next batch goes.
    pub at: u64,
}

/// The journal itself.
pub(crate) struct Log {
    shared: Arc<Shared>,
    slots: Arc<Mutex<Slots>>,
    active: Active,
    taken: Taken,
    /// What the next batch must be.
    chain: Chain,
    written: Lsn,
    synced: Lsn,
    durable_sequence: u64,
    /// Up to where the active segment is durable.
    durable_at: u64,
    synced_at_ms: u64,
    busy_at_ms: u64,
    noted_at_ms: u64,
    chance: Chance,
    /// The wall clock of the newest record written, in ms.
    time_ms: u64,
    syncs: Arc<Syncs>,
    /// What went wrong, once something did.
    failed: Option<Fatal>,
    /// Something is being done, and still is if whoever did it panicked.
    is_at_work: bool,
    /// Nothing is noted after its [last act](Self::finish): that would be written over what [`leave`](Self::leave) noted.
    is_complete: bool,
}

/// What a turn came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Something was done; there may be more.
    Worked,
    /// The segment is full: a [rotation](Log::rotation) comes next.
    NeedsSegment,
    /// Nothing to do, before something is appended or so many ms have passed.
    Idle { again_in_ms: Option<u64> },
}

/// How far a write by an appender came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// All that was gathered is written, and synced if answers wait for that.
    All { is_synced: bool },
    /// The journal's own thread has to go on.
    NotAll,
}

impl Log {
    /// A log whose active segment is durable up to where it is.
    pub(crate) fn new(
        shared: Arc<Shared>,
        slots: Slots,
        active: Active,
        chain: Chain,
        chance: Chance,
        time_ms: u64,
    ) -> Self {
        let last = chain.lsn - 1;
        let durable_sequence = chain.sequence - 1;
        let durable_at = active.at;
        shared.shelf.set_active(active.capacity.saturating_sub(active.at), active.capacity);
        Self {
            shared,
            slots: Arc::new(Mutex::new(slots)),
            active,
            taken: Taken::default(),
            chain,
            written: last,
            synced: last,
            durable_sequence,
            durable_at,
            synced_at_ms: 0,
            busy_at_ms: 0,
            noted_at_ms: 0,
            chance,
            time_ms,
            syncs: Arc::default(),
            failed: None,
            is_at_work: false,
            is_complete: false,
        }
    }

    /// What went wrong while the log was let go of.
    pub(crate) fn fail(&mut self, fatal: &Fatal) {
        self.failed.get_or_insert_with(|| fatal.clone());
    }

    /// Does something, unless something went wrong before: whoever has the log next may not have heard of that yet.
    fn unless_failed<T>(&mut self, act: impl FnOnce(&mut Self) -> Result<T, Fatal>) -> Result<T, Fatal> {
        if let Some(fatal) = &self.failed {
            return Err(fatal.clone());
        }
        if self.is_at_work {
            return Err(self.shared.panicked("whoever had it last"));
        }
        self.is_at_work = true;
        let done = act(self);
        self.is_at_work = false;
        if let Err(fatal) = &done {
            self.fail(fatal);
        }
        done
    }

    /// Does what there is to do, but for a sync that may be [due](Self::due_sync). `now_ms` only has to grow.
    pub(crate) fn turn(&mut self, now_ms: u64) -> Result<Turn, Fatal> {
        self.unless_failed(|log| log.turn_over(now_ms))
    }

    fn turn_over(&mut self, now_ms: u64) -> Result<Turn, Fatal> {
        let was = (self.written, self.synced);
        if self.taken.is_done() {
            self.shared.take(&mut self.taken);
        }
        let has_work = !self.taken.is_done();
        if has_work {
            self.busy_at_ms = now_ms;
            let is_all = self.write()?;
            if !is_all {
                self.tell_if_advanced(was);
                return Ok(Turn::NeedsSegment);
            }
        }
        if self.shared.policy() == Policy::Always && self.has_unsynced() {
            self.sync_for_answers(now_ms)?;
        }
        let has_room_again = has_work && self.shared.settled(self.taken.bytes());
        if !self.tell_if_advanced(was) && has_room_again {
            self.shared.tell();
        }
        if has_work {
            return Ok(Turn::Worked);
        }
        self.rest(now_ms)
    }

    /// Writes what was gathered, if that is all there is to do but for the sync that it is answered after: nothing that falls due
    /// with time, no further file.
    pub(crate) fn write_here(&mut self, now_ms: u64) -> Result<Written, Fatal> {
        self.unless_failed(|log| log.write_if_that_is_all(now_ms))
    }

    fn write_if_that_is_all(&mut self, now_ms: u64) -> Result<Written, Fatal> {
        let was = (self.written, self.synced);
        if self.taken.is_done() {
            self.shared.take(&mut self.taken);
        }
        if self.taken.is_done() {
            return Ok(Written::All { is_synced: false });
        }
        self.busy_at_ms = now_ms;
        let fits = self.fitting() == self.taken.marks.len();
        let was_near = self.is_rotation_near();
        if !fits || !self.write()? {
            return Ok(Written::NotAll);
        }
        let is_synced = self.shared.policy() == Policy::Always;
        if is_synced {
            self.sync_for_answers(now_ms)?;
        } else if self.shared.is_sync_wanted() || !was_near && self.is_rotation_near() {
            self.shared.wake();
        }
        let has_room_again = self.shared.settled(self.taken.bytes());
        if !self.tell_if_advanced(was) && has_room_again {
            self.shared.tell();
        }
        Ok(Written::All { is_synced })
    }

    /// The sync that answers wait for.
    fn sync_for_answers(&mut self, now_ms: u64) -> Result<(), Fatal> {
        if self.shared.options.faults.ack_before_sync() {
            self.shared.publish(self.written, self.written);
        }
        self.sync()?;
        self.synced_at_ms = now_ms;
        Ok(())
    }

    /// The sync that falls due where answers wait for the write alone. Whoever makes it lets go of the log meanwhile, so that
    /// they do not wait for it all the same.
    pub(crate) fn due_sync(&self, now_ms: u64) -> Option<DueSync> {
        let is_due = self.shared.policy() != Policy::Always && self.is_sync_due(now_ms);
        is_due.then(|| self.sync_up_to_here())
    }

    fn sync_up_to_here(&self) -> DueSync {
        DueSync {
            syncs: Arc::clone(&self.syncs),
            file: self.active.file.clone(),
            faults: self.shared.options.faults,
            at: self.active.at,
            sequence: self.chain.sequence - 1,
            written: self.written,
        }
    }

    /// What was written when this sync fell due is durable now.
    pub(crate) fn settle(&mut self, made: &DueSync, now_ms: u64) {
        let was = (self.written, self.synced);
        self.note_synced(made.at, made.sequence, made.written);
        self.synced_at_ms = now_ms;
        self.tell_if_advanced(was);
    }

    fn tell_if_advanced(&self, was: (Lsn, Lsn)) -> bool {
        let advanced = (self.written, self.synced) != was;
        if advanced {
            self.shared.publish(self.written, self.synced);
        }
        advanced
    }

    fn has_unsynced(&self) -> bool {
        self.chain.sequence - 1 > self.durable_sequence
    }

    fn is_sync_due(&self, now_ms: u64) -> bool {
        let is_time = self.shared.policy() == Policy::EverySec && now_ms >= self.synced_at_ms + SYNC_EVERY_MS;
        self.has_unsynced() && (is_time || self.shared.is_sync_wanted() || self.is_rotation_near())
    }

    /// Whether a rotation would have so much to sync that it should be synced now, while there is room to write into meanwhile.
    /// With each such sync half as much is left, down to what is not worth one.
    fn is_rotation_near(&self) -> bool {
        let (unsynced, left) = (self.active.at - self.durable_at, self.active.capacity - self.active.at);
        unsynced >= left.max(self.active.capacity / SYNCED_SHARE)
    }

    /// Nothing was gathered: notes what is durable once that has lasted a while.
    fn rest(&mut self, now_ms: u64) -> Result<Turn, Fatal> {
        // Others write too, and wake nobody: so it looks now and then, whether it knows of something to do or not.
        let mut again_at_ms = match self.shared.policy() {
            Policy::Always => Some(now_ms + NOTE_AFTER_MS),
            Policy::EverySec if self.has_unsynced() => Some(self.synced_at_ms + SYNC_EVERY_MS),
            Policy::EverySec => Some(now_ms.max(self.synced_at_ms) + SYNC_EVERY_MS),
            Policy::No => None,
        };
        if self.has_unnoted() {
            let at_ms = self.busy_at_ms + NOTE_AFTER_MS;
            if now_ms >= at_ms {
                self.note_up_to_here().make()?;
            } else {
                again_at_ms = Some(again_at_ms.map_or(at_ms, |other| other.min(at_ms)));
            }
        }
        let again_in_ms = again_at_ms.map(|at_ms| at_ms.saturating_sub(now_ms).max(1));
        Ok(Turn::Idle { again_in_ms })
    }

    /// Syncs what is written and notes it: the last act before the end.
    pub(crate) fn finish(&mut self) -> Result<(), Fatal> {
        self.unless_failed(|log| {
            log.sync_all()?;
            if log.has_unnoted() {
                log.note_up_to_here().make()?;
            }
            log.is_complete = true;
            Ok(())
        })
    }

    /// The same where whoever appended goes on without the log, from this Unix second on.
    pub(crate) fn leave(&mut self, at_s: u32) -> Result<(), Fatal> {
        self.unless_failed(|log| {
            log.sync_all()?;
            let snapshot = log.shared.catalog.snapshot();
            log.slots.lock().leave(log.durable_sequence, log.synced, snapshot, at_s)?;
            log.is_complete = true;
            Ok(())
        })
    }

    fn sync_all(&mut self) -> Result<(), Fatal> {
        if self.has_unsynced() {
            self.sync()?;
            self.shared.publish(self.written, self.synced);
        }
        Ok(())
    }

    fn has_unnoted(&self) -> bool {
        if self.shared.catalog.is_founding() {
            // What is noted must be there, and none of this is, should the base never come to be.
            return false;
        }
        let snapshot = snapshot_number(self.shared.catalog.snapshot());
        let note = self.slots.lock().note;
        self.durable_sequence > note.sequence || snapshot > note.snapshot
    }

    /// Notes what is durable; nothing of a log that is only being begun.
    pub(crate) fn note(&mut self) -> Result<(), Fatal> {
        self.unless_failed(|log| {
            if !log.is_complete && !log.shared.catalog.is_founding() {
                log.note_up_to_here().make()?;
            }
            Ok(())
        })
    }

    /// The note that falls due where appending does not pause for one. Whoever makes it lets go of the log meanwhile, as with a sync.
    pub(crate) fn due_note(&mut self, now_ms: u64) -> Option<DueNote> {
        let is_due = now_ms >= self.noted_at_ms + NOTE_EVERY_MS && self.has_unnoted();
        is_due.then(|| {
            self.noted_at_ms = now_ms;
            self.note_up_to_here()
        })
    }

    fn note_up_to_here(&self) -> DueNote {
        let (sequence, lsn) = match self.shared.options.faults.note_unsynced() {
            true => (self.chain.sequence - 1, self.written),
            false => (self.durable_sequence, self.synced),
        };
        DueNote { slots: Arc::clone(&self.slots), sequence, lsn, snapshot: self.shared.catalog.snapshot() }
    }

    /// Writes what was taken, with one call for all that fits into the segment. False when that is not all.
    fn write(&mut self) -> Result<bool, Fatal> {
        while !self.taken.is_done() {
            let end = self.fitting();
            if end == self.taken.next {
                return Ok(false);
            }
            self.fill_in_headers(end);
            let (from, to) = (self.taken.marks[self.taken.next].start, self.taken.marks[end - 1].end);
            let written = (to - from) as u64;
            let mut until = to;
            if end == self.taken.marks.len() {
                until += self.padding(written);
                self.taken.buffer.resize(until, 0);
            }
            self.active.file.write_at(self.active.at, &self.taken.buffer[from..until])?;
            self.active.at += written;
            self.taken.next = end;
            self.written = self.chain.lsn - 1;
            // The room first: whoever asks in between sees less than there is.
            self.shared.shelf.set_active_left(self.active.capacity - self.active.at);
            self.shared.placed(written);
        }
        Ok(true)
    }

    /// Zeros up to the end of the page. A file was prepared past the page cache: the rest of a page that is written in part would
    /// first be read from the disk.
    fn padding(&self, written: u64) -> usize {
        let end = self.active.at + written;
        let padded = end.next_multiple_of(PAGE_BYTES as u64).min(self.active.capacity);
        usize::try_from(padded - end).expect("it is less than a page")
    }

    /// The end of the batches that fit into the active segment.
    fn fitting(&self) -> usize {
        let from = self.taken.marks[self.taken.next].start;
        let left = self.active.capacity - self.active.at;
        let fits = |mark: &&crate::gather::Mark| (mark.end - from) as u64 <= left;
        self.taken.next + self.taken.marks[self.taken.next..].iter().take_while(fits).count()
    }

    fn fill_in_headers(&mut self, end: usize) {
        for mark in &self.taken.marks[self.taken.next..end] {
            let body = &self.taken.buffer[mark.start + HEADER_BYTES..mark.end];
            let header = batch::Header {
                kind: mark.kind,
                state_version: self.shared.options.state_version,
                body_bytes: u32::try_from(body.len()).expect("a batch is limited"),
                epoch: self.active.epoch,
                sequence: self.chain.sequence,
                first_lsn: mark.first_lsn,
                durable_sequence: self.durable_sequence,
                time_ms: mark.time_ms,
                records: mark.records,
                crc_before: self.chain.crc_before,
                body_crc: crc32c::crc32c(body),
            };
            let crc = header.encode(&mut self.taken.buffer[mark.start..]);
            self.chain = Chain::after(&header, crc);
            self.time_ms = mark.time_ms;
        }
    }

    fn sync(&mut self) -> Result<(), Fatal> {
        self.syncs.make(&self.active.file, self.shared.options.faults)?;
        self.note_synced(self.active.at, self.chain.sequence - 1, self.written);
        Ok(())
    }

    fn note_synced(&mut self, at: u64, sequence: u64, written: Lsn) {
        self.durable_at = self.durable_at.max(at);
        self.shared.syncs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.durable_sequence = self.durable_sequence.max(sequence);
        self.synced = self.synced.max(written);
    }

    /// The way into the next segment, from one that is full: what was taken does not fit into it, so nothing is written before
    /// the next one is [entered](Self::enter), and whoever makes it lets go of the log meanwhile.
    pub(crate) fn rotation(&mut self) -> Rotation {
        debug_assert!(!self.taken.is_done() && self.fitting() == self.taken.next, "the segment is full");
        let shared = &self.shared;
        let faults = shared.options.faults;
        let before = (self.has_unsynced() && !faults.rotate_before_sync()).then(|| self.sync_up_to_here());
        let next = shared.shelf.take().map(|spare| {
            let (number, epoch) = (self.active.number + 1, self.chance.mark());
            (spare, Place { used: Use::Log, number, epoch, chain: self.chain, time_ms: self.time_ms })
        });
        Rotation { store: shared.store.clone(), template: *shared.shelf.template(), before, next }
    }

    /// Goes on in the segment that was made. False when there was no file to make it of.
    pub(crate) fn enter(&mut self, rotated: Rotated, now_ms: u64) -> bool {
        if let Some(made) = rotated.before {
            self.settle(&made, now_ms);
        }
        let Some((active, first_lsn)) = rotated.next else { return false };
        let Active { number, capacity, at, .. } = active;
        (self.active, self.durable_at) = (active, at);
        self.shared.catalog.push(Entry { number, first_lsn, capacity });
        self.shared.shelf.set_active(capacity - at, capacity);
        true
    }
}
