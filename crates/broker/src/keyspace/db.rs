//! One database: keys, their values and their deadlines.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use super::index::Index;
use super::saving::{Image, SLICE_BYTES, Saving, Waiting};
use super::slab::Slab;
use crate::value::Value;

/// A key and what it holds.
#[derive(Debug)]
pub struct Entry {
    /// The key.
    pub key: Box<[u8]>,
    /// Its value.
    pub value: Value,
    deadline_ms: Option<std::num::NonZeroU64>,
    hash: u64,
    /// The database's when it was handed out to a snapshot, or came to be.
    epoch: u32,
    /// When it was last used, in seconds of the driver's wall clock: soft state, for OBJECT IDLETIME.
    pub used_s: Cell<u32>,
}

impl Entry {
    /// When the key expires, in Unix milliseconds.
    pub fn deadline_ms(&self) -> Option<u64> {
        self.deadline_ms.map(Into::into)
    }

    /// Whether its time has come.
    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.deadline_ms.is_some_and(|deadline| deadline.get() <= now_ms)
    }
}

/// What a look at a key found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The key lives in this slot.
    Live(u32),
    /// It is there, but its time has come: to be purged before an op, to be hidden from a read.
    Expired(u32),
    /// It is not there.
    Missing,
}

/// One of the numbered databases.
#[derive(Debug)]
pub struct Db {
    entries: Slab<Entry>,
    index: Index,
    deadlines: BTreeSet<(u64, u32)>,
    len: usize,
    hasher: FixedState,
    /// How many snapshots were begun.
    epoch: u32,
    /// The one under way.
    saving: Option<Box<Saving>>,
}

impl Db {
    /// An empty database. `seed` varies the hash so that nobody can choose colliding keys; it changes nothing that
    /// can be observed.
    pub fn new(seed: u64) -> Self {
        Self {
            entries: Slab::default(),
            index: Index::default(),
            deadlines: BTreeSet::new(),
            len: 0,
            hasher: FixedState::with_seed(seed),
            epoch: 0,
            saving: None,
        }
    }

    /// An empty database that hashes as this one does.
    pub fn emptied(&self) -> Self {
        Self {
            entries: Slab::default(),
            index: Index::default(),
            deadlines: BTreeSet::new(),
            len: 0,
            hasher: self.hasher.clone(),
            epoch: self.epoch,
            saving: None,
        }
    }

    /// How many keys there are, expired ones that were not purged yet included, as DBSIZE counts.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many keys have a deadline.
    pub fn deadlines_len(&self) -> usize {
        self.deadlines.len()
    }

    /// Looks for a key.
    #[inline]
    pub fn find(&self, key: &[u8], now_ms: u64) -> Found {
        match self.slot(key) {
            None => Found::Missing,
            Some(slot) if self.entry(slot).is_expired(now_ms) => Found::Expired(slot),
            Some(slot) => Found::Live(slot),
        }
    }

    fn slot(&self, key: &[u8]) -> Option<u32> {
        if self.len == 0 {
            return None;
        }
        self.index.find(self.hash(key), |slot| *self.entry(slot).key == *key)
    }

    /// The entry in a slot that is known to be in use.
    #[inline]
    pub fn entry(&self, slot: u32) -> &Entry {
        self.entries.get(slot).expect("the slot is in use")
    }

    /// The entry in a slot that is known to be in use.
    #[inline]
    pub fn entry_mut(&mut self, slot: u32) -> &mut Entry {
        self.save_before_change(slot);
        self.entries.get_mut(slot).expect("the slot is in use")
    }

    /// The entry of a key that is there and has not expired.
    pub fn live(&self, key: &[u8], now_ms: u64) -> Option<&Entry> {
        match self.find(key, now_ms) {
            Found::Live(slot) => Some(self.entry(slot)),
            _ => None,
        }
    }

    /// Adds a key that is known to be absent.
    pub fn insert(&mut self, key: &[u8], value: Value, deadline_ms: Option<u64>, now_ms: u64) -> u32 {
        let hash = self.hash(key);
        let used_s = Cell::new((now_ms / 1000) as u32);
        let slot =
            self.entries.insert(Entry { key: key.into(), value, deadline_ms: None, hash, epoch: self.epoch, used_s });
        let entries = &self.entries;
        self.index.insert(hash, slot, |slot| entries.get(slot).expect("every indexed slot is in use").hash);
        self.len += 1;
        self.set_deadline(slot, deadline_ms);
        slot
    }

    /// Removes an entry and hands it over as it was, its deadline included.
    pub fn remove(&mut self, slot: u32) -> Entry {
        self.save_before_change(slot);
        let entry = self.entries.remove(slot);
        let entries = &self.entries;
        self.index.remove(entry.hash, slot, |slot| entries.get(slot).expect("every indexed slot is in use").hash);
        if let Some(deadline) = entry.deadline_ms {
            self.deadlines.remove(&(deadline.get(), slot));
        }
        self.len -= 1;
        entry
    }

    /// Sets or clears a deadline. Zero counts as the first millisecond of the epoch, which is past anyway.
    pub fn set_deadline(&mut self, slot: u32, deadline_ms: Option<u64>) {
        let new = deadline_ms.map(|ms| std::num::NonZeroU64::new(ms).unwrap_or(std::num::NonZeroU64::MIN));
        let old = std::mem::replace(&mut self.entry_mut(slot).deadline_ms, new);
        if let Some(old) = old {
            self.deadlines.remove(&(old.get(), slot));
        }
        if let Some(new) = new {
            self.deadlines.insert((new.get(), slot));
        }
    }

