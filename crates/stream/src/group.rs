//! Consumer groups: what was delivered to whom, and how far.
//!
//! ```text
//!   stream   ├──────────── read ────────────┤──────── lag ────────┤
//!            1-0      4-0      9-0        12-0                 20-0
//!                      ▲        ▲           ▲                     ▲
//!   pending            ann      bob       last delivered        newest
//! ```
//!
//! A [`Group`] is read; a [`GroupMut`] is worked with, and sees the entries it delivers beside the group it changes.

use std::collections::BTreeMap;

use crate::consumer::{Consumer, ConsumerId, Consumers};
use crate::entries::Entries;
use crate::id::StreamId;
use crate::pending::{Hold, Pending, Step, Walk};

/// One consumer group.
#[derive(Clone, Debug, Default)]
pub struct Group {
    pub(crate) last_delivered: StreamId,
    pub(crate) entries_read: Option<u64>,
    /// `appended − lag_base` is the lag while `last_delivered` is not before the first entry; see `lag.rs`.
    pub(crate) lag_base: u64,
    pub(crate) consumers: Consumers,
    pub(crate) pending: Pending,
}

/// One pending entry as a reader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingEntry<'a> {
    /// The entry's ID. The entry itself may be deleted.
    pub id: StreamId,
    /// The consumer it was delivered to; `None` when it was handed back.
    pub consumer: Option<&'a [u8]>,
    /// When it was last delivered, in Unix milliseconds; 0 when it was handed back.
    pub delivered_ms: u64,
    /// How often it was delivered.
    pub deliveries: u64,
}

impl PendingEntry<'_> {
    /// Milliseconds since the last delivery; `None` when it was handed back. A clock that went back shows 0.
    #[must_use]
    pub fn idle_ms(&self, now_ms: u64) -> Option<u64> {
        self.consumer.map(|_| now_ms.saturating_sub(self.delivered_ms))
    }
}

/// What there is to say about a group's pending entries in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingSummary {
    /// How many there are, those handed back included.
    pub len: u64,
    /// The smallest ID and the greatest.
    pub ends: Option<(StreamId, StreamId)>,
}

/// Which pending entries to show.
#[derive(Clone, Copy, Debug)]
pub struct PendingFilter {
    /// The first ID.
    pub from: StreamId,
    /// The last ID.
    pub to: StreamId,
    /// Leave out what was delivered less than this long ago.
    pub min_idle_ms: u64,
    /// Only this consumer's.
    pub consumer: Option<ConsumerId>,
}

impl Default for PendingFilter {
    fn default() -> Self {
        Self { from: StreamId::MIN, to: StreamId::MAX, min_idle_ms: 0, consumer: None }
    }
}

impl Group {
    /// The last ID delivered; new entries are those after it.
    #[must_use]
    pub const fn last_delivered(&self) -> StreamId {
        self.last_delivered
    }

    /// How many entries the group has read of all ever added, where that is known (Redis: `entries-read`).
    #[must_use]
    pub const fn entries_read(&self) -> Option<u64> {
        self.entries_read
    }

    /// Pending entries, those handed back included.
    #[must_use]
    pub const fn pending_len(&self) -> u64 {
        self.pending.len()
    }

    /// Entries handed back that nobody has claimed since.
    #[must_use]
    pub fn nacked_len(&self) -> u64 {
        self.pending.nacked()
    }

    /// Entries handed back, in the order they will be claimed.
    pub fn nacked(&self) -> impl Iterator<Item = StreamId> {
        self.pending.nacked_ids()
    }

    /// How many are pending, and between which IDs.
    #[must_use]
    pub fn pending_summary(&self) -> PendingSummary {
        PendingSummary { len: self.pending.len(), ends: self.pending.first_id().zip(self.pending.last_id()) }
    }

