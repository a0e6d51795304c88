//! All that is stored, shown in order to whoever wants to look.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::batch;
use crate::error::OpenError;
use crate::identity;
use crate::options::Lsn;
use crate::replay::{Pieces, Step};
use crate::slot;
use crate::snapshot_read::SnapshotReader;
use crate::storage::Storage;
use crate::store::Store;
use crate::survey::{Leg, Survey};
use crate::tail;
use crate::walk::{Chain, Found, Walker};

/// One thing that is stored.
#[derive(Debug)]
pub enum Dumped<'a> {
    /// A snapshot begins: the state after this record.
    Snapshot {
        /// The last record whose effect is in it.
        cut: Lsn,
    },
    /// A section of the snapshot.
    Section {
        /// What the writer called it.
        kind: u32,
        /// What the writer put into it.
        bytes: &'a [u8],
    },
    /// A segment begins.
    Segment {
        /// The file.
        file: &'a str,
        /// Every record from this one on begins in it or in a later one.
        first_lsn: Lsn,
    },
    /// A batch begins.
    Batch {
        /// Where it stands in its segment.
        offset: u64,
        /// Its number.
        sequence: u64,
        /// The number of its first record, or of the record it is a piece of.
        first_lsn: Lsn,
        /// How many records it completes.
        records: u32,
        /// The wall clock that it carries, in ms.
        time_ms: u64,
    },
    /// A record.
    Record {
        /// Its number.
        lsn: Lsn,
        /// Its bytes.
        bytes: &'a [u8],
    },
}

/// What the visitor wants: more, or no more.
type Wish = ControlFlow<()>;

/// Why a walk ended before its end.
enum Ended {
    NoMore,
    Damage(OpenError),
}

impl<T: Into<OpenError>> From<T> for Ended {
    fn from(error: T) -> Self {
        Self::Damage(error.into())
    }
}

fn wished(wish: Wish) -> Result<(), Ended> {
    if wish.is_break() { Err(Ended::NoMore) } else { Ok(()) }
}

/// Shows the newest snapshot and all records in the segments that belong to it, up to the end, until the visitor wants
/// no more, or to the first damage or what a later version of the state machine wrote, which is then the error.
pub fn dump(
    storage: Arc<dyn Storage>,
    state_version: u32,
    visit: impl FnMut(Dumped<'_>) -> Wish,
) -> Result<(), OpenError> {
    shown(storage, state_version, true, visit)
}

/// The same without the snapshot.
pub fn dump_log(
    storage: Arc<dyn Storage>,
    state_version: u32,
    visit: impl FnMut(Dumped<'_>) -> Wish,
) -> Result<(), OpenError> {
    shown(storage, state_version, false, visit)
}

fn shown(
    storage: Arc<dyn Storage>,
    state_version: u32,
    with_snapshot: bool,
    mut visit: impl FnMut(Dumped<'_>) -> Wish,
) -> Result<(), OpenError> {
    match walk(&Store::new(storage, state_version), with_snapshot, &mut visit) {
        Ok(()) | Err(Ended::NoMore) => Ok(()),
        Err(Ended::Damage(error)) => Err(error),
    }
}

fn walk(store: &Store, with_snapshot: bool, visit: &mut impl FnMut(Dumped<'_>) -> Wish) -> Result<(), Ended> {
    let survey = Survey::of(store)?;
    survey.check_companions()?;
    let identity = identity::read(store)?;
    let layout = survey.layout(store, identity)?;
    if let Some(cut) = layout.snapshot.filter(|_| with_snapshot) {
        wished(visit(Dumped::Snapshot { cut }))?;
        let mut reader = SnapshotReader::open_of(store, cut, identity)?;
        while let Some(section) = reader.next()? {
            wished(visit(Dumped::Section { kind: section.kind, bytes: &section.bytes }))?;
        }
    }
    let mut pieces = Pieces::after(0);
    for (index, leg) in layout.legs.iter().enumerate() {
        let end = layout.legs.get(index + 1).map(|next| Chain::at_start_of(&next.header));
        dump_segment(store, leg, end, &mut pieces, visit)?;
    }
    Ok(())
}

fn dump_segment(
    store: &Store,
    leg: &Leg,
    end: Option<Chain>,
    pieces: &mut Pieces,
    visit: &mut impl FnMut(Dumped<'_>) -> Wish,
) -> Result<(), Ended> {
    wished(visit(Dumped::Segment { file: &leg.name, first_lsn: leg.header.first_lsn }))?;
    let mut walker = Walker::open(store, &leg.name)?;
    loop {
        let offset = walker.at;
        if end.is_some_and(|end| walker.chain == end) {
            return Ok(());
        }
        let Found::Batch(header, body) = walker.next()? else { break };
        let batch::Header { sequence, first_lsn, records, time_ms, .. } = header;
        wished(visit(Dumped::Batch { offset, sequence, first_lsn, records, time_ms }))?;
        match pieces.step(header, body) {
            Step::Piece => {}
            Step::Record(header, bytes) => wished(visit(Dumped::Record { lsn: header.first_lsn, bytes: &bytes }))?,
            Step::Records(header, body) => {
                let ranges = batch::records(&body, header.records).expect("the walk has looked at the lengths");
                for (lsn, range) in (header.first_lsn..).zip(ranges) {
                    wished(visit(Dumped::Record { lsn, bytes: &body[range] }))?;
                }
            }
        }
    }
    if end.is_some() {
        let meaning = "a segment is durable as a whole before the next one begins, so it was damaged later";
        return Err(OpenError::corrupt(&leg.name, walker.at, "the next batch cannot be read", meaning).into());
    }
    let note = slot::read(store)?;
    let mut walker = Walker::open(store, &leg.name)?;
    tail::judge(&mut walker, note)?;
    Ok(())
}
