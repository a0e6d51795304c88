//! From a key's hash to its slot.
//!
//! Split into partitions by some of the hash's bits, so that growing rehashes one partition and the longest pause
//! stays a small fraction of what one table of all keys would need.

use hashbrown::HashTable;

/// Partitions: at ten million keys one of them holds forty thousand.
const PARTITIONS: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Index {
    /// Empty until the first key, so that an unused database costs nothing.
    partitions: Vec<HashTable<u32>>,
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
    }

    /// Removes a slot that is known to be present.
    pub(super) fn remove(&mut self, hash: u64, slot: u32) {
        let entry = self.partitions[partition(hash)].find_entry(hash, |&candidate| candidate == slot);
        entry.expect("every slot in use is indexed").remove();
    }
}

/// The table uses the lowest and the topmost bits of a hash; these lie between.
fn partition(hash: u64) -> usize {
    (hash >> 40) as usize % PARTITIONS
}
