//! Damage to what a snapshot holds: a repair loses nothing that follows the snapshot.

use std::sync::Arc;

use parking_lot::Mutex;

use super::world::{Model, STATE_VERSION, digest, options, start, turn_and_sync};
use crate::check::check;
use crate::error::OpenError;
use crate::options::Lsn;
use crate::recover::{Recovered, recover};
use crate::repair::repair_plan;
use crate::sim::{Image, SimStorage};
use crate::snapshot_write::SnapshotWriter;
use crate::storage::{Access, Storage as _};
use crate::store::Store;
use crate::walk::{Found, Walker};

const FIRST: &str = "segment-0000000000000001.log";

/// A log whose first segment has all that the snapshot holds and more, and that goes on for some segments. Record 6 is in pieces.
fn covered(cut: Lsn, records: u64) -> (Image, Model) {
    let disk = SimStorage::new();
    let Recovered { shared, mut log, .. } = recover(Arc::new(disk.clone()), options(1, None)).unwrap();
    let mut model = Model::default();
    for number in 1..=records {
        let record = vec![number as u8; if number == 6 { 1_500 } else { 150 }];
        model.appended.push(record.clone());
        shared.append_at(&record, 1_000 + number);
        while shared.synced() < shared.appended() {
            turn_and_sync(&mut log, number).unwrap();
            shared.shelf.prepare();
        }
        if number == cut {
            let identity = options(0, None).identity;
            let mut snapshot = SnapshotWriter::begin(Arc::clone(&shared), identity, cut, 1).unwrap();
            snapshot.section(1, &digest(&model.appended)).unwrap();
            snapshot.finish().unwrap();
        }
    }
    log.finish().unwrap();
    (disk.image(), model)
}

/// Where each batch of a segment begins, and which record comes after what it holds.
fn batches(image: &Image, name: &str) -> Vec<(u64, Lsn)> {
    let store = Store::new(Arc::new(SimStorage::of(image.clone())), STATE_VERSION);
    let mut walker = Walker::open(&store, name).unwrap();
    let mut batches = Vec::new();
    loop {
        let at = walker.at;
        match walker.next().unwrap() {
            Found::Batch(header, _) => batches.push((at, header.next_lsn() + u64::from(header.kind.leaves_open()))),
            _ => return batches,
        }
    }
}

fn write(image: &Image, name: &str, at: u64, bytes: &[u8]) -> Image {
    let disk = SimStorage::of(image.clone());
    disk.open(name, Access::Write).unwrap().write_at(at, bytes).unwrap();
    disk.image()
}

/// Repairs, with a look that what was said is done; what is kept, and how many lines were mended and dropped.
fn repaired(damaged: &Image, model: &Model) -> (Lsn, usize, usize) {
    let disk = SimStorage::of(damaged.clone());
    assert!(recover(Arc::new(disk.clone()), options(1, None)).is_err());
    let plan = repair_plan(Arc::new(disk.clone()), STATE_VERSION).unwrap();
    let told = (plan.keeps(), plan.mended().len(), plan.dropped().len());
    let kept = plan.carry_out().unwrap();
    let aside = kept.iter().find(|name| name.ends_with(FIRST)).expect("a copy is kept");
    assert!(disk.image().file(aside) == damaged.file(FIRST), "as it was");
    assert_eq!(start(&disk, options(1, None), model, told.0).unwrap().1, told.0);
    told
}

#[test]
fn damage_to_batches_that_the_snapshot_holds_costs_nothing_that_follows_it() {
    let mut mended = 0;
    for (cut, records) in [(9, 14), (9, 60), (6, 30), (5, 30)] {
        let (image, model) = covered(cut, records);
        for (at, next) in batches(&image, FIRST).into_iter().filter(|(_, next)| *next <= cut + 1) {
            for offset in [0, 17, 60, 100] {
                let damaged = write(&image, FIRST, at + offset, b"?!");
                let told = repaired(&damaged, &model);
                let what = format!("cut {cut}, {records} records, the batch before {next} at byte {at}, {offset}");
                assert_eq!((told.0, told.2), (records, 0), "{what}");
                mended += told.1;
            }
        }
    }
    assert!(mended > 80, "{mended}");
}

#[test]
fn several_gaps_before_the_snapshot_cost_nothing_and_damage_after_it_costs_what_follows_that() {
    let (image, model) = covered(9, 60);
    let all = batches(&image, FIRST);
    let at = |lsn: Lsn| all.iter().rev().find(|(_, next)| *next == lsn + 1).unwrap().0;
    let gaps = write(&write(&write(&image, FIRST, at(2), &[0; 300]), FIRST, at(4), b"?"), FIRST, at(8), &[9; 60]);
    assert_eq!(repaired(&gaps, &model), (60, 1, 0));

    let after = all.iter().find(|(_, next)| *next > 11).unwrap();
    let both = write(&gaps, FIRST, after.0 + 90, b"?");
    let (keeps, mended, dropped) = repaired(&both, &model);
    assert!(keeps == after.1 - 2 && mended == 1 && dropped > 1, "{keeps}, {mended}, {dropped}");
}

