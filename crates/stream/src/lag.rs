//! How far groups are behind: an exact lag, and Redis's estimate of entries read.
//!
//! **Lag** is the number of live entries after `last_delivered`, always. Counting them would cost a walk over the blocks;
//! keeping a count in every group would cost every append and every trim a walk over the groups. Instead a group keeps a
//! base against the stream's count of appends:
//!
//! ```text
//!   appended        1  2  3  4  5  6  7  8            lag = appended − base
//!                            ▲           ▲
//!                          base = 4    appended = 8   → 4 entries after last_delivered
//! ```
//!
//! An append moves every lag without touching a group. What else may change it:
//! * delivering `n` raises the base by `n`;
//! * deleting an entry by ID raises the base of the groups before it, if any are;
//! * trimming the front takes entries that groups at or after the first entry have read, and a group before the first
//!   entry has all live entries ahead of it: for those [`lag`] answers the length and never looks at the base;
//! * an append at or before some group's `last_delivered` (only `XGROUP SETID` to the future does that) is not ahead of
//!   it, so its base moves along;
//! * setting `last_delivered` to an arbitrary ID counts once.
//!
//! **Entries read** is what Redis 8 reports: a logical counter that is known only where no deletion blurs it. The rules
//! follow `xinfo-groups` and redis/redis #13338, #13473, #13958.

use crate::entries::Entries;
use crate::group::{Group, GroupMut, Groups};
use crate::id::StreamId;

impl Entries {
    /// How many entries of all ever added lie at or before `id`, where that can be told without counting.
    #[must_use]
    pub fn estimate_read(&self, id: StreamId) -> Option<u64> {
        if self.added() == 0 {
            return Some(0);
        }
        if self.is_empty() && id <= self.last_id() {
            return Some(self.added());
        }
        if !id.is_zero() && id < self.max_deleted_id() {
            return None;
        }
        if id >= self.last_id() {
            return (id == self.last_id()).then_some(self.added());
        }
        let unbroken = self.max_deleted_id().is_zero() || self.max_deleted_id() < self.first_id();
        let before_first = self.added().saturating_sub(self.len());
        match id.cmp(&self.first_id()) {
            std::cmp::Ordering::Less if unbroken => Some(before_first),
            std::cmp::Ordering::Equal if unbroken => Some(before_first + 1),
            _ => None,
        }
    }

    /// Whether an entry at or after `id` may have been deleted by ID.
    fn may_lack_entries_from(&self, id: StreamId) -> bool {
        !self.is_empty() && !self.max_deleted_id().is_zero() && id <= self.max_deleted_id()
    }

    fn is_behind_first(&self, id: StreamId) -> bool {
        id < self.first_id()
    }
}

impl Group {
    /// Live entries after `last_delivered`.
    #[must_use]
    pub fn lag(&self, entries: &Entries) -> u64 {
        if entries.is_empty() || entries.is_behind_first(self.last_delivered) {
            return entries.len();
        }
        entries.appended() - self.lag_base
    }

    pub(crate) fn set_lag(&mut self, entries: &Entries, lag: u64) {
        self.lag_base = entries.appended() - lag;
    }

    pub(crate) fn count_lag(&mut self, entries: &Entries) {
        self.set_lag(entries, entries.count_after(self.last_delivered));
    }

    /// Moves the counter for one more entry read; `last_delivered` is still the one before.
    pub(crate) fn count_read(&mut self, entries: &Entries, id: StreamId) {
        let tracked = self.entries_read.filter(|_| {
            !entries.is_behind_first(self.last_delivered) && !entries.may_lack_entries_from(self.last_delivered)
        });
        match tracked {
            Some(read) => self.entries_read = Some(read.saturating_add(1)),
            None if entries.added() > 0 => self.entries_read = entries.estimate_read(id),
            None => {}
        }
    }
}

impl GroupMut<'_> {
    /// Live entries after `last_delivered`.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.group.lag(self.entries)
    }

    /// Sets the last delivered ID to any ID, and the read counter to what is given: `None` is unknown, and no more can
    /// have been read than were ever added.
    pub fn set_id(&mut self, id: StreamId, entries_read: Option<u64>) {
        self.reach.moved(self.group.last_delivered, id);
        self.group.last_delivered = id;
        self.group.entries_read = entries_read.map(|read| read.min(self.entries.added()));
        self.group.count_lag(self.entries);
    }
}

impl Groups {
    /// After an append: entries at or before a group's `last_delivered` are not ahead of it.
    pub(crate) fn note_append(&mut self, id: StreamId) {
        if !self.may_have_reached(id) {
            return;
        }
        for group in self.by_name.values_mut().filter(|group| group.last_delivered >= id) {
            group.lag_base += 1;
        }
    }

    /// After a deletion by ID.
    pub(crate) fn note_deletion(&mut self, id: StreamId) {
        if !self.may_lack(id) {
            return;
        }
        for group in self.by_name.values_mut().filter(|group| group.last_delivered < id) {
            group.lag_base += 1;
        }
    }

    /// After the last ID of an empty stream was set, from where IDs may have gone back; in one with entries they do not go back behind any of them.
    pub(crate) fn note_reset(&mut self, entries: &Entries) {
        for group in self.by_name.values_mut() {
            group.count_lag(entries);
        }
    }
}
