//! A log that begins anew over an older one: at whatever operation the power is cut, a start finds one of the two, whole, and
//! never a mixture.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::world::{STATE_VERSION, options, turn_and_sync};
use crate::chance::Chance;
use crate::error::{Fatal, OpenError, SnapshotError};
use crate::examine::examine;
use crate::journal::Journal;
use crate::log::{Log, Turn};
use crate::names;
use crate::options::{Identity, Lsn};
use crate::recover::{Recovered, RecoveryReport, found, recover};
use crate::shared::Shared;
use crate::shelf::{Prepared, Purpose};
use crate::sim::{Image, Op, SimStorage};
use crate::snapshot_write::SnapshotWriter;

const IDENTITY: Identity = Identity { cluster: 1, node: 2 };
const BASE: &[u8] = b"what was in memory when the log began anew";

/// What a start must find.
#[derive(Clone, Default)]
struct Expected {
    old: Vec<Vec<u8>>,
    new: Vec<Vec<u8>>,
    /// The base was said to stand: the new log it is.
    stands: bool,
    /// It was given up: the old one.
    is_given_up: bool,
    life: Option<Arc<Shared>>,
    base: Lsn,
}

fn record(chance: &mut Chance, mark: u8) -> Vec<u8> {
    vec![mark; usize::try_from(1 + chance.below(900)).expect("it is small")]
}

/// Appends what there is room for.
fn append(shared: &Shared, chance: &mut Chance, mark: u8, count: u64, into: &mut Vec<Vec<u8>>) {
    for _ in 0..count {
        let record = record(chance, mark);
        while shared.admit(record.len() as u64, Purpose::Add).is_err() {
            if shared.shelf.prepare() != Prepared::Made {
                return;
            }
        }
        into.push(record.clone());
        shared.append(&record);
    }
}

fn settle(log: &mut Log, shared: &Shared) -> Result<(), Fatal> {
    let mut now_ms = 0;
    while shared.synced() < shared.appended() {
        now_ms += 1;
        if turn_and_sync(log, now_ms)? == Turn::NeedsSegment && shared.shelf.prepare() == Prepared::Refused {
            break;
        }
    }
    Ok(())
}

/// Two thirds of the old logs have a snapshot of their own, some of the very last record.
fn old_log(storage: &SimStorage, chance: &mut Chance) -> Vec<Vec<u8>> {
    let Recovered { shared, mut log, .. } = recover(Arc::new(storage.clone()), options(chance.next(), None)).unwrap();
    let mut old = Vec::new();
    let count = chance.below(30);
    append(&shared, chance, b'o', count, &mut old);
    settle(&mut log, &shared).unwrap();
    if !chance.once_in(3) {
        let mut writer = SnapshotWriter::begin(Arc::clone(&shared), IDENTITY, shared.appended(), 1).unwrap();
        writer.section(1, &[b'o'; 10]).unwrap();
        writer.finish().unwrap();
        let count = chance.below(10);
        append(&shared, chance, b'o', count, &mut old);
        settle(&mut log, &shared).unwrap();
    }
    if chance.once_in(2) {
        log.finish().unwrap()
    } else {
        log.leave(9).unwrap()
    }
    old
}

/// Begins anew, takes the base beside appends, and goes on.
fn begin_anew(
    storage: &SimStorage,
    chance: &mut Chance,
    expected: &Mutex<Expected>,
) -> Result<(), Box<dyn std::error::Error>> {
    let started = found(Arc::new(storage.clone()), options(chance.next(), None), chance.below(50))?;
    let Recovered { shared, mut log, .. } = started;
    {
        let mut expected = expected.lock();
        expected.life = Some(Arc::clone(&shared));
        expected.base = shared.appended();
    }
    let mut writer = SnapshotWriter::begin(Arc::clone(&shared), IDENTITY, shared.appended(), 1)?;
    writer.section(1, BASE)?;
    let mut now_ms = 0;
    for _ in 0..chance.below(12) {
        // Appended before it is expected: a crash in between finds it, or not.
        let mut new = Vec::new();
        let count = chance.below(6);
        append(&shared, chance, b'n', count, &mut new);
        expected.lock().new.extend(new);
        writer.section(2, &record(chance, b's'))?;
        now_ms += 1 + 600 * chance.below(2);
        if turn_and_sync(&mut log, now_ms)? == Turn::NeedsSegment {
            shared.shelf.prepare();
        }
    }
    if chance.once_in(4) {
        writer.abort();
        expected.lock().is_given_up = true;
        assert!(shared.catalog.give_up());
        shared.catalog.unfound().map_err(Fatal::from)?;
        return Ok(());
    }
    writer.finish()?;
    log.note()?;
    expected.lock().stands = true;
    let mut new = Vec::new();
    append(&shared, chance, b'n', 5, &mut new);
    expected.lock().new.extend(new);
    settle(&mut log, &shared)?;
    Ok(log.finish()?)
}

