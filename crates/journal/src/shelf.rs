//! Prepared files, and the room in them.
//!
//! Space is promised before anything is applied, so it must be there: files are really written with zeros before
//! they count (a write into a hole can still find the disk full; and a sync of a file whose blocks are all there is
//! twice as fast, because it changes nothing but data).
//!
//! ```text
//!   active segment        ready                     reserve
//!  ├───────│────────────┤├──────────────────────┤ ├──────────────────────┤
//!          └──────── room for adds ─────────────┘ └── for drains alone ──┘
//! ```
//!
//! Invariant: adds never take the last segment's worth. When the disk is full, removals, acknowledgements and trims
//! still have room to be logged, and it is they who can make space again.

use std::collections::VecDeque;
use std::io;
use std::iter::successors;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::aligned::Aligned;
use crate::error::{Full, IoFailure, said};
use crate::names;
use crate::options::{Options, SPARES_KEPT_MAX, SPARES_READY, Sizes};
use crate::segment;
use crate::store::{NamedFile, Store};

/// Zeros are written in pieces of this size: the log's own writes stand behind one of them at most.
const ZEROS_BYTES: usize = 256 << 10;

/// And synced after so many bytes: where they do go through the page cache, the log's own syncs do not stand behind a whole file
/// of zeros.
const SYNC_AFTER_BYTES: u64 = 8 << 20;

/// What a record does to the space it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It stores something: refused when the disk is full.
    Add,
    /// It removes something: goes on from the reserve.
    Drain,
}

/// A prepared file.
pub(crate) struct Spare {
    pub file: NamedFile,
    pub capacity: u64,
}

#[derive(Default)]
struct Inner {
    ready: VecDeque<Spare>,
    /// The number of the next spare file's name.
    next_name: u64,
    /// How many segments the log has, the active one included.
    segments: u64,
    active_left: u64,
    active_capacity: u64,
    /// Why the last attempt to prepare a file failed.
    refused: Option<String>,
    /// How much room somebody waits for.
    demand: u64,
}

impl Inner {
    /// True when there is a reason to prepare a file.
    fn wants(&self) -> bool {
        self.ready.len() < SPARES_READY || self.demand > 0
    }
}

/// The prepared files.
pub(crate) struct Shelf {
    store: Store,
    sizes: Sizes,
    template: segment::Header,
    inner: Mutex<Inner>,
    changed: Condvar,
    room_all: AtomicU64,
    room_add: AtomicU64,
    /// What the disk had left when it was last asked; `u64::MAX` where it does not tell.
    free: AtomicU64,
    /// Nobody waits for what is being prepared any more.
    has_stopped: AtomicBool,
}

/// What became of an attempt to prepare a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prepared {
    /// There is more room than there was.
    Made,
    /// There is as much as there should be.
    Enough,
    /// The disk does not give it.
    Refused,
}

impl Shelf {
    pub(crate) fn new(store: Store, options: &Options, identity: crate::Identity, next_name: u64) -> Arc<Self> {
        let template = segment::Header::blank(options.state_version, identity);
        Arc::new(Self {
            store,
            sizes: options.sizes,
            template,
            inner: Mutex::new(Inner { next_name, ..Inner::default() }),
            changed: Condvar::new(),
            room_all: AtomicU64::new(0),
            room_add: AtomicU64::new(0),
            free: AtomicU64::new(u64::MAX),
            has_stopped: AtomicBool::new(false),
        })
    }

    /// What can be promised of a segment of which so much is left: at its end a batch may not fit any more.
    fn usable(&self, left: u64) -> u64 {
        left.saturating_sub(u64::from(self.sizes.batch_bytes_max))
    }

    /// The same of a fresh one of this size.
    fn whole(&self, capacity: u64) -> u64 {
        self.usable(capacity.saturating_sub(segment::HEADER_BYTES))
    }

    fn recount(&self, inner: &Inner) {
        let ready: u64 = inner.ready.iter().map(|spare| self.whole(spare.capacity)).sum();
        let all = ready + self.usable(inner.active_left);
        let capacities = inner.ready.iter().map(|spare| spare.capacity).chain([inner.active_capacity]);
        let reserve = self.whole(capacities.min().unwrap_or_default());
        // The smaller figure first: whoever reads in between sees less room than there is, never more.
        self.room_add.store(all.saturating_sub(reserve), Ordering::Release);
        self.room_all.store(all, Ordering::Release);
    }

    pub(crate) fn room(&self, purpose: Purpose) -> u64 {
        match purpose {
            Purpose::Add => self.room_add.load(Ordering::Acquire),
            Purpose::Drain => self.room_all.load(Ordering::Acquire),
        }
    }

    /// Why `need` bytes of room are not there. Whoever prepares files is told.
    pub(crate) fn why_full(&self, need: u64) -> Full {
        let mut inner = self.inner.lock();
        let directory = self.store.place();
        inner.demand = inner.demand.max(need);
        self.changed.notify_all();
        match &inner.refused {
            Some(cause) => Full::Disk { directory, cause: cause.clone() },
            None => Full::Preparing { directory },
        }
    }