    /// Pending entries in order of their IDs. Limit them with [`Iterator::take`].
    pub fn pending(&self, filter: PendingFilter, now_ms: u64) -> impl Iterator<Item = PendingEntry<'_>> {
        self.pending
            .iter(filter.from, filter.consumer.map(|consumer| consumer.0))
            .take_while(move |hold| hold.id <= filter.to)
            .filter(move |hold| is_idle(hold, filter.min_idle_ms, now_ms))
            .map(|hold| self.show(&hold))
    }

    /// The pending entry `id`.
    #[must_use]
    pub fn pending_entry(&self, id: StreamId) -> Option<PendingEntry<'_>> {
        self.pending.get(id).map(|hold| self.show(&hold))
    }

    pub(crate) fn show(&self, hold: &Hold) -> PendingEntry<'_> {
        let consumer = hold.owner.map(|owner| self.consumers.at(ConsumerId(owner)).name());
        PendingEntry { id: hold.id, consumer, delivered_ms: hold.delivered_ms, deliveries: hold.deliveries }
    }

    /// How many consumers there are.
    #[must_use]
    pub fn consumers_len(&self) -> usize {
        self.consumers.len()
    }

    /// Consumers in order of their names.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = (ConsumerId, &Consumer)> + DoubleEndedIterator {
        self.consumers.iter()
    }

    /// The consumer of this name.
    #[must_use]
    pub fn consumer_id(&self, name: &[u8]) -> Option<ConsumerId> {
        self.consumers.id(name)
    }

    /// A consumer.
    ///
    /// # Panics
    /// When it has been deleted.
    #[must_use]
    pub fn consumer(&self, id: ConsumerId) -> &Consumer {
        self.consumers.at(id)
    }

    /// Bytes allocated for this group.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.consumers.memory_bytes() + self.pending.memory_bytes()
    }
}

/// What was handed back counts as delivered at time 0, as in Redis.
pub(crate) fn is_idle(hold: &Hold, min_idle_ms: u64, now_ms: u64) -> bool {
    min_idle_ms == 0 || now_ms.saturating_sub(hold.delivered_ms) >= min_idle_ms
}

/// A group being worked with.
#[derive(Debug)]
pub struct GroupMut<'a> {
    pub(crate) entries: &'a Entries,
    pub(crate) group: &'a mut Group,
    pub(crate) reach: &'a mut Reach,
}

/// Bounds on how far the groups have read, so that most appends and deletions need not ask each.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reach {
    /// No group has read less far.
    low: StreamId,
    /// Whether some group has read just that far.
    low_is_exact: bool,
    /// No group has read farther.
    high: StreamId,
}

impl Reach {
    /// A group's `last_delivered` moves.
    pub(crate) fn moved(&mut self, from: StreamId, to: StreamId) {
        // The group that was least far may not have been the only one.
        if from == self.low && to > from {
            self.low_is_exact = false;
        }
        self.joined(to);
    }

    fn joined(&mut self, at: StreamId) {
        self.low = self.low.min(at);
        self.high = self.high.max(at);
    }

    fn left(&mut self, at: StreamId) {
        self.low_is_exact &= at != self.low;
    }
}

impl GroupMut<'_> {
    /// The group as it is now.
    #[must_use]
    pub fn view(&self) -> &Group {
        self.group
    }

    /// The entries of the stream.
    #[must_use]
    pub fn entries(&self) -> &Entries {
        self.entries
    }

    /// The consumer `name`, made if need be, and seen at `now_ms`. The flag says whether it was made.
    pub fn consumer(&mut self, name: &[u8], now_ms: u64) -> (ConsumerId, bool) {
        match self.group.consumers.id(name) {
            Some(id) => {
                self.group.consumers.at_mut(id).seen_ms = now_ms;
                (id, false)
            }
            None => (self.group.consumers.create(name, now_ms), true),
        }
    }

    /// Makes the consumer `name`. Says whether it did not exist; one that does is left as it is.
    pub fn create_consumer(&mut self, name: &[u8], now_ms: u64) -> bool {
        let fresh = self.group.consumers.id(name).is_none();
        if fresh {
            self.group.consumers.create(name, now_ms);
        }
        fresh
    }

    /// Deletes a consumer with its pending entries. Returns how many it had, `None` when there is no such consumer.
    pub fn delete_consumer(&mut self, name: &[u8]) -> Option<u64> {
        let id = self.group.consumers.id(name)?;
        let pending = self.group.consumers.at(id).pending;
        if pending > 0 {
            let walk = Walk { from: StreamId::MIN, owner: Some(id.0), at_most: pending };
            self.group.pending.walk(walk, |_| Step::Remove);
        }
        self.group.consumers.delete(id);
        Some(pending)
    }

    /// Acknowledges `id`. Says whether it was pending.
    pub fn ack(&mut self, id: StreamId) -> bool {
        self.group.release(id)
    }
}

