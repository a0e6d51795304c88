//! From one segment to the next on a slow disk: who waits for it, and for how much.

use std::sync::Arc;
use std::thread;

use parking_lot::{Condvar, Mutex};

use super::world::options;
use crate::journal::Journal;
use crate::log::{Turn, Written};
use crate::options::{Lsn, Options, Policy, Sizes};
use crate::recover::{Recovered, recover};
use crate::shelf::Purpose;
use crate::sim::{Image, Op, SimStorage};

/// Segments of some hundred records.
const SIZES: Sizes =
    Sizes { segment_first_bytes: 64 << 10, segment_bytes: 64 << 10, batch_bytes_max: 1 << 10, ..super::world::SIZES };

fn loose(policy: Policy) -> Options {
    Options { policy, sizes: SIZES, ..options(3, None) }
}

/// Closed until it is opened; tells when somebody has come to it.
#[derive(Default)]
struct Gate {
    state: Mutex<(bool, bool)>,
    changed: Condvar,
}

impl Gate {
    /// Comes to it, and is told of.
    fn pass(&self) {
        self.state.lock().1 = true;
        self.wait();
    }

    fn wait(&self) {
        let mut state = self.state.lock();
        while !state.0 {
            self.changed.wait(&mut state);
        }
    }

    fn has_somebody(&self) -> bool {
        self.state.lock().1
    }

    fn open(&self) {
        self.state.lock().0 = true;
        self.changed.notify_all();
    }
}

/// Opens the gate at the latest when the test ends, however it does.
struct Hung(Arc<Gate>);

impl Drop for Hung {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// Has the journal's thread stand at a gate when it comes to what is meant; and nobody prepares a file before that is open.
fn hang(disk: &SimStorage, is_meant: fn(&Image, Op) -> bool) -> Hung {
    let gate = Arc::new(Gate::default());
    let closed = Arc::clone(&gate);
    disk.observe(Some(Arc::new(move |image: &Image, op| match thread::current().name() {
        Some("rbq-journal") if is_meant(image, op) => closed.pass(),
        Some("rbq-prepare") => closed.wait(),
        _ => {}
    })));
    Hung(gate)
}

fn opened(disk: &SimStorage, policy: Policy) -> Journal {
    let opened = Journal::open(Arc::new(disk.clone()), loose(policy)).unwrap();
    let (journal, _) = opened.begin().unwrap();
    // One to go on in, and one that is the reserve.
    while journal.figures().spares < 2 {
        thread::yield_now();
    }
    journal
}

fn append(journal: &Journal) -> Lsn {
    journal.admit(300, Purpose::Add).unwrap();
    let lsn = journal.append_quietly(&[7; 300], 0);
    journal.drive();
    lsn
}

#[test]
fn while_the_next_segment_is_made_on_a_slow_disk_records_are_gathered_and_nobody_is_told_to_wait() {
    let disk = SimStorage::new();
    let journal = opened(&disk, Policy::No);
    // The rotation's last step: the next segment has its name, and the directory is about to be synced.
    let gate = hang(&disk, |image, op| op == Op::SyncDir && image.file("segment-0000000000000002.log").is_some());
    let mut last = 0;
    while !gate.0.has_somebody() {
        last = append(&journal);
        while journal.written() < last && !gate.0.has_somebody() {
            thread::yield_now();
        }
    }
    let written = journal.written();
    for _ in 0..50 {
        last = append(&journal);
        assert!(!journal.is_congested());
    }
    // Neither does whoever needs the log itself.
    journal.note().unwrap();
    assert_eq!((journal.written(), journal.appended()), (written, last));
    drop(gate);
    assert!(journal.wait_synced(last));
    disk.observe(None);
}

#[test]
fn the_journals_thread_syncs_what_others_wrote_before_the_segment_is_full() {
    let disk = SimStorage::new();
    let journal = opened(&disk, Policy::No);
    let half = (64 << 10) / 2 / 300;
    for _ in 0..half {
        append(&journal);
    }
    // Nothing else would have it synced: nobody asks, and no time is due.
    while journal.synced() == 0 {
        thread::yield_now();
    }
    assert_eq!(journal.figures().segments, 1);
}

#[test]
fn a_full_segment_has_little_left_to_be_synced() {
    let Recovered { shared, mut log, .. } = recover(Arc::new(SimStorage::new()), loose(Policy::No)).unwrap();
    let mut syncs = 0;
    loop {
        shared.append(&[7; 300]);
        if log.write_here(1).unwrap() == Written::NotAll {
            break;
        }
        if let Some(due) = log.due_sync(1) {
            due.make().unwrap();
            log.settle(&due, 1);
            syncs += 1;
        }
    }
    let unsynced = shared.written() - shared.synced();
    assert!(shared.written() > 150 && unsynced <= 5, "{unsynced} of {}", shared.written());
    assert!((3..10).contains(&syncs), "{syncs}");
    assert_eq!(log.turn(2).unwrap(), Turn::NeedsSegment);
}
