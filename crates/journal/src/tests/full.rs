//! A disk without space: adds are refused before anything is applied, drains go on, and service returns.

use std::io::ErrorKind;
use std::sync::Arc;

use parking_lot::Mutex;

use super::world::{Model, World, options, start};
use crate::error::Full;
use crate::options::Policy;
use crate::recover::recover;
use crate::shelf::{Prepared, Purpose};
use crate::sim::{Image, SimStorage};

fn world() -> World {
    let model: Arc<Mutex<Model>> = Arc::default();
    World::begin(1, SimStorage::new(), model, None).unwrap_or_else(|ended| panic!("{ended:?}"))
}

/// Appends and syncs records while they are admitted; returns how many.
fn fill(world: &mut World, purpose: Purpose, bytes: usize) -> u64 {
    let mut count = 0;
    while world.shared.admit(bytes as u64, purpose).is_ok() {
        let record = vec![1; bytes];
        let lsn = world.shared.append(&record);
        world.model.lock().appended.push(record);
        assert!(world.settle(lsn).unwrap_or_else(|ended| panic!("{ended:?}")), "what was admitted has room");
        world.shared.shelf.prepare();
        count += 1;
        assert!(count < 10_000, "the disk is full at some time");
    }
    count
}

/// No space beyond what is there already.
fn fill_disk(world: &World) {
    while world.shared.shelf.prepare() == Prepared::Made {}
    world.storage.limit_space(Some(world.storage.bytes()));
}

#[test]
fn on_a_full_disk_adds_are_refused_and_drains_go_on_from_the_reserve() {
    let mut world = world();
    fill_disk(&world);
    assert!(fill(&mut world, Purpose::Add, 100) > 10);
    let full = world.shared.admit(100, Purpose::Add).unwrap_err();
    assert!(!full.is_temporary());
    assert!(
        full.to_string().starts_with("the journal in `simulated` is full: cannot allocate a further file"),
        "{full}"
    );
    // A whole segment is left for whoever makes room.
    assert!(fill(&mut world, Purpose::Drain, 20) > 20);
    assert!(matches!(world.shared.admit(20, Purpose::Drain), Err(Full::Disk { .. })));
}

#[test]
fn for_a_file_that_has_no_room_nothing_is_taken_from_others_on_the_disk() {
    let world = world();
    fill_disk(&world);
    let ops = world.storage.ops();
    for _ in 0..10 {
        assert!(world.shared.admit(1 << 20, Purpose::Add).is_err());
        assert_eq!(world.shared.shelf.prepare(), Prepared::Refused);
    }
    assert_eq!(world.storage.ops(), ops);
}

#[test]
fn a_demand_that_the_disk_cannot_meet_takes_nothing_of_it() {
    let world = world();
    while world.shared.shelf.prepare() == Prepared::Made {}
    let large = world.shared.shelf.room(Purpose::Add) + 200_000;
    world.storage.limit_space(Some(world.storage.bytes() + 150_000));
    let (ops, ready) = (world.storage.ops(), world.shared.shelf.ready());
    assert!(world.shared.admit(large, Purpose::Add).unwrap_err().is_temporary());
    assert_eq!(world.shared.shelf.prepare(), Prepared::Refused);
    assert!(!world.shared.admit(large, Purpose::Add).unwrap_err().is_temporary());
    assert_eq!((world.storage.ops(), world.shared.shelf.ready()), (ops, ready));
    // What is smaller has room all the same.
    assert!(world.shared.admit(100, Purpose::Add).is_ok());
}

#[test]
fn room_that_was_asked_for_is_awaited_until_it_is_there_or_is_refused() {
    let world = world();
    let large = world.shared.shelf.room(Purpose::Add) + 20_000;
    assert!(!world.shared.shelf.is_awaited());
    assert!(world.shared.admit(large, Purpose::Add).is_err());
    while world.shared.admit(large, Purpose::Add).is_err() {
        assert!(world.shared.shelf.is_awaited());
        assert_eq!(world.shared.shelf.prepare(), Prepared::Made);
    }
    assert!(!world.shared.shelf.is_awaited());
    fill_disk(&world);
    assert!(world.shared.admit(1 << 20, Purpose::Add).is_err());
    assert!(world.shared.shelf.is_awaited());
    assert_eq!(world.shared.shelf.prepare(), Prepared::Refused);
    assert!(!world.shared.shelf.is_awaited());
}

#[test]
fn service_returns_when_space_does() {
    let mut world = world();
    fill_disk(&world);
    fill(&mut world, Purpose::Add, 100);
    assert!(world.shared.shelf.refused().is_some());
    world.storage.limit_space(None);
    assert_eq!(world.shared.shelf.prepare(), Prepared::Made);
    assert_eq!(world.shared.shelf.refused(), None);
    world.shared.admit(100, Purpose::Add).unwrap();
}

#[test]
fn a_snapshot_on_a_full_disk_gives_its_segments_back_to_the_log() {
    let mut world = world();
    world.storage.limit_space(Some(world.storage.bytes() + (60 << 10)));
    fill(&mut world, Purpose::Add, 300);
    let cut = world.shared.appended();
    world.storage.limit_space(Some(world.storage.bytes() + (2 << 10)));
    let identity = options(0, None).identity;
    let writer = crate::snapshot_write::SnapshotWriter::begin(Arc::clone(&world.shared), identity, cut, 0);
    writer.unwrap().finish().unwrap();
    world.shared.admit(300, Purpose::Add).unwrap();
}

