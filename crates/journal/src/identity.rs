//! The `id` file: which cluster and node the directory belongs to.
//!
//! Text, because people look into it to see which directory is which; with a checksum, because a node that believes
//! to be another one does more harm than a node that does not start.

use crate::batch::FORMAT_VERSION;
use crate::error::{IoFailure, OpenError};
use crate::names::{ID, ID_UNFINISHED};
use crate::options::Identity;
use crate::store::Store;

/// More than the file ever has.
const BYTES_MAX: usize = 1024;

/// Writes the file beside and renames it, so that it is there whole or not at all.
pub(crate) fn write(store: &Store, identity: Identity) -> Result<(), IoFailure> {
    let file = store.create(ID_UNFINISHED)?;
    file.write_at(0, text(identity, FORMAT_VERSION).as_bytes())?;
    file.sync_all()?;
    store.rename(ID_UNFINISHED, ID)?;
    store.sync_dir()
}

/// Reads the file.
pub(crate) fn read(store: &Store) -> Result<Identity, OpenError> {
    let bytes = store.read_small(ID, BYTES_MAX)?;
    parse(&bytes)
}

fn text(identity: Identity, format: u32) -> String {
    let Identity { cluster, node } = identity;
    let said = format!("rbq journal, format {format}\ncluster {cluster:032x}\nnode    {node:032x}\n");
    let crc = crc32c::crc32c(said.as_bytes());
    format!("{said}crc32c  {crc:08x}\n")
}

fn parse(bytes: &[u8]) -> Result<Identity, OpenError> {
    let damaged = |what: &str| {
        let meaning = "the file is written once and never again, so it was damaged later";
        OpenError::corrupt(ID, 0, what, meaning)
    };
    let found = std::str::from_utf8(bytes).map_err(|_| damaged("it is not text"))?;
    let word = |line: usize, at: usize| found.lines().nth(line).and_then(|line| line.split_whitespace().nth(at));
    let format = word(0, 3).and_then(|word| word.parse().ok());
    let hex = |line| word(line, 1).and_then(|word| u128::from_str_radix(word, 16).ok());
    let (Some(format), Some(cluster), Some(node)) = (format, hex(1), hex(2)) else {
        return Err(damaged("it does not name a format, a cluster and a node"));
    };
    let identity = Identity { cluster, node };
    if text(identity, format) != found {
        return Err(damaged("its checksum does not fit"));
    }
    if format > FORMAT_VERSION {
        return Err(OpenError::Newer { file: ID.into(), what: "format", found: format, known: FORMAT_VERSION });
    }
    Ok(identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: Identity = Identity { cluster: 0xc0ffee, node: 7 };

    #[test]
    fn an_identity_comes_back_as_it_was_written() {
        assert_eq!(parse(text(IDENTITY, FORMAT_VERSION).as_bytes()).unwrap(), IDENTITY);
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let mut bytes = text(IDENTITY, FORMAT_VERSION).into_bytes();
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(parse(&bytes).is_err(), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
