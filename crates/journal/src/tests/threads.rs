//! The threaded handle on a simulated disk: who is told what, and when nothing is told any more.

use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, ThreadId};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::world::{Model, digest, options, start, turn_and_sync};
use crate::error::{Fatal, Full, OpenError};
use crate::journal::Journal;
use crate::log::Written;
use crate::options::{Options, Policy, SPARES_READY, Sizes};
use crate::recover::{Recovered, recover};
use crate::shelf::Purpose;
use crate::sim::{Image, Op, SimStorage};
use crate::storage::{Access, Lock, LockError, Storage, StorageFile};

/// Wakes whoever waits whenever the journal tells something.
#[derive(Default)]
struct Bell {
    fatal: Mutex<Option<Fatal>>,
    rung: Condvar,
}

impl Bell {
    fn wait_until(&self, done: impl Fn(&Option<Fatal>) -> bool) {
        let mut fatal = self.fatal.lock();
        while !done(&fatal) {
            self.rung.wait(&mut fatal);
        }
    }
}

fn options_with(bell: &Arc<Bell>) -> Options {
    let (progress, stopped) = (Arc::clone(bell), Arc::clone(bell));
    Options {
        progress: Arc::new(move |_| {
            drop(progress.fatal.lock());
            progress.rung.notify_all();
        }),
        fatal: Arc::new(move |fatal| {
            *stopped.fatal.lock() = Some(fatal.clone());
            stopped.rung.notify_all();
        }),
        ..options(1, None)
    }
}

fn open(disk: &SimStorage, options: Options) -> (Journal, Vec<Vec<u8>>) {
    let mut opened = Journal::open(Arc::new(disk.clone()), options).unwrap();
    let records = opened.records().map(|record| record.unwrap().1.to_vec()).collect();
    (opened.begin().unwrap().0, records)
}

#[test]
fn after_a_failed_sync_the_reason_is_told_and_nothing_more_is_acknowledged() {
    let (disk, bell) = (SimStorage::new(), Arc::new(Bell::default()));
    let (journal, _) = open(&disk, options_with(&bell));
    journal.append(b"safe");
    assert!(journal.wait_synced(1));
    // With all files prepared, what follows the log's write is its sync.
    bell.wait_until(|_| journal.figures().spares >= SPARES_READY);
    let (failing, before) = (disk.clone(), disk.image().file("segment-0000000000000001.log").unwrap().to_vec());
    disk.observe(Some(Arc::new(move |image: &Image, op| {
        if op == Op::Write && image.file("segment-0000000000000001.log") != Some(&before) {
            failing.inject(failing.ops(), ErrorKind::Other);
        }
    })));
    journal.append(b"lost");
    bell.wait_until(|fatal| fatal.is_some());
    disk.observe(None);
    let fatal = journal.fatal().unwrap();
    assert_eq!((fatal.action, fatal.file.as_str()), ("sync", "segment-0000000000000001.log"));
    assert!(!journal.wait_synced(2));
    journal.append(b"ignored");
    assert_eq!((journal.written(), journal.synced(), journal.open_upto()), (1, 1, 1));
    drop(journal);
    let left = SimStorage::of(disk.image().after_power_cut(3));
    assert_eq!(open(&left, options(2, None)).1, [b"safe"]);
}

#[test]
fn several_threads_append_while_policies_change_and_everything_comes_back() {
    const THREADS: usize = 4;
    const EACH: usize = 500;
    let (disk, bell) = (SimStorage::new(), Arc::new(Bell::default()));
    let (journal, _) = open(&disk, options_with(&bell));
    // As in a broker: one lock makes "admit, apply, append" one step.
    let applied: Mutex<Vec<Vec<u8>>> = Mutex::default();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (journal, applied, bell) = (&journal, &applied, &bell);
            scope.spawn(move || {
                for number in 0..EACH {
                    let record = format!("{thread}:{number}").into_bytes();
                    bell.wait_until(|_| !journal.is_congested());
                    let mut applied = applied.lock();
                    bell.wait_until(|_| journal.admit(record.len() as u64, Purpose::Add).is_ok());
                    assert_eq!(journal.append(&record), applied.len() as u64 + 1);
                    applied.push(record);
                    let policies = [Policy::Always, Policy::EverySec, Policy::No];
                    if number % 50 == 0 {
                        journal.set_policy(policies[(number / 50 + thread) % 3]);
                    }
                }
            });
        }
    });
    let upto = journal.set_policy(Policy::Always);
    assert_eq!(upto, (THREADS * EACH) as u64);
    bell.wait_until(|_| journal.synced() == upto);
    drop(journal);
    let left = SimStorage::of(disk.image().after_power_cut(1));
    assert_eq!(open(&left, options(2, None)).1, *applied.lock());
}

