//! The journal on real files: what a program that uses it sees.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use rbq_journal::{
    Directory, Draft, Identity, Journal, Kind, LockError, OpenError, Opened, Options, Policy, Purpose, Sizes, Storage,
    check, dump, repair_plan, restore,
};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

const IDENTITY: Identity = Identity { cluster: 1, node: 2 };

fn options() -> Options {
    let sizes =
        Sizes { segment_first_bytes: 64 << 10, segment_bytes: 256 << 10, batch_bytes_max: 8 << 10, ..Sizes::default() };
    Options { sizes, ..Options::new(1, IDENTITY) }
}

fn directory(dir: &TempDir) -> Arc<dyn Storage> {
    Arc::new(Directory::create(dir.path()).unwrap())
}

fn open_with(dir: &TempDir, options: Options) -> Result<Opened, OpenError> {
    Journal::open(directory(dir), options)
}

fn open(dir: &TempDir) -> Opened {
    open_with(dir, options()).unwrap()
}

/// The journal and all records.
fn replayed(mut opened: Opened) -> (Journal, Vec<(u64, Vec<u8>)>) {
    let records = opened.records().map(|record| record.map(|(lsn, bytes)| (lsn, bytes.to_vec()))).collect();
    (opened.begin().unwrap().0, Result::unwrap(records))
}

fn numbered(range: std::ops::RangeInclusive<u64>) -> Vec<(u64, Vec<u8>)> {
    range.map(|lsn| (lsn, format!("record {lsn}").into_bytes())).collect()
}

fn append(journal: &Journal, range: std::ops::RangeInclusive<u64>) {
    for (lsn, record) in numbered(range) {
        assert_eq!(journal.append(&record), lsn);
    }
}

#[test]
fn what_was_appended_comes_back_after_a_close() {
    let dir = TempDir::new().unwrap();
    let mut opened = open(&dir);
    assert!(opened.report().is_new && opened.snapshot().is_none());
    let (journal, records) = replayed(opened);
    assert!(records.is_empty());
    append(&journal, 1..=1000);
    journal.close().unwrap();
    let (journal, records) = replayed(open(&dir));
    assert_eq!(records, numbered(1..=1000));
    append(&journal, 1001..=1001);
}

#[test]
fn what_was_synced_survives_a_journal_that_is_dropped_without_a_close() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = replayed(open(&dir));
    append(&journal, 1..=500);
    assert!(journal.wait_synced(500));
    assert_eq!((journal.written(), journal.synced(), journal.open_upto()), (500, 500, 500));
    drop(journal);
    let (_, records) = replayed(open(&dir));
    assert_eq!(records, numbered(1..=500));
}

#[test]
fn a_record_larger_than_a_segment_comes_back_whole() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = replayed(open(&dir));
    let giant: Vec<u8> = (0..3_000_000_u32).map(|n| (n / 7) as u8).collect();
    append(&journal, 1..=3);
    assert_eq!(journal.append(&giant), 4);
    append(&journal, 5..=6);
    assert!(journal.wait_synced(6));
    drop(journal);
    let (_, records) = replayed(open(&dir));
    assert_eq!(records.len(), 6);
    assert_eq!(records[3], (4, giant));
    assert_eq!(records[4..], numbered(5..=6));
}

#[test]
fn a_directory_in_use_is_refused_with_the_process_that_uses_it() {
    let dir = TempDir::new().unwrap();
    let opened = open(&dir);
    let error = open_with(&dir, options()).unwrap_err().to_string();
    let expected = format!(
        "the directory `{}` is in use by another process (process {})",
        dir.path().display(),
        std::process::id()
    );
    assert_eq!(error, expected);
    drop(opened);
    open(&dir);
}

#[test]
fn a_directory_keeps_the_identity_it_was_made_with() {
    let dir = TempDir::new().unwrap();
    drop(open(&dir));
    let other = Options { identity: Identity { cluster: 9, node: 9 }, ..options() };
    assert_eq!(open_with(&dir, other).unwrap().report().identity, IDENTITY);
}

