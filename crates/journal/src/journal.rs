//! The journal as a handle that threads share.
//!
//! Two threads serve it. One writes, syncs and tells; the other prepares files, which takes long and must not be
//! waited for. Neither ever takes a lock that an appender waits for while it works on a file. An appender that has nothing better
//! to do writes itself, and syncs where that is quick: whoever finds the log free has it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, Builder, JoinHandle};
use std::time::Instant;

use parking_lot::Mutex;

use crate::copy::{CopyReport, backup};
use crate::error::{Fatal, Full, OpenError, SnapshotError};
use crate::examine::{Examined, examine};
use crate::log::{Log, Turn, Written};
use crate::options::{Identity, Lsn, Options, Policy, Progress, RETRY_EVERY_MS};
use crate::recover::{Recovered, RecoveryReport, found};
use crate::replay::Replay;
use crate::shared::{Shared, Stop};
use crate::shelf::{Prepared, Purpose};
use crate::snapshot_read::SnapshotReader;
use crate::snapshot_write::SnapshotWriter;
use crate::storage::Storage;

/// A journal as it is found, and read before it [begins](Self::begin).
///
/// Until then nothing is changed: whoever finds that what is in it cannot be accepted drops it, and leaves it as it was.
/// Only in a directory that holds no journal one is made when it is opened.
pub struct Opened {
    examined: Examined,
}

impl Opened {
    /// The newest snapshot, if there is one.
    pub fn snapshot(&mut self) -> Option<&mut SnapshotReader> {
        self.examined.snapshot.as_mut()
    }

    /// The records since the snapshot, or since the beginning.
    pub fn records(&mut self) -> &mut Replay {
        &mut self.examined.replay
    }

    /// What was found. What will be cut from the log's end has no place yet that it is kept in.
    #[must_use]
    pub fn report(&self) -> &RecoveryReport {
        &self.examined.report
    }

    /// Makes it a journal that is appended to. What was not read of the snapshot and the records is read first, and a journal
    /// that is damaged anywhere is refused, unchanged.
    pub fn begin(self) -> Result<(Journal, RecoveryReport), OpenError> {
        Journal::run(self.examined.begin()?)
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("report", self.report()).finish_non_exhaustive()
    }
}

/// Figures for whoever watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The newest record that was appended, written, synced.
    pub appended: Lsn,
    /// See `appended`.
    pub written: Lsn,
    /// See `appended`.
    pub synced: Lsn,
    /// The cut of the newest durable snapshot; 0 when there is none.
    pub snapshot_cut: Lsn,
    /// How many segments the log has.
    pub segments: usize,
    /// How many files are prepared.
    pub spares: usize,
    /// Bytes of log since the newest snapshot's cut, or thereabouts.
    pub log_bytes_since_snapshot: u64,
    /// Bytes in memory that are not settled yet.
    pub in_flight_bytes: u64,
    /// How much room is prepared for adds, in bytes.
    pub room_bytes: u64,
    /// How many syncs of the log there were since the start.
    pub syncs: u64,
}

