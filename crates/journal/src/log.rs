//! The journal itself: every step in order, on one thread, deterministic.
//!
//! ```text
//!   gathered ──write──► in the segment ──sync──► durable ──note──► noted while nothing happens
//!            (written)                 (synced)
//! ```
//!
//! Invariant: `synced ≤ written`, both only grow, and each is told only after the call that made it true returned.
//! A batch says which batch was durable when it was written (`durable_sequence`): it vouches for all before.
//!
//! What arrives during a sync is the next batch. Where many share one, the next waits for as many again, but for no longer
//! than a sync takes; a client alone, and a few, are never made to wait for others (`Shared::let_appenders_gather`).
//!
//! Whatever goes wrong here is fatal: the files were prepared, so there is no lack of space to wait for, and after a
//! failed sync the kernel may have dropped what it could not write.

use std::sync::Arc;

use crate::batch::{self, HEADER_BYTES};
use crate::catalog::Entry;
use crate::chance::Chance;
use crate::error::{Fatal, IoFailure};
use crate::fault::Faults;
use crate::gather::Taken;
use crate::names;
use crate::options::{Lsn, NOTE_AFTER_MS, Policy, SYNC_EVERY_MS};
use crate::segment::{self, Use};
use crate::shared::Shared;
use crate::shelf::Spare;
use crate::slot::{Slots, snapshot_number};
use crate::storage::PAGE_BYTES;
use crate::store::{NamedFile, Store};
use crate::walk::Chain;

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
    slots: Slots,
    active: Active,
    taken: Taken,
    /// What the next batch must be.
    chain: Chain,
    written: Lsn,
    synced: Lsn,
    durable_sequence: u64,
    synced_at_ms: u64,
    busy_at_ms: u64,
    chance: Chance,
    /// The wall clock of the newest record written, in ms.
    time_ms: u64,
}

/// What a turn came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Something was done; there may be more.
    Worked,
    /// There is no prepared file to go on in.
    NeedsSegment,
    /// Nothing to do, before something is appended or so many ms have passed.
    Idle { again_in_ms: Option<u64> },
}

/// A sync that is made while others write.
pub(crate) struct DueSync {
    file: NamedFile,
    faults: Faults,
    sequence: u64,
    written: Lsn,
}