#[test]
fn records_of_a_later_state_machine_are_refused() {
    let dir = TempDir::new().unwrap();
    drop(open_with(&dir, Options { sizes: options().sizes, ..Options::new(7, IDENTITY) }).unwrap());
    let by_name = "has state machine version 7, and this program knows versions up to 1";
    let error = open_with(&dir, options()).unwrap_err().to_string();
    assert!(error.contains(by_name), "{error}");

    let copy = TempDir::new().unwrap();
    let refusals = [
        check(directory(&dir), 1).unwrap().refusal,
        repair_plan(directory(&dir), 1).err(),
        restore(directory(&dir), directory(&copy), 1).err(),
        dump(directory(&dir), 1, |_| ControlFlow::Continue(())).err(),
    ];
    for refusal in refusals {
        let refusal = refusal.unwrap().to_string();
        assert!(refusal.contains(by_name), "{refusal}");
    }
    assert_eq!(std::fs::read_dir(copy.path()).unwrap().count(), 0, "nothing is copied");
}

#[test]
fn what_is_no_file_is_refused_where_a_file_should_be_and_of_no_matter_beside_the_journal() {
    let dir = TempDir::new().unwrap();
    drop(open(&dir));
    std::fs::create_dir(dir.path().join("lost+found")).unwrap();
    let make_pipe = |name: &str| {
        mknodat(CWD, dir.path().join(name), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    };
    make_pipe("notes");
    let report = check(directory(&dir), 1).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.files.iter().filter(|file| file.holds == "not part of the journal").count(), 2);
    drop(open(&dir));

    make_pipe("snapshot-00000000000000000005.rbq");
    let error = check(directory(&dir), 1).unwrap_err().to_string();
    assert!(
        error.contains("cannot open `snapshot-00000000000000000005.rbq`") && error.contains("not a file"),
        "{error}"
    );
    let error = open_with(&dir, options()).unwrap_err().to_string();
    assert!(error.contains("snapshot-00000000000000000005.rbq") && error.contains("not a file"), "{error}");
}

#[test]
fn a_snapshot_replaces_the_records_up_to_its_cut() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = replayed(open(&dir));
    append(&journal, 1..=20_000);
    let mut snapshot = journal.begin_snapshot(20_000, 77).unwrap();
    append(&journal, 20_001..=20_010);
    snapshot.section(1, b"all of it").unwrap();
    snapshot.section(2, &vec![5; 3 << 20]).unwrap();
    let report = snapshot.finish().unwrap();
    assert_eq!((report.cut, report.sections), (20_000, 2));
    assert!(report.segments <= 2, "{report:?}");
    journal.close().unwrap();

    let mut opened = open(&dir);
    let snapshot = opened.snapshot().unwrap();
    assert_eq!((snapshot.cut(), snapshot.time_ms()), (20_000, 77));
    let section = snapshot.next().unwrap().unwrap();
    assert_eq!((section.kind, &section.bytes[..]), (1, &b"all of it"[..]));
    assert_eq!(snapshot.next().unwrap().unwrap().bytes.len(), 3 << 20);
    assert_eq!(snapshot.next().unwrap(), None);
    assert_eq!(replayed(opened).1, numbered(20_001..=20_010));
}

#[test]
fn a_log_that_snapshots_keep_short_uses_the_same_files_again() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = replayed(open(&dir));
    let mut last = 0;
    let mut round = || {
        append(&journal, last + 1..=last + 10_000);
        last += 10_000;
        assert!(journal.wait_synced(last));
        journal.begin_snapshot(last, 0).unwrap().finish().unwrap();
    };
    (0..4).for_each(|_| round());
    let files = || {
        let entries = std::fs::read_dir(dir.path()).unwrap().map(Result::unwrap);
        let files = entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().ino()));
        files.filter(|(name, _)| name.ends_with(".log")).map(|(_, file)| file).collect::<BTreeSet<_>>()
    };
    let before = files();
    (0..12).for_each(|_| round());
    let more: Vec<_> = files().difference(&before).copied().collect();
    assert!(more.len() <= 2, "{more:?} were made beside {before:?}, for a log that stays as short as it was");
    journal.close().unwrap();
}

