//! The mark of a backup: a small file that says that the copy was written whole, and up to where.
//!
//! A data directory that a crash left has an end that may not be whole, and a note of which one slot may be torn. A backup has
//! neither: it was verified and synced before it got its name. Only the backup itself can say that it is one, and without it, damage
//! to a copy would pass for what a crash leaves. With the mark, every byte of a backup is accounted for: the log ends with the
//! record that the mark names, where the file ends; `durable` says the same in two whole slots; the snapshot is the one named.
//!
//! ```text
//! rbq backup, format 1
//! batch    1244
//! record   1243
//! snapshot 602            or `none`
//! crc32c   0a1b2c3d       of the lines above
//! ```
//!
//! Invariant: the mark is true of what it lies beside, or refused. A restore does not copy it, and a start, which goes on writing
//! behind the end, removes it first. A backup of before there were marks has none, and is held to what is known of any journal.

use crate::batch::FORMAT_VERSION;
use crate::error::{IoFailure, OpenError};
use crate::names::{self, MARK};
use crate::options::Lsn;
use crate::slot::{self, snapshot_number};
use crate::storage::Access;
use crate::store::Store;
use crate::survey::Layout;
use crate::tail::Tail;

/// More than the file ever has.
const BYTES_MAX: usize = 1024;

const MEANING: &str = "a backup is written whole before it gets its name, so it was damaged later";

/// What a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The last batch.
    pub sequence: u64,
    /// The last record.
    pub lsn: Lsn,
    /// The snapshot's cut.
    pub snapshot: Option<Lsn>,
}

/// Writes the file durably, but for its name: whoever writes the copy syncs the directory.
pub(crate) fn write(store: &Store, mark: Mark) -> Result<(), IoFailure> {
    let file = store.create(MARK)?;
    file.write_at(0, text(mark, FORMAT_VERSION).as_bytes())?;
    file.sync_all()
}

/// Reads the file.
pub(crate) fn read(store: &Store) -> Result<Mark, OpenError> {
    parse(&store.read_small(MARK, BYTES_MAX)?)
}

fn text(mark: Mark, format: u32) -> String {
    let Mark { sequence, lsn, snapshot } = mark;
    let snapshot = snapshot.map_or_else(|| "none".to_owned(), |cut| cut.to_string());
    let said = format!("rbq backup, format {format}\nbatch    {sequence}\nrecord   {lsn}\nsnapshot {snapshot}\n");
    let crc = crc32c::crc32c(said.as_bytes());
    format!("{said}crc32c   {crc:08x}\n")
}

fn parse(bytes: &[u8]) -> Result<Mark, OpenError> {
    let damaged = |what: &str| OpenError::corrupt(MARK, 0, what, MEANING);
    let found = std::str::from_utf8(bytes).map_err(|_| damaged("it is not text"))?;
    let word = |line: usize, at: usize| found.lines().nth(line).and_then(|line| line.split_whitespace().nth(at));
    let number = |line, at| word(line, at).and_then(|word| word.parse::<u64>().ok());
    let (Some(format), Some(sequence), Some(lsn), Some(snapshot)) =
        (word(0, 3).and_then(|word| word.parse().ok()), number(1, 1), number(2, 1), word(3, 1))
    else {
        return Err(damaged("it does not name a format, a batch, a record and a snapshot"));
    };
    let mark = Mark { sequence, lsn, snapshot: snapshot.parse().ok() };
    if text(mark, format) != found {
        return Err(damaged("its checksum does not fit"));
    }
    if format > FORMAT_VERSION {
        return Err(OpenError::Newer { file: MARK.into(), what: "format", found: format, known: FORMAT_VERSION });
    }
    Ok(mark)
}

impl Mark {
    /// Refuses what is not the backup that was written.
    pub(crate) fn check(&self, store: &Store, layout: &Layout, tail: &Tail) -> Result<(), OpenError> {
        let last = layout.last();
        let ends = tail.chain.lsn - 1;
        if let Some(torn) = &tail.torn {
            return Err(OpenError::corrupt(last, tail.end, torn.what.clone(), MEANING));
        }
        if (ends, tail.chain.sequence - 1) != (self.lsn, self.sequence) {
            let what = format!("the log ends with record {ends}, and the backup went up to record {}", self.lsn);
            return Err(OpenError::corrupt(last, tail.end, what, MEANING));
        }
        if layout.snapshot != self.snapshot {
            let file = names::snapshot(self.snapshot.or(layout.snapshot).unwrap_or_default());
            let what = "the snapshot is not the one that the backup was written with";
            return Err(OpenError::corrupt(&file, 0, what, MEANING));
        }
        for leg in &layout.legs {
            let bytes = store.open(&leg.name, Access::Read)?.len()?;
            if bytes != leg.header.capacity {
                let what = format!("the file has {bytes} bytes, and was written with {}", leg.header.capacity);
                return Err(OpenError::corrupt(&leg.name, bytes.min(leg.header.capacity), what, MEANING));
            }
        }
        let slate = slot::read_both(store)?;
        let noted = (slate.newest.sequence, slate.newest.lsn, slate.newest.snapshot);
        if slate.lacks_one || !slate.has_its_size || noted != (self.sequence, self.lsn, snapshot_number(self.snapshot))
        {
            let what = "it does not say in two whole slots what the backup was written with";
            return Err(OpenError::corrupt(names::DURABLE, 0, what, MEANING));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: Mark = Mark { sequence: 12, lsn: 40, snapshot: Some(7) };

    #[test]
    fn a_mark_comes_back_as_it_was_written() {
        for mark in [MARK, Mark { snapshot: None, ..MARK }, Mark { snapshot: Some(0), ..MARK }] {
            assert_eq!(parse(text(mark, FORMAT_VERSION).as_bytes()).unwrap(), mark);
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed_and_so_is_every_cut() {
        let whole = text(MARK, FORMAT_VERSION).into_bytes();
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(parse(&bytes).is_err(), "bit {bit}");
        }
        for len in 0..whole.len() {
            assert!(parse(&whole[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn a_mark_of_a_later_format_is_refused_as_that() {
        assert!(matches!(parse(text(MARK, FORMAT_VERSION + 1).as_bytes()), Err(OpenError::Newer { .. })));
    }
}
