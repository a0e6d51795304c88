//! The records since the snapshot, in order: what a start hands to its caller.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;

use crate::batch::{self, Kind};
use crate::error::OpenError;
use crate::options::Lsn;
use crate::store::Store;
use crate::survey::Leg;
use crate::walk::{Chain, Found, Walker};

/// The records since the snapshot, with their numbers. An error ends it: what was shown before is whole and in order,
/// and is not all that was stored, so it must not be served.
///
/// It holds one batch in memory, or one record where that is larger.
pub struct Replay {
    legs: Legs,
    cut: Lsn,
    /// Records of the current batch that were not shown yet.
    ready: VecDeque<(Lsn, Range<usize>)>,
    body: Bytes,
    state_version: u32,
    has_ended: bool,
}

/// The batches of several segments, verified to be without a gap.
pub(crate) struct Legs {
    store: Store,
    left: VecDeque<(Leg, Chain)>,
    walker: Option<(Walker, Chain)>,
    pieces: Pieces,
}

/// Puts the pieces of large records together.
pub(crate) struct Pieces {
    gathered: Option<Vec<u8>>,
    /// Pieces of records up to this one are not put together.
    cut: Lsn,
}

/// A batch's header with what it completes.
pub(crate) enum Step {
    Records(batch::Header, Bytes),
    /// A large record, put together.
    Record(batch::Header, Bytes),
    /// A piece of a record that is not complete yet.
    Piece,
}

impl Legs {
    /// The batches of `legs`; each ends where the next one begins, and the last one at `end`.
    pub(crate) fn new(store: &Store, legs: Vec<Leg>, end: Chain, cut: Lsn) -> Self {
        let ends = legs.iter().skip(1).map(|leg| Chain::at_start_of(&leg.header)).chain([end]).collect::<Vec<_>>();
        let left = legs.into_iter().zip(ends).collect();
        Self { store: store.clone(), left, walker: None, pieces: Pieces::after(cut) }
    }

    pub(crate) fn next(&mut self) -> Result<Option<Step>, OpenError> {
        loop {
            let Some((walker, end)) = &mut self.walker else {
                let Some((leg, end)) = self.left.pop_front() else { return Ok(None) };
                let walker = Walker::open(&self.store, &leg.name)?;
                self.walker = Some((walker, end));
                continue;
            };
            if walker.chain.sequence == end.sequence {
                if walker.chain != *end {
                    let what = "its last batch is not the one that the next segment follows";
                    return Err(OpenError::corrupt(walker.name(), walker.at, what, SEALED));
                }
                self.walker = None;
                continue;
            }
            let (at, sequence) = (walker.at, walker.chain.sequence);
            let step = match walker.next()? {
                Found::Batch(header, body) => self.pieces.step(header, body),
                Found::Nothing => {
                    let what = format!("batch {sequence} is missing");
                    return Err(OpenError::corrupt(walker.name(), at, what, SEALED));
                }
                Found::Bad(what) => return Err(OpenError::corrupt(walker.name(), at, what, SEALED)),
            };
            return Ok(Some(step));
        }
    }
}

const SEALED: &str = "a segment is durable as a whole before the next one begins, so it was damaged later";

impl Pieces {
    pub(crate) fn after(cut: Lsn) -> Self {
        Self { gathered: None, cut }
    }

    /// What a batch completes.
    pub(crate) fn step(&mut self, header: batch::Header, body: &[u8]) -> Step {
        if !header.kind.continues() {
            // Pieces that were begun and not ended never were a record.
            self.gathered = None;
        }
        if header.kind == Kind::Records {
            return Step::Records(header, Bytes::copy_from_slice(body));
        }
        let piece = batch::piece(body).expect("the walk has looked at the lengths");
        if header.first_lsn > self.cut {
            self.gathered.get_or_insert_default().extend_from_slice(piece);
        }
        if header.kind == Kind::End {
            return Step::Record(header, self.gathered.take().unwrap_or_default().into());
        }
        Step::Piece
    }
}

impl Replay {
    pub(crate) fn new(legs: Legs) -> Self {
        let cut = legs.pieces.cut;
        let (ready, body) = (VecDeque::new(), Bytes::new());
        let state_version = legs.store.state_version;
        Self { legs, cut, ready, body, state_version, has_ended: false }
    }

    /// The version of the state machine that appended the record that was shown last.
    #[must_use]
    pub fn state_version(&self) -> u32 {
        self.state_version
    }

    /// Reads the rest and shows it to nobody. What ended the replay before its end is found again.
    pub(crate) fn finish(&mut self) -> Result<(), OpenError> {
        self.ready.clear();
        while self.legs.next()?.is_some() {}
        Ok(())
    }

    fn pull(&mut self) -> Option<Result<(Lsn, Bytes), OpenError>> {
        loop {
            while let Some((lsn, range)) = self.ready.pop_front() {
                if lsn > self.cut {
                    return Some(Ok((lsn, self.body.slice(range))));
                }
            }
            match self.legs.next() {
                Err(error) => return Some(Err(error)),
                Ok(None) => return None,
                Ok(Some(Step::Piece)) => {}
                Ok(Some(Step::Record(header, record))) if header.first_lsn > self.cut => {
                    self.state_version = header.state_version;
                    return Some(Ok((header.first_lsn, record)));
                }
                Ok(Some(Step::Record(..))) => {}
                Ok(Some(Step::Records(header, body))) => {
                    let ranges = batch::records(&body, header.records).expect("the walk has looked at the lengths");
                    self.ready.extend((header.first_lsn..).zip(ranges));
                    self.body = body;
                    self.state_version = header.state_version;
                }
            }
        }
    }
}

impl Iterator for Replay {
    type Item = Result<(Lsn, Bytes), OpenError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        let next = self.pull();
        self.has_ended = matches!(next, None | Some(Err(_)));
        next
    }
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay").field("after", &self.cut).finish_non_exhaustive()
    }
}
