//! From a key's hash to its slot.
//!
//! Split into partitions by some of the hash's bits, so that growing or shrinking rehashes one partition and the longest pause
//! stays a small fraction of what one table of all keys would need.

use hashbrown::HashTable;

/// Partitions: at ten million keys one of them holds forty thousand.
const PARTITIONS: usize = 256;

/// A partition with more than this many places for one key shrinks to two to four for each: the keys have to double or to go down to
/// a quarter before another rehash, so each is paid for by as many inserts or removes.
const PLACES_PER_KEY_MAX: usize = 16;

/// Partitions of so few places do not shrink: in all they take 45 KB.
const PLACES_MIN: usize = 32;

/// Of an index that held fewer keys since it was last empty nothing is given back, so that a key that comes and goes
/// does not allocate each time.
const KEYS_KEPT: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Index {
    /// Empty until the first key, so that an unused database costs nothing.
    partitions: Vec<HashTable<u32>>,
    len: usize,
    /// The most there were since there was none.
    peak: usize,
}

impl Index {
    /// The slot whose key satisfies `is_key`.
    #[inline]
    pub(super) fn find(&self, hash: u64, is_key: impl Fn(u32) -> bool) -> Option<u32> {
        self.partitions.get(partition(hash))?.find(hash, |&slot| is_key(slot)).copied()
    }

    /// Adds a slot whose key is known to be absent.
    pub(super) fn insert(&mut self, hash: u64, slot: u32, hash_of: impl Fn(u32) -> u64) {
        if self.partitions.is_empty() {
            self.partitions.resize_with(PARTITIONS, HashTable::new);
        }
        self.partitions[partition(hash)].insert_unique(hash, slot, |&slot| hash_of(slot));
        self.len += 1;
        self.peak = self.peak.max(self.len);
    }

    /// Removes a slot that is known to be present. `hash_of` knows those that stay.
    pub(super) fn remove(&mut self, hash: u64, slot: u32, hash_of: impl Fn(u32) -> u64) {
        let table = &mut self.partitions[partition(hash)];
        table.find_entry(hash, |&candidate| candidate == slot).expect("every slot in use is indexed").remove();
        self.len -= 1;
        if self.len == 0 {
            self.give_back();
        } else if table.num_buckets() > PLACES_MIN.max(table.len() * PLACES_PER_KEY_MAX) {
            table.shrink_to(table.len() * 2, |&slot| hash_of(slot));
        }
    }

    fn give_back(&mut self) {
        if self.peak > KEYS_KEPT {
            self.partitions = Vec::new();
        }
        self.peak = 0;
    }
}

/// The table uses the lowest and the topmost bits of a hash; these lie between.
fn partition(hash: u64) -> usize {
    (hash >> 40) as usize % PARTITIONS
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher as _;

    use foldhash::fast::FixedState;

    use super::*;

    fn hash(slot: u32) -> u64 {
        FixedState::with_seed(5).hash_one(slot)
    }

    fn places(index: &Index) -> usize {
        index.partitions.iter().map(HashTable::num_buckets).sum()
    }

    #[test]
    fn it_shrinks_with_what_it_holds_and_finds_what_stays() {
        const KEYS: u32 = 200_000;
        let mut index = Index::default();
        (0..KEYS).for_each(|slot| index.insert(hash(slot), slot, hash));
        let full = places(&index);
        assert!(full <= 4 * KEYS as usize);
        // From the one end, so that what stays is always from there on.
        for gone in 0..KEYS {
            index.remove(hash(gone), gone, hash);
            let left = (KEYS - gone - 1) as usize;
            if gone % 10_000 == 0 || left < 3 {
                assert!(places(&index) <= 16 * left + PARTITIONS * PLACES_MIN, "{} places for {left}", places(&index));
                for slot in (0..KEYS).step_by(97).chain(KEYS - 3..KEYS) {
                    let found = index.find(hash(slot), |candidate| candidate == slot);
                    assert_eq!(found, (slot > gone).then_some(slot));
                }
            }
        }
        assert_eq!(index.partitions.capacity(), 0, "without a key nothing is held");
        index.insert(hash(1), 1, hash);
        assert_eq!(index.find(hash(1), |slot| slot == 1), Some(1));
    }
}