#[test]
fn too_much_in_flight_is_congestion_and_its_end_is_told() {
    let (disk, bell) = (SimStorage::new(), Arc::new(Bell::default()));
    let sizes = Sizes { in_flight_bytes_max: 4_000, segment_first_bytes: 1 << 20, ..options(1, None).sizes };
    let (journal, _) = open(&disk, Options { sizes, ..options_with(&bell) });
    // The disk stands still until the gate is opened.
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let closed = Arc::clone(&gate);
    disk.observe(Some(Arc::new(move |_: &Image, op| {
        let mut is_open = closed.0.lock();
        while !*is_open && op == Op::Sync {
            closed.1.wait(&mut is_open);
        }
    })));
    for _ in 0..5 {
        journal.append(&[1; 900]);
    }
    assert!(journal.is_congested() && journal.in_flight_bytes() >= 4_000);
    *gate.0.lock() = true;
    gate.1.notify_all();
    bell.wait_until(|_| !journal.is_congested());
    assert!(journal.wait_synced(5));
}

#[test]
fn a_journal_that_falls_silent_notes_what_is_durable() {
    let (disk, bell) = (SimStorage::new(), Arc::new(Bell::default()));
    let (journal, _) = open(&disk, options_with(&bell));
    let noted = Arc::new((Mutex::new(false), Condvar::new()));
    let seen = Arc::clone(&noted);
    journal.append(b"last words");
    assert!(journal.wait_synced(1));
    let before = disk.image().file("durable").unwrap().to_vec();
    disk.observe(Some(Arc::new(move |image: &Image, _| {
        if image.file("durable") != Some(&before) {
            *seen.0.lock() = true;
            seen.1.notify_all();
        }
    })));
    let mut is_noted = noted.0.lock();
    while !*is_noted {
        noted.1.wait(&mut is_noted);
    }
}

/// Appended while the journal's thread, which had nothing to do, notes what is durable; and then the end is wanted at once.
#[test]
fn whoever_closes_keeps_what_was_appended_a_moment_before() {
    let disk = SimStorage::new();
    let (journal, _) = open(&disk, options(9, None));
    journal.append(b"first");
    assert!(journal.wait_synced(1));
    let before = disk.image().file("durable").unwrap().to_vec();
    let hung = Arc::new(Mutex::new(()));
    let lets_go = hung.lock();
    let (holds, noting) = (Arc::clone(&hung), Arc::new((Mutex::new(false), Condvar::new())));
    let begins = Arc::clone(&noting);
    disk.observe(Some(Arc::new(move |image: &Image, _| {
        if image.file("durable") != Some(&before) && thread::current().name() == Some("rbq-journal") {
            *begins.0.lock() = true;
            begins.1.notify_all();
            drop(holds.lock());
        }
    })));
    let mut is_noting = noting.0.lock();
    while !*is_noting {
        noting.1.wait(&mut is_noting);
    }
    drop(is_noting);
    journal.append(b"second");
    thread::scope(|scope| {
        let closing = scope.spawn(|| journal.finish());
        while !journal.is_wanted_to_end() {
            thread::yield_now();
        }
        drop(lets_go);
        closing.join().unwrap().unwrap();
    });
    drop(journal);
    disk.observe(None);
    let (_, records) = open(&disk, options(9, None));
    assert_eq!(records, [b"first".to_vec(), b"second".to_vec()]);
}

#[test]
fn a_snapshot_writer_keeps_the_directory_locked() {
    let disk = SimStorage::new();
    let (journal, _) = open(&disk, options(1, None));
    journal.append(b"one");
    let mut writer = journal.begin_snapshot(1, 0).unwrap();
    writer.section(1, b"one").unwrap();
    drop(journal);
    assert!(Journal::open(Arc::new(disk.clone()), options(2, None)).is_err());
    drop(writer);
    open(&disk, options(2, None));
}

#[test]
fn who_waits_for_a_sync_gets_one_under_a_looser_policy_too() {
    let Recovered { shared, mut log, .. } = recover(Arc::new(SimStorage::new()), options(4, None)).unwrap();
    shared.append(b"promised a sync");
    shared.set_policy(Policy::No);
    assert_eq!(log.write_here(1).unwrap(), Written::All { is_synced: false });
    assert_eq!((shared.written(), shared.open_upto()), (1, 0));
    turn_and_sync(&mut log, 2).unwrap();
    assert_eq!(shared.open_upto(), 1);
    shared.append(b"promised none");
    assert_eq!(log.write_here(3).unwrap(), Written::All { is_synced: false });
    assert_eq!((shared.synced(), shared.open_upto()), (1, 2));
}