    /// True when so much room for adds is not there, and is on its way.
    pub(crate) fn is_preparing_for(&self, need: u64) -> bool {
        need > self.room(Purpose::Add) && self.why_full(need).is_temporary()
    }

    /// True when room that somebody asked for is not there, and is on its way.
    pub(crate) fn is_awaited(&self) -> bool {
        let inner = self.inner.lock();
        inner.demand > self.room(Purpose::Add) && inner.refused.is_none()
    }

    /// Why no file can be prepared at present.
    pub(crate) fn refused(&self) -> Option<Full> {
        let cause = self.inner.lock().refused.clone()?;
        Some(Full::Disk { directory: self.store.place(), cause })
    }

    pub(crate) fn ready(&self) -> usize {
        self.inner.lock().ready.len()
    }

    pub(crate) fn set_active(&self, left: u64, capacity: u64) {
        let mut inner = self.inner.lock();
        (inner.active_left, inner.active_capacity) = (left, capacity);
        self.recount(&inner);
    }

    /// The log has so many segments now, the active one included.
    pub(crate) fn set_segments(&self, segments: usize) {
        self.inner.lock().segments = segments as u64;
    }

    pub(crate) fn set_active_left(&self, left: u64) {
        let mut inner = self.inner.lock();
        inner.active_left = left;
        self.recount(&inner);
    }

    /// Takes a file to go on in. The room that the active one had is gone, and that of the new one is counted from here on: it
    /// takes a while until it is written to, and whoever asks for room meanwhile shall not be told that there is none.
    pub(crate) fn take(&self) -> Option<Spare> {
        let mut inner = self.inner.lock();
        let spare = inner.ready.pop_front()?;
        inner.active_left = spare.capacity.saturating_sub(segment::HEADER_BYTES);
        inner.active_capacity = spare.capacity;
        self.recount(&inner);
        self.changed.notify_all();
        Some(spare)
    }

    /// Takes a file of at least this size, if there is one.
    pub(crate) fn take_of(&self, capacity: u64) -> Option<Spare> {
        let mut inner = self.inner.lock();
        let at = inner.ready.iter().position(|spare| spare.capacity >= capacity)?;
        let spare = inner.ready.remove(at);
        self.recount(&inner);
        spare
    }

    /// A name for a spare file that none has.
    pub(crate) fn fresh_name(&self) -> String {
        let mut inner = self.inner.lock();
        inner.next_name += 1;
        names::spare(inner.next_name - 1)
    }

    /// Takes back a file that is durable under its spare name.
    pub(crate) fn put(&self, spare: Spare) {
        let mut inner = self.inner.lock();
        inner.ready.push_back(spare);
        inner.refused = None;
        self.recount(&inner);
        self.changed.notify_all();
    }

    /// The size of the files that are prepared now.
    pub(crate) fn size_now(&self) -> u64 {
        let inner = self.inner.lock();
        // What is kept beyond what has to be ready says nothing of how long the log is.
        self.sizes.segment(inner.segments + inner.ready.len().min(SPARES_READY) as u64 + 1)
    }

    /// Whether one more file of this size is worth keeping, `besides` so many that are about to be put here.
    pub(crate) fn has_use_for(&self, capacity: u64, besides: usize) -> bool {
        let kept = (self.ready() + besides) as u64;
        let small = self.sizes.segment_first_bytes.saturating_mul(self.sizes.segments_of_a_size);
        capacity >= self.size_now() && (kept < SPARES_KEPT_MAX || (kept + 1) * capacity <= small)
    }

    /// Prepares one more file, if one is wanted; for a demand that the disk cannot meet, not even the first of those it takes.
    pub(crate) fn prepare(&self) -> Prepared {
        let demand = {
            let mut inner = self.inner.lock();
            let is_asked_for = inner.demand > 0;
            if self.room(Purpose::Add) >= inner.demand {
                inner.demand = 0;
            }
            if !inner.wants() {
                inner.refused = None;
                // What somebody waits for has come in another way: they are to be told.
                return if is_asked_for { Prepared::Made } else { Prepared::Enough };
            }
            inner.demand
        };
        let size = self.size_now();
        let files = demand.saturating_sub(self.room(Purpose::Add)).div_ceil(self.whole(size).max(1)).max(1);
        let made = self.find_space(files.saturating_mul(size)).and_then(|()| self.make(size));
        match made.or_else(|failure| self.make_reserve(size).unwrap_or(Err(failure))) {
            Ok(spare) => {
                self.put(spare);
                Prepared::Made
            }
            Err(failure) => {
                let IoFailure { action, source, .. } = failure;
                let mut inner = self.inner.lock();
                // Without the file's name, which is another one each time: whoever watches groups by the text.
                inner.refused = Some(format!("cannot {action} a further file for the log: {}", said(&source)));
                // Who asked for more than usual is told, and asks again or not: it is not tried for ever.
                inner.demand = 0;
                Prepared::Refused
            }
        }
    }

