//! One write or sync that fails: nobody goes on after it, whether or not they have heard of it, as the system tells of a failed
//! write-back once and lets the next sync succeed.

use std::io::ErrorKind;
use std::sync::Arc;

use parking_lot::Mutex;

use super::world::{Model, digest, options, turn_and_sync};
use crate::error::{Fatal, SnapshotError};
use crate::log::{Log, Turn};
use crate::options::{Identity, Policy};
use crate::recover::{Recovered, recover};
use crate::shared::Shared;
use crate::shelf::Prepared;
use crate::sim::{Image, SimStorage};
use crate::snapshot_write::{SnapshotReport, SnapshotWriter};

const IDENTITY: Identity = Identity { cluster: 1, node: 2 };

fn start(disk: &SimStorage) -> Recovered {
    let recovered = recover(Arc::new(disk.clone()), options(1, None)).unwrap();
    while recovered.shared.shelf.prepare() == Prepared::Made {}
    recovered
}

/// The operation after so many more fails, and no other.
fn fail_after(disk: &SimStorage, ops: u64) {
    disk.inject(disk.ops() + ops, ErrorKind::Other);
}

#[test]
fn whoever_has_the_log_after_a_failure_does_nothing_more_with_it() {
    // The write of what was gathered, and its sync.
    for failing in 0..2 {
        let disk = SimStorage::new();
        let Recovered { shared, mut log, .. } = start(&disk);
        shared.append(b"first");
        fail_after(&disk, failing);
        let fatal = log.write_here(1).unwrap_err();
        shared.append(b"second");
        let ops = disk.ops();
        let again: [Result<(), Fatal>; 5] =
            [log.turn(2).map(drop), log.write_here(3).map(drop), log.note(), log.leave(7), log.finish()];
        assert!(again.iter().all(|result| *result == Err(fatal.clone())), "{again:?}");
        assert_eq!(disk.ops(), ops);
        assert_eq!((shared.synced(), shared.open_upto()), (0, 0));
    }
}

#[test]
fn a_failed_sync_that_was_made_without_the_log_is_the_last_one_of_it() {
    let disk = SimStorage::new();
    let Recovered { shared, mut log, .. } = start(&disk);
    shared.set_policy(Policy::EverySec);
    shared.append(b"first");
    assert_eq!(log.turn(1), Ok(Turn::Worked));
    let due = log.due_sync(10_000).unwrap();
    fail_after(&disk, 0);
    let fatal = due.make().unwrap_err();
    // Before whoever made it has the log again, to say so.
    shared.set_policy(Policy::Always);
    shared.append(b"second");
    assert_eq!(log.turn(10_001), Err(fatal));
    assert_eq!(shared.synced(), 0);
}

#[test]
fn a_snapshot_that_stands_is_told_as_such_though_what_it_replaces_could_not_be_removed() {
    let mut told = 0;
    for failing in 0..12 {
        let disk = SimStorage::new();
        let Recovered { shared, mut log, .. } = start(&disk);
        for _ in 0..2 {
            shared.append(&[1; 900]);
            log.write_here(1).unwrap();
            let cut = shared.appended();
            let mut snapshot = SnapshotWriter::begin(Arc::clone(&shared), IDENTITY, cut, 1).unwrap();
            snapshot.section(1, b"state").unwrap();
            if cut == 2 {
                fail_after(&disk, failing);
            }
            match snapshot.finish() {
                Ok(report) => {
                    told += usize::from(report.not_let_go.is_some());
                    assert_eq!(shared.catalog.snapshot(), Some(report.cut));
                }
                Err(_) => assert_eq!(shared.catalog.snapshot(), Some(1), "{failing}"),
            }
        }
        drop((log, shared));
        assert_eq!(start(&SimStorage::of(disk.image().after_kill())).report.last_lsn, 2);
    }
    assert!(told > 0);
}

#[test]
fn a_snapshot_of_which_a_section_failed_is_not_completed_and_the_log_is_kept() {
    let disk = SimStorage::new();
    let Recovered { shared, mut log, .. } = start(&disk);
    let mut model = Model::default();
    for _ in 0..30 {
        append_and_sync(&shared, &mut log, &mut model);
    }
    let segments = shared.catalog.segments();
    assert!(segments > 2, "there is something that could be let go of");
    let mut snapshot = SnapshotWriter::begin(Arc::clone(&shared), IDENTITY, shared.appended(), 1).unwrap();
    snapshot.section(1, &digest(&model.appended)).unwrap();
    fail_after(&disk, 0);
    assert!(matches!(snapshot.section(2, &[7; 1 << 20]), Err(SnapshotError::Io { .. })));
    assert!(matches!(snapshot.section(2, b"once more"), Err(SnapshotError::Spoilt)));
    assert!(matches!(snapshot.finish(), Err(SnapshotError::Spoilt)));
    assert_eq!((shared.catalog.snapshot(), shared.catalog.segments()), (None, segments));
    assert!(disk.image().names().all(|name| !name.starts_with("snapshot")));
    super::world::start(&SimStorage::of(disk.image().after_power_cut(1)), options(2, None), &model, 30).unwrap();
    // The next one is whole.
    let mut snapshot = SnapshotWriter::begin(Arc::clone(&shared), IDENTITY, shared.appended(), 1).unwrap();
    snapshot.section(1, &digest(&model.appended)).unwrap();
    snapshot.finish().unwrap();
    super::world::start(&SimStorage::of(disk.image().after_power_cut(2)), options(2, None), &model, 30).unwrap();
}

#[test]
fn whichever_operation_of_a_snapshots_end_fails_a_power_cut_at_any_moment_after_it_loses_nothing() {
    let mut failed = 0;
    for failing in 0..14 {
        let disk = SimStorage::new();
        let Recovered { shared, mut log, .. } = start(&disk);
        let mut model = Model::default();
        for _ in 0..12 {
            append_and_sync(&shared, &mut log, &mut model);
        }
        take_snapshot(&shared, &model).unwrap();
        for _ in 0..12 {
            append_and_sync(&shared, &mut log, &mut model);
        }
        let moments: Arc<Mutex<Vec<Image>>> = Arc::default();
        let seen = Arc::clone(&moments);
        disk.observe(Some(Arc::new(move |image: &Image, _| seen.lock().push(image.clone()))));
        fail_after(&disk, failing);
        failed += u32::from(take_snapshot(&shared, &model).is_err());
        disk.observe(None);
        moments.lock().push(disk.image());
        for (moment, image) in moments.lock().iter().enumerate() {
            for seed in 0..20 {
                let left = SimStorage::of(image.after_power_cut(seed));
                super::world::start(&left, options(seed, None), &model, 24)
                    .unwrap_or_else(|why| panic!("operation {failing} failed, cut at {moment}, seed {seed}: {why}"));
            }
        }
    }
    assert!(failed > 3, "{failed}");
}

fn append_and_sync(shared: &Shared, log: &mut Log, model: &mut Model) {
    let record = vec![1; 900];
    model.appended.push(record.clone());
    let lsn = shared.append(&record);
    while shared.synced() < lsn {
        turn_and_sync(log, 1).unwrap();
        while shared.shelf.prepare() == Prepared::Made {}
    }
}

fn take_snapshot(shared: &Arc<Shared>, model: &Model) -> Result<SnapshotReport, SnapshotError> {
    let mut snapshot = SnapshotWriter::begin(Arc::clone(shared), IDENTITY, shared.appended(), 1)?;
    snapshot.section(1, &digest(&model.appended))?;
    snapshot.finish()
}
