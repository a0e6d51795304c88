//! What the segments' headers say, those included whose block is damaged: what stood there is told by what was written around it.
//!
//! ```text
//!   segment-6      … batch 41 │ segment-7  ▒▒▒▒▒▒▒▒  batch 42 …
//!                        │                               │
//!   which record, batch and checksum come next,          the epoch; and the same record, batch and checksum
//!   and what the wall clock was                          as those that come next
//! ```
//!
//! Invariant: a header is proven, in all that depends on it, or there is none. There are two proofs, and either needs a batch
//! behind the header that is whole and belongs to it, for nothing else knows the epoch:
//!
//! - **One bit.** The checksum of the block tells which single bit would have to be another one, and what the header then says is
//!   true of the file's name, the directory's `id` and that batch.
//! - **The segment before.** The batch carries the checksum of the last batch before it, over segments too: it follows there or
//!   nowhere. So it is proven where the segment begins, and what only the header said is true of the file at hand (its size), or of
//!   the log before it (the wall clock). Before the first batch ever there is nothing to follow.
//!
//! A header that is whole and says that it belongs elsewhere is not damaged, and is left to whoever mixed the files.

use std::cmp::Ordering;

use crate::batch;
use crate::error::OpenError;
use crate::names;
use crate::options::Identity;
use crate::rotation::Place;
use crate::segment::{self, Use, with_one_bit_back};
use crate::store::Store;
use crate::walk::{Chain, Found, Walker, Window};

/// A segment's file, and what is known of its header.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub number: u64,
    pub standing: Standing,
}

/// What is known of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is whole, and belongs here.
    Whole(segment::Header),
    /// Its block is damaged, and this is what it said; and what proves that.
    Proven(segment::Header, String),
    /// It is damaged, and why nothing proves what it said.
    Unproven(String),
    /// It is whole, and belongs elsewhere.
    Foreign,
}

impl Segment {
    pub(crate) fn name(&self) -> String {
        names::segment(self.number)
    }

    /// What the header says, or said.
    pub(crate) fn header(&self) -> Option<segment::Header> {
        match self.standing {
            Standing::Whole(header) | Standing::Proven(header, _) => Some(header),
            Standing::Unproven(_) | Standing::Foreign => None,
        }
    }
}

/// The segments with these numbers, which are in order. An error for files of a later version and for those that cannot be read.
pub(crate) fn look(store: &Store, numbers: &[u64], identity: Identity) -> Result<Vec<Segment>, OpenError> {
    let mut segments: Vec<Segment> = Vec::new();
    for &number in numbers {
        let before = segments.last().filter(|before| before.number + 1 == number).and_then(Segment::header);
        let standing = match Walker::open(store, &names::segment(number)) {
            Ok(Walker { header, .. }) if header.identity == identity && header.number == number => {
                Standing::Whole(header)
            }
            Ok(_) => Standing::Foreign,
            Err(OpenError::Corrupt { .. }) => prove(store, number, identity, before)?,
            Err(other) => return Err(other),
        };
        segments.push(Segment { number, standing });
    }
    Ok(segments)
}

/// What the damaged header of this segment said, from all that is around it.
fn prove(
    store: &Store,
    number: u64,
    identity: Identity,
    before: Option<segment::Header>,
) -> Result<Standing, OpenError> {
    let name = names::segment(number);
    let mut window = Window::open(store, &name)?;
    let capacity = window.len();
    let block = window.bytes(0, usize::try_from(segment::HEADER_BYTES).expect("it is a small number"))?;
    let mended = with_one_bit_back(block).and_then(|block| segment::Header::decode(&name, &block).ok());
    let is_here = |header: &segment::Header| {
        let is_log = header.used != Use::Spare && header.capacity <= capacity;
        is_log && header.number == number && header.identity == identity
    };
    if let Some(header) = mended.filter(is_here)
        && has_its_first_batch(store, &name, header)?
    {
        let proof = "the checksum tells which single bit of it flipped, and the batches behind it confirm the rest";
        return Ok(Standing::Proven(header, proof.into()));
    }
    let Ok((first, _)) = batch::Header::decode(window.bytes(segment::HEADER_BYTES, batch::HEADER_BYTES)?) else {
        return Ok(Standing::Unproven("no batch behind it tells what it said".into()));
    };
    let (end, place) = match before {
        Some(before) => (end_of(store, before)?, format!("the end of `{}`", names::segment(number - 1))),
        None if first.sequence == 1 && first.first_lsn == 1 => (End::BEFORE_ALL, "the beginning of all".into()),
        None => return Ok(Standing::Unproven("there is no segment before it that tells what it said".into())),
    };
    let Some(header) = end.header_of(&first, number, identity, capacity) else {
        return Ok(Standing::Unproven(format!("the batch behind it does not follow {place}")));
    };
    if !has_its_first_batch(store, &name, header)? {
        return Ok(Standing::Unproven("the first batch behind it is damaged too".into()));
    }
    Ok(Standing::Proven(header, format!("{place} and the batches behind it tell all that it said")))
}

/// Whether the batch that comes first under this header is there, whole.
fn has_its_first_batch(store: &Store, name: &str, header: segment::Header) -> Result<bool, OpenError> {
    let mut walker = Walker::under(store, name, header)?;
    Ok(matches!(walker.next()?, Found::Batch(..)))
}

/// Where a segment ends.
struct End {
    chain: Chain,
    time_ms: u64,
}

fn end_of(store: &Store, header: segment::Header) -> Result<End, OpenError> {
    let mut walker = Walker::under(store, &names::segment(header.number), header)?;
    let mut time_ms = header.time_ms;
    while let Found::Batch(batch, _) = walker.next()? {
        time_ms = batch.time_ms;
    }
    Ok(End { chain: walker.chain, time_ms })
}

impl End {
    /// Where the first segment of all begins.
    const BEFORE_ALL: Self =
        Self { chain: Chain { sequence: 1, lsn: 1, crc_before: 0, mid_record: false }, time_ms: 0 };

    /// The header of the segment that begins here with this batch, if it does.
    fn header_of(
        &self,
        first: &batch::Header,
        number: u64,
        identity: Identity,
        capacity: u64,
    ) -> Option<segment::Header> {
        if (first.sequence, first.crc_before) != (self.chain.sequence, self.chain.crc_before) {
            return None;
        }
        let (used, chain, time_ms) = match first.first_lsn.cmp(&self.chain.lsn) {
            Ordering::Less => return None,
            Ordering::Equal => (Use::Log, self.chain, self.time_ms),
            // Records are left out by a log that begins anew, and by nothing else.
            Ordering::Greater => (Use::Founding, Chain { lsn: first.first_lsn, mid_record: false, ..self.chain }, 0),
        };
        let place = Place { used, number, epoch: first.epoch, chain, time_ms };
        Some(place.header(&segment::Header::blank(first.state_version, identity), capacity))
    }
}
