//! Writing a snapshot beside the log, while the log goes on.
//!
//! Invariant: a snapshot gets its name when all of it is durable and so is the log up to its cut; only after the name
//! is durable too do the segments and snapshots go that it replaces. Whenever a crash comes, either the old state and
//! its log are there, or the new one.
//!
//! The log comes first because a snapshot may not know more than the log: what only the snapshot held would be
//! served after a crash, though nobody was ever told that it had happened, and its numbers would be given again.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::aligned::Aligned;
use crate::error::{IoFailure, SnapshotError};
use crate::names;
use crate::options::{Identity, Lsn};
use crate::shared::Shared;
use crate::snapshot::{Header, Part};
use crate::storage::Lock;
use crate::store::{NamedFile, Store};

/// Sections are written in pieces of this size, past the page cache: a snapshot is much, and copying it there would take the
/// processor from those who are served meanwhile. The log's own writes stand behind one piece at most.
const PIECE_BYTES: usize = 512 << 10;

/// What became of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotReport {
    /// The last record whose effect is in it.
    pub cut: Lsn,
    /// Its size.
    pub bytes: u64,
    /// How many sections it has.
    pub sections: u64,
    /// How many segments the log has now.
    pub segments: usize,
    /// Why files that it made superfluous are still there, if some are: they take space until the next start, and no more.
    pub not_let_go: Option<String>,
}

/// Writes a snapshot. Dropped before [`finish`](Self::finish), it leaves nothing behind.
///
/// After a [`section`](Self::section) that failed it is spoilt: what is missing cannot be written once more, so it takes no further
/// section, is not finished, and the log goes on as it was.
pub struct SnapshotWriter {
    shared: Arc<Shared>,
    file: Option<NamedFile>,
    cut: Lsn,
    at: u64,
    piece: Aligned,
    sections: u64,
    crc: u32,
    /// A section was begun and is not in it as a whole.
    is_spoilt: bool,
    log_bytes: u64,
    /// The directory stays locked until the file has its name or is gone.
    _lock: Option<Arc<Lock>>,
}

impl SnapshotWriter {
    pub(crate) fn begin(
        shared: Arc<Shared>,
        identity: Identity,
        cut: Lsn,
        time_ms: u64,
    ) -> Result<Self, SnapshotError> {
        let (appended, base) = (shared.appended(), shared.catalog.awaited_base());
        if cut > appended {
            return Err(SnapshotError::Ahead { cut, appended });
        }
        if let Some(base) = base.filter(|base| *base != cut) {
            return Err(SnapshotError::NotTheBase { cut, base });
        }
        if shared.is_snapshotting.swap(true, Ordering::AcqRel) {
            return Err(SnapshotError::Busy);
        }
        let log_bytes = shared.log_bytes.load(Ordering::Acquire);
        let header = Header { state_version: shared.options.state_version, cut, time_ms, identity }.encode();
        let created = shared.store.create(&names::snapshot_unfinished(cut));
        let _lock = shared.catalog.lock();
        let (at, piece, sections, crc) = (0, Aligned::zeros(PIECE_BYTES), 0, 0);
        let mut writer = Self { shared, file: None, cut, at, piece, sections, crc, is_spoilt: false, log_bytes, _lock };
        writer.file = Some(created?);
        writer.put(&header)?;
        Ok(writer)
    }

    /// The last record whose effect is in it.
    #[must_use]
    pub fn cut(&self) -> Lsn {
        self.cut
    }

    /// Adds a section: a number that tells the reader what it is, and its bytes. Sections of some hundred KiB are
    /// best: a reader holds one in memory.
    ///
    /// # Errors
    /// The file system refused; and [`SnapshotError::Spoilt`] from then on.
    pub fn section(&mut self, kind: u32, bytes: &[u8]) -> Result<(), SnapshotError> {
        self.check_whole()?;
        self.is_spoilt = true;
        let crc = crc32c::crc32c(bytes);
        let part = Part::Section { kind, index: self.sections, bytes: bytes.len() as u64, crc };
        self.put(&part.encode())?;
        self.put(bytes)?;
        self.sections += 1;
        self.is_spoilt = false;
        Ok(())
    }