#[test]
fn an_appender_stays_with_a_disk_that_is_known_to_be_quick_and_with_no_other() {
    let shared = recover(Arc::new(SimStorage::new()), options(5, None)).unwrap().shared;
    let note = |taken: Duration, times| (0..times).for_each(|_| shared.note_time_taken(taken));
    assert!(!shared.is_quick(), "nothing is known yet");
    note(Duration::from_micros(200), 100);
    assert!(shared.is_quick());
    note(Duration::from_millis(3), 1);
    assert!(shared.is_quick(), "one slow sync among many");
    note(Duration::from_secs(1), 1);
    assert!(!shared.is_quick(), "it hung");
    note(Duration::from_micros(200), 100);
    assert!(shared.is_quick());
    note(Duration::from_millis(5), 50);
    assert!(!shared.is_quick(), "it is slow");
    note(Duration::MAX, 1);
    assert!(!shared.is_quick());
}

#[test]
fn an_appender_that_may_stay_syncs_itself_where_that_is_quick() {
    let disk = SimStorage::new();
    let (journal, _) = open(&disk, options(6, None));
    let here = thread::current().id();
    let syncs = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&syncs);
    disk.observe(Some(Arc::new(move |_: &Image, op| {
        if op == Op::Sync {
            seen.lock().push(thread::current().id() == here);
        }
    })));
    // As often as it takes until the disk is known to be quick, on a busy machine too.
    while !syncs.lock().contains(&true) {
        let lsn = journal.append_quietly(b"record", 0);
        journal.drive_and_stay();
        assert!(journal.wait_synced(lsn));
    }
    disk.observe(None);
    assert!(!syncs.lock()[0], "the disk is not known yet");
}

#[test]
fn an_appender_goes_on_while_a_disk_that_is_not_known_to_be_quick_syncs() {
    let disk = SimStorage::new();
    let (journal, _) = open(&disk, options(7, None));
    let hung = Arc::new(Mutex::new(()));
    let lets_go = hung.lock();
    let holds = Arc::clone(&hung);
    disk.observe(Some(Arc::new(move |_: &Image, op| {
        if op == Op::Sync {
            drop(holds.lock());
        }
    })));
    let lsn = journal.append_quietly(b"waits for the disk", 0);
    journal.drive_and_stay();
    assert_eq!(journal.synced(), 0);
    drop(lets_go);
    assert!(journal.wait_synced(lsn));
    disk.observe(None);
}

#[test]
fn who_waits_for_the_write_alone_does_not_wait_for_the_sync() {
    let disk = SimStorage::new();
    let (journal, _) = open(&disk, Options { policy: Policy::EverySec, ..options(8, None) });
    let hung = Arc::new(Mutex::new(()));
    let lets_go = hung.lock();
    let (holds, syncing) = (Arc::clone(&hung), Arc::new((Mutex::new(false), Condvar::new())));
    let begins = Arc::clone(&syncing);
    disk.observe(Some(Arc::new(move |_: &Image, op| {
        if op == Op::Sync && thread::current().name() == Some("rbq-journal") {
            *begins.0.lock() = true;
            begins.1.notify_all();
            drop(holds.lock());
        }
    })));
    journal.append_quietly(b"synced within a second", 0);
    journal.drive();
    let mut is_syncing = syncing.0.lock();
    while !*is_syncing {
        syncing.1.wait(&mut is_syncing);
    }
    drop(is_syncing);
    let lsn = journal.append_quietly(b"written meanwhile", 0);
    journal.drive();
    assert_eq!((journal.written(), journal.open_upto(), journal.synced()), (lsn, lsn, 0));
    drop(lets_go);
    assert!(journal.wait_synced(lsn));
    disk.observe(None);
}

#[test]
fn what_an_appender_could_not_write_wakes_the_journals_thread_though_nothing_is_gathered_any_more() {
    let (disk, bell) = (SimStorage::new(), Arc::new(Bell::default()));
    let (journal, _) = open(&disk, Options { policy: Policy::No, ..options_with(&bell) });
    let before = disk.image().file("durable").unwrap().to_vec();
    let noted = Arc::new((Mutex::new(false), Condvar::new()));
    let seen = Arc::clone(&noted);
    disk.observe(Some(Arc::new(move |image: &Image, _| {
        if image.file("durable") != Some(&before) {
            *seen.0.lock() = true;
            seen.1.notify_all();
        }
    })));
    journal.append(b"synced, and noted when nothing follows");
    assert!(journal.wait_synced(1));
    let mut is_noted = noted.0.lock();
    while !*is_noted {
        noted.1.wait(&mut is_noted);
    }
    disk.observe(None);
    // The note was the last that there was to do: the journal's thread has left the log, and sleeps until it is woken.
    journal.note().unwrap();
    let lsn = journal.append_quietly(&[1; 40 << 10], 0);
    journal.drive();
    bell.wait_until(|_| journal.written() == lsn);
}