    /// Makes a smaller file than usual where there is none at all: it is the reserve, without which nothing can be drained. None where
    /// there is one, or no size has room.
    fn make_reserve(&self, usual: u64) -> Option<Result<Spare, IoFailure>> {
        let least = self.sizes.segment_first_bytes;
        let smaller = |size: &u64| (*size > least).then(|| (size / 2).max(least));
        let mut sizes = successors(smaller(&usual), smaller).filter(|_| self.ready() == 0);
        sizes.find(|size| self.find_space(*size).is_ok()).map(|size| self.make(size))
    }

    /// A file for a log to begin in.
    pub(crate) fn first(&self) -> Result<Spare, IoFailure> {
        self.take_of(0).map_or_else(|| self.make(self.sizes.segment_first_bytes), Ok)
    }

    /// Makes a file full of zeros, durably.
    pub(crate) fn make(&self, capacity: u64) -> Result<Spare, IoFailure> {
        self.find_space(capacity)?;
        let name = self.fresh_name();
        let made = self.make_as(&name, capacity);
        if made.is_err() {
            // Best effort: what is left of it is not a spare, and the next start removes it.
            let _ = self.store.remove(&name);
        }
        made
    }

    /// Asks the disk what it has left. It may not answer for long: nobody who holds something that others wait for asks it.
    pub(crate) fn ask_free(&self) -> u64 {
        let free = self.store.storage().free_bytes().unwrap_or(u64::MAX);
        self.free.store(free, Ordering::Relaxed);
        free
    }

    /// What it had left when it was last asked; `u64::MAX` where it does not tell.
    pub(crate) fn free(&self) -> u64 {
        self.free.load(Ordering::Relaxed)
    }

    /// To try would take what there is from others for a moment, such as a snapshot that would make room.
    fn find_space(&self, bytes: u64) -> Result<(), IoFailure> {
        if self.ask_free() < bytes {
            return Err(self.store.failure("a further file", "allocate", rustix::io::Errno::NOSPC.into()));
        }
        Ok(())
    }

    fn make_as(&self, name: &str, capacity: u64) -> Result<Spare, IoFailure> {
        let file = self.store.create(name)?;
        file.allocate(capacity)?;
        let zeros = Aligned::zeros(ZEROS_BYTES.min(usize::try_from(capacity).unwrap_or(ZEROS_BYTES)));
        let zeros = zeros.all();
        let mut at = 0;
        let mut synced = 0;
        while at < capacity {
            let piece = zeros.len().min(usize::try_from(capacity - at).unwrap_or(zeros.len()));
            file.write_past_cache(at, &zeros[..piece])?;
            at += piece as u64;
            if at - synced >= SYNC_AFTER_BYTES {
                file.sync_data()?;
                synced = at;
                if self.has_stopped.load(Ordering::Acquire) {
                    // What is there of it is not a spare: it has no header.
                    return Err(file.failure("prepare", io::ErrorKind::Interrupted.into()));
                }
            }
        }
        file.sync_all()?;
        // The header last: a file that has one is zeroed to its end.
        file.write_at(0, &segment::Header { capacity, ..self.template }.encode())?;
        file.sync_data()?;
        self.store.sync_dir()?;
        Ok(Spare { file, capacity })
    }

    /// Waits until a file is wanted, or after a refusal until it is time to try again.
    pub(crate) fn wait(&self, after: Prepared, ms: u64, stop: impl Fn() -> bool) {
        let until = Instant::now() + Duration::from_millis(ms);
        let mut inner = self.inner.lock();
        let mut is_time = false;
        // Who asks for room on a full disk is no reason to try again at once: each try takes what little there is from others.
        let has_reason = |inner: &Inner| match after {
            Prepared::Refused => inner.refused.is_none(),
            Prepared::Made | Prepared::Enough => inner.wants(),
        };
        while !is_time && !stop() && !has_reason(&inner) {
            is_time = self.changed.wait_until(&mut inner, until).timed_out();
        }
    }

    /// Waits until a file is ready.
    pub(crate) fn wait_for_ready(&self, ms: u64, stop: impl Fn() -> bool) {
        let mut inner = self.inner.lock();
        if inner.ready.is_empty() && !stop() {
            self.changed.wait_for(&mut inner, Duration::from_millis(ms));
        }
    }

    /// The journal has ended.
    pub(crate) fn stop(&self) {
        self.has_stopped.store(true, Ordering::Release);
        self.wake();
    }

    pub(crate) fn wake(&self) {
        let _inner = self.inner.lock();
        self.changed.notify_all();
    }

    /// The header that a new file of the log begins with, but for its place in the log.
    pub(crate) fn template(&self) -> &segment::Header {
        &self.template
    }
}
