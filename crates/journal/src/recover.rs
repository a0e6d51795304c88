//! The start: from what a crash left, and was examined (`examine`), to a journal that may be appended to.
//!
//! ```text
//!  examined ► copy the tail ► note ► prepare files ► append
//!                  │
//!            into a fresh file, synced and renamed over the old one; cut bytes are kept aside
//! ```
//!
//! The tail is copied although it was just read: after an I/O error of an earlier run the page cache may hold what the
//! disk does not, and only what was written and synced by this run is known to be there.
//!
//! Every step may be interrupted and begun again: nothing is removed before what replaces it is durable.

use std::fmt;
use std::sync::Arc;

use crate::batch::HEADER_BYTES;
use crate::catalog::{Catalog, Entry, remove_unfounded};
use crate::chance::Chance;
use crate::error::{IoFailure, OpenError};
use crate::examine::{Examined, examine};
use crate::identity;
use crate::log::{Active, Log};
use crate::names;
use crate::options::{ABOVE_MAX, Identity, Lsn, Options, at_most};
use crate::rotation::{Place, begin, sync};
use crate::segment::{self, Use};
use crate::shared::Shared;
use crate::shelf::{Prepared, Purpose, Shelf, Spare};
use crate::slot::{self, Slots};
use crate::snapshot_write::remove_unfinished;
use crate::storage::{Access, Storage};
use crate::store::Store;
use crate::survey::{Leg, Survey};
use crate::tail::{Tail, Torn};
use crate::walk::{Chain, Found, Walker};

/// What a start found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Who the directory belongs to.
    pub identity: Identity,
    /// True when the directory held no journal.
    pub is_new: bool,
    /// The cut of the snapshot; 0 when there is none.
    pub snapshot_cut: Lsn,
    /// The last record in the log.
    pub last_lsn: Lsn,
    /// How many segments the replay goes through.
    pub segments: usize,
    /// The newest wall clock in the log and the snapshot, in ms, as callers gave it.
    pub newest_time_ms: u64,
    /// What was not whole at the end, and was cut.
    pub torn: Option<TornTail>,
    /// True when a log that was to begin anew over this one was removed: a crash came before its base stood.
    pub was_unfounded: bool,
    /// When whoever wrote this log went on without it, in Unix seconds; see [`crate::Journal::leave`].
    pub left_s: Option<u32>,
}

/// An end of the log that is not whole, and for which nothing newer vouches: either a crash left it unfinished, and then it was
/// never acknowledged under [`crate::Policy::Always`]; or it was whole once and was damaged afterwards. The bytes do not tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The segment.
    pub file: String,
    /// Where the cut was made.
    pub offset: u64,
    /// How many bytes were cut.
    pub bytes: u64,
    /// What was wrong with them.
    pub what: String,
    /// The file they are kept in; `None` when the disk had no room for them.
    pub kept_as: Option<String>,
}

impl TornTail {
    pub(crate) fn of(tail: &Tail, file: &str) -> Option<Self> {
        let Torn { to, what } = tail.torn.clone()?;
        Some(Self { file: file.into(), offset: tail.end, bytes: to - tail.end, what, kept_as: None })
    }
}

impl fmt::Display for TornTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, offset, bytes, what, .. } = self;
        write!(
            f,
            "`{file}`: {bytes} bytes from byte {offset} on are not whole ({what}): they were never completed, or were damaged \
             afterwards, and nothing newer tells which"
        )
    }
}

/// A journal that is ready, but for its threads.
pub(crate) struct Recovered {
    pub shared: Arc<Shared>,
    pub log: Log,
    pub report: RecoveryReport,
}

/// What is there is read to its end and applied by nobody, and the journal goes on after it.
#[cfg(test)]
pub(crate) fn recover(storage: Arc<dyn Storage>, options: Options) -> Result<Recovered, OpenError> {
    examine(storage, options)?.begin()
}

/// The same for a log that begins anew over what is there; its first record has a number of at least two more than `above`.
pub(crate) fn found(storage: Arc<dyn Storage>, options: Options, above: Lsn) -> Result<Recovered, OpenError> {
    at_most("above", above, ABOVE_MAX)?;
    examine(storage, options)?.begin_anew(above)
}

