//! What appenders, the journal's thread, the preparer and snapshots have in common.
//!
//! Appending touches the inbox and a few counters, nothing else: no file, and no lock that is held while a file is written. Only an
//! appender that drives the log itself writes, once it has let go of everything else.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::catalog::Catalog;
use crate::error::{Fatal, Full};
use crate::gather::{self, Gather, Taken};
use crate::options::{Lsn, Options, Policy, Progress};
use crate::shelf::{Purpose, Shelf};
use crate::store::Store;

/// So much room, in batches of the largest size, should always be ahead of whoever begins to apply something.
const ROOM_MARGIN_BATCHES: u64 = 2;

/// From so many records a batch on, more are waited for. Below, it would be the time of a few clients for nothing.
const GATHER_FROM_RECORDS: u64 = 8;

/// And for no longer than this, however long a sync took.
const GATHER_TIME_MAX: Duration = Duration::from_millis(10);

/// So long may an appender be away for a write and its sync. A disk that usually takes longer is left to the journal's thread.
const QUICK_US: u64 = 1000;

/// What is known of the disk before its first sync: nothing good.
const UNKNOWN_US: u64 = 100 * QUICK_US;

/// A time counts for so much of what is usual: one slow sync among many changes nothing, one that hung does for a while.
const USUAL_SHARE: u64 = 16;

struct Inbox {
    gather: Gather,
    /// The journal's thread waits to be woken.
    is_asleep: bool,
    /// What is in the inbox may be taken: whoever put it there has no more at present.
    is_driven: bool,
    /// The journal's thread sleeps on until this record is there, if it is there in time.
    wanted: Lsn,
    /// Something changed that is not in the inbox.
    is_nudged: bool,
    stop: Option<Stop>,
}

/// How the journal's thread is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// When all is written and synced.
    Finish,
    /// Then, and with a note that whoever appended goes on without it from this Unix second on.
    Leave { at_s: u32 },
    /// At once, as if the process had been killed.
    Abandon,
}

/// What appenders, the journal's thread, the preparer and snapshots have in common.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) options: Options,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) catalog: Arc<Catalog>,
    inbox: Mutex<Inbox>,
    wake: Condvar,
    advance: Mutex<()>,
    advanced: Condvar,
    policy: AtomicU8,
    appended: AtomicU64,
    written: AtomicU64,
    synced: AtomicU64,
    sync_wanted: AtomicU64,
    /// What was appended up to here is answered once it is synced, whatever the policy is by now.
    strict_upto: AtomicU64,
    /// Bytes of batches that have no place in a segment yet.
    unwritten: AtomicU64,
    /// Bytes of batches in memory.
    in_flight: AtomicU64,
    was_congested: AtomicBool,
    /// How long a write and its sync usually take, in microseconds.
    usual_us: AtomicU64,
    pub(crate) log_bytes: AtomicU64,
    pub(crate) log_bytes_at_snapshot: AtomicU64,
    pub(crate) syncs: AtomicU64,
    pub(crate) is_snapshotting: AtomicBool,
    has_stopped: AtomicBool,
    fatal: Mutex<Option<Fatal>>,
    /// The callback for that was called.
    is_fatal_told: AtomicBool,
    start: Instant,
}

impl Shared {
    pub(crate) fn new(
        store: Store,
        options: Options,
        shelf: Arc<Shelf>,
        catalog: Arc<Catalog>,
        last_lsn: Lsn,
        time_ms: u64,
    ) -> Self {
        let gather = Gather::new(last_lsn + 1, time_ms, options.sizes.batch_bytes_max);
        Self {
            inbox: Mutex::new(Inbox {
                gather,
                is_asleep: false,
                is_driven: false,
                wanted: 0,
                is_nudged: false,
                stop: None,
            }),
            policy: AtomicU8::new(options.policy as u8),
            store,
            options,
            shelf,
            catalog,
            wake: Condvar::new(),
            advance: Mutex::new(()),
            advanced: Condvar::new(),
            appended: AtomicU64::new(last_lsn),
            written: AtomicU64::new(last_lsn),
            synced: AtomicU64::new(last_lsn),
            sync_wanted: AtomicU64::new(0),
            strict_upto: AtomicU64::new(0),
            unwritten: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            was_congested: AtomicBool::new(false),
            usual_us: AtomicU64::new(UNKNOWN_US),
            log_bytes: AtomicU64::new(0),
            log_bytes_at_snapshot: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            is_snapshotting: AtomicBool::new(false),
            has_stopped: AtomicBool::new(false),
            fatal: Mutex::new(None),
            is_fatal_told: AtomicBool::new(false),
            start: Instant::now(),
        }
    }