#[test]
fn an_abandoned_snapshot_leaves_nothing_behind() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = replayed(open(&dir));
    append(&journal, 1..=3);
    let count = || {
        std::fs::read_dir(dir.path())
            .unwrap()
            .filter(|e| e.as_ref().unwrap().path().extension().is_some_and(|e| e == "tmp"))
            .count()
    };
    let mut snapshot = journal.begin_snapshot(3, 0).unwrap();
    snapshot.section(1, b"half").unwrap();
    assert_eq!(count(), 1);
    assert!(journal.begin_snapshot(3, 0).is_err());
    snapshot.abort();
    assert_eq!(count(), 0);
    journal.begin_snapshot(3, 0).unwrap().finish().unwrap();
}

#[test]
fn a_stricter_policy_syncs_what_was_only_written() {
    let dir = TempDir::new().unwrap();
    let advanced = Arc::new((Mutex::new(()), Condvar::new()));
    let seen = Arc::clone(&advanced);
    let progress = Arc::new(move |_| {
        drop(seen.0.lock());
        seen.1.notify_all();
    });
    let (journal, _) = replayed(open_with(&dir, Options { policy: Policy::No, progress, ..options() }).unwrap());
    append(&journal, 1..=100);
    let wait_until = |done: &dyn Fn() -> bool| {
        let mut guard = advanced.0.lock();
        while !done() {
            advanced.1.wait(&mut guard);
        }
    };
    wait_until(&|| journal.written() == 100);
    assert_eq!((journal.synced(), journal.open_upto()), (0, 100));
    let upto = journal.set_policy(Policy::Always);
    assert_eq!(upto, 100);
    wait_until(&|| journal.synced() == upto);
    assert_eq!(journal.open_upto(), 100);
}

#[test]
fn a_record_for_which_space_is_only_being_prepared_is_asked_to_wait() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = replayed(open(&dir));
    journal.admit(1000, Purpose::Add).unwrap();
    let full = journal.admit(100 << 20, Purpose::Add).unwrap_err();
    assert!(full.is_temporary(), "{full}");
}

#[test]
fn a_backup_taken_while_records_arrive_opens_as_a_journal_of_its_own() {
    let (dir, target, restored) = (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let (journal, _) = replayed(open(&dir));
    append(&journal, 1..=5_000);
    let report = std::thread::scope(|scope| {
        let backup = scope.spawn(|| journal.backup(directory(&target)));
        append(&journal, 5_001..=6_000);
        backup.join().unwrap().unwrap()
    });
    assert!((5_000..=6_000).contains(&report.last_lsn), "{report:?}");
    assert_eq!(restore(directory(&target), directory(&restored), 1).unwrap().last_lsn, report.last_lsn);
    assert_eq!(replayed(open(&restored)).1, numbered(1..=report.last_lsn));
}

#[test]
fn damage_is_named_and_a_repair_keeps_what_comes_before_it() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = replayed(open(&dir));
    for lsn in 1..=100 {
        append(&journal, lsn..=lsn);
        assert!(journal.wait_synced(lsn));
    }
    journal.close().unwrap();
    let segment = dir.path().join("segment-0000000000000001.log");
    let mut content = std::fs::read(&segment).unwrap();
    let at = content.windows(9).position(|window| window == b"record 50").unwrap();
    content[at] ^= 1;
    std::fs::write(&segment, content).unwrap();

    let error = open_with(&dir, options()).unwrap_err().to_string();
    assert!(error.starts_with("`segment-0000000000000001.log` is damaged at byte "), "{error}");
    assert!(error.ends_with("so from record 50 on, records that were acknowledged cannot be read"), "{error}");
    assert!(!check(directory(&dir), 1).unwrap().is_sound());
    let plan = repair_plan(directory(&dir), 1).unwrap();
    assert_eq!((plan.keeps(), plan.dropped().len(), plan.dropped()[0].first_lsn), (49, 1, Some(50)));
    plan.carry_out().unwrap();
    assert!(dir.path().join("aside-1-segment-0000000000000001.log").exists());
    assert_eq!(replayed(open(&dir)).1, numbered(1..=49));
}