/// Where the log goes on.
#[derive(Clone, Copy)]
pub(crate) enum Beginning {
    /// After its last record.
    After,
    /// In a segment of its own, which does not count before there is a snapshot of the state that it begins with.
    Anew { above: Lsn },
}

/// Goes on with what was examined. Everything that changes the directory is here.
pub(crate) fn resume(examined: Examined, beginning: Beginning) -> Result<Recovered, OpenError> {
    let Examined { store, options, lock, mut chance, survey, layout, mut walker, tail, mut report, snapshot, replay } =
        examined;
    if survey.has_mark {
        // It was true until now: what is added makes it more than the backup that was written.
        store.remove(names::MARK)?;
        store.sync_dir()?;
    }
    remove_unfinished(&store, &survey.unfinished)?;
    remove_unfounded(&store, &layout.unfounded)?;
    let shelf = fill_shelf(&store, &survey, &options, report.identity)?;
    if let Some(torn) = &mut report.torn {
        torn.kept_as = keep_torn(&store, &mut walker, &tail, torn.bytes)?;
    }
    let last = layout.legs.last().expect("a layout has a segment");
    let usual = options.sizes.segment(layout.legs.len() as u64);
    let (active, header, chain) = match fresh_file(&shelf, usual, tail.end)? {
        Some(spare) => {
            let reader = Walker::open(&store, &last.name)?;
            copy_batches(&store, reader, spare, tail.end, chance.mark())?
        }
        None => (rewrite_in_place(&store, &mut walker, &tail)?, last.header, tail.chain),
    };
    let slots = note_tail(&store, &chain, layout.snapshot)?;
    // The old file of the tail is still open: on a full disk its space is what a file is prepared in.
    drop((walker, snapshot, replay));

    let mut legs = layout.legs;
    legs.last_mut().expect("a layout has a segment").header = header;
    let log_bytes = legs.iter().rev().skip(1).map(|leg| leg.header.capacity).sum::<u64>() + tail.end;
    let old = layout.old_segments.iter().map(|&number| Entry { number, first_lsn: 0, capacity: 0 });
    let entries = old.chain(legs.iter().map(entry)).collect();
    let catalog = Catalog::new(store.clone(), Arc::clone(&shelf), entries, layout.snapshot, layout.old_snapshots, lock);
    // What an interrupted snapshot no longer needs goes when the first reader has gone.
    drop(catalog.read());
    let Start { active, chain, time_ms } = match beginning {
        Beginning::After => Start { active, chain, time_ms: report.newest_time_ms },
        Beginning::Anew { above } => begin_anew(&store, &catalog, &shelf, &active, chain, above, &mut chance)?,
    };
    let shared = Arc::new(Shared::new(store, options, shelf, catalog, chain.lsn - 1, time_ms));
    shared.log_bytes.store(log_bytes, std::sync::atomic::Ordering::Release);
    let log = Log::new(Arc::clone(&shared), slots, active, chain, chance, time_ms);
    // The first adds should not have to wait; the rest is prepared in the background. On a full disk this comes to
    // nothing, and a broker starts that can be drained.
    while shared.shelf.room(Purpose::Add) == 0 && shared.shelf.prepare() == Prepared::Made {}
    Ok(Recovered { shared, log, report })
}

/// Where the log goes on.
struct Start {
    active: Active,
    chain: Chain,
    time_ms: u64,
}

/// Begins a segment that has nothing to do with those before it. The number that is left out between the two belongs to the
/// base: no snapshot of the older log can have it.
fn begin_anew(
    store: &Store,
    catalog: &Catalog,
    shelf: &Shelf,
    old: &Active,
    chain: Chain,
    above: Lsn,
    chance: &mut Chance,
) -> Result<Start, OpenError> {
    let base = (chain.lsn - 1).max(above) + 1;
    let chain = Chain { lsn: base + 1, mid_record: false, ..chain };
    let place = Place { used: Use::Founding, number: old.number + 1, epoch: chance.mark(), chain, time_ms: 0 };
    let active = begin(store, shelf.template(), shelf.first()?, place)?;
    let Active { number, capacity, .. } = active;
    catalog.found(Entry { number, first_lsn: place.first_lsn(), capacity });
    Ok(Start { active, chain, time_ms: 0 })
}

