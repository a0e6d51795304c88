//! What the files of a journal are called.
//!
//! ```text
//! lock                              who has the directory
//! id                                cluster and node
//! durable                           what was durable when the journal last fell silent
//! backup.mark                       only in a backup: that it was written whole, and up to where
//! segment-0000000000000007.log      the log, in order
//! spare-0000000000000003.log        prepared for the segments to come
//! snapshot-00000000000000004711.rbq the state after record 4711
//! snapshot-….tmp, id.tmp            unfinished: of no use
//! sync-price.tmp                    of no use either: whoever has the directory measured what a sync costs
//! torn-00000000000000000815-….cut   what a crash left unfinished, kept for whoever wants to look
//! aside-…                           what a repair took away
//! ```
//!
//! Invariant: a name counts only when it is exactly the one that would be written. A `segment-1.log` that somebody put there would
//! otherwise be a second segment 1, and whatever is done to it by its number would be done to the real one.

use crate::options::Lsn;

pub(crate) const LOCK: &str = "lock";
pub(crate) const ID: &str = "id";
pub(crate) const ID_UNFINISHED: &str = "id.tmp";
/// A file for whoever has the directory to try something with: it is no part of the journal, and the next start removes it if it is
/// still there.
pub const SCRATCH: &str = "sync-price.tmp";
pub(crate) const DURABLE: &str = "durable";
pub(crate) const MARK: &str = "backup.mark";

/// What a name says about its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Lock,
    Id,
    Durable,
    Mark,
    Segment(u64),
    Spare(u64),
    Snapshot(Lsn),
    Unfinished,
    Torn,
    Aside,
    Other,
}

pub(crate) fn segment(number: u64) -> String {
    format!("segment-{number:016}.log")
}

pub(crate) fn spare(number: u64) -> String {
    format!("spare-{number:016}.log")
}

pub(crate) fn snapshot(cut: Lsn) -> String {
    format!("snapshot-{cut:020}.rbq")
}

pub(crate) fn snapshot_unfinished(cut: Lsn) -> String {
    format!("snapshot-{cut:020}.tmp")
}

/// The epoch makes the name the file's own: a recovery that is interrupted writes the same file again, and another
/// crash at the same record another one.
pub(crate) fn torn(lsn: Lsn, epoch: u64) -> String {
    format!("torn-{lsn:020}-{epoch:016x}.cut")
}

pub(crate) fn aside(name: &str, attempt: u32) -> String {
    format!("aside-{attempt}-{name}")
}

pub(crate) fn parse(name: &str) -> Name {
    let numbered = |prefix: &str, suffix: &str, written: fn(u64) -> String| -> Option<u64> {
        let number = name.strip_prefix(prefix)?.strip_suffix(suffix)?.parse().ok()?;
        // The last number has no successor, and no log comes that far.
        (number < u64::MAX && written(number) == name).then_some(number)
    };
    let fixed = [(LOCK, Name::Lock), (ID, Name::Id), (DURABLE, Name::Durable), (MARK, Name::Mark)];
    if let Some(known) = fixed.iter().find(|(fixed, _)| *fixed == name) {
        return known.1;
    }
    if let Some(number) = numbered("segment-", ".log", segment) {
        return Name::Segment(number);
    }
    if let Some(number) = numbered("spare-", ".log", spare) {
        return Name::Spare(number);
    }
    if let Some(cut) = numbered("snapshot-", ".rbq", snapshot) {
        return Name::Snapshot(cut);
    }
    if numbered("snapshot-", ".tmp", snapshot_unfinished).is_some() || [ID_UNFINISHED, SCRATCH].contains(&name) {
        return Name::Unfinished;
    }
    if name.starts_with("torn-") && name.ends_with(".cut") {
        return Name::Torn;
    }
    if name.starts_with("aside-") { Name::Aside } else { Name::Other }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_known_again() {
        assert_eq!(parse(&segment(7)), Name::Segment(7));
        assert_eq!(parse(&spare(8)), Name::Spare(8));
        assert_eq!(parse(&snapshot(9)), Name::Snapshot(9));
        assert_eq!(parse(&snapshot_unfinished(9)), Name::Unfinished);
        assert_eq!((parse(ID_UNFINISHED), parse(SCRATCH)), (Name::Unfinished, Name::Unfinished));
        assert_eq!(parse(&torn(1, 2)), Name::Torn);
        assert_eq!(parse(&aside(&segment(7), 1)), Name::Aside);
        assert_eq!((parse(ID), parse(MARK)), (Name::Id, Name::Mark));
        assert_eq!(parse("notes.txt"), Name::Other);
    }

    #[test]
    fn a_name_that_would_not_be_written_like_that_is_none_of_ours() {
        for name in ["segment-1.log", "segment-+000000000000001.log", "spare-2.log", "snapshot-9.rbq", "snapshot-9.tmp"]
        {
            assert_eq!(parse(name), Name::Other, "{name}");
        }
        assert_eq!(parse(&segment(u64::MAX - 1)), Name::Segment(u64::MAX - 1));
        for last in [segment(u64::MAX), spare(u64::MAX), snapshot(u64::MAX), snapshot_unfinished(u64::MAX)] {
            assert_eq!(parse(&last), Name::Other, "it has no successor");
        }
    }
}