#[test]
fn a_repair_that_begins_a_segment_behind_its_damage_may_be_cut_short_and_loses_nothing() {
    let (image, model) = covered(9, 40);
    let disk = SimStorage::of(write(&image, FIRST, batches(&image, FIRST)[2].0, b"?"));
    let moments: Arc<Mutex<Vec<Image>>> = Arc::default();
    let seen = Arc::clone(&moments);
    disk.observe(Some(Arc::new(move |image: &Image, _| seen.lock().push(image.clone()))));
    repair_plan(Arc::new(disk.clone()), STATE_VERSION).unwrap().carry_out().unwrap();
    disk.observe(None);
    let moments = moments.lock();
    assert!(moments.len() > 5, "{}", moments.len());
    for (moment, seed) in moments.iter().zip(0..).flat_map(|(image, at)| (0..8).map(move |n| (image, at * 8 + n))) {
        let disk = SimStorage::of(moment.after_power_cut(seed));
        let plan = repair_plan(Arc::new(disk.clone()), STATE_VERSION).unwrap();
        assert!(plan.dropped().is_empty(), "seed {seed}: {:?}", plan.dropped());
        plan.carry_out().unwrap();
        assert_eq!(start(&disk, options(1, None), &model, 40).unwrap().1, 40, "seed {seed}");
    }
}

#[test]
fn a_snapshot_alone_is_kept_though_no_other_file_says_whose_it_is() {
    let (mut image, model) = covered(9, 14);
    for name in image.names().map(str::to_owned).collect::<Vec<_>>() {
        if name == "id" || name.starts_with("segment") {
            image.remove(&name);
        }
    }
    let disk = SimStorage::of(image);
    let plan = repair_plan(Arc::new(disk.clone()), STATE_VERSION).unwrap();
    assert_eq!(plan.keeps(), 9);
    let dropped: Vec<String> = plan.dropped().iter().map(ToString::to_string).collect();
    assert_eq!(dropped, ["`durable`: 5 records, 10 to 14 (it says that they were on the disk, and no file has them)"]);
    plan.carry_out().unwrap();
    assert_eq!(start(&disk, options(1, None), &model, 9).unwrap().1, 9);
}

#[test]
fn a_check_tells_every_gap_and_reads_on_behind_it() {
    let (image, _) = covered(9, 40);
    let all = batches(&image, FIRST);
    let second = names_of_segments(&image)[1].clone();
    let in_second = batches(&image, &second)[1].0;
    let damaged = write(&image, FIRST, all[1].0, &[0; 90]);
    let damaged = write(&damaged, FIRST, all[9].0 + 90, b"?");
    let damaged = write(&damaged, &second, in_second + 90, b"?");
    let report = check(Arc::new(SimStorage::of(damaged)), STATE_VERSION).unwrap();
    assert!(!report.is_sound());
    let places: Vec<_> = report.gaps.iter().map(|gap| (gap.file.as_str(), gap.offset, gap.records.0)).collect();
    assert_eq!(
        places,
        [(FIRST, all[1].0, 2), (FIRST, all[9].0, all[8].1), (&*second, in_second, batches(&image, &second)[0].1)]
    );
    assert_eq!(
        report.gaps[0].to_string(),
        "`segment-0000000000000001.log`: 240 bytes from byte 4336 on cannot be read (a batch is missing), with record 2"
    );
    // Nothing of it is in a sound one, with an end that a crash left or without.
    assert!(check(Arc::new(SimStorage::of(image)), STATE_VERSION).unwrap().gaps.is_empty());
}

fn names_of_segments(image: &Image) -> Vec<String> {
    image.names().filter(|name| name.starts_with("segment")).map(str::to_owned).collect()
}

/// What it came to looks like an original, and takes the space that there is left.
#[test]
fn a_repair_that_has_no_room_to_keep_an_original_leaves_nothing_of_it() {
    let (image, _) = covered(4, 40);
    let mut damaged = image.clone();
    let at = batches(&image, FIRST)[1].0 as usize;
    damaged.flip_bit(FIRST, (at + 200) * 8);
    let disk = SimStorage::of(damaged.clone());
    disk.limit_space(Some(disk.bytes() + 6_000));
    let names = |image: &Image| image.names().filter(|name| *name != "lock").map(String::from).collect::<Vec<_>>();
    let refused = repair_plan(Arc::new(disk.clone()), STATE_VERSION).unwrap().carry_out();
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(names(&disk.image()), names(&damaged));
    disk.limit_space(None);
    repair_plan(Arc::new(disk.clone()), STATE_VERSION).unwrap().carry_out().unwrap();
    assert!(disk.image().names().any(|name| name.starts_with("aside-1-")));
}

/// Damage may go as it came, as that of a disk that was read badly; and who sees it gone starts, and adds records.
#[test]
fn a_plan_that_does_not_hold_any_more_is_not_carried_out() {
    let (image, model) = covered(9, 40);
    let at = batches(&image, FIRST).iter().find(|(_, next)| *next > 11).unwrap().0 + 60;
    let disk = SimStorage::of(write(&image, FIRST, at, b"?!"));
    let plan = || repair_plan(Arc::new(disk.clone()), STATE_VERSION).unwrap();
    let (first, second) = (plan(), plan());
    assert!(!first.dropped().is_empty());

    let sound = &image.file(FIRST).unwrap()[at as usize..][..2];
    disk.open(FIRST, Access::Write).unwrap().write_at(at, sound).unwrap();
    let refused = first.carry_out().unwrap_err();
    assert!(matches!(refused, OpenError::Changed { .. }), "{refused}");
    let (Recovered { shared, mut log, .. }, last) = start(&disk, options(1, None), &model, 40).unwrap();
    assert_eq!(last, 40, "nothing was changed");
    shared.append_at(b"one more", 2_000);
    turn_and_sync(&mut log, 2_000).unwrap();
    log.finish().unwrap();
    drop((shared, log));

    disk.open(FIRST, Access::Write).unwrap().write_at(at, b"?!").unwrap();
    assert!(matches!(second.carry_out().unwrap_err(), OpenError::Changed { .. }), "there is more to drop by now");
    assert_eq!(plan().keeps(), 10);
}
