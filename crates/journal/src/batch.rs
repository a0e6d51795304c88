//! A batch: what one write puts into a segment, whole or not at all.
//!
//! ```text
//!  byte  0      4        6      7     8          12        16
//!        │magic │ format │ kind │ 0   │ state    │ body    │
//!        │"RBQb"│        │      │     │ version  │ length  │
//!       16 ─────────────────────┬───────────────────────── 32
//!        │ file epoch           │ sequence                │
//!       32 ─────────────────────┼───────────────────────── 48
//!        │ first lsn            │ durable up to (sequence)│
//!       48 ─────────────────────┼───────────┬───────────── 64
//!        │ wall clock, ms       │ records   │ crc before  │
//!       64 ───────────┬─────────┴─┬─────────┴─┬─────────── 80
//!        │ crc of body│ 0         │ 0         │ crc of header
//!       80 ── body: length u32, record, length u32, record, …, zeros up to a multiple of 16
//! ```
//!
//! Invariant: batches of one log have sequence numbers without a gap, and each carries the header checksum of the one
//! before, over segments too. So what was left over from a file's earlier life cannot join the chain, even if its
//! epoch were the same.
//!
//! A record that is larger than a batch is cut into pieces, one a batch: [`Kind::Begin`], any number of
//! [`Kind::Middle`], [`Kind::End`]. Pieces that were begun and not ended when a crash came never were a record; the
//! next batch that is not their continuation ends the matter. A segment of the record's own size would have to be
//! zeroed while everybody waits; pieces use what is prepared.

use std::ops::Range;

use crate::fields::{Put, Take};
use crate::options::Lsn;

/// "RBQb": batches are found again by it.
pub(crate) const MAGIC: [u8; 4] = *b"RBQb";

/// The version of everything on disk that this crate writes. One number for all files: they only make sense together.
pub const FORMAT_VERSION: u32 = 1;

/// The length of a batch's header.
pub(crate) const HEADER_BYTES: usize = 80;

/// Batches begin at multiples of this.
pub(crate) const ALIGN: usize = 16;

/// What stands before each record in a body.
pub(crate) const LENGTH_BYTES: usize = 4;

/// What a batch holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Whole records.
    Records,
    /// The first piece of a large record.
    Begin,
    /// A piece that is neither the first nor the last.
    Middle,
    /// The last piece, which makes it a record.
    End,
}

impl Kind {
    fn number(self) -> u8 {
        match self {
            Self::Records => 0,
            Self::Begin => 1,
            Self::Middle => 2,
            Self::End => 3,
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        [Self::Records, Self::Begin, Self::Middle, Self::End].into_iter().find(|kind| kind.number() == number)
    }

    /// True when a batch of this kind goes on with a record that an earlier one began.
    pub(crate) fn continues(self) -> bool {
        matches!(self, Self::Middle | Self::End)
    }

    /// True when a record is unfinished after a batch of this kind.
    pub(crate) fn leaves_open(self) -> bool {
        matches!(self, Self::Begin | Self::Middle)
    }
}

/// Where a header says which epoch it is of.
pub(crate) const EPOCH: Range<usize> = 16..24;

/// A batch's header, without what is only there to be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub kind: Kind,
    pub state_version: u32,
    pub body_bytes: u32,
    pub epoch: u64,
    pub sequence: u64,
    pub first_lsn: Lsn,
    /// The newest batch that was durable when this one was written.
    pub durable_sequence: u64,
    pub time_ms: u64,
    /// How many records this batch completes.
    pub records: u32,
    pub crc_before: u32,
    pub body_crc: u32,
}

/// Why bytes are not a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotAHeader {
    /// There is no magic number: nothing was ever written here, or something else.
    Other,
    /// The checksum does not fit.
    Checksum,
    /// A later version wrote it.
    Newer(u32),
    /// The checksum fits and the content makes no sense.
    Nonsense,
}