/// What a start finds: whether it is the new log, and its records.
fn read(storage: &SimStorage, seed: u64) -> Result<(bool, Vec<Vec<u8>>, Recovered), OpenError> {
    let mut examined = examine(Arc::new(storage.clone()), options(seed, None))?;
    let mut records = Vec::new();
    let mut is_new = false;
    if let Some(snapshot) = &mut examined.snapshot {
        let first = snapshot.next()?.expect("a snapshot has a section");
        is_new = first.bytes == BASE;
        while snapshot.next()?.is_some() {}
    }
    for record in &mut examined.replay {
        records.push(record?.1.to_vec());
    }
    Ok((is_new, records, examined.begin()?))
}

fn check(image: Image, expected: &Expected, chance: &mut Chance) -> Result<(), String> {
    let storage = SimStorage::of(image);
    let (is_new, records, recovered) = read(&storage, chance.next()).map_err(|error| format!("refused: {error}"))?;
    if is_new {
        let synced = expected.life.as_ref().map_or(0, |life| life.synced()).saturating_sub(expected.base);
        if expected.is_given_up {
            return Err("what was given up came back".into());
        }
        let is_prefix = expected.new.len() >= records.len() && expected.new[..records.len()] == records[..];
        // What is appended and not yet in the list may be there too.
        let has_more = records.len() > expected.new.len() && records[..expected.new.len()] == expected.new[..];
        if (records.len() as u64) < synced || !(is_prefix || has_more) {
            return Err(format!("{} records of the new log, {synced} were synced", records.len()));
        }
    } else {
        if expected.stands {
            return Err("the base stood, and the old log came back".into());
        }
        if !expected.old.ends_with(&records) {
            return Err(format!("{} records of {} of the old log came back", records.len(), expected.old.len()));
        }
    }
    go_on(&storage, is_new, records, recovered, chance)
}

/// Whichever it was, it goes on: far enough to use names that the other log had.
fn go_on(
    storage: &SimStorage,
    is_new: bool,
    mut records: Vec<Vec<u8>>,
    recovered: Recovered,
    chance: &mut Chance,
) -> Result<(), String> {
    let Recovered { shared, mut log, .. } = recovered;
    append(&shared, chance, b'l', 20, &mut records);
    settle(&mut log, &shared).map_err(|fatal| fatal.to_string())?;
    let storage = SimStorage::of(storage.image().after_power_cut(chance.next()));
    let again = read(&storage, chance.next()).map_err(|error| format!("refused later: {error}"))?;
    if (again.0, &again.1) == (is_new, &records) { Ok(()) } else { Err("it went on as something else".into()) }
}

/// One scenario with a look at what each operation's crash leaves; how many those were.
fn scenario(seed: u64, error: Option<(u64, ErrorKind)>) -> (u64, Vec<String>) {
    let mut chance = Chance::new(seed);
    let storage = SimStorage::new();
    let expected = Arc::new(Mutex::new(Expected { old: old_log(&storage, &mut chance), ..Expected::default() }));
    let wrong: Arc<Mutex<Vec<String>>> = Arc::default();
    let crashes = Arc::new(AtomicU64::new(0));
    let (seen, told, count) = (Arc::clone(&expected), Arc::clone(&wrong), Arc::clone(&crashes));
    let before = storage.ops();
    if let Some((at, kind)) = error {
        storage.inject(before + at, kind);
    } else {
        storage.observe(Some(Arc::new(move |image: &Image, op| {
            let number = count.fetch_add(1, Ordering::Relaxed);
            let expected = seen.lock().clone();
            let mut chance = Chance::new(seed.wrapping_mul(7919) ^ number);
            let left = if chance.once_in(3) { image.after_kill() } else { image.after_power_cut(chance.next()) };
            if let Err(what) = check(left, &expected, &mut chance) {
                told.lock().push(format!("seed {seed}, operation {number}, {op:?}: {what}"));
            }
        })));
    }
    let outcome = begin_anew(&storage, &mut chance, &expected);
    storage.observe(None);
    let mut wrong = std::mem::take(&mut *wrong.lock());
    if let (Err(why), None) = (&outcome, error) {
        wrong.push(format!("seed {seed}: {why}"));
    }
    let expected = expected.lock().clone();
    let what = check(storage.image().after_power_cut(seed), &expected, &mut chance);
    wrong.extend(what.err().map(|what| format!("seed {seed}, {error:?}, at the end: {what}")));
    (if error.is_some() { storage.ops() - before } else { crashes.load(Ordering::Relaxed) }, wrong)
}