impl Group {
    /// Takes `id` out of the pending entries and off its owner's count. Says whether it was pending.
    pub(crate) fn release(&mut self, id: StreamId) -> bool {
        let Some(hold) = self.pending.remove(id) else {
            return false;
        };
        self.count_released(&hold);
        true
    }

    pub(crate) fn count_released(&mut self, hold: &Hold) {
        if let Some(owner) = hold.owner {
            self.consumers.at_mut(ConsumerId(owner)).pending -= 1;
        }
    }

    /// Makes entries pending that were just delivered; some may be pending already.
    pub(crate) fn assign_new(&mut self, ids: &[StreamId], consumer: ConsumerId, now_ms: u64) {
        if self.pending.extend(ids, consumer.0, now_ms) {
            self.consumers.at_mut(consumer).pending += ids.len() as u64;
            return;
        }
        for &id in ids {
            self.assign(Hold { id, owner: Some(consumer.0), delivered_ms: now_ms, deliveries: 1 });
        }
    }

    /// Makes an entry pending for `owner`, or changes whose it is.
    pub(crate) fn assign(&mut self, hold: Hold) {
        if let Some(before) = self.pending.put(hold) {
            self.count_released(&before);
        }
        if let Some(owner) = hold.owner {
            self.consumers.at_mut(ConsumerId(owner)).pending += 1;
        }
    }
}

/// The groups of a stream, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    pub(crate) by_name: BTreeMap<Box<[u8]>, Group>,
    pub(crate) reach: Reach,
}

impl Groups {
    pub(crate) fn insert(&mut self, name: &[u8], group: Group) {
        self.reach.joined(group.last_delivered);
        self.by_name.insert(name.into(), group);
    }

    pub(crate) fn remove(&mut self, name: &[u8]) -> Option<Group> {
        let group = self.by_name.remove(name)?;
        self.reach.left(group.last_delivered);
        Some(group)
    }

    /// How far the least advanced group has read; `None` without groups.
    pub(crate) fn least_read(&mut self) -> Option<StreamId> {
        if !self.reach.low_is_exact {
            self.reach.low = self.by_name.values().map(|group| group.last_delivered).min()?;
            self.reach.low_is_exact = true;
        }
        (!self.by_name.is_empty()).then_some(self.reach.low)
    }

    /// Whether some group may have yet to read `id`.
    pub(crate) fn may_lack(&self, id: StreamId) -> bool {
        !self.by_name.is_empty() && self.reach.low < id
    }

    /// Whether some group may have read to `id` or beyond.
    pub(crate) fn may_have_reached(&self, id: StreamId) -> bool {
        !self.by_name.is_empty() && self.reach.high >= id
    }

    /// Whether some group has yet to be given `id`, or to acknowledge it.
    pub(crate) fn refers_to(&mut self, id: StreamId) -> bool {
        let unread = self.may_lack(id) && self.least_read().is_some_and(|least| least < id);
        unread || self.by_name.values().any(|group| group.pending.contains(id))
    }

    /// Drops `id` from the pending entries of every group. Returns how many had it.
    pub(crate) fn release(&mut self, id: StreamId) -> u64 {
        self.by_name.values_mut().map(|group| u64::from(group.release(id))).sum()
    }

    /// Shares no pending entries with anybody from here on.
    pub(crate) fn unshare(&mut self) {
        self.by_name.values_mut().for_each(|group| group.pending.unshare());
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let names: usize = self.by_name.keys().map(|name| name.len() + size_of::<Box<[u8]>>()).sum();
        names + self.by_name.values().map(Group::memory_bytes).sum::<usize>()
    }
}

#[cfg(test)]
impl Groups {
    /// # Panics
    /// When a bound is wrong.
    pub(crate) fn audit_reach(&self) {
        let mut delivered: Vec<_> = self.by_name.values().map(Group::last_delivered).collect();
        delivered.sort();
        let (Some(min), Some(max)) = (delivered.first(), delivered.last()) else { return };
        assert!(self.reach.low <= *min && *max <= self.reach.high);
        assert!(!self.reach.low_is_exact || self.reach.low == *min);
    }
}
