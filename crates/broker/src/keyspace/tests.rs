//! The keyspace against a map that anybody understands, and what a SCAN promises.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rbq_resp::Bulk;

use super::{Db, Found, Image};
use crate::string::Str;
use crate::value::Value;

const KEYS: u8 = 40;

/// Something that happens to a database.
#[derive(Debug, Clone)]
enum Step {
    /// The key gets this value, or another one, in its slot.
    Put(u8, i64),
    /// The key goes, if it is there.
    Remove(u8),
    /// The key gets this deadline, if it is there.
    Deadline(u8, Option<u64>),
    /// Time passes.
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..KEYS, any::<i64>()).prop_map(|(key, value)| Step::Put(key, value)),
        3 => (0..KEYS).prop_map(Step::Remove),
        2 => (0..KEYS, prop::option::of(1..200u64)).prop_map(|(key, deadline_ms)| Step::Deadline(key, deadline_ms)),
        1 => (0..10u64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..300)
}

fn name(key: u8) -> Vec<u8> {
    format!("key:{key}").into_bytes()
}

fn number(value: &Value) -> i64 {
    match value {
        Value::String(Str::Integer(number)) => *number,
        _ => panic!("only numbers were put"),
    }
}

fn put(db: &mut Db, key: &[u8], value: i64) {
    let value = Value::String(Str::Integer(value));
    match db.find(key, 0) {
        Found::Live(slot) | Found::Expired(slot) => db.entry_mut(slot).value = value,
        Found::Missing => {
            db.insert(key, value, None, 0);
        }
    }
}

fn remove(db: &mut Db, key: &[u8]) {
    if let Found::Live(slot) | Found::Expired(slot) = db.find(key, 0) {
        db.remove(slot);
    }
}