#[test]
fn whatever_moment_the_power_is_cut_one_of_both_logs_comes_back_whole() {
    let mut crashes = 0;
    for seed in 0..60 {
        let (seen, wrong) = scenario(seed, None);
        assert!(
            wrong.is_empty(),
            "{} findings, the first ones:\n{}",
            wrong.len(),
            wrong[..wrong.len().min(5)].join("\n")
        );
        crashes += seen;
    }
    assert!(crashes > 3_000, "{crashes}");
}

#[test]
fn whichever_operation_fails_one_of_both_logs_comes_back_whole() {
    for seed in 0..6 {
        for kind in [ErrorKind::Other, ErrorKind::StorageFull, ErrorKind::ReadOnlyFilesystem] {
            let mut at = 0;
            loop {
                let (ops, wrong) = scenario(seed, Some((at, kind)));
                assert!(wrong.is_empty(), "{wrong:?}");
                if ops <= at {
                    break;
                }
                at += 1;
            }
        }
    }
}

#[test]
fn a_start_tells_of_what_was_left_and_of_what_never_came_to_be() {
    let storage = SimStorage::new();
    let report = |storage: &SimStorage| -> RecoveryReport { read(storage, 5).unwrap().2.report };
    let Recovered { mut log, shared, .. } = recover(Arc::new(storage.clone()), options(1, None)).unwrap();
    shared.append(b"old");
    settle(&mut log, &shared).unwrap();
    log.leave(77).unwrap();
    drop((log, shared));
    assert_eq!(report(&storage).left_s, Some(77));
    assert_eq!(report(&storage).left_s, Some(77), "as long as nothing was added to it");

    drop(found(Arc::new(storage.clone()), options(2, None), 0).unwrap());
    let undone = report(&storage);
    assert_eq!((undone.was_unfounded, undone.left_s, undone.last_lsn), (true, Some(77), 1));
    assert!(!report(&storage).was_unfounded);

    let Recovered { mut log, shared, .. } = recover(Arc::new(storage.clone()), options(3, None)).unwrap();
    shared.append(b"more");
    settle(&mut log, &shared).unwrap();
    drop((log, shared));
    assert_eq!(report(&storage).left_s, None, "what was added is newer than that");
}

#[test]
fn a_log_that_is_ended_while_its_base_comes_to_stand_is_the_old_one_or_the_new_one() {
    let mut found_new = 0;
    for seed in 0..200 {
        let storage = SimStorage::new();
        let old = old_log(&storage, &mut Chance::new(seed));
        let (journal, _) = Journal::found(Arc::new(storage.clone()), options(seed, None), 0).unwrap();
        let mut base = journal.begin_snapshot(journal.appended(), 1).unwrap();
        base.section(1, BASE).unwrap();
        // The base has its name, and the directory is not synced yet.
        let (named, is_named) = std::sync::mpsc::channel();
        let name = names::snapshot(journal.appended());
        storage.observe(Some(Arc::new(move |image: &Image, op| {
            if op == Op::SyncDir && image.file(&name).is_some() {
                let _ = named.send(());
                (0..seed % 8).for_each(|_| std::thread::yield_now());
            }
        })));
        std::thread::scope(|scope| {
            scope.spawn(|| base.finish().map(drop));
            if seed % 2 == 0 {
                is_named.recv().unwrap();
            }
            journal.finish().unwrap();
        });
        storage.observe(None);
        drop(journal);
        let (is_new, records, _) = read(&storage, seed).unwrap_or_else(|error| panic!("{seed}: {error}"));
        assert!(if is_new { records.is_empty() } else { old.ends_with(&records) }, "{seed}: {}", records.len());
        found_new += usize::from(is_new);
    }
    assert!(found_new >= 100, "a base that has its name stands: {found_new}");
}

