//! What a start finds, and whether that is accepted. Nothing is changed.
//!
//! ```text
//!  lock ► survey ► layout ► judge the tail ► read it all ► begin: from here on the directory is changed
//!  └────────── damage, a later version, or whoever reads says no ──────────┘
//! ```
//!
//! Invariant: all that can refuse a journal comes before the first change to it. A start that was refused leaves every byte as it
//! was, so that whoever looks for the reason, or repairs, finds what the start found. That includes what is found late, in an
//! older segment or in the last section of a snapshot, and what only the caller can find: so the records are shown before
//! anything is written, and [`Examined::begin`] first reads whatever the caller did not.
//!
//! Only a directory that holds no journal is written to at once: there is nothing in it yet that could be refused.

use std::sync::Arc;

use crate::chance::Chance;
use crate::error::OpenError;
use crate::identity;
use crate::mark;
use crate::names;
use crate::options::{Lsn, Options};
use crate::recover::{Beginning, Recovered, RecoveryReport, TornTail, initialise, resume};
use crate::replay::{Legs, Replay};
use crate::slot;
use crate::snapshot_read::SnapshotReader;
use crate::storage::{Lock, LockError, Storage};
use crate::store::Store;
use crate::survey::{Layout, Survey};
use crate::tail::{self, Tail};
use crate::walk::Walker;

/// A journal that may be started, once all of it was read.
pub(crate) struct Examined {
    pub store: Store,
    pub options: Options,
    pub lock: Lock,
    pub chance: Chance,
    pub survey: Survey,
    pub layout: Layout,
    /// It has read the last segment up to the end of the log.
    pub walker: Walker,
    pub tail: Tail,
    pub snapshot: Option<SnapshotReader>,
    pub replay: Replay,
    pub report: RecoveryReport,
}

pub(crate) fn lock(store: &Store) -> Result<Lock, OpenError> {
    store.storage().lock(names::LOCK).map_err(|error| match error {
        LockError::InUse { pid } => OpenError::InUse { directory: store.place(), pid },
        LockError::Io(source) => store.failure(names::LOCK, "lock", source).into(),
    })
}

pub(crate) fn examine(storage: Arc<dyn Storage>, options: Options) -> Result<Examined, OpenError> {
    options.sizes.check()?;
    let mut store = Store::new(storage, options.state_version);
    store.faults = options.faults;
    let lock = lock(&store)?;
    let mut chance = Chance::new(options.seed);
    let mut survey = Survey::of(&store)?;
    let is_new = survey.is_new();
    if is_new {
        initialise(&store, &survey, &options, &mut chance)?;
        survey = Survey::of(&store)?;
    }
    survey.check_companions()?;
    let identity = identity::read(&store)?;
    let note = slot::read(&store)?;
    let layout = survey.layout(&store, identity)?;
    layout.check_snapshot(note)?;
    let snapshot = layout.snapshot.map(|cut| SnapshotReader::open_of(&store, cut, identity)).transpose()?;
    let last = layout.last();
    let mut walker = Walker::open(&store, last)?;
    let tail = tail::judge(&mut walker, note)?;
    tail.check_reaches(last, layout.cut())?;
    if survey.has_mark {
        mark::read(&store)?.check(&store, &layout, &tail)?;
    }
    let last_lsn = tail.chain.lsn - 1;
    let newest_time_ms = tail.newest_time_ms(snapshot.as_ref());
    let torn = TornTail::of(&tail, last);
    let report = RecoveryReport {
        identity,
        is_new,
        snapshot_cut: layout.cut(),
        last_lsn,
        segments: layout.legs.len(),
        newest_time_ms,
        torn,
        was_unfounded: !layout.unfounded.is_empty(),
        left_s: Some(note.left_s).filter(|left_s| *left_s > 0 && note.sequence == tail.chain.sequence - 1),
    };
    let legs = Legs::new(&store, layout.legs.clone(), tail.chain, layout.cut());
    let replay = Replay::new(legs);
    Ok(Examined { store, options, lock, chance, survey, layout, walker, tail, snapshot, replay, report })
}

impl Examined {
    /// Reads what was not read yet, and goes on after the last record.
    pub(crate) fn begin(mut self) -> Result<Recovered, OpenError> {
        if let Some(snapshot) = &mut self.snapshot {
            while snapshot.next()?.is_some() {}
        }
        self.replay.finish()?;
        resume(self, Beginning::After)
    }

    /// Goes on with a log that begins anew: what is there is not read, and only the end of it matters.
    pub(crate) fn begin_anew(self, above: Lsn) -> Result<Recovered, OpenError> {
        resume(self, Beginning::Anew { above })
    }
}