/// What was copied is durable: it is noted, unless it was before.
fn note_tail(store: &Store, chain: &Chain, snapshot: Option<Lsn>) -> Result<Slots, OpenError> {
    let mut slots = Slots::open(store)?;
    if slots.note.sequence < chain.sequence - 1 || !slots.note.is_of_a_log() {
        slots.note(chain.sequence - 1, chain.lsn - 1, snapshot)?;
    }
    Ok(slots)
}

fn entry(leg: &Leg) -> Entry {
    Entry { number: leg.header.number, first_lsn: leg.header.first_lsn, capacity: leg.header.capacity }
}

/// Makes a journal in an empty directory, or in one where that was interrupted.
pub(crate) fn initialise(
    store: &Store,
    survey: &Survey,
    options: &Options,
    chance: &mut Chance,
) -> Result<(), OpenError> {
    if survey.has_durable {
        // Only an interrupted start leaves this file without a segment, and then nothing was noted in it yet.
        let note = slot::read(store).unwrap_or_default();
        if note.is_of_a_log() {
            let what = format!("it notes a log ({} batches of it), and there is no segment", note.sequence);
            return Err(OpenError::corrupt(names::DURABLE, 0, what, "the log was removed"));
        }
    }
    let identity = if survey.has_id { identity::read(store)? } else { options.identity };
    if !survey.has_id {
        identity::write(store, identity)?;
    }
    Slots::create(store)?;
    store.sync_dir()?;
    let shelf = fill_shelf(store, survey, options, identity)?;
    let chain = Chain { sequence: 1, lsn: 1, crc_before: 0, mid_record: false };
    let place = Place { used: Use::Log, number: 1, epoch: chance.mark(), chain, time_ms: 0 };
    begin(store, shelf.template(), shelf.first()?, place)?;
    Ok(())
}

/// Takes the spare files that are whole, and removes the others.
fn fill_shelf(store: &Store, survey: &Survey, options: &Options, identity: Identity) -> Result<Arc<Shelf>, OpenError> {
    let next_name = survey.spares.last().map_or(1, |last| last + 1);
    let shelf = Shelf::new(store.clone(), options, identity, next_name);
    for &number in &survey.spares {
        let name = names::spare(number);
        let file = store.open(&name, Access::Write)?;
        let bytes = store.read_small(&name, usize::try_from(segment::HEADER_BYTES).expect("it is a small number"))?;
        // No header: it was being prepared, or being put to use, when a crash came.
        let capacity = segment::Header::decode(&name, &bytes).map_or(0, |header| header.capacity);
        if capacity > 0 && file.len()? >= capacity && shelf.has_use_for(capacity, 0) {
            shelf.put(Spare { file, capacity });
        } else {
            store.remove(&name)?;
        }
    }
    Ok(shelf)
}

/// Copies what is about to be cut into a file of its own, for whoever wants to look; its name.
fn keep_torn(store: &Store, walker: &mut Walker, tail: &Tail, bytes: u64) -> Result<Option<String>, OpenError> {
    let name = names::torn(tail.chain.lsn, walker.header.epoch);
    match copy_torn(store, walker, &name, tail.end, tail.end + bytes) {
        Ok(()) => Ok(Some(name)),
        Err(Trouble::Io(failure)) if failure.is_lack_of_space() => {
            // Never acknowledged, so not worth refusing to start. What was written of it goes.
            let _ = store.remove(&name);
            Ok(None)
        }
        Err(Trouble::Io(failure)) => Err(failure.into()),
        Err(Trouble::Open(error)) => Err(error),
    }
}

enum Trouble {
    Io(IoFailure),
    Open(OpenError),
}

impl From<IoFailure> for Trouble {
    fn from(failure: IoFailure) -> Self {
        Self::Io(failure)
    }
}

fn copy_torn(store: &Store, walker: &mut Walker, name: &str, from: u64, to: u64) -> Result<(), Trouble> {
    let file = store.create(name)?;
    let mut failure = None;
    let copied = walker.stretch(from, to, |at, bytes| {
        if failure.is_none() {
            failure = file.write_at(at, bytes).err();
        }
        Ok(())
    });
    copied.map_err(Trouble::Open)?;
    failure.map_or(Ok(()), |failure| Err(Trouble::Io(failure)))?;
    Ok(file.sync_all()?)
}

