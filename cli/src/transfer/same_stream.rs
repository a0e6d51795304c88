//! Whether the stream under a name is the one that was seen under it before.
//!
//! A name can get another stream between two pages: by RENAME, DEL and XADD, SWAPDB, COPY or RESTORE with REPLACE, FLUSHALL. No
//! command tells which stream it is, so it is known by what only one of them can have:
//!
//! | | |
//! |---|---|
//! | the newest entry of the last look, or the last one told, is there again | the same: no other has this ID with these fields |
//! | one of them has other fields | another: an entry never changes |
//! | one is missing, and neither trimming nor the highest deleted ID explains it | another |
//! | the last ID, the highest deleted ID or the number of entries added went back | another |
//! | it has grown by more than was added | another |
//! | both are missing, and that can be | unknown: all of it was trimmed, or it is another |
//!
//! WATCH would tell of any change at all, and a stream that somebody adds to would never be read to its end. XSETID can set the
//! counters back; that stream is taken for another, which costs a second reading and is right after it.

use rbq_client::Value;
use rbq_rdb::{Entry, StreamId};

use super::reply::{bytes, count, entry, id, member};

/// What XINFO STREAM said of a stream at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    length: u64,
    last_id: StreamId,
    /// Redis 7.0 began to count.
    added: Option<u64>,
    max_deleted_id: Option<StreamId>,
    oldest: Option<StreamId>,
    pub(crate) newest: Option<Entry>,
}

/// What two looks at a name come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Same,
    Another,
    Unknown,
}

impl Sight {
    pub(crate) fn read(info: &Value) -> Option<Self> {
        Some(Self {
            length: count(info, "length")?,
            last_id: id(bytes(info, "last-generated-id")?)?,
            added: count(info, "entries-added"),
            max_deleted_id: bytes(info, "max-deleted-entry-id").and_then(id),
            oldest: member(info, "first-entry").and_then(entry).map(|entry| entry.id),
            newest: member(info, "last-entry").and_then(entry),
        })
    }

    /// Whether this is a later look at the stream of `before`; of each entry that was known, what its ID has now.
    pub(crate) fn compare(&self, before: &Self, known: &[(&Entry, Option<&Entry>)]) -> Verdict {
        if self.has_gone_back(before) || known.iter().any(|(entry, now)| self.contradicts(entry, *now)) {
            Verdict::Another
        } else if known.iter().any(|(_, now)| now.is_some()) {
            Verdict::Same
        } else {
            Verdict::Unknown
        }
    }

    fn has_gone_back(&self, before: &Self) -> bool {
        let added = before.added.zip(self.added);
        let grown = self.length.saturating_sub(before.length);
        self.last_id < before.last_id
            || self.max_deleted_id < before.max_deleted_id
            || added.is_some_and(|(before, now)| now < before || now - before < grown)
    }

    fn contradicts(&self, entry: &Entry, now: Option<&Entry>) -> bool {
        match now {
            Some(now) => now != entry,
            None => !self.explains_absence(entry.id),
        }
    }

    /// Trimming takes the oldest; of a deletion that was not the last one, only its being lower is left.
    fn explains_absence(&self, id: StreamId) -> bool {
        self.oldest.is_none_or(|oldest| id < oldest) || self.max_deleted_id.is_none_or(|deleted| id <= deleted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn id(ms: u64) -> StreamId {
        StreamId { ms, seq: 0 }
    }

    fn entry(ms: u64, text: &str) -> Entry {
        Entry { id: id(ms), fields: vec![b"f".to_vec(), text.into()] }
    }

    /// A stream that had `added` entries, of which those from `oldest` to `newest` are there.
    fn sight(added: u64, oldest: u64, newest: u64) -> Sight {
        Sight {
            length: newest + 1 - oldest,
            last_id: id(newest),
            added: Some(added),
            max_deleted_id: Some(StreamId::ZERO),
            oldest: Some(id(oldest)),
            newest: Some(entry(newest, "a")),
        }
    }

    /// After a look at entries 1 to 9, of which 5 was the last told.
    fn verdict(now: &Sight, newest: Option<Entry>, told: Option<Entry>) -> Verdict {
        let known = [(entry(9, "a"), newest), (entry(5, "a"), told)];
        now.compare(&sight(9, 1, 9), &known.each_ref().map(|(entry, now)| (entry, now.as_ref())))
    }

    #[test]
    fn what_is_added_trimmed_or_deleted_leaves_it_the_same() {
        let (newest, told) = (Some(entry(9, "a")), Some(entry(5, "a")));
        assert_eq!(verdict(&sight(9, 1, 9), newest.clone(), told.clone()), Verdict::Same);
        assert_eq!(verdict(&sight(20, 1, 20), newest.clone(), told.clone()), Verdict::Same);
        assert_eq!(verdict(&sight(9, 7, 9), newest.clone(), None), Verdict::Same);
        let deleted = |ms, length| Sight { max_deleted_id: Some(id(ms)), length, ..sight(9, 1, 9) };
        assert_eq!(verdict(&deleted(5, 8), newest, None), Verdict::Same);
        assert_eq!(verdict(&deleted(9, 8), None, told), Verdict::Same);
    }

    #[test]
    fn another_stream_is_known_by_what_the_first_cannot_have_become() {
        let (newest, told) = (Some(entry(9, "a")), Some(entry(5, "a")));
        for (why, now) in [
            ("fewer were added", sight(8, 1, 9)),
            ("its last ID is lower", sight(9, 1, 8)),
            ("it grew by more than was added", Sight { length: 12, ..sight(11, 1, 20) }),
        ] {
            assert_eq!(verdict(&now, newest.clone(), told.clone()), Verdict::Another, "{why}");
        }
        assert_eq!(verdict(&sight(9, 1, 9), newest.clone(), Some(entry(5, "c"))), Verdict::Another);
        assert_eq!(verdict(&sight(9, 1, 9), Some(entry(9, "c")), told), Verdict::Another);
        assert_eq!(verdict(&sight(9, 1, 9), newest, None), Verdict::Another, "nobody deleted it");
        let before = Sight { max_deleted_id: Some(id(3)), ..sight(9, 1, 9) };
        let known = entry(9, "a");
        assert_eq!(sight(9, 1, 9).compare(&before, &[(&known, Some(&known))]), Verdict::Another);
    }

    #[test]
    fn where_nothing_is_left_of_what_was_known_nobody_knows() {
        assert_eq!(verdict(&sight(40, 30, 40), None, None), Verdict::Unknown);
        let empty = Sight { length: 0, oldest: None, newest: None, ..sight(9, 1, 9) };
        assert_eq!(verdict(&empty, None, None), Verdict::Unknown);
        // Redis before 7.0 does not say what was deleted.
        let old = Sight { added: None, max_deleted_id: None, ..sight(9, 1, 9) };
        let known = entry(9, "a");
        assert_eq!(old.compare(&old, &[(&known, None)]), Verdict::Unknown);
    }
}
