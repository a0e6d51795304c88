//! Which segments there are, and which of them may go.
//!
//! A segment goes when a durable snapshot holds all that is in it, and nobody is reading it. It becomes a spare: its
//! blocks are there and written, which is what makes the next sync fast. Its old records cannot pass for new ones,
//! because the next segment in the file has another epoch.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use crate::error::IoFailure;
use crate::names;
use crate::options::Lsn;
use crate::shelf::{Shelf, Spare};
use crate::storage::{Access, Lock};
use crate::store::Store;

/// One segment of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub number: u64,
    /// Every record from this one on begins in this segment or a later one.
    pub first_lsn: Lsn,
    pub capacity: u64,
}

struct Inner {
    /// In order; the last one is active.
    segments: Vec<Entry>,
    /// How many readers there are.
    readers: usize,
    /// The newest durable snapshot's cut, and snapshots older than it that are still there.
    snapshot: Option<Lsn>,
    old_snapshots: Vec<Lsn>,
    /// The segment that a log begins anew with, until its base stands.
    founding: Option<Entry>,
    /// Its base is about to stand: what becomes of the log is decided on the disk.
    is_publishing: bool,
    /// It is taken back: no base can stand any more.
    is_given_up: bool,
}

/// The segments of the log.
pub(crate) struct Catalog {
    store: Store,
    shelf: Arc<Shelf>,
    inner: Mutex<Inner>,
    /// Told when a base stands, or does not.
    published: Condvar,
    /// Whoever may still rename or remove a file holds it too: a snapshot that outlives its journal must not meet another
    /// process in the directory.
    lock: Mutex<Option<Arc<Lock>>>,
}

impl Catalog {
    pub(crate) fn new(
        store: Store,
        shelf: Arc<Shelf>,
        segments: Vec<Entry>,
        snapshot: Option<Lsn>,
        old_snapshots: Vec<Lsn>,
        lock: Lock,
    ) -> Arc<Self> {
        shelf.set_segments(segments.len());
        Arc::new(Self {
            store,
            shelf,
            inner: Mutex::new(Inner {
                segments,
                readers: 0,
                snapshot,
                old_snapshots,
                founding: None,
                is_publishing: false,
                is_given_up: false,
            }),
            published: Condvar::new(),
            lock: Mutex::new(Some(Arc::new(lock))),
        })
    }

    /// The lock on the directory, for as long as its holder lives; none once it was let go of.
    pub(crate) fn lock(&self) -> Option<Arc<Lock>> {
        self.lock.lock().clone()
    }

    /// Lets go of the lock: the journal has ended. Whoever still reads or writes holds it until then.
    pub(crate) fn unlock(&self) {
        *self.lock.lock() = None;
    }

    /// Begins anew with this segment.
    pub(crate) fn found(&self, entry: Entry) {
        self.inner.lock().founding = Some(entry);
        self.push(entry);
    }

    /// Whether the log begins anew, and its base does not stand yet.
    pub(crate) fn is_founding(&self) -> bool {
        self.inner.lock().founding.is_some()
    }

    /// The only cut that a snapshot can have while the log begins anew: the number that was left out for its base.
    pub(crate) fn awaited_base(&self) -> Option<Lsn> {
        self.inner.lock().founding.map(|first| first.first_lsn - 1)
    }

    /// Decides that a log that begins anew is to be taken back: from here on its base can stand no more. False if it stands, or
    /// there is no such log. Waits for a base that is on its way.
    pub(crate) fn give_up(&self) -> bool {
        let mut inner = self.inner.lock();
        while inner.is_publishing {
            self.published.wait(&mut inner);
        }
        inner.is_given_up = inner.founding.is_some();
        inner.is_given_up
    }

    /// A snapshot is about to get its name. False if it is the base of a log that was given up.
    pub(crate) fn begin_publishing(&self) -> bool {
        let mut inner = self.inner.lock();
        inner.is_publishing = !inner.is_given_up;
        inner.is_publishing
    }

    /// It stands, or it failed.
    pub(crate) fn end_publishing(&self) {
        self.inner.lock().is_publishing = false;
        self.published.notify_all();
    }

    /// Takes back what was begun anew and [given up](Self::give_up), durably, the newest segment first: what is left in between
    /// must never look like a log with a gap.
    pub(crate) fn unfound(&self) -> Result<(), IoFailure> {
        let taken_back: Vec<u64> = {
            let mut inner = self.inner.lock();
            let Some(first) = inner.founding.take() else { return Ok(()) };
            let at =
                inner.segments.iter().position(|entry| entry.number == first.number).unwrap_or(inner.segments.len());
            inner.segments.drain(at..).map(|entry| entry.number).rev().collect()
        };
        remove_unfounded(&self.store, &taken_back)
    }