#[test]
fn what_was_appended_without_being_admitted_waits_for_space_and_is_not_lost() {
    let mut world = world();
    fill_disk(&world);
    fill(&mut world, Purpose::Drain, 100);
    let record = vec![9; 20_000];
    let lsn = world.shared.append(&record);
    world.model.lock().appended.push(record);
    assert!(!world.settle(lsn).unwrap_or_else(|ended| panic!("{ended:?}")));
    assert!(world.shared.synced() < lsn);
    world.storage.limit_space(None);
    assert!(world.settle(lsn).unwrap_or_else(|ended| panic!("{ended:?}")));
    let model = world.model.lock().clone();
    let left = SimStorage::of(world.storage.image().after_power_cut(1));
    start(&left, options(2, None), &model, lsn).unwrap();
}

#[test]
fn a_broker_on_a_full_disk_starts_and_can_be_drained_whenever_that_is_interrupted() {
    let mut world = world();
    fill_disk(&world);
    fill(&mut world, Purpose::Add, 100);
    let model = world.model.lock().clone();
    let least = world.shared.synced();
    // Under way when the power is cut: a batch that is not synced.
    world.shared.set_policy(Policy::No);
    world.shared.append(&[3; 900]);
    world.turn().unwrap_or_else(|ended| panic!("{ended:?}"));
    let mut model = Model { appended: model.appended, ..Model::default() };
    model.appended.push(vec![3; 900]);
    let mut torn = 0;
    for seed in 0..120 {
        let disk = SimStorage::of(world.storage.image().after_power_cut(seed));
        disk.limit_space(Some(disk.bytes()));
        let moments: Arc<Mutex<Vec<Image>>> = Arc::default();
        let seen = Arc::clone(&moments);
        disk.observe(Some(Arc::new(move |image: &Image, _| seen.lock().push(image.clone()))));
        let (recovered, last) = start(&disk, options(2, None), &model, least).unwrap();
        disk.observe(None);
        assert!(last >= least);
        torn += u32::from(recovered.report.torn.is_some());
        recovered.shared.admit(20, Purpose::Drain).unwrap();
        for moment in moments.lock().iter() {
            let left = SimStorage::of(moment.after_power_cut(seed));
            left.limit_space(Some(left.bytes()));
            start(&left, options(3, None), &model, least).unwrap();
        }
    }
    assert!(torn > 3, "{torn}");
}

/// The start takes the reserve's file for its copy of the log's end; what that leaves has no room for a file of the size that comes next,
/// but for a smaller one.
#[test]
fn a_start_on_a_full_disk_leaves_a_reserve_of_whatever_size_has_room() {
    let mut world = world();
    while world.shared.shelf.ready() == 0 {
        assert_eq!(world.shared.shelf.prepare(), Prepared::Made);
    }
    let (spare, next) = (world.shared.options.sizes.segment(2), world.shared.shelf.size_now());
    assert!(spare < next, "the next one is larger");
    world.storage.limit_space(Some(world.storage.bytes() + (next - spare) / 2));
    fill(&mut world, Purpose::Add, 100);
    let (model, least) = (world.model.lock().clone(), world.shared.synced());
    let disk = SimStorage::of(world.storage.image().after_kill());
    disk.limit_space(Some(world.storage.bytes() + (next - spare) / 2));
    let (recovered, _) = start(&disk, options(2, None), &model, least).unwrap();
    assert_eq!(recovered.shared.shelf.ready(), 1);
    recovered.shared.admit(2000, Purpose::Drain).unwrap();
}

#[test]
fn a_directory_that_takes_no_writes_is_refused_with_the_reason() {
    let disk = SimStorage::new();
    disk.inject(0, ErrorKind::ReadOnlyFilesystem);
    let error = recover(Arc::new(disk), options(1, None)).err().unwrap().to_string();
    assert_eq!(error, "cannot create `id.tmp` in `simulated`: read-only filesystem or storage medium");
}

#[test]
fn a_record_too_large_for_the_disk_is_refused_and_smaller_ones_are_not() {
    let world = world();
    fill_disk(&world);
    assert!(world.shared.admit(1 << 20, Purpose::Add).unwrap_err().is_temporary());
    assert_eq!(world.shared.shelf.prepare(), Prepared::Refused);
    assert!(!world.shared.admit(1 << 20, Purpose::Add).unwrap_err().is_temporary());
    world.shared.admit(100, Purpose::Add).unwrap();
    assert!(!world.shared.is_congested());
}

#[test]
fn what_is_in_flight_on_a_full_disk_keeps_nobody_waiting() {
    let world = world();
    world.shared.append(&vec![1; 1 << 20]);
    assert!(world.shared.is_congested());
    fill_disk(&world);
    assert!(world.shared.admit(1 << 20, Purpose::Add).unwrap_err().is_temporary());
    assert_eq!(world.shared.shelf.prepare(), Prepared::Refused);
    assert!(!world.shared.is_congested());
}

#[test]
fn what_is_too_much_to_be_counted_is_too_much() {
    let world = world();
    world.shared.append(b"on its way");
    fill_disk(&world);
    for bytes in [1 << 40, u64::MAX / 2, u64::MAX - 100, u64::MAX] {
        for purpose in [Purpose::Add, Purpose::Drain] {
            assert!(world.shared.admit(bytes, purpose).is_err());
            assert_eq!(world.shared.shelf.prepare(), Prepared::Refused);
        }
    }
    world.shared.admit(100, Purpose::Add).unwrap();
}
