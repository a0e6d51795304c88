//! Reading all of a journal without changing anything: what a start would accept, and every byte of it.

use crate::error::OpenError;
use crate::identity;
use crate::mark;
use crate::options::Identity;
use crate::recover::TornTail;
use crate::replay::Legs;
use crate::slot;
use crate::snapshot_read::SnapshotReader;
use crate::store::Store;
use crate::survey::{Layout, Survey};
use crate::tail::{self, Tail};
use crate::walk::Walker;

/// A journal that is whole.
pub(crate) struct Whole {
    pub identity: Identity,
    pub layout: Layout,
    pub tail: Tail,
    /// The wall clock of its newest record, in ms.
    pub newest_time_ms: u64,
    /// It is marked as a backup, and is what the mark says.
    pub is_backup: bool,
}

impl Whole {
    /// The end of the log that a start would cut.
    pub(crate) fn torn(&self) -> Option<TornTail> {
        TornTail::of(&self.tail, self.layout.last())
    }
}

/// Reads everything that a start depends on: refuses what a start would refuse now or while it replays.
pub(crate) fn verify(store: &Store) -> Result<Whole, OpenError> {
    let survey = Survey::of(store)?;
    survey.check_companions()?;
    let identity = identity::read(store)?;
    let note = slot::read(store)?;
    let layout = survey.layout(store, identity)?;
    layout.check_snapshot(note)?;
    let mut snapshot = layout.snapshot.map(|cut| SnapshotReader::open_of(store, cut, identity)).transpose()?;
    if let Some(snapshot) = &mut snapshot {
        while snapshot.next()?.is_some() {}
    }
    let mut walker = Walker::open(store, layout.last())?;
    let tail = tail::judge(&mut walker, note)?;
    let newest_time_ms = tail.newest_time_ms(snapshot.as_ref());
    tail.check_reaches(layout.last(), layout.cut())?;
    let mut legs = Legs::new(store, layout.legs.clone(), tail.chain, layout.cut());
    while legs.next()?.is_some() {}
    // Last, because what is damaged itself is the better reason.
    if survey.has_mark {
        mark::read(store)?.check(store, &layout, &tail)?;
    }
    Ok(Whole { identity, layout, tail, newest_time_ms, is_backup: survey.has_mark })
}