/// Counts how often the end was told.
fn counting(ends: &Arc<AtomicU64>, options: Options) -> Options {
    let ends = Arc::clone(ends);
    let fatal = move |_: &Fatal| {
        ends.fetch_add(1, Ordering::AcqRel);
    };
    Options { fatal: Arc::new(fatal), ..options }
}

/// Everything that is done to the disk from here on, until the journal has long given up.
fn fail_from_here(disk: &SimStorage) {
    let ops = disk.ops();
    (ops..ops + 1_000).for_each(|op| disk.inject(op, ErrorKind::Other));
}

#[test]
fn the_end_is_told_once_however_many_find_out() {
    let (disk, ends) = (SimStorage::new(), Arc::new(AtomicU64::new(0)));
    let (journal, _) = open(&disk, counting(&ends, Options { policy: Policy::No, ..options(9, None) }));
    journal.append(b"safe");
    assert!(journal.wait_synced(1));
    fail_from_here(&disk);
    journal.append(b"lost");
    assert!(!journal.wait_synced(2));
    let fatal = journal.fatal().unwrap();
    for _ in 0..5 {
        journal.append_quietly(b"ignored", 0);
        journal.drive_and_stay();
        assert_eq!(journal.note(), Err(fatal.clone()));
    }
    assert_eq!(journal.close(), Err(fatal));
    assert_eq!(ends.load(Ordering::Acquire), 1);
}

#[test]
fn a_callback_that_panics_ends_the_journal_and_nobody_waits_for_ever() {
    // On the journal's thread, on the one that prepares files, and on an appender's.
    for (thread, policy) in [("rbq-journal", Policy::Always), ("rbq-prepare", Policy::Always), ("caller", Policy::No)] {
        let (disk, ends) = (SimStorage::new(), Arc::new(AtomicU64::new(0)));
        let arms = Arc::new(AtomicBool::new(false));
        let armed = Arc::clone(&arms);
        let progress = move |_| {
            let here = thread::current();
            let name = here.name().filter(|name| name.starts_with("rbq-")).unwrap_or("caller");
            assert!(name != thread || !armed.load(Ordering::Acquire), "a bug in a callback");
        };
        let with = Options { policy, progress: Arc::new(progress), ..options(10, None) };
        let (journal, _) = open(&disk, counting(&ends, with));
        journal.append(b"safe");
        assert!(journal.wait_synced(1));
        arms.store(true, Ordering::Release);
        while journal.fatal().is_none() {
            let lsn = journal.append_quietly(&[1; 900], 0);
            let driven = catch_unwind(AssertUnwindSafe(|| journal.drive()));
            assert_eq!(driven.is_err(), thread == "caller" && journal.fatal().is_some(), "{thread}");
            // Else the log would always be another's.
            let _ = journal.wait_synced(lsn);
        }
        assert!(!journal.wait_synced(u64::MAX));
        let fatal = journal.fatal().unwrap();
        assert_eq!(
            fatal.to_string(),
            "cannot go on with `the log` in `simulated`: the callback for progress panicked; nothing that was \
             acknowledged is lost, but the log cannot go on"
        );
        let synced = usize::try_from(journal.synced()).unwrap();
        assert_eq!(journal.close(), Err(fatal));
        assert_eq!(ends.load(Ordering::Acquire), 1, "{thread}");
        let records = open(&disk, options(11, None)).1;
        assert!(records.len() >= synced && records[0] == b"safe", "{thread}");
    }
}

#[test]
fn a_callback_for_the_end_that_panics_keeps_nobody_from_hearing_of_it() {
    let disk = SimStorage::new();
    let fatal = |_: &Fatal| panic!("a bug in a callback");
    let (journal, _) = open(&disk, Options { fatal: Arc::new(fatal), ..options(12, None) });
    journal.append(b"safe");
    assert!(journal.wait_synced(1));
    fail_from_here(&disk);
    journal.append(b"lost");
    assert!(!journal.wait_synced(2));
    journal.close().unwrap_err();
}

