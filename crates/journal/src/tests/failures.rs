//! One write or sync that fails: nobody goes on after it, whether or not they have heard of it, as the system tells of a failed
//! write-back once and lets the next sync succeed.

use std::io::ErrorKind;
use std::sync::Arc;

use super::world::options;
use crate::error::Fatal;
use crate::log::Turn;
use crate::options::{Identity, Policy};
use crate::recover::{Recovered, recover};
use crate::shelf::Prepared;
use crate::sim::SimStorage;
use crate::snapshot_write::SnapshotWriter;

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