impl DueSync {
    pub(crate) fn make(&self) -> Result<(), Fatal> {
        Ok(sync(&self.file, self.faults)?)
    }
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
        shared.shelf.set_active(active.capacity.saturating_sub(active.at), active.capacity);
        Self {
            shared,
            slots,
            active,
            taken: Taken::default(),
            chain,
            written: last,
            synced: last,
            durable_sequence,
            synced_at_ms: 0,
            busy_at_ms: 0,
            chance,
            time_ms,
        }
    }

    /// Does what there is to do, but for a sync that may be [due](Self::due_sync). `now_ms` only has to grow.
    pub(crate) fn turn(&mut self, now_ms: u64) -> Result<Turn, Fatal> {
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
        let was = (self.written, self.synced);
        if self.taken.is_done() {
            self.shared.take(&mut self.taken);
        }
        if self.taken.is_done() {
            return Ok(Written::All { is_synced: false });
        }
        self.busy_at_ms = now_ms;
        let fits = self.fitting() == self.taken.marks.len();
        if !fits || !self.write()? {
            return Ok(Written::NotAll);
        }
        let is_synced = self.shared.policy() == Policy::Always;
        if is_synced {
            self.sync_for_answers(now_ms)?;
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
        is_due.then(|| DueSync {
            file: self.active.file.clone(),
            faults: self.shared.options.faults,
            sequence: self.chain.sequence - 1,
            written: self.written,
        })
    }

    /// What was written when this sync fell due is durable now.
    pub(crate) fn settle(&mut self, made: &DueSync, now_ms: u64) {
        let was = (self.written, self.synced);
        self.note_synced(made.sequence, made.written);
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
        self.has_unsynced() && (is_time || self.shared.is_sync_wanted())
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
                self.note()?;
            } else {
                again_at_ms = Some(again_at_ms.map_or(at_ms, |other| other.min(at_ms)));
            }
        }
        let again_in_ms = again_at_ms.map(|at_ms| at_ms.saturating_sub(now_ms).max(1));
        Ok(Turn::Idle { again_in_ms })
    }

    /// Syncs what is written and notes it: the last act before the end.
    pub(crate) fn finish(&mut self) -> Result<(), Fatal> {
        self.sync_all()?;
        if self.has_unnoted() { self.note() } else { Ok(()) }
    }

    /// The same where whoever appended goes on without the log, from this Unix second on.
    pub(crate) fn leave(&mut self, at_s: u32) -> Result<(), Fatal> {
        self.sync_all()?;
        let snapshot = self.shared.catalog.snapshot();
        Ok(self.slots.leave(self.durable_sequence, self.synced, snapshot, at_s)?)
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
        self.durable_sequence > self.slots.note.sequence || snapshot > self.slots.note.snapshot
    }

    /// Notes what is durable.
    pub(crate) fn note(&mut self) -> Result<(), Fatal> {
        let snapshot = self.shared.catalog.snapshot();
        if self.shared.options.faults.note_unsynced() {
            return Ok(self.slots.note(self.chain.sequence - 1, self.written, snapshot)?);
        }
        Ok(self.slots.note(self.durable_sequence, self.synced, snapshot)?)
    }

    /// Writes what was taken, with one call for all that fits into the segment. False when a segment is lacking.
    fn write(&mut self) -> Result<bool, Fatal> {
        while !self.taken.is_done() {
            let end = self.fitting();
            if end == self.taken.next {
                if !self.rotate()? {
                    return Ok(false);
                }
                continue;
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
        sync(&self.active.file, self.shared.options.faults)?;
        self.note_synced(self.chain.sequence - 1, self.written);
        Ok(())
    }

    fn note_synced(&mut self, sequence: u64, written: Lsn) {
        self.shared.syncs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.durable_sequence = self.durable_sequence.max(sequence);
        self.synced = self.synced.max(written);
    }

    /// Goes on in a prepared file. False when there is none.
    fn rotate(&mut self) -> Result<bool, Fatal> {
        // A successor vouches for the whole of its predecessor, so that comes first.
        if self.has_unsynced() && !self.shared.options.faults.rotate_before_sync() {
            self.sync()?;
        }
        let Some(spare) = self.shared.shelf.take() else { return Ok(false) };
        let number = self.active.number + 1;
        let place =
            Place { used: Use::Log, number, epoch: self.chance.mark(), chain: self.chain, time_ms: self.time_ms };
        let shared = &self.shared;
        self.active = begin(&shared.store, shared.shelf.template(), shared.options.faults, spare, place)?;
        let first_lsn = place.first_lsn();
        self.shared.catalog.push(Entry { number, first_lsn, capacity: self.active.capacity });
        self.shared.shelf.set_active(self.active.capacity - self.active.at, self.active.capacity);
        Ok(true)
    }
}

/// Makes what is written to a segment's file durable.
pub(crate) fn sync(file: &NamedFile, faults: Faults) -> Result<(), IoFailure> {
    if faults.skip_fsync() { Ok(()) } else { file.sync_data() }
}

/// A segment's place in the log.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub used: Use,
    pub number: u64,
    pub epoch: u64,
    pub chain: Chain,
    pub time_ms: u64,
}

impl Place {
    pub(crate) fn first_lsn(&self) -> Lsn {
        self.chain.lsn + u64::from(self.chain.mid_record)
    }

    /// The header of a segment at this place in a file of this size.
    pub(crate) fn header(&self, template: &segment::Header, capacity: u64) -> segment::Header {
        segment::Header {
            used: self.used,
            number: self.number,
            epoch: self.epoch,
            capacity,
            first_lsn: self.first_lsn(),
            next_lsn: self.chain.lsn,
            first_sequence: self.chain.sequence,
            crc_before: self.chain.crc_before,
            time_ms: self.time_ms,
            ..*template
        }
    }
}

/// Makes a prepared file the segment at this place, durably.
pub(crate) fn begin(
    store: &Store,
    template: &segment::Header,
    faults: Faults,
    spare: Spare,
    place: Place,
) -> Result<Active, IoFailure> {
    let Spare { mut file, capacity } = spare;
    file.write_at(0, &place.header(template, capacity).encode())?;
    file.sync_data()?;
    let name = names::segment(place.number);
    store.rename(&file.name, &name)?;
    if !faults.skip_dir_sync() {
        store.sync_dir()?;
    }
    file.name = name;
    Ok(Active { file, number: place.number, epoch: place.epoch, capacity, at: segment::HEADER_BYTES })
}