#[test]
fn a_reader_can_ask_whether_somebody_has_the_directory_and_changes_nothing() {
    let dir = TempDir::new().unwrap();
    let looked_at = Directory::open(dir.path()).unwrap();
    assert!(looked_at.probe_lock().is_ok());
    let kind = || Kind::of(Arc::new(Directory::open(dir.path()).unwrap())).unwrap();
    assert_eq!(kind(), Kind::Other);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);

    let (journal, _) = replayed(open(&dir));
    let pid = std::process::id();
    assert!(matches!(looked_at.probe_lock(), Err(LockError::InUse { pid: Some(holder) }) if holder == pid));
    assert_eq!(kind(), Kind::Journal);
    journal.close().unwrap();
    assert!(looked_at.probe_lock().is_ok());
}

#[test]
fn a_directory_is_taken_for_what_only_that_has_in_it() {
    let dir = TempDir::new().unwrap();
    let kind = || Kind::of(Arc::new(Directory::open(dir.path()).unwrap())).unwrap();
    std::fs::write(dir.path().join("id"), "4711\n").unwrap();
    assert_eq!(kind(), Kind::Other, "others call a file so, too");
    std::fs::remove_file(dir.path().join("id")).unwrap();

    let (journal, _) = replayed(open(&dir));
    let copy = TempDir::new().unwrap();
    journal.backup(Arc::new(Directory::open(copy.path()).unwrap())).unwrap();
    journal.close().unwrap();
    assert_eq!(Kind::of(Arc::new(Directory::open(copy.path()).unwrap())).unwrap(), Kind::Backup);
    for file in std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()) {
        if file.file_name().is_none_or(|name| name != "id") {
            std::fs::remove_file(file).unwrap();
        }
    }
    assert_eq!(kind(), Kind::Journal, "a crash while it was made left no more");
}

#[test]
fn a_lock_file_that_somebody_removed_lets_nobody_else_in() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = replayed(open(&dir));
    std::fs::remove_file(dir.path().join("lock")).unwrap();
    assert!(matches!(open_with(&dir, options()), Err(OpenError::InUse { .. })));
    assert!(Directory::open(dir.path()).unwrap().probe_lock().is_err());
    journal.close().unwrap();
    replayed(open(&dir)).0.close().unwrap();
}

#[test]
fn a_directory_is_made_with_all_that_is_above_it() {
    let dir = TempDir::new().unwrap();
    let deep = dir.path().join("one/two/three");
    Directory::create(&deep).unwrap();
    Directory::create(&deep).unwrap();
    assert!(deep.is_dir());
}

#[test]
fn a_file_that_goes_while_a_check_runs_is_no_damage() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = replayed(open(&dir));
    append(&journal, 1..=10);
    journal.close().unwrap();
    // It is in the list and cannot be opened, as one that was renamed in between.
    std::os::unix::fs::symlink("/nowhere/at/all", dir.path().join("snapshot-00000000000000000005.tmp")).unwrap();
    let report = check(directory(&dir), 1).unwrap();
    assert!(report.is_sound() && report.files.iter().all(|file| file.damage.is_none()), "{report:?}");
    assert!(!report.files.iter().any(|file| file.name.ends_with(".tmp")));
}

#[test]
fn a_backup_is_not_made_where_it_could_not_get_its_name_or_be_known_by_it() {
    let dir = TempDir::new().unwrap();
    let refused = |path: &std::path::Path| Draft::begin(path).map(drop).unwrap_err().to_string();
    assert!(refused(&dir.path().join("monday.partial")).contains("choose another name"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    // Another file system on nearly every machine.
    let mounted = std::path::Path::new("/dev/shm");
    if std::fs::read_dir(mounted).is_ok_and(|mut files| files.next().is_none()) {
        assert!(refused(mounted).contains("name a directory below it"));
    }
    let (real, link) = (dir.path().join("real"), dir.path().join("link"));
    std::fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    Draft::begin(&link).unwrap().0.publish().unwrap();
    assert!(real.is_dir() && link.is_symlink());
}
