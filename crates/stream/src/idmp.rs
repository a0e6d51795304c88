//! What producers have sent already (Redis 8.6: idempotent `XADD`).
//!
//! ```text
//!   by pid   ┌──────────┐     oldest first, at most `max_iids`
//!            │ "orders" ├───► [iid 12-0] [iid 13-0] [iid 19-4] …
//!            ├──────────┤
//!            │ "mail"   ├───► [iid 14-2] …
//!            └──────────┘
//!   due      { (when its oldest was sent, producer) }     who has something to forget next
//!   index    of each producer: hash of iid → its place
//! ```
//!
//! A producer's ID is remembered for `duration_s` seconds, unless `max_iids` newer ones push it out. Time is when it was
//! sent, not the entry's ID: IDs may run ahead of the clock, and remembering must still end (redis/redis #15836).
//!
//! Where the producer gives no ID, the fields are it. Their order does not matter, as in Redis; each pair is hashed with
//! its lengths and the hashes are added, so that no pair cancels another and none runs into its neighbour.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use hashbrown::HashTable;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::id::StreamId;

/// What an item takes in an index: its number, and a byte of its hash, in a table that is three quarters full.
const INDEX_BYTES: usize = (size_of::<u64>() + 1) * 4 / 3;

/// How long and how many of a producer's IDs are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdmpLimits {
    /// Seconds each is remembered.
    pub duration_s: u32,
    /// The most remembered of one producer; the oldest goes when one more comes.
    pub max_iids: u32,
}

impl Default for IdmpLimits {
    fn default() -> Self {
        Self { duration_s: 100, max_iids: 100 }
    }
}

/// The producer's own ID of what it sends.
#[derive(Clone, Copy, Debug)]
pub enum Iid<'a> {
    /// Given by the producer.
    Given(&'a [u8]),
    /// Made from the fields.
    Fields,
}

impl Iid<'_> {
    pub(crate) fn resolve<'f>(self, fields: impl Iterator<Item = (&'f [u8], &'f [u8])>) -> Box<[u8]> {
        match self {
            Self::Given(iid) => iid.into(),
            Self::Fields => fields_iid(fields).into(),
        }
    }
}

/// The ID that fields stand for when the producer gives none: the same for the same pairs in any order.
pub fn fields_iid<'f>(fields: impl Iterator<Item = (&'f [u8], &'f [u8])>) -> [u8; 16] {
    let mut sum: u128 = 0;
    for (name, value) in fields {
        let mut hash = Xxh3::new();
        hash.update(&(name.len() as u64).to_le_bytes());
        hash.update(name);
        hash.update(&(value.len() as u64).to_le_bytes());
        hash.update(value);
        sum = sum.wrapping_add(hash.digest128());
    }
    sum.to_be_bytes()
}

/// Limits and counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdmpStats {
    /// The limits.
    pub limits: IdmpLimits,
    /// Producers something is remembered of.
    pub pids_tracked: u64,
    /// IDs remembered, of all producers.
    pub iids_tracked: u64,
    /// Entries ever appended with a producer's ID.
    pub iids_added: u64,
    /// Duplicates ever found.
    pub iids_duplicates: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) iid: Box<[u8]>,
    pub(crate) id: StreamId,
    pub(crate) at_ms: u64,
}

#[derive(Clone, Debug)]
struct Producer {
    pid: Arc<[u8]>,
    /// Ascending in `at_ms`.
    sent: VecDeque<Sent>,
    /// How many went from the front: the place of an item is its number less this.
    gone: u64,
    /// The numbers, by their items' names.
    index: HashTable<u64>,
}

impl Producer {
    fn at(&self, number: u64) -> &Sent {
        &self.sent[(number - self.gone) as usize]
    }

    fn find(&self, iid: &[u8]) -> Option<&Sent> {
        self.index.find(xxh3_64(iid), |number| *self.at(*number).iid == *iid).map(|number| self.at(*number))
    }

    fn push(&mut self, sent: Sent) {
        let number = self.gone + self.sent.len() as u64;
        let hash = xxh3_64(&sent.iid);
        self.sent.push_back(sent);
        let Self { sent, gone, index, .. } = self;
        index.insert_unique(hash, number, |number| xxh3_64(&sent[(number - *gone) as usize].iid));
    }