    /// Begins to hand this database out as it is now, under the number it has.
    pub fn begin_saving(&mut self, db: u8) {
        self.epoch += 1;
        self.saving = Some(Box::new(Saving { db, cursor: 0, waiting: Waiting::default() }));
    }

    /// Whether some of it has yet to be handed out.
    pub fn is_saving(&self) -> bool {
        self.saving.is_some()
    }

    /// Stops handing it out; the images that nobody took.
    pub fn end_saving(&mut self) -> Waiting {
        self.saving.take().map(|saving| saving.waiting).unwrap_or_default()
    }

    /// Hands out images, first those that changes forced out, then those of the next slots, until there are `keys` of them,
    /// slots walked over in vain included, or what they hold is large. When all have been handed out, it is no longer saving.
    pub fn save_slice(&mut self, keys: usize, images: &mut Vec<Image>) {
        let Some(mut saving) = self.saving.take() else { return };
        let (mut left, mut bytes) = (keys, 0);
        while left > 0 && bytes < SLICE_BYTES {
            let Some(image) = saving.waiting.pop() else { break };
            left -= 1;
            bytes += image.bytes();
            images.push(image);
        }
        while left > 0
            && bytes < SLICE_BYTES
            && let Some(slots) = self.entries.stretch(saving.cursor)
        {
            for slot in slots {
                if left == 0 || bytes >= SLICE_BYTES {
                    break;
                }
                saving.cursor = slot + 1;
                left -= 1;
                let Some(entry) = self.entries.get_mut(slot).filter(|entry| entry.epoch != self.epoch) else {
                    continue;
                };
                entry.epoch = self.epoch;
                let image = image(saving.db, entry);
                bytes += image.bytes();
                images.push(image);
            }
        }
        if !saving.waiting.is_empty() || self.entries.stretch(saving.cursor).is_some() {
            self.saving = Some(saving);
        }
    }

    #[inline]
    fn save_before_change(&mut self, slot: u32) {
        if self.saving.is_some() {
            self.force_out(slot);
        }
    }

    #[cold]
    fn force_out(&mut self, slot: u32) {
        let Some(saving) = &mut self.saving else { return };
        let Some(entry) = self.entries.get_mut(slot).filter(|entry| entry.epoch != self.epoch) else { return };
        entry.epoch = self.epoch;
        saving.waiting.push(image(saving.db, entry));
    }

    /// The earliest deadline of any key.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.deadlines.first().map(|&(deadline_ms, _)| deadline_ms)
    }

    /// Keys whose time has come, earliest first.
    pub fn expired(&self, now_ms: u64) -> impl Iterator<Item = &Entry> {
        self.deadlines.range(..=(now_ms, u32::MAX)).map(|&(_, slot)| self.entry(slot))
    }

    /// Average time to live of the keys that have a deadline, in milliseconds, from a sample of the nearest ones.
    pub fn ttl_average_ms(&self, now_ms: u64) -> u64 {
        const SAMPLE: usize = 100;
        let (sum, count) =
            self.deadlines.iter().take(SAMPLE).fold((0u128, 0u128), |(sum, count), &(deadline_ms, _)| {
                (sum + u128::from(deadline_ms.saturating_sub(now_ms)), count + 1)
            });
        sum.checked_div(count).unwrap_or(0) as u64
    }

    /// All entries in slot order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter_from(0)
    }

    /// One step of a SCAN: looks at `slots` slots from `cursor` on, passing over long stretches without a key, and returns the
    /// next cursor, zero at the end. A key that is there from the first step to the last is visited exactly once.
    pub fn scan<'a>(&'a self, cursor: u64, slots: u64, mut visit: impl FnMut(&'a Entry)) -> u64 {
        let Ok(mut cursor) = u32::try_from(cursor) else { return 0 };
        let mut left = slots;
        while let Some(stretch) = self.entries.stretch(cursor) {
            if left == 0 {
                return stretch.start.into();
            }
            let looked_at = left.min(stretch.len() as u64);
            cursor = stretch.start + looked_at as u32;
            left -= looked_at;
            (stretch.start..cursor).filter_map(|slot| self.entries.get(slot)).for_each(&mut visit);
        }
        0
    }

    /// Some live entry: the one in the first slot of these random ones that holds one, else the next in order.
    pub fn pick(&self, random: &[u64], now_ms: u64) -> Option<&Entry> {
        let slots = u64::from(self.entries.slots().max(1));
        let is_live = |entry: &&Entry| !entry.is_expired(now_ms);
        let mut tried = random.iter().map(|number| (number % slots) as u32);
        let start = tried.clone().next().unwrap_or(0);
        let in_order = || self.entries.iter_from(start).chain(self.iter()).find(is_live);
        tried.find_map(|slot| self.entries.get(slot).filter(is_live)).or_else(in_order)
    }

    fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }
}

/// An entry as it is.
fn image(db: u8, entry: &Entry) -> Image {
    Image { db, key: entry.key.clone(), value: entry.value.clone(), deadline_ms: entry.deadline_ms() }
}