#[test]
fn whichever_operation_fails_what_is_left_is_accepted_by_a_start() {
    for seed in 0..8 {
        let (mut given_up, mut number) = (0, 0);
        while fails_at(seed, number, &mut given_up) {
            number += 1;
        }
        assert!(given_up >= 10, "{given_up} of {number}");
    }
}

/// Begins a log anew on a disk of which one operation fails; whether there was such an operation.
fn fails_at(seed: u64, number: u64, given_up: &mut usize) -> bool {
    let storage = SimStorage::new();
    let old = old_log(&storage, &mut Chance::new(seed));
    storage.inject(storage.ops() + number, std::io::ErrorKind::Other);
    let begun = Journal::found(Arc::new(storage.clone()), options(seed, None), 0);
    let stands = begun.as_ref().is_ok_and(|(journal, _)| {
        let base = journal.begin_snapshot(journal.appended(), 1);
        base.and_then(|mut base| base.section(1, BASE).and_then(|()| base.finish())).is_ok()
    });
    if let Ok((journal, _)) = begun {
        // What that comes to is told, and nothing that it leaves stands in the way.
        drop(journal.finish());
    }
    // The disk is well again.
    let well = SimStorage::of(storage.image());
    let (is_new, records, _) = read(&well, seed).unwrap_or_else(|error| panic!("{seed}, operation {number}: {error}"));
    assert_eq!(is_new, stands, "{seed}, operation {number}");
    assert!(if is_new { records.is_empty() } else { old.ends_with(&records) }, "{seed}, operation {number}");
    *given_up += usize::from(!stands);
    storage.has_failed()
}

#[test]
fn the_base_of_a_log_that_was_given_up_does_not_get_its_name() {
    let storage = SimStorage::new();
    let old = old_log(&storage, &mut Chance::new(4));
    let (journal, _) = Journal::found(Arc::new(storage.clone()), options(2, None), 0).unwrap();
    let base = journal.begin_snapshot(journal.appended(), 1).unwrap();
    assert!(
        matches!(journal.backup(Arc::new(SimStorage::new())), Err(SnapshotError::Founding)),
        "there is no whole one"
    );
    journal.finish().unwrap();
    assert!(matches!(base.finish(), Err(SnapshotError::Stopped)));
    drop(journal);
    let (is_new, records, _) = read(&storage, 1).unwrap();
    assert!(!is_new && old.ends_with(&records));
}

#[test]
fn an_older_snapshot_of_the_very_last_record_is_not_taken_for_the_base() {
    let storage = SimStorage::new();
    let Recovered { shared, mut log, .. } = recover(Arc::new(storage.clone()), options(1, None)).unwrap();
    append(&shared, &mut Chance::new(1), b'o', 3, &mut Vec::new());
    settle(&mut log, &shared).unwrap();
    let mut writer = SnapshotWriter::begin(Arc::clone(&shared), IDENTITY, shared.appended(), 1).unwrap();
    writer.section(1, b"three").unwrap();
    writer.finish().unwrap();
    log.finish().unwrap();
    drop((log, shared));

    let Recovered { shared, mut log, .. } = found(Arc::new(storage.clone()), options(2, None), 0).unwrap();
    append(&shared, &mut Chance::new(2), b'n', 2, &mut Vec::new());
    settle(&mut log, &shared).unwrap();
    drop((log, shared));
    let (is_new, records, recovered) = read(&storage, 3).unwrap();
    assert!(!is_new && records.is_empty(), "{} records of a log without a base", records.len());
    assert_eq!((recovered.report.was_unfounded, recovered.report.last_lsn), (true, 3));
}

#[test]
fn a_base_that_is_taken_away_later_is_missed() {
    let storage = SimStorage::new();
    let mut chance = Chance::new(3);
    let expected = Mutex::new(Expected::default());
    drop(old_log(&storage, &mut chance));
    while !expected.lock().stands {
        begin_anew(&storage, &mut chance, &expected).unwrap();
        expected.lock().life = None;
    }
    let names = crate::store::Store::new(Arc::new(storage.clone()), STATE_VERSION).list().unwrap();
    let base = names.iter().find(|name| name.starts_with("snapshot-")).unwrap();
    crate::storage::Storage::remove(&storage, base).unwrap();
    let error = read(&storage, 1).err().unwrap().to_string();
    assert!(error.contains("are missing") || error.contains("the file is missing"), "{error}");
}