    fn pop(&mut self) -> Sent {
        let oldest = self.sent.pop_front().expect("the caller saw one");
        let number = self.gone;
        self.gone += 1;
        if let Ok(entry) = self.index.find_entry(xxh3_64(&oldest.iid), |other| *other == number) {
            entry.remove();
        }
        oldest
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Idmp {
    limits: IdmpLimits,
    by_pid: BTreeMap<Arc<[u8]>, u32>,
    /// Shared with clones of the stream: what one of them changes is copied then, a producer at a time.
    producers: Vec<Option<Arc<Producer>>>,
    free: BTreeSet<u32>,
    due: BTreeSet<(u64, u32)>,
    tracked: u64,
    bytes: usize,
    added: u64,
    duplicates: u64,
}

impl Idmp {
    pub(crate) fn new(limits: IdmpLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    pub(crate) const fn limits(&self) -> IdmpLimits {
        self.limits
    }

    /// The last moment at which something sent at `at_ms` is still remembered, plus one.
    fn expiry_ms(&self, at_ms: u64) -> u64 {
        at_ms.saturating_add(u64::from(self.limits.duration_s) * 1000)
    }

    /// The ID `iid` was given, if that is remembered at `now_ms`.
    pub(crate) fn find(&self, pid: &[u8], iid: &[u8], now_ms: u64) -> Option<StreamId> {
        let sent = self.producer(*self.by_pid.get(pid)?).find(iid)?;
        (now_ms < self.expiry_ms(sent.at_ms)).then_some(sent.id)
    }

    /// As [`find`](Self::find), and counts what it finds.
    pub(crate) fn duplicate(&mut self, pid: &[u8], iid: &[u8], now_ms: u64) -> Option<StreamId> {
        let id = self.find(pid, iid, now_ms)?;
        self.duplicates += 1;
        Some(id)
    }

    fn producer(&self, slot: u32) -> &Producer {
        self.producers[slot as usize].as_ref().expect("a slot is good while its producer is known")
    }

    fn producer_mut(&mut self, slot: u32) -> &mut Producer {
        let producer = self.producers[slot as usize].as_mut().expect("a slot is good while its producer is known");
        Arc::make_mut(producer)
    }

    /// Remembers what is known not to be remembered.
    pub(crate) fn remember(&mut self, pid: &[u8], iid: &[u8], id: StreamId, now_ms: u64) {
        self.remember_since(pid, iid, id, now_ms, now_ms);
    }

    /// The same of something that was sent earlier. What has expired goes first: an item of the same name may be among it, and a
    /// producer has one of each.
    pub(crate) fn remember_since(&mut self, pid: &[u8], iid: &[u8], id: StreamId, at_ms: u64, now_ms: u64) {
        self.expire(now_ms);
        if now_ms < self.expiry_ms(at_ms) {
            self.put(pid, iid, id, at_ms);
            self.added += 1;
        }
    }

    fn put(&mut self, pid: &[u8], iid: &[u8], id: StreamId, at_ms: u64) {
        let slot = match self.by_pid.get(pid) {
            Some(&slot) => slot,
            None => self.add_producer(pid),
        };
        while self.producer(slot).sent.len() >= self.limits.max_iids.max(1) as usize {
            self.forget_oldest(slot);
        }
        self.bytes += iid.len() + size_of::<Sent>();
        self.tracked += 1;
        let producer = self.producer_mut(slot);
        // A producer's items stay in order of time whatever the clock does.
        let at_ms = producer.sent.back().map_or(at_ms, |last| last.at_ms.max(at_ms));
        producer.push(Sent { iid: iid.into(), id, at_ms });
        if producer.sent.len() == 1 {
            self.due.insert((at_ms, slot));
        }
    }

    fn add_producer(&mut self, pid: &[u8]) -> u32 {
        let pid: Arc<[u8]> = pid.into();
        self.bytes += 2 * pid.len() + 2 * size_of::<Producer>();
        let producer = Producer { pid: Arc::clone(&pid), sent: VecDeque::new(), gone: 0, index: HashTable::new() };
        let producer = Some(Arc::new(producer));
        let slot = match self.free.pop_first() {
            Some(slot) => {
                self.producers[slot as usize] = producer;
                slot
            }
            None => {
                self.producers.push(producer);
                (self.producers.len() - 1) as u32
            }
        };
        self.by_pid.insert(pid, slot);
        slot
    }

    /// Forgets a producer's oldest item. The producer stays, even with nothing left.
    fn forget_oldest(&mut self, slot: u32) {
        let producer = self.producer_mut(slot);
        let oldest = producer.pop();
        let next = producer.sent.front().map(|sent| sent.at_ms);
        self.due.remove(&(oldest.at_ms, slot));
        if let Some(next) = next {
            self.due.insert((next, slot));
        }
        self.tracked -= 1;
        self.bytes -= oldest.iid.len() + size_of::<Sent>();
    }

    /// Forgets what has expired, and producers with nothing left.
    pub(crate) fn expire(&mut self, now_ms: u64) {
        while let Some(&(at_ms, slot)) = self.due.first()
            && self.expiry_ms(at_ms) <= now_ms
        {
            self.forget_oldest(slot);
            if self.producer(slot).sent.is_empty() {
                let producer = self.producers[slot as usize].take().expect("it was just read");
                self.by_pid.remove(&producer.pid);
                self.free.insert(slot);
                self.bytes -= 2 * producer.pid.len() + 2 * size_of::<Producer>();
            }
        }
        if self.by_pid.is_empty() && !self.producers.is_empty() {
            self.clear();
        }
    }

    fn clear(&mut self) {
        *self = Self { limits: self.limits, added: self.added, duplicates: self.duplicates, ..Self::default() };
    }

    pub(crate) fn set_limits(&mut self, limits: IdmpLimits) -> bool {
        let changed = limits != self.limits;
        if changed {
            self.limits = limits;
            self.clear();
        }
        changed
    }

    pub(crate) fn stats(&self, now_ms: u64) -> IdmpStats {
        let (mut pids, mut iids) = (self.by_pid.len() as u64, self.tracked);
        for &(_, slot) in self.due.iter().take_while(|(at_ms, _)| self.expiry_ms(*at_ms) <= now_ms) {
            let sent = &self.producer(slot).sent;
            let expired = sent.partition_point(|sent| self.expiry_ms(sent.at_ms) <= now_ms);
            iids -= expired as u64;
            pids -= u64::from(expired == sent.len());
        }
        IdmpStats {
            limits: self.limits,
            pids_tracked: pids,
            iids_tracked: iids,
            iids_added: self.added,
            iids_duplicates: self.duplicates,
        }
    }

    /// Shares no producer's IDs with anybody from here on.
    pub(crate) fn unshare(&mut self) {
        for producer in self.producers.iter_mut().flatten() {
            Arc::make_mut(producer);
        }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let due = self.due.len() * size_of::<(u64, u32)>() * 3 / 2;
        self.bytes + due + self.tracked as usize * INDEX_BYTES
    }

    pub(crate) const fn counters(&self) -> (u64, u64) {
        (self.added, self.duplicates)
    }

    pub(crate) const fn tracked(&self) -> u64 {
        self.tracked
    }

    /// Everything remembered, by producer, oldest first.
    pub(crate) fn producers(&self) -> impl ExactSizeIterator<Item = (&[u8], &VecDeque<Sent>)> {
        self.by_pid.iter().map(|(pid, &slot)| (&**pid, &self.producer(slot).sent))
    }

    /// Sets the counters, for a stream that is being restored.
    pub(crate) fn restore_counters(&mut self, added: u64, duplicates: u64) {
        (self.added, self.duplicates) = (added, duplicates);
    }

    /// Puts back what was remembered. `false` when it cannot have been: out of order, too many, or twice.
    pub(crate) fn restore(&mut self, pid: &[u8], sent: &Sent) -> bool {
        if let Some(&slot) = self.by_pid.get(pid) {
            let producer = self.producer(slot);
            let late = producer.sent.back().is_some_and(|last| last.at_ms > sent.at_ms);
            if late || producer.sent.len() >= self.limits.max_iids as usize || self.find(pid, &sent.iid, 0).is_some() {
                return false;
            }
        }
        self.put(pid, &sent.iid, sent.id, sent.at_ms);
        true
    }
}

#[cfg(test)]
impl Idmp {
    /// # Panics
    /// When a count or an index is not what it must be.
    pub(crate) fn audit(&self) {
        let tracked: usize = self.producers().map(|(_, sent)| sent.len()).sum();
        let indexed: usize = self.by_pid.values().map(|&slot| self.producer(slot).index.len()).sum();
        assert_eq!((tracked as u64, tracked), (self.tracked, indexed));
        assert_eq!(self.due.len(), self.by_pid.len());
        for (pid, sent) in self.producers() {
            assert!(sent.iter().is_sorted_by_key(|sent| sent.at_ms));
            assert!(sent.iter().all(|sent| self.find(pid, &sent.iid, 0) == Some(sent.id)));
        }
    }
}