/// A write-ahead log. See the crate's documentation for what it promises.
///
/// The directory stays locked until the journal has ended, or its handle was dropped, and its snapshot writers are dropped too.
///
/// Dropping it stops at once, as if the process had been killed: what was not told to be written may be lost. Use
/// [`close`](Self::close) to end in order. Where the last handle is dropped in one of the journal's own
/// [callbacks](crate::OnProgress), its threads end, and the directory is let go of, when that has returned.
pub struct Journal {
    shared: Arc<Shared>,
    log: Arc<Mutex<Log>>,
    identity: Identity,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Journal {
    /// Opens the journal in a directory, or makes one. [Sizes](crate::Sizes) that are out of bounds are refused first.
    pub fn open(storage: Arc<dyn Storage>, options: Options) -> Result<Opened, OpenError> {
        Ok(Opened { examined: examine(storage, options)? })
    }

    fn run(recovered: Recovered) -> Result<(Self, RecoveryReport), OpenError> {
        let Recovered { shared, log, report } = recovered;
        let mut threads = Vec::new();
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            let spawned = Builder::new().name(name.into()).spawn(run);
            spawned.map_err(|source| OpenError::from(shared.store.failure(".", "start a thread for", source)))
        };
        let prepared = Arc::clone(&shared);
        let prepare = move || prepared.ends_if_panicking("the thread that prepares files", || prepare_files(&prepared));
        threads.push(spawn("rbq-prepare", Box::new(prepare))?);
        let written = Arc::clone(&shared);
        let log = Arc::new(Mutex::new(log));
        let written_log = Arc::clone(&log);
        let write =
            move || written.ends_if_panicking("the thread that writes it", || write_log(&written, &written_log));
        match spawn("rbq-journal", Box::new(write)) {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                shared.has_ended(None);
                return Err(error);
            }
        }
        let journal = Self { shared, log, identity: report.identity, threads: Mutex::new(threads) };
        Ok((journal, report))
    }

    /// Opens the directory for a log that begins anew: with what the caller has in memory, not with what is kept there. The
    /// first record gets a number above `above`, and above every one that is there. An `above` that leaves it less than half of all
    /// numbers is refused, before anything is changed.
    ///
    /// What is there stays the journal until the base does its part: a snapshot with [`appended`](Self::appended) as it is
    /// now for its cut. A crash before that leaves the old journal as it was; with the base the new one stands, and the old
    /// one's files go. A snapshot of another cut is refused until then. Nothing is noted before, and what stops the journal is no
    /// reason for `fatal`: the base cannot be finished then. [`finish`](Self::finish) leaves the old journal as it was, too.
    pub fn found(storage: Arc<dyn Storage>, options: Options, above: Lsn) -> Result<(Self, RecoveryReport), OpenError> {
        Self::run(found(storage, options, above)?)
    }

    /// True until the base of a log that [begins anew](Self::found) stands.
    #[must_use]
    pub fn is_founding(&self) -> bool {
        self.shared.catalog.is_founding()
    }

    /// Adds a record and returns its number. It copies the record and returns: it never waits for the disk and never
    /// fails. Whether there is room was asked before, with [`admit`](Self::admit).
    pub fn append(&self, record: &[u8]) -> Lsn {
        let lsn = self.shared.append(record);
        self.shared.rouse();
        lsn
    }

    /// Adds a record that carries this wall clock, in ms, and wakes nobody: for whoever holds a lock meanwhile, or has more
    /// to come, and [`drive`](Self::drive)s afterwards. Until then it need not be written.
    pub fn append_quietly(&self, record: &[u8], time_ms: u64) -> Lsn {
        self.shared.append_at(record, time_ms)
    }

    /// Sees to it that what was appended is written. Under [`Policy::Always`] that wakes the journal's thread. Otherwise an
    /// answer waits for the write alone, which is one call: it is done here and now, as waking another thread costs more
    /// than the call. Then both [callbacks](crate::OnProgress) may run in here, on this thread: it must hold no lock that they take.
    pub fn drive(&self) {
        if self.policy() == Policy::Always { self.shared.rouse() } else { self.write_here() }
    }

    /// The same for an appender with nobody to serve before what it appended is safe: under [`Policy::Always`] it does the
    /// write and the sync itself, if both usually take less than it could bear to be away when they do not. Under every policy
    /// both [callbacks](crate::OnProgress) may run in here, on this thread: it must hold no lock that they take.
    pub fn drive_and_stay(&self) {
        if self.policy() == Policy::Always && !self.shared.is_quick() { self.shared.rouse() } else { self.write_here() }
    }

    fn write_here(&self) {
        if self.written() == self.appended() {
            return;
        }
        // Whoever has it may have taken what there was before ours came. The journal's thread looks again before it sleeps.
        let Some(mut log) = self.log.try_lock() else { return self.shared.rouse() };
        if self.shared.has_stopped() {
            // Whoever drives it has yet to hear of the end, and the file may be somebody else's by now.
            return;
        }
        let begun = Instant::now();
        let written = log.write_here(self.shared.elapsed_ms());
        drop(log);
        match written {
            Ok(Written::All { is_synced }) => {
                if is_synced {
                    self.shared.note_time_taken(begun.elapsed());
                }
            }
            // What is left is with the log and no longer with what was gathered: that alone would wake nobody.
            Ok(Written::NotAll) => self.shared.wake(),
            Err(fatal) => self.shared.has_ended(Some(&fatal)),
        }
    }

    /// The wall clock that the records from here on carry, in ms.
    pub fn note_time(&self, ms: u64) {
        self.shared.note_time(ms);
    }

    /// Asks whether records of so many bytes in all have room, before anything is applied. Under the lock that makes
    /// "ask, apply, append" one step, a yes holds until then. Adds are refused when the disk gives no more space;
    /// drains then go on from a reserve.
    pub fn admit(&self, bytes: u64, purpose: Purpose) -> Result<(), Full> {
        self.shared.admit(bytes, purpose)
    }

    /// The same for one record that nobody knew of before it was made, and that cannot be held back until there is room for it: where
    /// that is only being prepared, what the disk has left decides. It is left to others, too, so there must be more than it takes.
    pub fn admit_now(&self, bytes: u64) -> Result<(), Full> {
        match self.admit(bytes, Purpose::Add) {
            Err(Full::Preparing { directory }) => {
                let needed = bytes.saturating_add(2 * self.shared.options.sizes.segment_bytes);
                match self.free_bytes() {
                    Some(free) if free < needed => Err(Full::Disk {
                        directory,
                        cause: format!("{free} bytes are left, and the change takes {bytes}"),
                    }),
                    // What cannot be asked is found out by trying.
                    Some(_) | None => Ok(()),
                }
            }
            answer => answer,
        }
    }

    /// Why no further file can be prepared at present; adds go on while there is room in the prepared ones.
    #[must_use]
    pub fn full(&self) -> Option<Full> {
        self.shared.shelf.refused()
    }

    /// The number of the newest record.
    #[must_use]
    pub fn appended(&self) -> Lsn {
        self.shared.appended()
    }

    /// The newest record that survives the end of the process.
    #[must_use]
    pub fn written(&self) -> Lsn {
        self.shared.written()
    }

    /// The newest record that survives a power cut.
    #[must_use]
    pub fn synced(&self) -> Lsn {
        self.shared.synced()
    }

    /// The newest record that clients may be told of under the present policy.
    #[must_use]
    pub fn open_upto(&self) -> Lsn {
        self.shared.open_upto()
    }

    /// What the progress callback would tell now.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.shared.progress()
    }

    /// The present policy.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.shared.policy()
    }

    /// Changes the policy. What was appended under [`Policy::Always`] is still answered once it is synced. Returns the newest record there is: under [`Policy::Always`] all up
    /// to it is being synced, and is when [`synced`](Self::synced) has reached it.
    pub fn set_policy(&self, policy: Policy) -> Lsn {
        self.shared.set_policy(policy);
        if policy == Policy::Always { self.request_sync() } else { self.appended() }
    }

    /// Asks for a sync of everything appended so far, and returns the record that [`synced`](Self::synced) will reach.
    /// The progress callback tells when.
    pub fn request_sync(&self) -> Lsn {
        self.shared.request_sync()
    }

    /// Waits until the record is durable, also for one that has yet to be appended. False when the journal stops first. Not from a
    /// [callback](crate::OnProgress).
    #[must_use]
    pub fn wait_synced(&self, lsn: Lsn) -> bool {
        self.shared.wait_synced(lsn)
    }

    /// Bytes in memory that are not written, or not synced where they must be.
    #[must_use]
    pub fn in_flight_bytes(&self) -> u64 {
        self.shared.in_flight()
    }

    /// True when whoever wants to append should wait until the progress callback is called: too much is in flight, or
    /// room is only being prepared. Never because the disk is full.
    #[must_use]
    pub fn is_congested(&self) -> bool {
        self.shared.is_congested()
    }

    /// True while what was refused by [`admit`](Self::admit) for the moment need not be asked again: the progress callback is called
    /// when there is the room, or none is to be had.
    #[must_use]
    pub fn is_preparing(&self) -> bool {
        self.shared.shelf.is_awaited()
    }

    /// Where it is, as its storage says.
    #[must_use]
    pub fn place(&self) -> String {
        self.shared.store.place()
    }

    /// How many bytes the disk had left when the thread that prepares files last asked, which it does once a second and before each
    /// file; none where the file system does not tell. Asks nobody, so it may be called with a lock held.
    #[must_use]
    pub fn free_bytes(&self) -> Option<u64> {
        Some(self.shared.shelf.free()).filter(|free| *free < u64::MAX)
    }

    /// Why the journal stopped, if it did.
    #[must_use]
    pub fn fatal(&self) -> Option<Fatal> {
        self.shared.fatal()
    }

    /// Who the directory belongs to.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Figures for whoever watches.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let shared = &self.shared;
        let at_snapshot = shared.log_bytes_at_snapshot.load(Ordering::Acquire);
        Figures {
            appended: shared.appended(),
            written: shared.written(),
            synced: shared.synced(),
            snapshot_cut: shared.catalog.snapshot().unwrap_or_default(),
            segments: shared.catalog.segments(),
            spares: shared.shelf.ready(),
            log_bytes_since_snapshot: shared.log_bytes.load(Ordering::Acquire).saturating_sub(at_snapshot),
            in_flight_bytes: shared.in_flight(),
            room_bytes: shared.shelf.room(Purpose::Add),
            syncs: shared.syncs.load(Ordering::Relaxed),
        }
    }

    /// Begins a snapshot of the state after exactly the records up to and including `cut`. The replay of a later start
    /// begins with the record after it. `time_ms` is the wall clock of the newest record in it.
    /// A cut of 0 is the state that was there before the first record ever.
    ///
    /// Written from any thread; the log goes on meanwhile.
    ///
    /// # Errors
    /// The file system refused; another one is being written ([`SnapshotError::Busy`]); the cut is above
    /// [`appended`](Self::appended) ([`SnapshotError::Ahead`]); or the log [begins anew](Self::found), and the cut is not what
    /// `appended` was then ([`SnapshotError::NotTheBase`]).
    pub fn begin_snapshot(&self, cut: Lsn, time_ms: u64) -> Result<SnapshotWriter, SnapshotError> {
        SnapshotWriter::begin(Arc::clone(&self.shared), self.identity, cut, time_ms)
    }

    /// Copies the newest snapshot and the log up to now into an empty directory, verified: a directory that `open`
    /// accepts, with all that was appended before the call. From any thread; the log goes on meanwhile.
    pub fn backup(&self, to: Arc<dyn Storage>) -> Result<CopyReport, SnapshotError> {
        backup(&self.shared, self.identity, to)
    }

    /// Writes and syncs what was appended, notes that it is durable, and ends.
    pub fn close(self) -> Result<(), Fatal> {
        self.finish()
    }

    /// The same where others hold the journal too: what they append from here on is not kept. A log that was to
    /// [begin anew](Self::found), and whose base does not stand, is given up: what there is of it is removed. A journal that has
    /// ended stays as it is. Not from a [callback](crate::OnProgress): it waits for whoever called that.
    pub fn finish(&self) -> Result<(), Fatal> {
        self.end_in_order(Stop::Finish)
    }

    /// The same for whoever goes on without the journal from this Unix second on: the next start is told so, as what it
    /// finds is not the newest that there was. Not from a [callback](crate::OnProgress) either. Of a log that is given up nothing is told, and of one that has ended before neither.
    pub fn leave(&self, at_s: u32) -> Result<(), Fatal> {
        self.end_in_order(Stop::Leave { at_s })
    }

    fn end_in_order(&self, how: Stop) -> Result<(), Fatal> {
        if self.shared.catalog.give_up() {
            self.end(Stop::Abandon);
            let removed = self.shared.catalog.unfound();
            self.shared.catalog.unlock();
            return Ok(removed?);
        }
        self.end(how);
        self.shared.catalog.unlock();
        self.shared.fatal().map_or(Ok(()), Err)
    }

    /// Notes on the disk what is durable, without waiting for silence: the snapshot that was finished last cannot be taken
    /// away unnoticed from then on. While the log [begins anew](Self::found), and once the journal has ended, nothing is noted.
    ///
    /// Where it cannot be written, the callback for the end runs in here, on this thread: it must hold no lock that this takes. Not
    /// from a [callback](crate::OnProgress): whoever called that may have what the note needs.
    pub fn note(&self) -> Result<(), Fatal> {
        let mut log = self.log.lock();
        if self.shared.has_stopped() {
            // The file may be somebody else's by now.
            return self.shared.fatal().map_or(Ok(()), Err);
        }
        let noted = log.note();
        drop(log);
        noted.inspect_err(|fatal| self.shared.has_ended(Some(fatal)))
    }

    fn end(&self, how: Stop) {
        self.shared.stop(how);
        for thread in self.threads.lock().drain(..) {
            // A thread that panicked has said so; there is nothing to add.
            let _ = thread.join();
        }
        // Whoever has the log still may have got it before the end, and be at its files; whoever gets it later asks.
        drop(self.log.lock());
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        let here = thread::current().id();
        if self.threads.get_mut().iter().any(|thread| thread.thread().id() == here) {
            // In a callback, which had the last handle: the threads end when it has returned, and they cannot be waited for here.
            return self.shared.stop(Stop::Abandon);
        }
        self.end(Stop::Abandon);
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("figures", &self.figures()).finish_non_exhaustive()
    }
}