impl Header {
    pub(crate) fn batch_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.body_bytes)
    }

    /// The number of the record that follows this batch.
    pub(crate) fn next_lsn(&self) -> Lsn {
        self.first_lsn + u64::from(self.records)
    }

    /// Writes the header, and returns its checksum for the next one.
    pub(crate) fn encode(&self, into: &mut [u8]) -> u32 {
        let into = &mut into[..HEADER_BYTES];
        let format = u16::try_from(FORMAT_VERSION).expect("the format version fits");
        let mut put = Put::new(into);
        put.bytes(&MAGIC).u16(format).bytes(&[self.kind.number(), 0]).u32(self.state_version).u32(self.body_bytes);
        put.u64(self.epoch).u64(self.sequence).u64(self.first_lsn).u64(self.durable_sequence).u64(self.time_ms);
        put.u32(self.records).u32(self.crc_before).u32(self.body_crc).u32(0).u32(0);
        let crc = crc32c::crc32c(&into[..HEADER_BYTES - 4]);
        into[HEADER_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
        crc
    }

    /// Reads a header, and returns its checksum as well.
    pub(crate) fn decode(from: &[u8]) -> Result<(Self, u32), NotAHeader> {
        if from.len() < HEADER_BYTES || from[..4] != MAGIC {
            return Err(NotAHeader::Other);
        }
        let crc = crc32c::crc32c(&from[..HEADER_BYTES - 4]);
        let mut take = Take::new(&from[4..HEADER_BYTES]);
        let (format, [kind, _]) = (take.u16(), take.array());
        let header = |take: &mut Take<'_>, kind| Self {
            kind,
            state_version: take.u32(),
            body_bytes: take.u32(),
            epoch: take.u64(),
            sequence: take.u64(),
            first_lsn: take.u64(),
            durable_sequence: take.u64(),
            time_ms: take.u64(),
            records: take.u32(),
            crc_before: take.u32(),
            body_crc: take.u32(),
        };
        let header = header(&mut take, Kind::from_number(kind).unwrap_or(Kind::Records));
        let (_, _, stored) = (take.u32(), take.u32(), take.u32());
        if stored != crc {
            return Err(NotAHeader::Checksum);
        }
        if u32::from(format) > FORMAT_VERSION {
            return Err(NotAHeader::Newer(u32::from(format)));
        }
        let is_aligned = (header.body_bytes as usize).is_multiple_of(ALIGN);
        let is_sane = header.durable_sequence < header.sequence && header.first_lsn > 0 && header.sequence > 0;
        if Kind::from_number(kind).is_none() || !is_aligned || !is_sane {
            return Err(NotAHeader::Nonsense);
        }
        Ok((header, crc))
    }
}

/// The records in a body that has passed its checksum, each with where it begins; `None` for a body that lies about
/// its lengths.
pub(crate) fn records(body: &[u8], count: u32) -> Option<Vec<std::ops::Range<usize>>> {
    // A body cannot hold more records than lengths: memory is not taken on the promise of a count.
    let mut found = Vec::with_capacity((count as usize).min(body.len() / LENGTH_BYTES));
    let mut at = 0;
    for _ in 0..count {
        let length = body.get(at..at + LENGTH_BYTES)?;
        let start = at + LENGTH_BYTES;
        let end = start + u32::from_le_bytes(length.try_into().expect("it is four bytes")) as usize;
        if end > body.len() {
            return None;
        }
        found.push(start..end);
        at = end;
    }
    Some(found)
}

/// The piece in the body of a `Begin`, `Middle` or `End`.
pub(crate) fn piece(body: &[u8]) -> Option<&[u8]> {
    let range = records(body, 1)?.pop()?;
    Some(&body[range])
}

/// The next multiple of [`ALIGN`].
pub(crate) fn aligned(bytes: usize) -> usize {
    bytes.next_multiple_of(ALIGN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            kind: Kind::End,
            state_version: 3,
            body_bytes: 48,
            epoch: 0xfeed_beef,
            sequence: 12,
            first_lsn: 100,
            durable_sequence: 11,
            time_ms: 1_700_000_000_000,
            records: 1,
            crc_before: 77,
            body_crc: 99,
        }
    }

    #[test]
    fn a_header_comes_back_as_it_was_written() {
        let mut bytes = [0; HEADER_BYTES];
        let crc = header().encode(&mut bytes);
        assert_eq!(Header::decode(&bytes), Ok((header(), crc)));
    }

    #[test]
    fn every_flipped_bit_of_a_header_is_noticed() {
        let mut bytes = [0; HEADER_BYTES];
        header().encode(&mut bytes);
        for bit in 0..HEADER_BYTES * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::decode(&bytes).is_err(), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn a_body_that_lies_about_its_lengths_has_no_records() {
        assert_eq!(records(&[1, 0, 0, 0, b'x', 0, 0, 0, 0], 2), Some(vec![4..5, 9..9]));
        assert_eq!(records(&[200, 0, 0, 0, b'x'], 1), None);
        assert_eq!(records(&[0, 0, 0], 1), None);
        assert_eq!(records(&[0; 16], u32::MAX), None);
    }
}
