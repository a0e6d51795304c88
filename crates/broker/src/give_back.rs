//! Hash tables that follow what is in them.
//!
//! Removing leaves a hash table as large as it ever was. Clients fill some tables with as many keys as they like (waiting,
//! watching, reading while they track), so whoever removes there gives back what is much too large.

use std::hash::{BuildHasher, Hash};

use hashbrown::HashMap;

/// A smaller table stays as it is.
const BYTES_MIN: usize = 64 * 1024;

/// With more places for one entry than this a table shrinks to two to four for each: the entries have to double or to go down to
/// a quarter before it changes again, so each time is paid for by as many of them.
const PLACES_PER_ENTRY_MAX: usize = 16;

/// Shrinks a table that was much larger once.
#[inline]
pub(crate) fn give_back<K: Eq + Hash, V, S: BuildHasher>(map: &mut HashMap<K, V, S>) {
    let bytes = map.allocation_size();
    if bytes > BYTES_MIN && bytes > map.len() * PLACES_PER_ENTRY_MAX * size_of::<(K, V)>() {
        map.shrink_to(map.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_follows_what_is_in_it() {
        let mut map: HashMap<u32, [u8; 60]> = (0..100_000).map(|number| (number, [0; 60])).collect();
        for number in 0..99_000 {
            map.remove(&number);
            give_back(&mut map);
            assert!(map.allocation_size() <= BYTES_MIN.max(map.len() * 1024));
        }
        assert!((99_000..100_000).all(|number| map.contains_key(&number)));
        map.clear();
        give_back(&mut map);
        assert!(map.allocation_size() <= BYTES_MIN);
    }
}
