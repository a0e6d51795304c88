//! What came already, where others acknowledge it: pending under our name, and not to be shown again.
//!
//! ```text
//!   all up to `newest`       read by us, or pending when we came
//!   `ahead`, behind newest   taken over from somebody who was given newer ones than we were
//! ```
//!
//! Invariant: an entry of ours that is in neither was on its way to us when a connection was lost. What the group gives us is newer than
//! all that it gave to anybody before, so a place and the few taken over from behind it tell all of it; a list of all that was shown
//! would grow for as long as nobody acknowledges.

use std::collections::BTreeSet;

use crate::entries::EntryId;

/// Some MB; the oldest are forgotten first, and would be shown a second time rather than never.
const AHEAD_MAX: usize = 100_000;

/// A place in the stream, and single entries behind it.
#[derive(Debug, Default)]
pub(super) struct Shown {
    newest: Option<EntryId>,
    ahead: BTreeSet<EntryId>,
}

impl Shown {
    /// Everything up to this one came.
    pub(super) fn upto(&mut self, id: &str) {
        let newest = id.parse::<EntryId>().ok();
        self.newest = newest.or(self.newest);
        self.ahead.retain(|id| Some(*id) > newest);
    }

    /// This one was taken over: out of our own, in their order, or from somebody else.
    pub(super) fn claimed(&mut self, id: &str, was_ours: bool) {
        let Ok(entry) = id.parse::<EntryId>() else { return };
        if Some(entry) <= self.newest {
            return;
        }
        if was_ours {
            return self.upto(id);
        }
        self.ahead.insert(entry);
        if self.ahead.len() > AHEAD_MAX {
            self.ahead.pop_first();
        }
    }

    pub(super) fn holds(&self, id: &str) -> bool {
        id.parse::<EntryId>().is_ok_and(|id| Some(id) <= self.newest || self.ahead.contains(&id))
    }

    /// Where a look for what did not come begins. That one was being taken over, and may be older.
    pub(super) fn end(&self, claiming: Option<&str>) -> String {
        match (self.newest, claiming.and_then(|id| id.parse::<EntryId>().ok())) {
            (None, _) => "-".to_owned(),
            (Some(newest), Some(claimed)) if claimed <= newest => claimed.to_string(),
            (Some(newest), _) => format!("({newest}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_over_from_behind_the_newest_leaves_a_gap_before_it() {
        let mut shown = Shown::default();
        assert_eq!(shown.end(None), "-");
        shown.upto("5-0");
        shown.claimed("3-0", false);
        shown.claimed("9-0", false);
        assert_eq!(["3-0", "5-0", "7-0", "9-0"].map(|id| shown.holds(id)), [true, true, false, true]);
        assert_eq!(shown.end(None), "(5-0");
        assert_eq!([Some("4-0"), Some("9-0")].map(|id| shown.end(id)), ["4-0", "(5-0"]);
        shown.claimed("7-0", true);
        assert_eq!(["7-0", "8-0", "9-0"].map(|id| shown.holds(id)), [true, false, true]);
        shown.upto("9-0");
        assert!(shown.ahead.is_empty() && shown.holds("8-0"));
    }
}