    pub(crate) fn push(&self, entry: Entry) {
        let mut inner = self.inner.lock();
        inner.segments.push(entry);
        self.shelf.set_segments(inner.segments.len());
    }

    pub(crate) fn segments(&self) -> usize {
        self.inner.lock().segments.len()
    }

    /// The cut of the newest durable snapshot.
    pub(crate) fn snapshot(&self) -> Option<Lsn> {
        self.inner.lock().snapshot
    }

    /// Keeps all files where they are until it is dropped, and says which there are.
    pub(crate) fn read(self: &Arc<Self>) -> (Reading, Option<Lsn>, Vec<Entry>) {
        let mut inner = self.inner.lock();
        inner.readers += 1;
        (Reading { catalog: Arc::clone(self), _lock: self.lock() }, inner.snapshot, inner.segments.clone())
    }

    /// Notes that a snapshot is durable, and lets go of what only it made superfluous.
    pub(crate) fn snapshot_stands(&self, cut: Lsn) -> Result<(), IoFailure> {
        {
            let mut inner = self.inner.lock();
            // Of any other cut no start would take it for what the new log begins with.
            inner.founding = inner.founding.filter(|first| first.first_lsn != cut + 1);
            let other = inner.snapshot.replace(cut);
            if let Some(other) = other {
                inner.snapshot = Some(other.max(cut));
                if other != cut {
                    inner.old_snapshots.push(other.min(cut));
                }
            }
        }
        self.let_go()
    }

    /// Lets go of what nobody needs. The lock is not held while files are renamed: the journal's thread takes it too.
    /// What fails here is not tried again before the next start; it harms nobody but the disk's space.
    fn let_go(&self) -> Result<(), IoFailure> {
        let (segments, snapshots) = {
            let mut inner = self.inner.lock();
            if inner.readers > 0 {
                return Ok(());
            }
            let cut = inner.snapshot.unwrap_or_default();
            let needed = inner.segments.iter().rposition(|entry| entry.first_lsn <= cut + 1).unwrap_or_default();
            let segments: Vec<_> = inner.segments.drain(..needed).collect();
            self.shelf.set_segments(inner.segments.len());
            (segments, std::mem::take(&mut inner.old_snapshots))
        };
        let mut spares = Vec::new();
        let mut outcome = Ok(());
        for entry in segments {
            let name = names::segment(entry.number);
            let gone = if self.shelf.has_use_for(entry.capacity, spares.len()) {
                let spare = self.shelf.fresh_name();
                self.store.rename(&name, &spare).map(|()| spares.push((spare, entry.capacity)))
            } else {
                self.store.remove(&name)
            };
            outcome = outcome.and(gone);
        }
        for cut in snapshots {
            outcome = outcome.and(self.store.remove(&names::snapshot(cut)));
        }
        // Before any of them is written to: a crash could give the file back its old name, with new content.
        self.store.sync_dir()?;
        for (name, capacity) in spares {
            let opened = self.store.open(&name, Access::Write);
            outcome = outcome.and(opened.map(|file| self.shelf.put(Spare { file, capacity })));
        }
        outcome
    }
}

/// Somebody reads segments or a snapshot: they stay.
pub(crate) struct Reading {
    catalog: Arc<Catalog>,
    _lock: Option<Arc<Lock>>,
}

impl Drop for Reading {
    fn drop(&mut self) {
        let is_last = {
            let mut inner = self.catalog.inner.lock();
            inner.readers -= 1;
            inner.readers == 0 && inner.snapshot.is_some()
        };
        if is_last {
            // What cannot be removed now stays until the next start: it harms nobody.
            let _ = self.catalog.let_go();
        }
    }
}

/// Removes segments of a log that was to begin anew, the newest first. The first one goes when the others are gone for
/// good: it alone says that they do not belong to what is before them.
pub(crate) fn remove_unfounded(store: &Store, newest_first: &[u64]) -> Result<(), IoFailure> {
    let Some((first, others)) = newest_first.split_last() else { return Ok(()) };
    for number in others {
        store.remove(&names::segment(*number))?;
    }
    if !others.is_empty() {
        store.sync_dir()?;
    }
    store.remove(&names::segment(*first))?;
    store.sync_dir()
}
