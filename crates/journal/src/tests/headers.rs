//! Damaged headers of segments: written anew where they are proven, and dropped where they are not.

use std::sync::Arc;

use parking_lot::Mutex;

use super::flips::silent_world;
use super::world::{Model, STATE_VERSION, options, start};
use crate::check::check;
use crate::options::Lsn;
use crate::recover::{Recovered, found, recover};
use crate::repair::repair_plan;
use crate::segment::{self, Use};
use crate::sim::{Image, SimStorage};
use crate::snapshot_write::SnapshotWriter;
use crate::storage::Storage;
use crate::store::Store;
use crate::walk::{Found, Walker};

fn storage(image: &Image) -> Arc<SimStorage> {
    Arc::new(SimStorage::of(image.clone()))
}

/// The segments of the log, and how many batches each has.
fn segments(image: &Image) -> Vec<(String, usize)> {
    let store = Store::new(storage(image), STATE_VERSION);
    let names = image.names().filter(|name| name.starts_with("segment")).map(str::to_owned);
    let count = |name: &String| {
        let mut walker = Walker::open(&store, name).unwrap();
        let mut batches = 0;
        while let Found::Batch(..) = walker.next().unwrap() {
            batches += 1;
        }
        batches
    };
    names.map(|name| (name.clone(), count(&name))).collect()
}

fn write(image: &Image, name: &str, at: u64, bytes: &[u8]) -> Image {
    let disk = storage(image);
    let file = disk.open(name, crate::storage::Access::Write).unwrap();
    file.write_at(at, bytes).unwrap();
    disk.image()
}

fn header_of(image: &Image, name: &str) -> segment::Header {
    segment::Header::decode(name, image.file(name).unwrap()).unwrap()
}

