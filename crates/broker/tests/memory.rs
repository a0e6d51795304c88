//! Allocations of a database, counted: a key that comes and goes makes none but its own, and what a peak took is given back.

use allocation_counter::measure;
use rbq_broker::keyspace::{Db, Found};
use rbq_broker::string::Str;
use rbq_broker::value::Value;

fn add(db: &mut Db, key: &str) {
    db.insert(key.as_bytes(), Value::String(Str::Integer(7)), None, 0);
}

fn remove(db: &mut Db, key: &str) {
    let Found::Live(slot) = db.find(key.as_bytes(), 0) else { panic!("{key} is there") };
    db.remove(slot);
}

/// Bytes that a database holds after `keys` keys came and all went but every `stays`-th.
fn held_after(keys: usize, stays: usize) -> i64 {
    let mut db = Db::new(1);
    let held = measure(|| {
        (0..keys).for_each(|number| add(&mut db, &format!("key:{number}")));
        (0..keys).filter(|number| number % stays != 0).for_each(|number| remove(&mut db, &format!("key:{number}")));
    });
    assert_eq!(db.len(), keys.div_ceil(stays));
    held.bytes_current
}

#[test]
fn a_key_that_comes_and_goes_allocates_its_name_only() {
    for others in [0, 1, 31, 32, 33, 10_000] {
        let mut db = Db::new(1);
        (0..others).for_each(|number| add(&mut db, &format!("key:{number}")));
        let turns = |db: &mut Db, count: usize| {
            for _ in 0..count {
                add(db, "queue");
                remove(db, "queue");
            }
        };
        // The first turn makes the place that it needs.
        turns(&mut db, 1);
        let turned = measure(|| turns(&mut db, 1000));
        assert_eq!((turned.count_total, turned.bytes_current), (1000, 0), "beside {others} others");
    }
}

#[test]
fn what_a_peak_took_is_given_back() {
    const KEYS: usize = 200_000;
    let full = held_after(KEYS, 1);
    let (few, one) = (held_after(KEYS, KEYS / 10), held_after(KEYS, KEYS));
    assert!(full > 15_000_000, "{full}");
    // Of a chunk without a key its 32 bytes stay while there is a key behind it.
    assert!(few < full / 50, "{few} bytes for ten keys after {full}");
    assert!(one < 100_000, "{one} bytes for one key after {full}");

    let mut db = Db::new(1);
    let held = measure(|| {
        (0..KEYS).for_each(|number| add(&mut db, &format!("key:{number}")));
        (0..KEYS).rev().for_each(|number| remove(&mut db, &format!("key:{number}")));
    });
    assert!(held.bytes_current < 10_000, "{} bytes for no key after {full}", held.bytes_current);
}