#[test]
fn while_a_log_begins_anew_its_base_is_the_only_snapshot_there_can_be() {
    let storage = SimStorage::new();
    drop(old_log(&storage, &mut Chance::new(5)));
    let (journal, _) = Journal::found(Arc::new(storage.clone()), options(2, None), 0).unwrap();
    let base = journal.appended();
    let new = [b"one".to_vec(), b"two".to_vec()];
    for record in &new {
        journal.append(record);
    }
    for cut in [0, base - 1, base + 1] {
        let refused = journal.begin_snapshot(cut, 1).err().unwrap();
        assert!(matches!(refused, SnapshotError::NotTheBase { .. }), "{cut}: {refused}");
    }
    assert!(journal.is_founding());
    let mut writer = journal.begin_snapshot(base, 1).unwrap();
    writer.section(1, BASE).unwrap();
    writer.finish().unwrap();
    assert!(!journal.is_founding());
    drop(journal.begin_snapshot(base + 1, 1).unwrap());
    journal.close().unwrap();
    let (is_new, records, _) = read(&storage, 1).unwrap();
    assert!(is_new && records == new);
}

#[test]
fn a_snapshot_of_what_was_never_appended_is_refused() {
    let (journal, _) = Journal::open(Arc::new(SimStorage::new()), options(1, None)).unwrap().begin().unwrap();
    drop(journal.begin_snapshot(0, 1).unwrap());
    journal.append(b"one");
    drop(journal.begin_snapshot(1, 1).unwrap());
    for cut in [2, u64::MAX] {
        let refused = journal.begin_snapshot(cut, 1).err().unwrap();
        assert_eq!(refused.to_string(), format!("there can be no snapshot of record {cut}: the newest record is 1"));
    }
    drop(journal.begin_snapshot(1, 1).unwrap());
}

#[test]
fn nothing_is_noted_of_a_log_that_begins_anew_and_whoever_leaves_it_gives_it_up() {
    for leaves in [false, true] {
        let storage = SimStorage::new();
        let old = old_log(&storage, &mut Chance::new(6));
        let (journal, _) = Journal::found(Arc::new(storage.clone()), options(2, None), 0).unwrap();
        let last = (0..3).map(|_| journal.append(b"new")).last().unwrap();
        assert!(journal.wait_synced(last));
        let noted = storage.image().file("durable").unwrap().to_vec();
        journal.note().unwrap();
        if leaves {
            journal.leave(1_234).unwrap();
            journal.note().unwrap();
        }
        drop(journal);
        assert_eq!(storage.image().file("durable").unwrap(), noted);
        let (is_new, records, recovered) = read(&storage, 1).unwrap();
        assert!(!is_new && old.ends_with(&records));
        assert_eq!(recovered.report.was_unfounded, !leaves, "what was given up is removed at once");
    }
}

#[test]
fn a_journal_that_has_ended_writes_nothing_more() {
    for leaves in [false, true] {
        let storage = SimStorage::new();
        let (journal, _) = Journal::open(Arc::new(storage.clone()), options(1, None)).unwrap().begin().unwrap();
        journal.append(b"one");
        let ended = if leaves { journal.leave(77) } else { journal.finish() };
        ended.unwrap();
        let ops = storage.ops();
        journal.append(b"not kept");
        journal.drive_and_stay();
        journal.note().unwrap();
        journal.finish().unwrap();
        journal.leave(88).unwrap();
        assert_eq!(storage.ops(), ops);
        assert_eq!(read(&storage, 1).unwrap().2.report.left_s, leaves.then_some(77));
    }
}

#[test]
fn what_is_noted_after_a_log_was_left_does_not_take_that_back() {
    let storage = SimStorage::new();
    let Recovered { mut log, shared, .. } = recover(Arc::new(storage.clone()), options(1, None)).unwrap();
    shared.append(b"old");
    settle(&mut log, &shared).unwrap();
    log.leave(77).unwrap();
    // Before anybody has heard of the end.
    log.note().unwrap();
    drop((log, shared));
    assert_eq!(read(&storage, 5).unwrap().2.report.left_s, Some(77));
}