/// The thread that prepares files.
fn prepare_files(shared: &Shared) {
    let stops = || shared.has_stopped();
    while !stops() {
        match shared.shelf.prepare() {
            Prepared::Made => shared.tell(),
            Prepared::Enough => {
                // Nothing is made, before which it would be asked, and others take what there is.
                shared.shelf.ask_free();
                shared.shelf.wait(Prepared::Enough, RETRY_EVERY_MS, stops);
            }
            Prepared::Refused => {
                // Whoever waits for room need wait no longer: it is refused now.
                shared.tell();
                shared.shelf.wait(Prepared::Refused, RETRY_EVERY_MS, stops);
            }
        }
    }
}

/// The thread that writes the log.
fn write_log(shared: &Shared, log: &Mutex<Log>) {
    let result = loop {
        // Looked at before the turn: when it was wanted by then, what is idle now has nothing left that was appended.
        let stop = shared.stop_wanted();
        if stop == Some(Stop::Abandon) {
            break Ok(());
        }
        let (begun, before) = (Instant::now(), shared.written());
        let (turn, due, note) = {
            let mut log = log.lock();
            let (turn, due) = (log.turn(shared.elapsed_ms()), log.due_sync(shared.elapsed_ms()));
            let note = if due.is_none() && turn.is_ok() { log.due_note(shared.elapsed_ms()) } else { None };
            (turn, due, note)
        };
        if let Some(due) = due.filter(|_| turn.is_ok()) {
            if let Err(fatal) = due.make() {
                log.lock().fail(&fatal);
                break Err(fatal);
            }
            log.lock().settle(&due, shared.elapsed_ms());
            continue;
        }
        if let Some(failure) = note.and_then(|note| note.make().err()) {
            let fatal = Fatal::from(failure);
            log.lock().fail(&fatal);
            break Err(fatal);
        }
        match turn {
            Err(fatal) => break Err(fatal),
            Ok(Turn::Worked) if shared.policy() == Policy::Always => {
                let taken = begun.elapsed();
                shared.note_time_taken(taken);
                shared.let_appenders_gather(shared.written() - before, taken);
            }
            Ok(Turn::Worked) => {}
            Ok(Turn::NeedsSegment) => match rotate(shared, log) {
                Ok(()) => {}
                Err(fatal) => break Err(fatal),
            },
            Ok(Turn::Idle { again_in_ms }) => match stop {
                Some(Stop::Finish) => break log.lock().finish(),
                Some(Stop::Leave { at_s }) => break log.lock().leave(at_s),
                _ => shared.sleep(again_in_ms),
            },
        }
    };
    shared.has_ended(result.as_ref().err());
}

