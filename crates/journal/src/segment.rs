//! A segment: one file of the log, and the header that says which.
//!
//! ```text
//!  ┌──────────┬─────────┬─────────┬───────┬──────────────────────────────┐
//!  │ header   │ batch   │ batch   │ batch │ zeros, or what the file held │
//!  │ 4096 B   │         │         │       │ in an earlier life           │
//!  └──────────┴─────────┴─────────┴───────┴──────────────────────────────┘
//!               every batch carries the header's epoch; what does not is not of this life
//! ```
//!
//! Invariant: a file has a segment's name only when its header is durable, and a segment has a successor only when all
//! of its own batches are durable. So a bad header is always damage, and so is a bad batch in any segment but the last.
//!
//! The header fills a block of 4096 bytes of its own, so that no later write touches the block it is in.

use crate::batch::FORMAT_VERSION;
use crate::error::OpenError;
use crate::fields::{Put, Take};
use crate::options::{Identity, Lsn};

/// Where batches begin.
pub(crate) const HEADER_BYTES: u64 = 4096;

const MAGIC: [u8; 8] = *b"RBQ-SEGM";
const LEN: usize = HEADER_BYTES as usize;

/// What the file is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Prepared, and not used yet.
    Spare,
    /// Part of the log.
    Log,
    /// The first one of a log that begins anew over an older one: nothing from here on counts before there is a snapshot of
    /// the state that it begins with.
    Founding,
}

impl Use {
    fn number(self) -> u32 {
        match self {
            Self::Spare => 0,
            Self::Log => 1,
            Self::Founding => 2,
        }
    }

    fn of(number: u32) -> Option<Self> {
        [Self::Spare, Self::Log, Self::Founding].into_iter().find(|used| used.number() == number)
    }
}

/// A segment's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub used: Use,
    pub state_version: u32,
    pub number: u64,
    pub epoch: u64,
    pub capacity: u64,
    /// Every record from this one on begins in this segment or a later one.
    pub first_lsn: Lsn,
    /// The record that the first batch completes or begins: one less than `first_lsn` when a large record has begun
    /// in an earlier segment.
    pub next_lsn: Lsn,
    pub first_sequence: u64,
    pub crc_before: u32,
    /// The wall clock of the last record before this segment, in ms.
    pub time_ms: u64,
    pub identity: Identity,
}

impl Header {
    /// The header of a file that is in no log.
    pub(crate) fn blank(state_version: u32, identity: Identity) -> Self {
        Self {
            used: Use::Spare,
            state_version,
            number: 0,
            epoch: 0,
            capacity: 0,
            first_lsn: 1,
            next_lsn: 1,
            first_sequence: 1,
            crc_before: 0,
            time_ms: 0,
            identity,
        }
    }