/// Everything that can be asked of a database, held against the model.
fn check(db: &Db, model: &BTreeMap<Vec<u8>, (i64, Option<u64>)>, now_ms: u64) {
    assert_eq!((db.len(), db.is_empty()), (model.len(), model.is_empty()));
    let mut deadlines: Vec<(u64, &[u8])> =
        model.iter().filter_map(|(key, (_, deadline))| Some(((*deadline)?, key.as_slice()))).collect();
    deadlines.sort_unstable();
    assert_eq!(db.deadlines_len(), deadlines.len());
    assert_eq!(db.next_deadline_ms(), deadlines.first().map(|(deadline, _)| *deadline));
    let mut expired: Vec<(u64, &[u8])> =
        db.expired(now_ms).map(|entry| (entry.deadline_ms().expect("it expired"), &*entry.key)).collect();
    assert!(expired.is_sorted_by_key(|(deadline, _)| *deadline), "earliest first");
    expired.sort_unstable();
    deadlines.retain(|(deadline, _)| *deadline <= now_ms);
    assert_eq!(expired, deadlines);
    for key in (0..KEYS).map(name) {
        let found = db.find(&key, now_ms);
        match model.get(&key) {
            None => assert_eq!(found, Found::Missing),
            Some(&(value, deadline)) => {
                let (Found::Live(slot) | Found::Expired(slot)) = found else { panic!("{key:?} is missing") };
                assert_eq!((number(&db.entry(slot).value), db.entry(slot).deadline_ms()), (value, deadline));
                assert_eq!(matches!(found, Found::Expired(_)), deadline.is_some_and(|deadline| deadline <= now_ms));
                assert_eq!(db.live(&key, now_ms).is_some(), matches!(found, Found::Live(_)));
            }
        }
    }
    let mut walked: Vec<&[u8]> = db.iter().map(|entry| &*entry.key).collect();
    walked.sort_unstable();
    assert!(walked.into_iter().eq(model.keys().map(Vec::as_slice)));
    let has_live = model.values().any(|(_, deadline)| deadline.is_none_or(|deadline| deadline > now_ms));
    for random in [0, 7, u64::MAX] {
        let picked = db.pick(&[random, random / 2], now_ms);
        assert_eq!(picked.is_some(), has_live);
        assert!(picked.is_none_or(|entry| !entry.is_expired(now_ms)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_database_is_a_map_with_deadlines(steps in steps(), seed: u64) {
        let (mut db, mut model, mut now_ms) = (Db::new(seed), BTreeMap::new(), 0);
        for step in steps {
            match step {
                Step::Put(key, value) => {
                    put(&mut db, &name(key), value);
                    model.entry(name(key)).or_insert((0, None)).0 = value;
                }
                Step::Remove(key) => {
                    let entry = match db.find(&name(key), now_ms) {
                        Found::Live(slot) | Found::Expired(slot) => Some(db.remove(slot)),
                        Found::Missing => None,
                    };
                    let removed = entry.map(|entry| (number(&entry.value), entry.deadline_ms()));
                    prop_assert_eq!(removed, model.remove(&name(key)));
                }
                Step::Deadline(key, deadline_ms) => {
                    if let Found::Live(slot) | Found::Expired(slot) = db.find(&name(key), now_ms) {
                        db.set_deadline(slot, deadline_ms);
                        model.get_mut(&name(key)).expect("both have it").1 = deadline_ms;
                    }
                }
                Step::Wait(ms) => now_ms += ms,
            }
            check(&db, &model, now_ms);
        }
        let emptied = db.emptied();
        check(&emptied, &BTreeMap::new(), now_ms);
    }

    /// The first half of the keys is there from the first call to the last; the others come and go between calls.
    #[test]
    fn a_scan_meets_every_key_that_stays_exactly_once(
        before in steps(),
        between in prop::collection::vec((steps(), 1..20u64), 1..30),
    ) {
        let stays = |key: u8| key < KEYS / 2;
        let mut db = Db::new(3);
        let play = |db: &mut Db, steps: Vec<Step>| {
            for step in steps {
                match step {
                    Step::Put(key, value) => put(db, &name(key), value),
                    Step::Remove(key) if !stays(key) => remove(db, &name(key)),
                    _ => {}
                }
            }
        };
        play(&mut db, before);
        for key in (0..KEYS).filter(|key| stays(*key)) {
            put(&mut db, &name(key), 0);
        }
        let mut seen: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        let (mut cursor, mut is_first) = (0, true);
        for (steps, count) in between.into_iter().cycle() {
            if cursor == 0 && !is_first {
                break;
            }
            is_first = false;
            cursor = db.scan(cursor, count, |entry| *seen.entry(entry.key.to_vec()).or_default() += 1);
            play(&mut db, steps);
        }
        for key in (0..KEYS).filter(|key| stays(*key)) {
            prop_assert_eq!(seen.get(&name(key)), Some(&1));
        }
    }
}

/// A key that is there at a moment, and its value then.
type Moment = BTreeMap<Vec<u8>, i64>;

/// A SCAN under way: its cursor, the keys that were there throughout, and all that it met.
type Scan = (u64, BTreeSet<Vec<u8>>, Vec<Vec<u8>>);

/// Something that happens to a database of thousands of keys.
#[derive(Debug, Clone)]
enum Tide {
    /// So many new keys come.
    Rise(usize),
    /// Of the keys there are, so many in a thousand stay, by this stride.
    Ebb(usize, usize),
    /// Every so manieth key gets another value.
    Change(usize),
    /// A slice of the snapshot under way is taken; without one, one is begun.
    Slice(usize),
    /// A step of the SCAN under way, of so many slots; without one, one is begun.
    Scan(u64),
}

fn tides() -> impl Strategy<Value = Vec<Tide>> {
    let tide = prop_oneof![
        2 => (1..600usize).prop_map(Tide::Rise),
        2 => (prop_oneof![Just(0), 0..20usize, 0..1000usize], 1..50usize).prop_map(|(stay, by)| Tide::Ebb(stay, by)),
        2 => (1..40usize).prop_map(Tide::Change),
        6 => (1..300usize).prop_map(Tide::Slice),
        6 => (1..300u64).prop_map(Tide::Scan),
    ];
    prop::collection::vec(tide, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Chunks of slots and partitions of the index come and go under a snapshot and a SCAN.
    #[test]
    fn a_snapshot_is_exact_and_a_scan_complete_while_most_keys_come_and_go(tides in tides(), seed: u64) {
        let (mut db, mut model, mut value) = (Db::new(seed), Moment::new(), 0);
        let mut saving: Option<(Moment, Vec<Image>)> = None;
        let mut scanning: Option<Scan> = None;
        let end = [Tide::Slice(10_000), Tide::Slice(10_000), Tide::Scan(u64::MAX), Tide::Scan(u64::MAX)];
        for tide in tides.into_iter().chain(end) {
            match tide {
                Tide::Rise(keys) => {
                    for _ in 0..keys {
                        value += 1;
                        let key = format!("key:{value}").into_bytes();
                        put(&mut db, &key, value);
                        model.insert(key, value);
                    }
                }
                Tide::Ebb(stay, by) => {
                    let goes = |number: usize| number * by % 1000 >= stay;
                    let gone: Vec<Vec<u8>> = model.keys().enumerate().filter(|(number, _)| goes(*number)).map(|(_, key)| key.clone()).collect();
                    for key in gone {
                        remove(&mut db, &key);
                        model.remove(&key);
                        if let Some((_, stays, _)) = &mut scanning {
                            stays.remove(&key);
                        }
                    }
                }
                Tide::Change(by) => {
                    for (key, held) in model.iter_mut().step_by(by) {
                        value += 1;
                        *held = value;
                        put(&mut db, key, value);
                    }
                }
                Tide::Slice(keys) => {
                    let (moment, mut images) = saving.take().unwrap_or_else(|| {
                        db.begin_saving(3);
                        (model.clone(), Vec::new())
                    });
                    let before = images.len();
                    db.save_slice(keys, &mut images);
                    prop_assert!(images.len() - before <= keys);
                    if db.is_saving() {
                        saving = Some((moment, images));
                        continue;
                    }
                    prop_assert_eq!(images.len(), moment.len(), "each once");
                    let images: Moment = images.into_iter().map(|image| (image.key.into(), number(&image.value))).collect();
                    prop_assert_eq!(images, moment);
                }
                Tide::Scan(slots) => {
                    let begin = || (0, model.keys().cloned().collect(), Vec::new());
                    let (cursor, stays, mut seen) = scanning.take().unwrap_or_else(begin);
                    let next = db.scan(cursor, slots, |entry| seen.push(entry.key.to_vec()));
                    if next != 0 {
                        scanning = Some((next, stays, seen));
                        continue;
                    }
                    let mut seen: Vec<Vec<u8>> = seen.into_iter().filter(|key| stays.contains(key)).collect();
                    seen.sort_unstable();
                    prop_assert!(seen.iter().eq(&stays), "each exactly once");
                }
            }
            prop_assert_eq!(db.len(), model.len());
            prop_assert_eq!(db.iter().count(), model.len());
            prop_assert_eq!(db.pick(&[value as u64], 0).is_some(), !model.is_empty());
            for (key, held) in model.iter().step_by(17) {
                prop_assert_eq!(db.live(key, 0).map(|entry| number(&entry.value)), Some(*held));
            }
        }
        prop_assert!(saving.is_none() && scanning.is_none(), "the last steps ended both");
    }
}

#[test]
fn a_nearly_empty_database_is_walked_in_few_steps() {
    let mut db = Db::new(1);
    (0..100_000).for_each(|number| put(&mut db, format!("key:{number}").as_bytes(), number));
    let stays = |number: i64| number % 25_000 == 24_999;
    (0..100_000)
        .filter(|number| !stays(*number))
        .for_each(|number| remove(&mut db, format!("key:{number}").as_bytes()));
    let (mut cursor, mut calls, mut seen) = (0, 0, 0);
    loop {
        cursor = db.scan(cursor, 10, |_| seen += 1);
        calls += 1;
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(seen, 4);
    assert!(calls <= 16, "{calls} calls");
    db.begin_saving(0);
    let mut images = Vec::new();
    db.save_slice(200, &mut images);
    assert_eq!((images.len(), db.is_saving()), (4, false));
}

/// What waits is handed out in pieces as well: a slice is taken while everybody waits.
#[test]
fn images_that_were_forced_out_end_a_slice_too() {
    let key = |number: i64| format!("key:{number}").into_bytes();
    let mut db = Db::new(1);
    (0..5000).for_each(|number| put(&mut db, &key(number), number));
    db.begin_saving(0);
    (0..5000).for_each(|number| put(&mut db, &key(number), -1));
    let mut images = Vec::new();
    let mut slices = 0;
    while db.is_saving() {
        let before = images.len();
        db.save_slice(500, &mut images);
        assert!(images.len() - before <= 500);
        slices += 1;
    }
    assert_eq!((images.len(), slices), (5000, 20), "as many slices again walk over all slots in vain");
    assert!(images.iter().all(|image| key(number(&image.value)) == *image.key), "as they were at the moment");

    // Large ones, which are shared: it is what is written before the next slice that counts.
    let mut db = Db::new(1);
    let large = || Value::String(Str::new(Bulk::Slice(&[b'x'; 300_000])));
    for number in 0..20 {
        db.insert(&key(number), large(), None, 0);
    }
    db.begin_saving(0);
    (0..20).for_each(|number| remove(&mut db, &key(number)));
    let mut images = Vec::new();
    db.save_slice(500, &mut images);
    assert_eq!(images.len(), 4);
    assert!(!db.end_saving().is_empty(), "what nobody took is for somebody to drop");
    assert!(!db.is_saving());
}

#[test]
fn a_cursor_beyond_the_end_ends() {
    let mut db = Db::new(1);
    put(&mut db, b"a", 1);
    assert_eq!(db.scan(u64::MAX, u64::MAX, |_| panic!("nothing is there")), 0);
    assert_eq!(db.scan(1, 10, |_| panic!("nothing is there")), 0);
}

/// A slice is handed out while everybody waits, so it ends with what it holds as well as with its number of keys.
#[test]
fn a_slice_ends_with_few_keys_where_they_are_large() {
    let slices = |key_bytes: usize, value_bytes: usize| {
        let mut db = Db::new(0);
        for key in 0..100u8 {
            let value = vec![b'x'; value_bytes];
            db.insert(&vec![key; key_bytes], Value::String(Str::new(Bulk::Slice(&value))), None, 0);
        }
        db.begin_saving(0);
        let (mut images, mut slices) = (Vec::new(), 0);
        while db.is_saving() {
            db.save_slice(1000, &mut images);
            slices += 1;
        }
        assert_eq!(images.len(), 100);
        slices
    };
    assert_eq!(slices(10, 10), 1);
    assert_eq!(slices(10, 110_000), 10);
    assert_eq!(slices(110_000, 10), 10);
}