/// Repairs, and returns what is kept: all that was said, and as a start sees it.
fn repaired(damaged: &Image, model: &Model, dropped: usize) -> Result<Lsn, String> {
    let disk = storage(damaged);
    assert!(recover(Arc::clone(&disk) as _, options(1, None)).is_err());
    let plan = repair_plan(Arc::clone(&disk) as _, STATE_VERSION).map_err(|error| error.to_string())?;
    assert_eq!(disk.ops(), 0, "a plan changes nothing");
    if plan.dropped().len() != dropped {
        return Err(plan.dropped().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    }
    let (keeps, mended) = (plan.keeps(), plan.mended().to_vec());
    let kept = plan.carry_out().unwrap();
    for mended in mended {
        let aside = kept.iter().find(|name| name.ends_with(&mended.file)).expect("a copy is kept");
        assert!(disk.image().file(aside) == damaged.file(&mended.file), "as it was");
    }
    assert_eq!(start(&disk, options(1, None), model, keeps)?.1, keeps);
    Ok(keeps)
}

#[test]
fn one_flipped_bit_of_a_header_costs_nothing() {
    let mut mended = 0;
    for seed in [10, 11, 12] {
        let (image, model) = silent_world(seed);
        let all = model.appended.len() as u64;
        for (name, _) in segments(&image).into_iter().filter(|(_, batches)| *batches > 0) {
            for bit in (0..120 * 8).step_by(7).chain([2000 * 8, 4095 * 8 + 3]) {
                let mut damaged = image.clone();
                damaged.flip_bit(&name, bit);
                let kept = repaired(&damaged, &model, 0);
                assert_eq!(kept, Ok(all), "seed {seed}, {name}, bit {bit}");
                mended += 1;
            }
        }
    }
    assert!(mended > 500, "{mended}");
}

#[test]
fn a_header_that_is_gone_is_written_anew_from_the_end_of_the_segment_before() {
    let mut mended = 0;
    for seed in 10..30 {
        let (image, model) = silent_world(seed);
        let all = model.appended.len() as u64;
        for pair in segments(&image).windows(2).filter(|pair| pair[1].1 > 0) {
            let name = &pair[1].0;
            let damaged = write(&image, name, 0, &[0; 4096]);
            assert_eq!(repaired(&damaged, &model, 0), Ok(all), "seed {seed}, {name}");
            mended += 1;
        }
    }
    assert!(mended > 20, "{mended}");
}

#[test]
fn headers_that_are_gone_one_after_the_other_are_written_anew_one_after_the_other() {
    let (mut image, model) = long_world();
    let names: Vec<_> = segments(&image).into_iter().map(|(name, _)| name).collect();
    let whole: Vec<_> = names.iter().map(|name| header_of(&image, name)).collect();
    for name in &names {
        image = write(&image, name, 0, &[0xff; 4096]);
    }
    let disk = storage(&image);
    let plan = repair_plan(Arc::clone(&disk) as _, STATE_VERSION).unwrap();
    assert_eq!((plan.mended().len(), plan.dropped().len()), (names.len(), 0));
    plan.carry_out().unwrap();
    for (name, whole) in names.iter().zip(whole) {
        assert_eq!(header_of(&disk.image(), name), whole);
    }
    start(&disk, options(1, None), &model, model.appended.len() as u64).unwrap();
}

/// A log of some segments from the first record on, without a snapshot.
fn long_world() -> (Image, Model) {
    let disk = SimStorage::new();
    let Recovered { shared, mut log, .. } = recover(Arc::new(disk.clone()), options(1, None)).unwrap();
    let mut model = Model::default();
    for number in 0..60_u64 {
        let record = vec![number as u8; 300];
        model.appended.push(record.clone());
        shared.append_at(&record, 1_000 + number);
        while shared.synced() < shared.appended() {
            super::world::turn_and_sync(&mut log, number).unwrap();
            shared.shelf.prepare();
        }
    }
    log.finish().unwrap();
    (disk.image(), model)
}

#[test]
fn what_is_behind_a_damaged_header_and_does_not_prove_it_is_dropped_and_the_reason_is_said() {
    let (image, model) = long_world();
    let names: Vec<_> = segments(&image).into_iter().map(|(name, _)| name).collect();
    assert!(names.len() > 3);
    let dropped = |damaged: &Image| repaired(damaged, &model, 0).unwrap_err();

    // Another segment's batches, whole in themselves.
    let other = image.file(&names[0]).unwrap()[4096..].to_vec();
    let foreign = write(&write(&image, &names[1], 4096, &other), &names[1], 0, &[0; 4096]);
    let why = dropped(&foreign);
    assert!(why.contains("its header cannot be read, and the batch behind it does not follow the end of"), "{why}");
    // The same under a header with one flipped bit: the checksum alone proves nothing.
    let mut foreign = write(&image, &names[1], 4096, &other);
    foreign.flip_bit(&names[1], 40 * 8);
    assert!(dropped(&foreign).contains("does not follow the end of"));

    let no_batch = write(&write(&image, &names[1], 0, &[0; 4096]), &names[1], 4096, &[0; 80]);
    assert!(dropped(&no_batch).contains("no batch behind it tells what it said"));

    let torn_batch = write(&write(&image, &names[1], 0, &[0; 4096]), &names[1], 4096 + 100, b"!");
    assert!(dropped(&torn_batch).contains("the first batch behind it is damaged too"));

    let mut no_predecessor = write(&image, &names[1], 0, &[0; 4096]);
    no_predecessor.remove(&names[0]);
    assert!(repair_plan(storage(&no_predecessor), STATE_VERSION).is_err(), "nothing of it can be kept");
}

#[test]
fn a_header_is_mended_and_the_damage_behind_it_is_cut_with_one_copy_of_both() {
    let (image, model) = long_world();
    let name = segments(&image)[1].0.clone();
    let second_batch = {
        let mut walker = Walker::open(&Store::new(storage(&image), STATE_VERSION), &name).unwrap();
        walker.next().unwrap();
        walker.at
    };
    let mut damaged = write(&image, &name, second_batch + 100, b"!");
    damaged.flip_bit(&name, 77);
    let keeps = header_of(&image, &name).first_lsn;
    let dropped = 1 + segments(&image).len() - 2;
    assert_eq!(repaired(&damaged, &model, dropped), Ok(keeps));
}

#[test]
fn a_log_that_began_anew_is_known_as_that_by_the_number_that_it_leaves_out() {
    let (image, _) = long_world();
    let disk = SimStorage::of(image);
    let Recovered { shared, mut log, .. } = found(Arc::new(disk.clone()), options(1, None), 100).unwrap();
    let reading = shared.catalog.read();
    let mut base = SnapshotWriter::begin(Arc::clone(&shared), options(1, None).identity, shared.appended(), 1).unwrap();
    base.section(1, b"what was in memory").unwrap();
    base.finish().unwrap();
    shared.append(b"new");
    super::world::turn_and_sync(&mut log, 1).unwrap();
    log.finish().unwrap();
    let image = disk.image();
    // Whoever reads keeps the old log where it is.
    drop(reading);
    let name = segments(&image).pop().unwrap().0;
    let whole = header_of(&image, &name);
    assert_eq!(whole.used, Use::Founding);
    let disk = storage(&write(&image, &name, 0, &[0; 4096]));
    let plan = repair_plan(Arc::clone(&disk) as _, STATE_VERSION).unwrap();
    assert_eq!((plan.mended().len(), plan.dropped().len()), (1, 0));
    plan.carry_out().unwrap();
    assert_eq!(header_of(&disk.image(), &name), whole);
}

#[test]
fn a_repair_of_headers_that_the_power_cuts_short_is_begun_again_and_loses_nothing() {
    let (image, model) = long_world();
    let names: Vec<_> = segments(&image).into_iter().map(|(name, _)| name).collect();
    let mut damaged = write(&image, &names[2], 0, &[0; 4096]);
    damaged.flip_bit(&names[0], 99);
    let disk = storage(&damaged);
    let moments: Arc<Mutex<Vec<Image>>> = Arc::default();
    let seen = Arc::clone(&moments);
    disk.observe(Some(Arc::new(move |image: &Image, _| seen.lock().push(image.clone()))));
    repair_plan(Arc::clone(&disk) as _, STATE_VERSION).unwrap().carry_out().unwrap();
    disk.observe(None);
    let all = model.appended.len() as u64;
    let moments = moments.lock();
    assert!(moments.len() > 6, "{}", moments.len());
    for (moment, seed) in moments.iter().zip(0..).flat_map(|(image, at)| (0..8).map(move |n| (image, at * 8 + n))) {
        let disk = SimStorage::of(moment.after_power_cut(seed));
        let plan = repair_plan(Arc::new(disk.clone()), STATE_VERSION).unwrap();
        assert!(plan.dropped().is_empty(), "seed {seed}: {:?}", plan.dropped());
        plan.carry_out().unwrap();
        assert_eq!(start(&disk, options(1, None), &model, all).unwrap().1, all, "seed {seed}");
    }
}

#[test]
fn a_check_tells_what_is_behind_a_damaged_header_and_that_it_can_be_written_anew() {
    let (image, _) = long_world();
    let name = segments(&image)[1].0.clone();
    let whole = check(storage(&image), STATE_VERSION).unwrap();
    assert!(whole.notes.is_empty());
    let damaged = check(storage(&write(&image, &name, 0, &[0; 4096])), STATE_VERSION).unwrap();
    let of = |report: &crate::CheckReport| report.files.iter().find(|file| file.name == name).unwrap().holds.clone();
    assert_eq!(of(&damaged), of(&whole));
    assert!(damaged.refusal.is_some());
    let [note] = &damaged.notes[..] else { panic!("{:?}", damaged.notes) };
    assert!(note.contains("its batches are whole: a repair can write the header anew"), "{note}");
}

#[test]
fn a_slot_of_durable_that_cannot_be_read_is_told_and_is_no_damage() {
    let (image, _) = long_world();
    for slot in 0..2 {
        let mut flipped = image.clone();
        flipped.flip_bit("durable", slot * 4096 * 8 + 70);
        let report = check(storage(&flipped), STATE_VERSION).unwrap();
        assert!(report.files.iter().all(|file| file.damage.is_none()));
        let [note] = &report.notes[..] else { panic!("{:?}", report.notes) };
        assert!(note.starts_with("one of the two slots of `durable` cannot be read"), "{note}");
    }
}
