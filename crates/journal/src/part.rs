//! A segment that is broken in the middle: from where on it can be read again.
//!
//! ```text
//!   snapshot-…0602                       everything up to record 602
//!   segment-1  1..7 ▒▒▒▒▒▒ 31..1453      the part from 31 on follows the snapshot without a gap
//! ```
//!
//! Invariant: a part is a log by itself. It begins where a record begins that the snapshot holds, or with the one after it; its first
//! batch tells by its own header what comes before it; and it leads past the snapshot without a gap. So what is damaged before it
//! is missed by nobody: the snapshot holds it.

use crate::error::OpenError;
use crate::options::Lsn;
use crate::segment;
use crate::store::Store;
use crate::walk::{Chain, Found, Walker};

/// A part of a segment, up to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The header of a segment that has this part alone.
    pub header: segment::Header,
    /// Where in the file its first batch begins.
    pub from: u64,
}

impl Part {
    pub(crate) fn whole(header: segment::Header) -> Self {
        Self { header, from: segment::HEADER_BYTES }
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.from == segment::HEADER_BYTES
    }

    fn beginning(header: &segment::Header, from: u64, chain: Chain) -> Self {
        let Chain { lsn, sequence, crc_before, .. } = chain;
        let (first_lsn, next_lsn, first_sequence) = (lsn, lsn, sequence);
        Self { header: segment::Header { first_lsn, next_lsn, first_sequence, crc_before, ..*header }, from }
    }

    pub(crate) fn walker(&self, store: &Store, name: &str) -> Result<Walker, OpenError> {
        let mut walker = Walker::under(store, name, self.header)?;
        walker.at = self.from;
        Ok(walker)
    }
}

/// The first part of a segment that follows a snapshot with this cut; `None` when nothing in it does. It is the whole segment where
/// that can be read up to the cut.
pub(crate) fn after_snapshot(
    store: &Store,
    name: &str,
    header: segment::Header,
    cut: Lsn,
) -> Result<Option<Part>, OpenError> {
    let mut walker = Walker::under(store, name, header)?;
    let mut part = Some(Part::whole(header));
    loop {
        let (at, chain) = (walker.at, walker.chain);
        if part.is_none() && !chain.mid_record && chain.lsn <= cut + 1 {
            part = Some(Part::beginning(&header, at, chain));
        }
        if let Found::Batch(..) = walker.next()? {
            continue;
        }
        if part.is_some() && walker.chain.lsn > cut {
            return Ok(part);
        }
        part = None;
        if !walker.skip()? {
            return Ok(None);
        }
    }
}

/// How far a segment was written after the place where a walk stopped: up to which byte and which record; `None` when no
/// later header tells.
pub(crate) fn written(walker: &mut Walker) -> Result<Option<(u64, Lsn)>, OpenError> {
    let mut written: Option<(u64, Lsn)> = None;
    let sequence = walker.chain.sequence;
    walker.later_headers(|at, header| {
        if header.sequence >= sequence {
            written = written.max(Some((at + header.batch_bytes(), header.next_lsn() - 1)));
        }
    })?;
    Ok(written)
}