/// A segment's batches, from where the reader is up to `end`, in a fresh file, durable, under the segment's name.
pub(crate) fn copy_batches(
    store: &Store,
    mut reader: Walker,
    spare: Spare,
    end: u64,
    epoch: u64,
) -> Result<(Active, segment::Header, Chain), OpenError> {
    let name = &reader.name().to_owned();
    let Spare { mut file, capacity } = spare;
    let header = segment::Header { epoch, capacity, ..reader.header };
    let mut batches = Copy { header, chain: Chain::at_start_of(&header), at: 0, out: header.encode() };
    while reader.at < end {
        let Found::Batch(batch, body) = reader.next()? else {
            let what = "a batch that was just read cannot be read again";
            return Err(OpenError::corrupt(name, reader.at, what, "the disk answers differently each time"));
        };
        batches.push(batch, body);
        if batches.out.len() >= COPY_BYTES {
            file.write_at(batches.at, &batches.out)?;
            batches.written();
        }
    }
    file.write_at(batches.at, &batches.out)?;
    batches.written();
    sync(&file, store.faults)?;
    store.rename(&file.name, name)?;
    if !store.faults.skip_dir_sync() {
        store.sync_dir()?;
    }
    file.name = name.into();
    let Copy { chain, at, .. } = batches;
    Ok((Active { file, number: header.number, epoch, capacity, at }, header, chain))
}

/// So much is gathered before it is written.
const COPY_BYTES: usize = 1 << 20;

/// A file for the copy: a prepared one, or a new one of the usual size; `None` on a full disk.
fn fresh_file(shelf: &Shelf, usual: u64, end: u64) -> Result<Option<Spare>, OpenError> {
    if let Some(spare) = shelf.take_of(end) {
        return Ok(Some(spare));
    }
    match shelf.make(usual.max(end)) {
        Err(failure) if failure.is_lack_of_space() => Ok(None),
        made => Ok(Some(made?)),
    }
}

/// Writes what was read once more to where it is: for a full disk, which must not keep a broker that is to be drained
/// from starting. It asks for no space, and interrupted it leaves what was there. What a crash left after the end
/// becomes zeros, so that it does not mix with what will be written there.
fn rewrite_in_place(store: &Store, walker: &mut Walker, tail: &Tail) -> Result<Active, OpenError> {
    let file = store.open(walker.name(), Access::Write)?;
    let mut failure = None;
    walker.stretch(0, tail.end, |at, bytes| {
        if failure.is_none() {
            failure = file.write_at(at, bytes).err();
        }
        Ok(())
    })?;
    failure.map_or(Ok(()), Err)?;
    let mut at = tail.end;
    while let Some(left) = tail.torn.as_ref().map(|torn| torn.to.saturating_sub(at)).filter(|left| *left > 0) {
        let zeros = vec![0; usize::try_from(left.min(COPY_BYTES as u64)).expect("it is at most a piece")];
        file.write_at(at, &zeros)?;
        at += zeros.len() as u64;
    }
    file.sync_data()?;
    let segment::Header { number, epoch, .. } = walker.header;
    let capacity = walker.header.capacity.min(walker.file_bytes());
    Ok(Active { file, number, epoch, capacity, at: tail.end })
}

/// Batches that are given another epoch.
struct Copy {
    header: segment::Header,
    chain: Chain,
    at: u64,
    out: Vec<u8>,
}

impl Copy {
    fn push(&mut self, batch: crate::batch::Header, body: &[u8]) {
        let start = self.out.len();
        self.out.resize(start + HEADER_BYTES, 0);
        let batch = crate::batch::Header { epoch: self.header.epoch, crc_before: self.chain.crc_before, ..batch };
        let crc = batch.encode(&mut self.out[start..]);
        self.out.extend_from_slice(body);
        self.chain = Chain::after(&batch, crc);
    }

    fn written(&mut self) {
        self.at += self.out.len() as u64;
        self.out.clear();
    }
}
