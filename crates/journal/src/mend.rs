//! The steps of a repair, carried out so that a crash in between loses nothing.
//!
//! Invariant: before a file is changed, all of it is kept under another name; and a file is replaced by a whole one under its name,
//! or written where what proves the new content is still there. So an interrupted repair is planned anew from what it left.

use crate::chance::Chance;
use crate::copy::copy_whole;
use crate::error::OpenError;
use crate::identity;
use crate::names;
use crate::options::{Identity, Lsn, Options};
use crate::part::Part;
use crate::recover::copy_batches;
use crate::rotation::{Place, begin};
use crate::segment::{self, Use};
use crate::shelf::Spare;
use crate::slot::Slots;
use crate::storage::{Access, Lock};
use crate::store::Store;
use crate::walk::{Chain, Found};

/// More than a file has that says one thing.
const COPIED_BYTES_MAX: usize = 64 << 10;

/// One step.
#[derive(PartialEq, Eq)]
pub(crate) enum Step {
    /// Gives the file another name.
    Aside(String),
    /// Keeps a whole copy of what is about to be changed.
    Keep(String),
    /// Writes the segment's header anew.
    Rebuild { name: String, header: segment::Header },
    /// Replaces a segment by a part of it, up to a byte or as far as it can be read.
    Replace { name: String, part: Part, end: Option<u64> },
    /// Begins a new segment at this place.
    Begin { number: u64, chain: Chain },
    /// Says again what is durable.
    Note { sequence: u64, lsn: Lsn, snapshot: Option<Lsn> },
    /// Says again whose directory it is.
    Id,
}

/// Does all of it, in a directory that is locked; the names under which originals are kept.
pub(crate) fn carry_out(store: &Store, _: &Lock, steps: &[Step], identity: Identity) -> Result<Vec<String>, OpenError> {
    let taken = store.list()?;
    let is_free = |attempt: &u32| !taken.iter().any(|name| name.starts_with(&names::aside("", *attempt)));
    let attempt = (1..).find(is_free).expect("there are more numbers than files");
    let mut chance = Chance::new(Options::new(0, identity).seed);
    let mut kept = Vec::new();
    for step in steps {
        match step {
            Step::Aside(name) => {
                let aside = names::aside(name, attempt);
                store.rename(name, &aside)?;
                kept.push(aside);
            }
            Step::Keep(name) => {
                let aside = names::aside(name, attempt);
                copy_whole(store, name, store, &aside).inspect_err(|_| forget(store, &aside))?;
                kept.push(aside);
            }
            Step::Rebuild { name, header } => rebuild_header(store, name, header)?,
            Step::Replace { name, part, end } => replace_segment(store, name, part, *end, &mut chance)?,
            Step::Begin { number, chain } => {
                let template = segment::Header::blank(0, identity);
                let file = store.create(&names::spare(0))?;
                let place = Place { used: Use::Log, number: *number, epoch: chance.mark(), chain: *chain, time_ms: 0 };
                let spare = Spare { file, capacity: segment::HEADER_BYTES };
                begin(store, &template, spare, place)?;
            }
            Step::Note { sequence, lsn, snapshot } => {
                kept.extend(keep_copy(store, names::DURABLE, attempt)?);
                Slots::create(store)?.note(*sequence, *lsn, *snapshot)?;
            }
            Step::Id => {
                kept.extend(keep_copy(store, names::ID, attempt)?);
                identity::write(store, identity)?;
            }
        }
        store.sync_dir()?;
    }
    Ok(kept)
}

/// Keeps a whole copy of a small file, if it is there; its name.
fn keep_copy(store: &Store, name: &str, attempt: u32) -> Result<Option<String>, OpenError> {
    if !store.list()?.iter().any(|there| there == name) {
        return Ok(None);
    }
    let bytes = store.read_small(name, COPIED_BYTES_MAX)?;
    let aside = names::aside(name, attempt);
    let written = store.create(&aside).and_then(|copy| copy.write_at(0, &bytes).and_then(|()| copy.sync_all()));
    // The step goes on to change the file: by then the copy has its name for good.
    written.and_then(|()| store.sync_dir()).inspect_err(|_| forget(store, &aside))?;
    Ok(Some(aside))
}

/// Removes what a copy came to that has no room: it looks like an original, and is a part of one.
fn forget(store: &Store, aside: &str) {
    // Best effort: there is an error to tell already.
    let _ = store.remove(aside);
}

/// Writes the header where it belongs. Whatever a crash leaves of it, what proved the header is still there.
fn rebuild_header(store: &Store, name: &str, header: &segment::Header) -> Result<(), OpenError> {
    let file = store.open(name, Access::Write)?;
    file.write_at(0, &header.encode())?;
    Ok(file.sync_data()?)
}

/// Replaces a segment by a part of it.
fn replace_segment(
    store: &Store,
    name: &str,
    part: &Part,
    end: Option<u64>,
    chance: &mut Chance,
) -> Result<(), OpenError> {
    // What follows it in another segment follows these very batches, with their epoch; what is cut is followed by nothing.
    let (end, epoch) = match end {
        Some(end) => (end, chance.mark()),
        None => (end_of(store, name, part)?, part.header.epoch),
    };
    let capacity = segment::HEADER_BYTES + end - part.from;
    let spare = Spare { file: store.create(&names::spare(0))?, capacity };
    copy_batches(store, part.walker(store, name)?, spare, end, epoch)?;
    Ok(())
}

fn end_of(store: &Store, name: &str, part: &Part) -> Result<u64, OpenError> {
    let mut walker = part.walker(store, name)?;
    while let Found::Batch(..) = walker.next()? {}
    Ok(walker.at)
}