#[test]
fn the_last_handle_may_be_dropped_in_a_callback() {
    for thread in ["rbq-journal", "rbq-prepare"] {
        let disk = SimStorage::new();
        let handle: Arc<Mutex<Option<Journal>>> = Arc::default();
        let last = Arc::clone(&handle);
        let progress = move |_| {
            if thread::current().name() == Some(thread) {
                let journal = last.lock().take();
                drop(journal);
            }
        };
        let (journal, _) = open(&disk, Options { progress: Arc::new(progress), ..options(13, None) });
        *handle.lock() = Some(journal);
        while let Some(journal) = &*handle.lock() {
            journal.append(&[1; 900]);
        }
        // The threads end, and nobody has the directory any more.
        while let Err(error) = Journal::open(Arc::new(disk.clone()), options(14, None)) {
            assert!(matches!(error, OpenError::InUse { .. }), "{error}");
            thread::yield_now();
        }
    }
}

#[test]
fn who_waits_for_a_record_that_is_appended_a_moment_later_gets_its_sync() {
    for is_driven in [false, true] {
        let (journal, _) = open(&SimStorage::new(), Options { policy: Policy::No, ..options(15, None) });
        let journal = &journal;
        thread::scope(|scope| {
            let waits = scope.spawn(|| journal.wait_synced(3));
            while !journal.awaits(3) {
                thread::yield_now();
            }
            for _ in 0..3 {
                if is_driven {
                    journal.append_quietly(b"record", 0);
                    journal.drive();
                } else {
                    journal.append(b"record");
                }
            }
            assert!(waits.join().unwrap());
        });
    }
}

#[test]
fn an_appender_that_writes_what_somebody_waits_for_wakes_whoever_syncs_it() {
    let Recovered { shared, mut log, .. } = recover(Arc::new(SimStorage::new()), options(18, None)).unwrap();
    shared.set_policy(Policy::No);
    shared.sleep(None);
    thread::scope(|scope| {
        let waits = scope.spawn(|| shared.wait_synced(1));
        // Woken by whoever waits now, and there is nothing to sync yet.
        shared.sleep(None);
        shared.append_at(b"record", 0);
        assert_eq!(log.write_here(1).unwrap(), Written::All { is_synced: false });
        shared.sleep(None);
        turn_and_sync(&mut log, 2).unwrap();
        assert!(waits.join().unwrap());
    });
}

#[test]
fn a_snapshot_waits_for_the_log_up_to_its_cut() {
    for policy in [Policy::EverySec, Policy::No] {
        let disk = SimStorage::new();
        let (journal, _) = open(&disk, Options { policy, ..options(16, None) });
        for count in 1..=3_usize {
            journal.append(b"record");
            let mut snapshot = journal.begin_snapshot(count as u64, 0).unwrap();
            snapshot.section(1, &digest(&vec![b"record".to_vec(); count])).unwrap();
            let report = snapshot.finish().unwrap();
            assert!(journal.synced() >= report.cut, "{policy:?}");
            let model = Model { appended: vec![b"record".to_vec(); count], ..Model::default() };
            for seed in 0..20 {
                let left = SimStorage::of(disk.image().after_power_cut(seed));
                start(&left, options(17, None), &model, report.cut).unwrap_or_else(|why| panic!("{policy:?}: {why}"));
            }
        }
    }
}

/// A disk that notes who asks it what it has left.
struct Asked {
    disk: SimStorage,
    by: Arc<Mutex<Vec<ThreadId>>>,
}

impl Storage for Asked {
    fn place(&self) -> String {
        self.disk.place()
    }
    fn create(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        self.disk.create(name)
    }
    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn StorageFile>> {
        self.disk.open(name, access)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }
    fn sync_dir(&self) -> io::Result<()> {
        self.disk.sync_dir()
    }
    fn lock(&self, name: &str) -> Result<Lock, LockError> {
        self.disk.lock(name)
    }
    fn free_bytes(&self) -> io::Result<u64> {
        self.by.lock().push(thread::current().id());
        self.disk.free_bytes()
    }
}

#[test]
fn who_asks_for_room_with_a_lock_held_does_not_ask_the_disk() {
    let (disk, by) = (SimStorage::new(), Arc::default());
    disk.limit_space(Some(1 << 30));
    let storage = Asked { disk, by: Arc::clone(&by) };
    let opened = Journal::open(Arc::new(storage), options(13, None)).unwrap();
    let journal = opened.begin().unwrap().0;
    by.lock().clear();
    // It has no room, and may be preparing some: what the disk had left decides.
    let refused = journal.admit_now(1 << 40).unwrap_err();
    assert!(matches!(refused, Full::Disk { .. }), "{refused}");
    assert!(journal.free_bytes().is_some_and(|free| free < 1 << 30));
    assert!(!by.lock().contains(&thread::current().id()));
    journal.close().unwrap();
}