    // ── the appenders' side ──────────────────────────────────────────────────────────────────────────────────────

    pub(crate) fn append(&self, record: &[u8]) -> Lsn {
        self.append_to(&mut self.inbox.lock(), record)
    }

    pub(crate) fn append_at(&self, record: &[u8], time_ms: u64) -> Lsn {
        let mut inbox = self.inbox.lock();
        inbox.gather.note_time(time_ms);
        self.append_to(&mut inbox, record)
    }

    fn append_to(&self, inbox: &mut Inbox, record: &[u8]) -> Lsn {
        if inbox.stop.is_some() {
            return inbox.gather.skip();
        }
        let before = inbox.gather.bytes();
        let lsn = inbox.gather.append(record);
        let grown = (inbox.gather.bytes() - before) as u64;
        self.unwritten.fetch_add(grown, Ordering::AcqRel);
        self.in_flight.fetch_add(grown, Ordering::AcqRel);
        self.appended.store(lsn, Ordering::Release);
        lsn
    }

    /// How long the journal has been open, in ms.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Lets the journal's thread take what was appended, and wakes it if it sleeps.
    pub(crate) fn rouse(&self) {
        let mut inbox = self.inbox.lock();
        inbox.is_driven = true;
        if inbox.gather.newest() >= inbox.wanted && std::mem::take(&mut inbox.is_asleep) {
            drop(inbox);
            self.wake.notify_one();
        }
    }

    /// Whether a write and its sync usually take so little time that an appender can see to them itself.
    pub(crate) fn is_quick(&self) -> bool {
        self.usual_us.load(Ordering::Relaxed) <= QUICK_US
    }

    /// A write with its sync took so long. Whoever did it holds the log or did until now: that two figures are noted at a time
    /// and one of them is lost does not matter.
    pub(crate) fn note_time_taken(&self, taken: Duration) {
        let us = u64::try_from(taken.as_micros()).unwrap_or(u64::MAX / 2);
        let usual_us = self.usual_us.load(Ordering::Relaxed);
        self.usual_us.store((usual_us * (USUAL_SHARE - 1)).saturating_add(us) / USUAL_SHARE, Ordering::Relaxed);
    }

    pub(crate) fn note_time(&self, ms: u64) {
        self.inbox.lock().gather.note_time(ms);
    }

    pub(crate) fn admit(&self, bytes: u64, purpose: Purpose) -> Result<(), Full> {
        let cost = gather::cost(bytes, self.options.sizes.batch_bytes_max);
        let need = self.unwritten.load(Ordering::Acquire).saturating_add(cost);
        if need <= self.shelf.room(purpose) { Ok(()) } else { Err(self.shelf.why_full(need)) }
    }

    pub(crate) fn appended(&self) -> Lsn {
        self.appended.load(Ordering::Acquire)
    }

    pub(crate) fn written(&self) -> Lsn {
        self.written.load(Ordering::Acquire)
    }

    pub(crate) fn synced(&self) -> Lsn {
        self.synced.load(Ordering::Acquire)
    }

    /// The newest record that clients may be told of.
    pub(crate) fn open_upto(&self) -> Lsn {
        // What is written first: what was appended after the policy became stricter is not in it.
        let written = self.written();
        let (policy, synced) = (self.policy(), self.synced());
        let is_strict = policy == Policy::Always || synced < self.strict_upto.load(Ordering::Acquire);
        if is_strict { synced } else { written }
    }