    /// True when a large record was unfinished when this segment began.
    pub(crate) fn mid_record(&self) -> bool {
        self.first_lsn != self.next_lsn
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; LEN];
        let mut put = Put::new(&mut bytes);
        put.bytes(&MAGIC).u32(FORMAT_VERSION).u32(self.state_version);
        put.u32(self.used.number()).u32(self.crc_before);
        put.u64(self.number).u64(self.epoch).u64(self.capacity);
        put.u64(self.first_lsn).u64(self.next_lsn).u64(self.first_sequence).u64(self.time_ms);
        put.u128(self.identity.cluster).u128(self.identity.node);
        let crc = crc32c::crc32c(&bytes[..LEN - 4]);
        bytes[LEN - 4..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(file: &str, bytes: &[u8]) -> Result<Self, OpenError> {
        let damaged = |what: &str| {
            let meaning = "a segment's header is durable before the file has a segment's name, so it was damaged later";
            OpenError::corrupt(file, 0, what, meaning)
        };
        if bytes.len() < LEN {
            return Err(damaged("the file is shorter than a segment's header"));
        }
        if bytes[..8] != MAGIC {
            return Err(damaged("there is no segment header"));
        }
        let mut take = Take::new(&bytes[8..]);
        let (format, state_version) = (take.u32(), take.u32());
        let stored = Take::new(&bytes[LEN - 4..]).u32();
        if stored != crc32c::crc32c(&bytes[..LEN - 4]) {
            return Err(damaged("the checksum of the segment's header does not fit"));
        }
        if format > FORMAT_VERSION {
            return Err(OpenError::Newer { file: file.into(), what: "format", found: format, known: FORMAT_VERSION });
        }
        let (used, crc_before) = (take.u32(), take.u32());
        let Some(used) = Use::of(used) else {
            return Err(damaged(&format!(
                "the segment is said to be of kind {used}, which this format version has not"
            )));
        };
        Ok(Self {
            used,
            state_version,
            crc_before,
            number: take.u64(),
            epoch: take.u64(),
            capacity: take.u64(),
            first_lsn: take.u64(),
            next_lsn: take.u64(),
            first_sequence: take.u64(),
            time_ms: take.u64(),
            identity: Identity { cluster: take.u128(), node: take.u128() },
        })
    }
}

/// A header's block as it was before a single bit of it flipped: each bit changes the checksum in a way of its own, so the
/// checksum tells which one it was. `None` where more than one bit is wrong.
pub(crate) fn with_one_bit_back(block: &[u8]) -> Option<Vec<u8>> {
    let mut mended = block.get(..LEN)?.to_vec();
    let stored = Take::new(&mended[LEN - 4..]).u32();
    let wrong = stored ^ crc32c::crc32c(&mended[..LEN - 4]);
    if wrong.is_power_of_two() {
        mended[LEN - 4..].copy_from_slice(&(stored ^ wrong).to_le_bytes());
        return Some(mended);
    }
    // A checksum of this kind is linear: what a flipped bit does to it depends on where it stands, and on nothing else.
    let zero = crc32c::crc32c_append(0, &[0]);
    for bit in 0..8 {
        let mut effect = zero ^ crc32c::crc32c_append(0, &[1 << bit]);
        for at in (0..LEN - 4).rev() {
            if effect == wrong {
                mended[at] ^= 1 << bit;
                return Some(mended);
            }
            effect = zero ^ crc32c::crc32c_append(effect, &[0]);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            used: Use::Log,
            state_version: 2,
            number: 7,
            epoch: 0x1234,
            capacity: 16 << 20,
            first_lsn: 10,
            next_lsn: 9,
            first_sequence: 5,
            crc_before: 1,
            time_ms: 99,
            identity: Identity { cluster: 3, node: 4 },
        }
    }

    #[test]
    fn a_header_comes_back_as_it_was_written() {
        assert_eq!(Header::decode("x", &header().encode()).unwrap(), header());
        assert!(header().mid_record());
        let founding = Header { used: Use::Founding, ..header() };
        assert_eq!(Header::decode("x", &founding.encode()).unwrap(), founding);
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let mut bytes = header().encode();
        for bit in (0..1024).chain(LEN * 8 - 64..LEN * 8) {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::decode("x", &bytes).is_err(), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn a_single_flipped_bit_is_found_wherever_it_is_and_two_are_none() {
        let whole = header().encode();
        for bit in (0..LEN * 8).step_by(61).chain(LEN * 8 - 32..LEN * 8) {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(with_one_bit_back(&bytes).as_ref(), Some(&whole), "bit {bit}");
            bytes[bit / 8 / 2] ^= 4;
            assert_eq!(with_one_bit_back(&bytes), None, "bit {bit} and another one");
        }
    }

    #[test]
    fn a_segment_of_an_unknown_kind_is_no_log() {
        for used in [Use::Spare, Use::Log, Use::Founding] {
            let header = Header { used, ..header() };
            assert_eq!(Header::decode("segment-7", &header.encode()).unwrap(), header);
        }
        let mut bytes = header().encode();
        bytes[16] = 3;
        let crc = crc32c::crc32c(&bytes[..LEN - 4]);
        bytes[LEN - 4..].copy_from_slice(&crc.to_le_bytes());
        let error = Header::decode("segment-7", &bytes).unwrap_err().to_string();
        assert!(error.contains("is said to be of kind 3"), "{error}");
    }

    #[test]
    fn a_newer_format_is_named_with_both_versions() {
        let mut bytes = header().encode();
        bytes[8] = 9;
        let crc = crc32c::crc32c(&bytes[..LEN - 4]);
        bytes[LEN - 4..].copy_from_slice(&crc.to_le_bytes());
        let error = Header::decode("segment-7", &bytes).unwrap_err().to_string();
        let (first, hint) = error.split_once('\n').unwrap();
        assert_eq!(first, "`segment-7` has format version 9, and this program knows versions up to 1");
        assert!(hint.starts_with("hint: nothing is damaged: a later version"), "{hint}");
    }
}
