//! A journal copied into an empty directory: backup and restore.
//!
//! What was copied is read again as a whole, in the way in which a restore or a start will, and only then is the copy a success.
//! The copy is complete when it has an `id`: that is written last, and no start accepts segments without it. So a copy
//! that was interrupted is never mistaken for one. A backup has a `backup.mark` besides, which says up to where it goes.

use std::sync::Arc;

use crate::batch::HEADER_BYTES;
use crate::error::{OpenError, SnapshotError};
use crate::examine::lock;
use crate::identity;
use crate::mark::{self, Mark};
use crate::names::{self, Name};
use crate::options::{Identity, Lsn};
use crate::recover::TornTail;
use crate::segment;
use crate::shared::Shared;
use crate::slot::{self, Slots};
use crate::storage::Storage;
use crate::store::Store;
use crate::survey::Leg;
use crate::verify::verify;
use crate::walk::{Found, Walker, Window};

/// So much is gathered before it is written.
const PIECE_BYTES: usize = 1 << 20;

/// What was copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyReport {
    /// The cut of the snapshot; 0 when there is none.
    pub snapshot_cut: Lsn,
    /// The last record.
    pub last_lsn: Lsn,
    /// How many segments.
    pub segments: usize,
    /// How many files: segments, snapshot, and those that go with them.
    pub files: usize,
    /// How many bytes of segments and snapshot.
    pub bytes: u64,
    /// An end of the log that was not whole, and was not copied. A marked backup has none.
    pub torn: Option<TornTail>,
    /// One of the slots of `durable` could not be read: less is known of what should have been there. Never of a marked backup.
    pub lacks_slot: bool,
}

struct Source<'a> {
    store: &'a Store,
    identity: Identity,
    snapshot: Option<Lsn>,
    legs: Vec<Leg>,
    /// The last record that must be copied.
    upto: Lsn,
    what: What,
}

/// What the copy is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Backup,
    Journal,
}

/// Verifies a journal that nobody has open, as a state machine of this version would read it, and copies it into an empty directory.
pub fn restore(from: Arc<dyn Storage>, to: Arc<dyn Storage>, state_version: u32) -> Result<CopyReport, OpenError> {
    let from = Store::new(from, state_version);
    let whole = verify(&from)?;
    let upto = whole.tail.chain.lsn - 1;
    let (torn, lacks_slot) = (whole.torn(), slot::read_both(&from)?.lacks_one);
    let (identity, snapshot, legs) = (whole.identity, whole.layout.snapshot, whole.layout.legs);
    let copied = copy(&Source { store: &from, identity, snapshot, legs, upto, what: What::Journal }, to)?;
    Ok(CopyReport { torn, lacks_slot, ..copied })
}

/// Copies a journal that goes on meanwhile: all that was appended before the call.
pub(crate) fn backup(shared: &Shared, identity: Identity, to: Arc<dyn Storage>) -> Result<CopyReport, SnapshotError> {
    // For good, if it is whole once.
    if shared.catalog.is_founding() {
        return Err(SnapshotError::Founding);
    }
    let upto = shared.appended();
    if !shared.wait_synced(upto) {
        return Err(SnapshotError::Stopped);
    }
    // After the wait, so that the segment with the last record is among them.
    let (_reading, snapshot, entries) = shared.catalog.read();
    let cut = snapshot.unwrap_or_default();
    let upto = upto.max(cut);
    let needed = entries.iter().rposition(|entry| entry.first_lsn <= cut + 1).unwrap_or_default();
    let mut legs = Vec::new();
    for entry in &entries[needed..] {
        let name = names::segment(entry.number);
        let header = Walker::open(&shared.store, &name)?.header;
        legs.push(Leg { name, header });
    }
    Ok(copy(&Source { store: &shared.store, identity, snapshot, legs, upto, what: What::Backup }, to)?)
}

fn copy(source: &Source<'_>, to: Arc<dyn Storage>) -> Result<CopyReport, OpenError> {
    let to = Store::new(to, source.store.state_version);
    let _lock = lock(&to)?;
    if let Some(file) = to.list()?.into_iter().find(|name| names::parse(name) != Name::Lock) {
        return Err(OpenError::NotEmpty { directory: to.place(), file });
    }
    let mut report = CopyReport { snapshot_cut: source.snapshot.unwrap_or_default(), ..CopyReport::default() };
    if let Some(cut) = source.snapshot {
        let name = names::snapshot(cut);
        report.bytes += copy_whole(source.store, &name, &to, &name)?;
    }
    let mut sequence = 0;
    // Whole batches are copied, and the last one may hold more than was asked for.
    for leg in &source.legs {
        let (copied, bytes) = copy_segment(source, leg, &to)?;
        report.bytes += bytes;
        report.segments += 1;
        sequence = copied.sequence - 1;
        report.last_lsn = copied.lsn - 1;
        if copied.lsn > source.upto {
            break;
        }
    }
    let mut slots = Slots::create(&to)?;
    slots.note(sequence, report.last_lsn, source.snapshot)?;
    let is_backup = source.what == What::Backup;
    if is_backup {
        mark::write(&to, Mark { sequence, lsn: report.last_lsn, snapshot: source.snapshot })?;
    }
    to.sync_dir()?;
    identity::write(&to, source.identity)?;
    verify(&to)?;
    let beside = [names::DURABLE, names::ID].len() + usize::from(is_backup);
    report.files = report.segments + usize::from(source.snapshot.is_some()) + beside;
    Ok(report)
}

/// Copies a file of any size, durably but for its name; how many bytes it has.
pub(crate) fn copy_whole(from: &Store, name: &str, to: &Store, copy: &str) -> Result<u64, OpenError> {
    let mut window = Window::open(from, name)?;
    let file = to.create(copy)?;
    let mut at = 0;
    while at < window.len() {
        let bytes = window.bytes(at, PIECE_BYTES)?;
        if bytes.is_empty() {
            break;
        }
        file.write_at(at, bytes)?;
        at += bytes.len() as u64;
    }
    file.sync_all()?;
    Ok(at)
}

/// Copies a segment's batches, up to the last record that is wanted.
fn copy_segment(source: &Source<'_>, leg: &Leg, to: &Store) -> Result<(crate::walk::Chain, u64), OpenError> {
    let mut walker = Walker::open(source.store, &leg.name)?;
    let next = source.legs.iter().find(|other| other.header.number == leg.header.number + 1);
    let end = next.map(|next| next.header.first_sequence);
    let file = to.create(&leg.name)?;
    let mut out = Vec::new();
    let mut at = segment::HEADER_BYTES;
    while walker.chain.lsn <= source.upto && end != Some(walker.chain.sequence) {
        let (offset, sequence) = (walker.at, walker.chain.sequence);
        let what = match walker.next()? {
            Found::Batch(header, body) => {
                let start = out.len();
                out.resize(start + HEADER_BYTES, 0);
                header.encode(&mut out[start..]);
                out.extend_from_slice(body);
                None
            }
            Found::Nothing => Some(format!("batch {sequence} is missing")),
            Found::Bad(what) => Some(what),
        };
        if let Some(what) = what {
            return Err(OpenError::corrupt(&leg.name, offset, what, "it was durable, so it was damaged later"));
        }
        if out.len() >= PIECE_BYTES {
            file.write_at(at, &out)?;
            at += out.len() as u64;
            out.clear();
        }
    }
    file.write_at(at, &out)?;
    at += out.len() as u64;
    file.write_at(0, &segment::Header { capacity: at, ..leg.header }.encode())?;
    file.sync_all()?;
    Ok((walker.chain, at))
}
