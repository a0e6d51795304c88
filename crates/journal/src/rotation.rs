//! What is done on files while others have the log: a sync that falls due, and the way into the next segment.
//!
//! ```text
//!  full ► sync what is left of it ► header into a spare, sync ► rename ► sync the directory ► enter
//!         └──────────────────────── without the log ─────────────────────────────────────┘
//! ```
//!
//! Invariant: a segment has a successor only when it is durable to its end, and a file has a segment's name only when its header
//! is. That order makes a bad batch damage wherever another segment follows (`replay`), so it is kept under every policy, though
//! under some of them nobody waits for a sync.
//!
//! What is needed is copied out of the log first, so that nobody who only looks at it, or finds that it is full, waits for a disk.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::error::{Fatal, IoFailure};
use crate::fault::Faults;
use crate::log::Active;
use crate::names;
use crate::options::Lsn;
use crate::segment::{self, Use};
use crate::shelf::Spare;
use crate::store::{NamedFile, Store};
use crate::walk::Chain;

/// A sync that is made while others write.
pub(crate) struct DueSync {
    pub syncs: Arc<Syncs>,
    pub file: NamedFile,
    pub faults: Faults,
    /// What is written when it begins: up to where in the segment, the last batch, the last record.
    pub at: u64,
    pub sequence: u64,
    pub written: Lsn,
}

impl DueSync {
    pub(crate) fn make(&self) -> Result<(), Fatal> {
        self.syncs.make(&self.file, self.faults)
    }
}

/// The log's syncs, one at a time. After one that failed there is none: the system tells of what it could not write once, and
/// the next sync of the same file succeeds without it.
#[derive(Default)]
pub(crate) struct Syncs {
    failed: Mutex<Option<Fatal>>,
}

impl Syncs {
    pub(crate) fn make(&self, file: &NamedFile, faults: Faults) -> Result<(), Fatal> {
        let mut failed = self.failed.lock();
        if let Some(fatal) = &*failed {
            return Err(fatal.clone());
        }
        sync(file, faults).map_err(|failure| failed.insert(failure.into()).clone())
    }
}

/// The way into the next segment.
pub(crate) struct Rotation {
    pub store: Store,
    pub template: segment::Header,
    /// What of the old segment is not durable.
    pub before: Option<DueSync>,
    /// The file to go on in, and what it will be; none while there is none.
    pub next: Option<(Spare, Place)>,
}

/// A rotation that was made.
pub(crate) struct Rotated {
    pub before: Option<DueSync>,
    /// The next segment, and the first record that begins in it or later.
    pub next: Option<(Active, Lsn)>,
}

impl Rotation {
    pub(crate) fn make(self) -> Result<Rotated, Fatal> {
        let Self { store, template, before, next } = self;
        // A successor vouches for the whole of its predecessor, so that comes first.
        before.as_ref().map_or(Ok(()), DueSync::make)?;
        let next = match next {
            Some((spare, place)) => Some((begin(&store, &template, spare, place)?, place.first_lsn())),
            None => None,
        };
        Ok(Rotated { before, next })
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
    spare: Spare,
    place: Place,
) -> Result<Active, IoFailure> {
    let Spare { mut file, capacity } = spare;
    file.write_at(0, &place.header(template, capacity).encode())?;
    file.sync_data()?;
    let name = names::segment(place.number);
    store.rename(&file.name, &name)?;
    if !store.faults.skip_dir_sync() {
        store.sync_dir()?;
    }
    file.name = name;
    Ok(Active { file, number: place.number, epoch: place.epoch, capacity, at: segment::HEADER_BYTES })
}