/// Goes on in the next segment, or waits for a file to make it of.
fn rotate(shared: &Shared, log: &Mutex<Log>) -> Result<(), Fatal> {
    let rotation = log.lock().rotation();
    let rotated = rotation.make().inspect_err(|fatal| log.lock().fail(fatal))?;
    if log.lock().enter(rotated, shared.elapsed_ms()) {
        return Ok(());
    }
    match (shared.stop_wanted(), shared.shelf.refused()) {
        (Some(_), Some(full)) => Err(no_room_to_finish(shared, &full)),
        _ => {
            shared.shelf.wait_for_ready(RETRY_EVERY_MS, || shared.stop_wanted() == Some(Stop::Abandon));
            Ok(())
        }
    }
}

/// Nothing that was acknowledged is lost; but what was appended last is, and whoever closes should know.
fn no_room_to_finish(shared: &Shared, full: &Full) -> Fatal {
    let (directory, file) = (shared.store.place(), "the next segment".into());
    Fatal { directory, file, action: "make", cause: full.to_string() }
}

#[cfg(test)]
impl Journal {
    /// Whether somebody waits for this record's sync.
    pub(crate) fn awaits(&self, lsn: Lsn) -> bool {
        self.shared.is_sync_wanted_of(lsn)
    }

    /// Whether somebody wants its end.
    pub(crate) fn is_wanted_to_end(&self) -> bool {
        self.shared.stop_wanted().is_some()
    }
}