    pub(crate) fn progress(&self) -> Progress {
        Progress { open_upto: self.open_upto(), synced: self.synced(), is_congested: self.is_congested() }
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Acquire)
    }

    pub(crate) fn is_congested(&self) -> bool {
        // What is in flight on a full disk stays there until there is space: to wait for that would be to serve nobody.
        let is_over = || self.in_flight() >= self.options.sizes.in_flight_bytes_max && self.shelf.refused().is_none();
        if is_over() {
            self.was_congested.store(true, Ordering::Release);
            // Asked again after the flag is set: else the last advance could fall between the two and nobody be told.
            if is_over() {
                return true;
            }
        }
        // A full disk is no congestion: whoever waited for that would wait for long, and drains go on.
        let margin = ROOM_MARGIN_BATCHES * u64::from(self.options.sizes.batch_bytes_max);
        self.shelf.is_preparing_for(self.unwritten.load(Ordering::Acquire) + margin)
    }

    pub(crate) fn policy(&self) -> Policy {
        Policy::from_u8(self.policy.load(Ordering::Acquire))
    }

    /// Whoever waits for a sync goes on waiting for one: it was promised when their records were appended.
    pub(crate) fn set_policy(&self, policy: Policy) {
        if self.policy() == Policy::Always && policy != Policy::Always {
            self.strict_upto.store(self.request_sync(), Ordering::Release);
        }
        self.policy.store(policy as u8, Ordering::Release);
        self.wake();
    }

    pub(crate) fn request_sync(&self) -> Lsn {
        let upto = self.appended();
        self.sync_wanted.fetch_max(upto, Ordering::AcqRel);
        self.wake();
        upto
    }

    /// Waits until the record is durable; false when the journal stops first.
    pub(crate) fn wait_synced(&self, lsn: Lsn) -> bool {
        if self.synced() < lsn {
            // It need not be appended yet: whoever appends it a moment later asks for no sync.
            self.sync_wanted.fetch_max(lsn, Ordering::AcqRel);
            self.wake();
        }
        let mut advance = self.advance.lock();
        while self.synced() < lsn {
            if self.has_stopped() {
                return false;
            }
            self.advanced.wait(&mut advance);
        }
        true
    }

    // ── the journal's side ───────────────────────────────────────────────────────────────────────────────────────

    pub(crate) fn take(&self, into: &mut Taken) {
        let mut inbox = self.inbox.lock();
        inbox.is_driven = false;
        let padding = inbox.gather.take(into) as u64;
        drop(inbox);
        self.unwritten.fetch_add(padding, Ordering::AcqRel);
        self.in_flight.fetch_add(padding, Ordering::AcqRel);
    }

    pub(crate) fn is_sync_wanted(&self) -> bool {
        self.sync_wanted.load(Ordering::Acquire) > self.synced()
    }

    #[cfg(test)]
    pub(crate) fn is_sync_wanted_of(&self, lsn: Lsn) -> bool {
        self.sync_wanted.load(Ordering::Acquire) >= lsn
    }

    pub(crate) fn placed(&self, bytes: u64) {
        self.unwritten.fetch_sub(bytes, Ordering::AcqRel);
        self.log_bytes.fetch_add(bytes, Ordering::AcqRel);
    }

    /// What was taken is written, and synced if it had to be. True when appenders had been told to wait.
    pub(crate) fn settled(&self, bytes: u64) -> bool {
        let left = self.in_flight.fetch_sub(bytes, Ordering::AcqRel) - bytes;
        left < self.options.sizes.in_flight_bytes_max && self.was_congested.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn publish(&self, written: Lsn, synced: Lsn) {
        self.written.store(written, Ordering::Release);
        self.synced.store(synced, Ordering::Release);
        self.tell();
    }

    /// Tells everybody who waits for something.
    pub(crate) fn tell(&self) {
        drop(self.advance.lock());
        self.advanced.notify_all();
        self.ends_if_panicking("the callback for progress", || (self.options.progress)(self.progress()));
    }

    /// Does something that ends the journal if it panics: what was begun around it is not completed then, and a thread that is
    /// gone would be waited for.
    pub(crate) fn ends_if_panicking(&self, what: &str, act: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(act)) {
            self.has_ended(Some(&self.panicked(what)));
            resume_unwind(panic);
        }
    }

    pub(crate) fn panicked(&self, what: &str) -> Fatal {
        let (directory, file) = (self.store.place(), "the log".into());
        Fatal { directory, file, action: "go on with", cause: format!("{what} panicked") }
    }

    pub(crate) fn wake(&self) {
        self.inbox.lock().is_nudged = true;
        self.wake.notify_all();
    }

    pub(crate) fn stop(&self, how: Stop) {
        let mut inbox = self.inbox.lock();
        if !self.has_stopped() {
            inbox.stop = Some(how);
        }
        drop(inbox);
        self.wake.notify_all();
        self.shelf.wake();
    }

    pub(crate) fn stop_wanted(&self) -> Option<Stop> {
        self.inbox.lock().stop
    }

    /// After a batch of so many records that took so long to be synced: sleeps while appenders are in the middle of
    /// something, for what begins then would leave the rest of it to the next sync; and where there are many of them, until as
    /// many are back or as much time has passed. Never for long: appenders may have seen to it themselves, and a sync that hung is
    /// no measure.
    pub(crate) fn let_appenders_gather(&self, records: u64, time: Duration) {
        let mut inbox = self.inbox.lock();
        if records < GATHER_FROM_RECORDS {
            if !inbox.gather.is_empty() {
                self.sleep_in(&mut inbox, Some(GATHER_TIME_MAX));
            }
            return;
        }
        inbox.wanted = self.written() + records;
        self.sleep_in(&mut inbox, Some(time.min(GATHER_TIME_MAX)));
        inbox.wanted = 0;
    }

    /// Sleeps until there is something to do, at most so long; `None` means until woken.
    pub(crate) fn sleep(&self, ms: Option<u64>) {
        self.sleep_in(&mut self.inbox.lock(), ms.map(Duration::from_millis));
    }

    fn sleep_in(&self, inbox: &mut MutexGuard<'_, Inbox>, time: Option<Duration>) {
        let is_ready = inbox.is_driven && !inbox.gather.is_empty() && inbox.gather.newest() >= inbox.wanted;
        if std::mem::take(&mut inbox.is_nudged) || is_ready || inbox.stop.is_some() {
            return;
        }
        inbox.is_asleep = true;
        match time {
            Some(time) => {
                self.wake.wait_for(inbox, time);
            }
            None => self.wake.wait(inbox),
        }
        inbox.is_asleep = false;
    }

    /// Nothing more will be written. Whoever finds out says so; the reason is the first one, and is told once.
    pub(crate) fn has_ended(&self, fatal: Option<&Fatal>) {
        let fatal = fatal.map(|fatal| self.fatal.lock().get_or_insert_with(|| fatal.clone()).clone());
        {
            // Whatever was to be completed: who would have to help may be gone.
            let mut inbox = self.inbox.lock();
            inbox.stop = Some(Stop::Abandon);
            self.has_stopped.store(true, Ordering::Release);
        }
        self.wake.notify_all();
        self.shelf.stop();
        drop(self.advance.lock());
        self.advanced.notify_all();
        // Of a log whose base does not stand nobody was told anything: whoever writes the base hears of it.
        if let Some(fatal) = fatal.filter(|_| !self.catalog.is_founding())
            && !self.is_fatal_told.swap(true, Ordering::AcqRel)
        {
            (self.options.fatal)(&fatal);
        }
    }

    pub(crate) fn has_stopped(&self) -> bool {
        self.has_stopped.load(Ordering::Acquire)
    }

    pub(crate) fn fatal(&self) -> Option<Fatal> {
        self.fatal.lock().clone()
    }
}
