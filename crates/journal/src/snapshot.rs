//! How a snapshot lies in its file.
//!
//! ```text
//!  ┌────────┬─────────┬──────────────┬─────────┬──────┬───┬────────┐
//!  │ header │ section │ its bytes    │ section │ …    │   │ footer │
//!  │ 96 B   │ 32 B    │              │ 32 B    │      │   │ 32 B   │
//!  └────────┴─────────┴──────────────┴─────────┴──────┴───┴────────┘
//! ```
//!
//! Invariant: a file has a snapshot's name only when all of it is durable; so whatever is wrong in one was damaged
//! later. Each section has checksums of its own, so that damage is found before its bytes are used and is named with
//! its place; the footer counts the sections and has a checksum over the whole file, so that none is missing.

use crate::batch::FORMAT_VERSION;
use crate::error::OpenError;
use crate::fields::{Put, Take};
use crate::options::{Identity, Lsn};

const HEADER_MAGIC: [u8; 8] = *b"RBQ-SNAP";
const SECTION_MAGIC: [u8; 4] = *b"RBQs";
const FOOTER_MAGIC: [u8; 4] = *b"RBQf";

pub(crate) const HEADER_BYTES: usize = 96;
pub(crate) const SECTION_HEADER_BYTES: usize = 32;
pub(crate) const FOOTER_BYTES: usize = 32;

/// What a snapshot says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub state_version: u32,
    pub cut: Lsn,
    pub time_ms: u64,
    pub identity: Identity,
}

/// What stands before a section's bytes, and at the end instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Section { kind: u32, index: u64, bytes: u64, crc: u32 },
    Footer { sections: u64, bytes_before: u64, file_crc: u32 },
}

fn seal(bytes: &mut [u8]) {
    let (body, crc) = bytes.split_at_mut(bytes.len() - 4);
    crc.copy_from_slice(&crc32c::crc32c(body).to_le_bytes());
}

fn is_sealed(bytes: &[u8]) -> bool {
    let (body, crc) = bytes.split_at(bytes.len() - 4);
    crc == crc32c::crc32c(body).to_le_bytes()
}

/// What damage in a snapshot means.
pub(crate) const MEANING: &str = "a snapshot gets its name when all of it is durable, so it was damaged later";

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut put = Put::new(&mut bytes);
        put.bytes(&HEADER_MAGIC).u32(FORMAT_VERSION).u32(self.state_version).u64(self.cut).u64(self.time_ms);
        put.u128(self.identity.cluster).u128(self.identity.node);
        seal(&mut bytes);
        bytes
    }

    pub(crate) fn decode(file: &str, bytes: &[u8]) -> Result<Self, OpenError> {
        if bytes.len() < HEADER_BYTES || bytes[..8] != HEADER_MAGIC || !is_sealed(&bytes[..HEADER_BYTES]) {
            return Err(OpenError::corrupt(file, 0, "the header's checksum does not fit", MEANING));
        }
        let mut take = Take::new(&bytes[8..]);
        let (format, state_version) = (take.u32(), take.u32());
        if format > FORMAT_VERSION {
            return Err(OpenError::Newer { file: file.into(), what: "format", found: format, known: FORMAT_VERSION });
        }
        let (cut, time_ms) = (take.u64(), take.u64());
        Ok(Self { state_version, cut, time_ms, identity: Identity { cluster: take.u128(), node: take.u128() } })
    }
}

impl Part {
    pub(crate) fn encode(&self) -> [u8; SECTION_HEADER_BYTES] {
        let mut bytes = [0; SECTION_HEADER_BYTES];
        let mut put = Put::new(&mut bytes);
        match *self {
            Self::Section { kind, index, bytes, crc } => {
                put.bytes(&SECTION_MAGIC).u32(kind).u64(index).u64(bytes).u32(crc);
            }
            Self::Footer { sections, bytes_before, file_crc } => {
                put.bytes(&FOOTER_MAGIC).u32(0).u64(sections).u64(bytes_before).u32(file_crc);
            }
        }
        seal(&mut bytes);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < SECTION_HEADER_BYTES || !is_sealed(&bytes[..SECTION_HEADER_BYTES]) {
            return None;
        }
        let mut take = Take::new(bytes);
        let magic: [u8; 4] = take.array();
        let (kind, first, second, crc) = (take.u32(), take.u64(), take.u64(), take.u32());
        match magic {
            SECTION_MAGIC => Some(Self::Section { kind, index: first, bytes: second, crc }),
            FOOTER_MAGIC => Some(Self::Footer { sections: first, bytes_before: second, file_crc: crc }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back_as_they_were_written_and_no_flipped_bit_passes() {
        let section = Part::Section { kind: 3, index: 4, bytes: 5, crc: 6 };
        let footer = Part::Footer { sections: 7, bytes_before: 8, file_crc: 9 };
        for part in [section, footer] {
            let mut bytes = part.encode();
            assert_eq!(Part::decode(&bytes), Some(part));
            for bit in 0..SECTION_HEADER_BYTES * 8 {
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Part::decode(&bytes), None);
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }

    #[test]
    fn a_header_comes_back_as_it_was_written() {
        let header = Header { state_version: 1, cut: 2, time_ms: 3, identity: Identity { cluster: 4, node: 5 } };
        assert_eq!(Header::decode("x", &header.encode()).unwrap(), header);
    }
}