    fn check_whole(&self) -> Result<(), SnapshotError> {
        if self.is_spoilt { Err(SnapshotError::Spoilt) } else { Ok(()) }
    }

    fn put(&mut self, mut bytes: &[u8]) -> Result<(), SnapshotError> {
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        loop {
            bytes = self.piece.fill(bytes);
            if !self.piece.is_full() {
                return Ok(());
            }
            self.file().write_past_cache(self.at, self.piece.all())?;
            self.at += PIECE_BYTES as u64;
            self.piece.clear();
        }
    }

    fn file(&self) -> &NamedFile {
        self.file.as_ref().expect("it is there until the end")
    }

    /// Makes the snapshot durable and lets go of what it replaces. Waits until the log is durable up to the cut.
    ///
    /// # Errors
    /// The older snapshot and the log are as they were: the file system refused, a [`section`](Self::section) had failed, or the
    /// journal has stopped.
    pub fn finish(mut self) -> Result<SnapshotReport, SnapshotError> {
        self.check_whole()?;
        let bytes_before = self.at + self.piece.filled().len() as u64;
        let footer = Part::Footer { sections: self.sections, bytes_before, file_crc: self.crc };
        self.put(&footer.encode())?;
        self.file().write_at(self.at, self.piece.filled())?;
        self.at += self.piece.filled().len() as u64;
        self.file().sync_all()?;
        if !self.shared.wait_synced(self.cut) || self.shared.has_stopped() {
            return Err(SnapshotError::Stopped);
        }
        if !self.shared.catalog.begin_publishing() {
            return Err(SnapshotError::Stopped);
        }
        let published = self.publish();
        self.shared.catalog.end_publishing();
        let let_go = published?;
        let shared = &self.shared;
        shared.log_bytes_at_snapshot.store(self.log_bytes, Ordering::Release);
        Ok(SnapshotReport {
            cut: self.cut,
            bytes: self.at,
            sections: self.sections,
            segments: shared.catalog.segments(),
            not_let_go: let_go.err().map(|failure| SnapshotError::from(failure).to_string()),
        })
    }

    /// Makes it the newest snapshot; what came of letting go of what it replaces.
    fn publish(&mut self) -> Result<Result<(), IoFailure>, IoFailure> {
        let Self { shared, cut, .. } = self;
        if shared.options.faults.recycle_before_snapshot() {
            shared.catalog.snapshot_stands(*cut)?;
        }
        shared.store.rename(&names::snapshot_unfinished(*cut), &names::snapshot(*cut))?;
        self.file = None;
        if !shared.options.faults.skip_dir_sync() {
            shared.store.sync_dir().inspect_err(|_| {
                // A base that is not known to have its name does not keep it: the log that it would begin is given up. Any other
                // snapshot may have one of the same cut under it, which stands.
                if shared.catalog.is_founding() {
                    drop(shared.store.remove(&names::snapshot(*cut)));
                }
            })?;
        }
        // Of a log that begins anew this is the base: from here on it is the one that a start finds.
        let let_go = shared.catalog.snapshot_stands(*cut);
        // The journal notes that the snapshot is there.
        shared.wake();
        Ok(let_go)
    }

    /// Gives up, and removes what was written.
    pub fn abort(self) {}
}

impl Drop for SnapshotWriter {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // Best effort: an unfinished snapshot is of no use, and the next start removes it.
            let _ = self.shared.store.remove(&names::snapshot_unfinished(self.cut));
        }
        self.shared.is_snapshotting.store(false, Ordering::Release);
    }
}

/// Removes what an interrupted snapshot left.
pub(crate) fn remove_unfinished(store: &Store, names: &[String]) -> Result<(), IoFailure> {
    names.iter().try_for_each(|name| store.remove(name))
}
