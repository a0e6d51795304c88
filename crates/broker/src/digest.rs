//! One number for all durable state, to tell whether two copies of it are the same.
//!
//! The same ops in the same order give the same digest on any machine. It speaks of what a client could read: databases,
//! keys, types, deadlines and values. It does not speak of where a key lies (slots, hash seeds, blocks) nor of soft
//! state, so entries are hashed one by one and added up, in whatever order they are met.

use xxhash_rust::xxh3::Xxh3;

use crate::group::Group;
use crate::keyspace::Entry;

/// The digest of a group.
pub fn of(group: &Group) -> u128 {
    let databases = group.dbs.iter().enumerate();
    databases.flat_map(|(number, db)| db.iter().map(move |entry| of_entry(number, entry))).fold(0, u128::wrapping_add)
}

/// The digest of one entry of this database.
pub fn of_entry(db: usize, entry: &Entry) -> u128 {
    let mut hasher = Xxh3::new();
    hasher.update(&(db as u64).to_le_bytes());
    // Whatever has no fixed length comes behind its length, so that no two entries feed the same bytes.
    hasher.update(&(entry.key.len() as u64).to_le_bytes());
    hasher.update(&entry.key);
    hasher.update(&entry.deadline_ms().unwrap_or(0).to_le_bytes());
    let value = entry.value.kind();
    hasher.update(value.type_name().as_bytes());
    hasher.update(&[0]);
    value.digest(&mut |bytes| hasher.update(bytes));
    hasher.digest128()
}

#[cfg(test)]
mod tests {
    use rbq_resp::Bulk;

    use super::*;
    use crate::string::Str;
    use crate::value::Value;

    fn group(seed: u64, entries: &[(u8, &str, &str, Option<u64>)]) -> Group {
        let mut group = Group::new(0, 2, seed);
        for &(db, key, value, deadline_ms) in entries {
            let value = Value::String(Str::new(Bulk::Slice(value.as_bytes())));
            group.dbs[usize::from(db)].insert(key.as_bytes(), value, deadline_ms, 0);
        }
        group
    }

    #[test]
    fn the_order_of_keys_and_the_seed_of_the_hash_do_not_show() {
        let one = group(1, &[(0, "a", "1", None), (0, "b", "2", Some(5)), (1, "a", "1", None)]);
        let other = group(2, &[(1, "a", "1", None), (0, "b", "2", Some(5)), (0, "a", "1", None)]);
        assert_eq!(of(&one), of(&other));
    }

    #[test]
    fn whatever_a_client_could_read_shows() {
        let base = of(&group(1, &[(0, "a", "1", None)]));
        for other in [(1, "a", "1", None), (0, "b", "1", None), (0, "a", "2", None), (0, "a", "1", Some(5))] {
            assert_ne!(of(&group(1, &[other])), base, "{other:?}");
        }
        assert_ne!(of(&group(1, &[(0, "ab", "c", None)])), of(&group(1, &[(0, "a", "bc", None)])));
        assert_eq!(of(&group(1, &[])), 0);
    }
}
