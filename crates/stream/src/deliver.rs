//! Giving entries to consumers: new ones, and once more those they already have.
//!
//! Every method shows each entry to `visit`, which writes it where it goes and says [`Take::Yes`], or says [`Take::Stop`]
//! when there is no more room for it. What was not taken was not delivered: it does not become pending, and the group
//! does not move past it.

use smallvec::SmallVec;

use crate::consumer::ConsumerId;
use crate::entry::EntryRef;
use crate::group::GroupMut;
use crate::id::StreamId;
use crate::pending::{Hold, Step, Walk};

/// What the receiver says to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// It is delivered.
    Yes,
    /// It is not, and nothing after it.
    Stop,
}

/// Whether what is delivered must be acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// It becomes pending.
    Required,
    /// It counts as acknowledged (`NOACK`).
    Waived,
}

/// What a delivery of new entries gave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// How many.
    pub len: u64,
    /// The first and the last of them, between which all were delivered.
    pub ends: Option<(StreamId, StreamId)>,
}

/// An entry a consumer already has.
#[derive(Clone, Copy, Debug)]
pub struct HistoryEntry<'a> {
    /// Its ID.
    pub id: StreamId,
    /// The entry; `None` when it was deleted since.
    pub entry: Option<EntryRef<'a>>,
}

/// The highest delivery count, where it stays (Redis answers with signed 64-bit integers).
pub const DELIVERIES_MAX: u64 = i64::MAX as u64;

/// Entries made pending in one go.
const BATCH: usize = 64;

pub(crate) fn once_more(deliveries: u64) -> u64 {
    deliveries.saturating_add(1).min(DELIVERIES_MAX)
}

impl GroupMut<'_> {
    /// Delivers new entries, those after the last delivered ID, to `consumer`: at most `limit`, as long as `visit` takes
    /// them.
    ///
    /// An entry that is pending already (the last delivered ID was set back) changes its owner and is delivered once.
    ///
    /// # Panics
    /// When the consumer has been deleted, before anything is changed; another may have got its number since.
    pub fn deliver(
        &mut self,
        consumer: ConsumerId,
        limit: usize,
        acks: Acks,
        now_ms: u64,
        mut visit: impl FnMut(EntryRef<'_>) -> Take,
    ) -> Delivery {
        let lag = self.lag();
        let start = self.group.last_delivered;
        let mut delivery = Delivery { len: 0, ends: None };
        if lag == 0 {
            return delivery;
        }
        let _known = self.group.consumers.at(consumer);
        let mut batch: SmallVec<[StreamId; BATCH]> = SmallVec::new();
        for entry in self.entries.after(start).take(limit) {
            if visit(entry) == Take::Stop {
                break;
            }
            self.group.count_read(self.entries, entry.id);
            self.group.last_delivered = entry.id;
            delivery.len += 1;
            delivery.ends = Some((delivery.ends.map_or(entry.id, |(first, _)| first), entry.id));
            if acks == Acks::Required {
                batch.push(entry.id);
                if batch.len() == BATCH {
                    self.group.assign_new(&batch, consumer, now_ms);
                    batch.clear();
                }
            }
        }
        self.group.assign_new(&batch, consumer, now_ms);
        if delivery.len > 0 {
            self.reach.moved(start, self.group.last_delivered);
            self.group.set_lag(self.entries, lag - delivery.len);
            if acks == Acks::Required {
                self.group.consumers.at_mut(consumer).active_ms = Some(now_ms);
            }
        }
        delivery
    }

    /// Delivers once more what is pending for `consumer` after `after`: at most `limit`, as long as `visit` takes them.
    /// Returns how many.
    ///
    /// What exists is marked as delivered now, once more; what was deleted is shown as such and left as it is.
    ///
    /// # Panics
    /// As [`deliver`](Self::deliver).
    pub fn redeliver(
        &mut self,
        consumer: ConsumerId,
        after: StreamId,
        limit: usize,
        now_ms: u64,
        mut visit: impl FnMut(HistoryEntry<'_>) -> Take,
    ) -> u64 {
        let at_most = self.group.consumers.at(consumer).pending.min(limit as u64);
        let (mut seen, Some(from)) = (0, after.next()) else {
            return 0;
        };
        let mut existing = Existing::new(self.entries);
        self.group.pending.walk(Walk { from, owner: Some(consumer.0), at_most }, |hold| {
            let entry = existing.get(hold.id);
            if visit(HistoryEntry { id: hold.id, entry }) == Take::Stop {
                return Step::Stop;
            }
            seen += 1;
            match entry {
                Some(_) => Step::Put(Hold { delivered_ms: now_ms, deliveries: once_more(hold.deliveries), ..hold }),
                None => Step::Keep,
            }
        });
        seen
    }
}

/// Looks up entries by ascending IDs, reading each block once.
pub(crate) struct Existing<'a> {
    entries: &'a crate::entries::Entries,
    range: crate::range::Range<'a>,
    ahead: Option<EntryRef<'a>>,
    /// IDs up to here are behind the range.
    at: Option<StreamId>,
}

/// A gap of more IDs than this is jumped by a search instead of being read through.
const READ_THROUGH_MAX: usize = 64;

impl<'a> Existing<'a> {
    pub(crate) fn new(entries: &'a crate::entries::Entries) -> Self {
        Self { entries, range: entries.range(StreamId::MAX, StreamId::MIN), ahead: None, at: None }
    }

    /// The entry `id`, which is greater than any asked for before.
    pub(crate) fn get(&mut self, id: StreamId) -> Option<EntryRef<'a>> {
        if id < self.entries.first_id() || id > self.entries.newest_id() {
            return None;
        }
        if self.at.is_none() {
            self.seek(id);
        }
        for _ in 0..READ_THROUGH_MAX {
            match self.ahead {
                Some(entry) if entry.id < id => self.ahead = self.range.next(),
                entry => return entry.filter(|entry| entry.id == id),
            }
        }
        self.seek(id);
        self.ahead.filter(|entry| entry.id == id)
    }

    fn seek(&mut self, id: StreamId) {
        self.range = self.entries.range(id, StreamId::MAX);
        self.ahead = self.range.next();
        self.at = Some(id);
    }
}
