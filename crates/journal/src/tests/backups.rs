//! A backup says of itself that it is whole: whatever is changed in it is found, by whoever looks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::flips::bits_of;
use super::world::{Ended, Model, STATE_VERSION, World, options, start, turn_and_sync};
use crate::chance::Chance;
use crate::check::check;
use crate::copy::{backup, restore};
use crate::error::{OpenError, SnapshotError};
use crate::examine::examine;
use crate::metered::Metered;
use crate::names::MARK;
use crate::repair::repair_plan;
use crate::sim::{Image, SimStorage};
use crate::storage::{Access, Storage as _};

/// A journal with a snapshot and some segments, all of it synced.
fn grown(seed: u64, model: &Arc<Mutex<Model>>) -> World {
    let begun = World::begin(seed, SimStorage::new(), Arc::clone(model), None);
    let ran = begun.and_then(|mut world| {
        world.run(200)?;
        world.settle(world.shared.appended())?;
        Ok::<_, Ended>(world)
    });
    ran.unwrap_or_else(|ended| panic!("{ended:?}"))
}

/// A backup of a journal with a snapshot and some segments, and what is in it.
fn backed_up(seed: u64) -> (Image, Model) {
    let model: Arc<Mutex<Model>> = Arc::default();
    let world = grown(seed, &model);
    let target = SimStorage::new();
    backup(&world.shared, options(0, None).identity, Arc::new(target.clone())).unwrap();
    let model = model.lock().clone();
    (target.image(), Model { life: None, ..model })
}

/// A disk on which a bit of `name` flips as soon as `id` is there, as if it had kept something else than it was given.
fn treacherous(name: &'static str) -> (SimStorage, Arc<Metered>) {
    let target = SimStorage::new();
    let (disk, done) = (target.clone(), AtomicBool::new(false));
    let flip = move |_| {
        if disk.list()?.iter().any(|file| file == MARK) && !done.swap(true, Ordering::Relaxed) {
            let file = disk.list()?.into_iter().find(|file| file.starts_with(name)).expect("it was copied");
            let file = disk.open(&file, Access::Write)?;
            let mut byte = [0];
            file.read_at(file.len()? / 2, &mut byte)?;
            file.write_at(file.len()? / 2, &[byte[0] ^ 1])?;
        }
        Ok(())
    };
    let metered = Metered::new(Arc::new(target.clone()), Arc::new(flip));
    (target, Arc::new(metered))
}

fn disk(image: &Image) -> Arc<SimStorage> {
    Arc::new(SimStorage::of(image.clone()))
}

fn with(image: &Image, name: &str, content: &[u8]) -> Image {
    let disk = SimStorage::of(image.clone());
    disk.create(name).unwrap().write_at(0, content).unwrap();
    disk.image()
}

fn names_of(image: &Image) -> Vec<String> {
    image.names().map(str::to_owned).collect()
}

/// Nobody takes it for the backup that was written.
fn assert_refused(damaged: &Image, what: &str) {
    let target = SimStorage::new();
    assert!(restore(disk(damaged), Arc::new(target.clone()), STATE_VERSION).is_err(), "restored: {what}");
    assert_eq!(target.bytes(), 0, "{what}");
    assert!(!check(disk(damaged), STATE_VERSION).unwrap().is_sound(), "called sound: {what}");
    let started = examine(disk(damaged), options(1, None)).and_then(crate::examine::Examined::begin);
    assert!(started.is_err(), "started: {what}");
}

#[test]
fn a_backup_that_was_not_kept_as_it_was_written_is_no_success() {
    for name in ["segment-", "snapshot-", "durable", MARK] {
        let world = grown(3, &Arc::default());
        let (target, disk) = treacherous(name);
        let made = backup(&world.shared, options(0, None).identity, disk);
        assert!(matches!(made, Err(SnapshotError::Copy(OpenError::Corrupt { .. }))), "{name}: {made:?}");
        assert!(target.bytes() > 0);
    }
}

#[test]
fn no_flipped_bit_of_a_backup_passes() {
    for seed in [3, 4] {
        let (whole, _) = backed_up(seed);
        assert!(names_of(&whole).contains(&MARK.to_owned()));
        let mut chance = Chance::new(seed);
        for name in names_of(&whole) {
            for bit in bits_of(&name, whole.file(&name).unwrap(), &mut chance) {
                if !chance.once_in(8) && name != "durable" && name != MARK {
                    continue;
                }
                let mut damaged = whole.clone();
                damaged.flip_bit(&name, bit);
                assert_refused(&damaged, &format!("seed {seed}, {name}, bit {bit}"));
            }
        }
    }
}

#[test]
fn no_backup_passes_that_was_cut_short_or_added_to_with_a_whole_note_or_a_damaged_one() {
    let (whole, _) = backed_up(3);
    let mut blind = whole.clone();
    blind.flip_bit("durable", 8);
    for name in names_of(&whole) {
        let content = whole.file(&name).unwrap().to_vec();
        for image in [&whole, &blind] {
            for cut in [1, 20, 60, 500].into_iter().filter(|cut| *cut < content.len()) {
                let short = with(image, &name, &content[..content.len() - cut]);
                assert_refused(&short, &format!("{name} without its last {cut} bytes"));
            }
            assert_refused(&with(image, &name, &[&content[..], b"\0"].concat()), &format!("{name} and a zero"));
            if name != MARK {
                let mut without = image.clone();
                without.remove(&name);
                assert_refused(&without, &format!("without {name}"));
            }
        }
    }
    // Another backup's mark.
    let (other, _) = backed_up(4);
    assert_refused(&with(&whole, MARK, other.file(MARK).unwrap()), "with the mark of another one");
}

#[test]
fn a_start_on_a_backup_goes_on_from_it_and_takes_the_mark_away() {
    let (whole, mut model) = backed_up(3);
    let disk = SimStorage::of(whole);
    let all = model.appended.len() as u64;
    let (mut recovered, _) = start(&disk, options(1, None), &model, all).unwrap();
    assert!(disk.image().file(MARK).is_none());
    recovered.shared.append(b"more");
    model.appended.push(b"more".to_vec());
    turn_and_sync(&mut recovered.log, 1).unwrap();
    drop(recovered);
    start(&disk, options(2, None), &model, all + 1).unwrap();
}

#[test]
fn a_restore_has_no_mark_and_a_backup_of_before_there_were_marks_is_restored_with_what_is_known() {
    let (whole, model) = backed_up(3);
    let all = model.appended.len() as u64;
    let to = SimStorage::new();
    let report = restore(disk(&whole), Arc::new(to.clone()), STATE_VERSION).unwrap();
    assert!(report.torn.is_none() && !report.lacks_slot);
    assert!(to.image().file(MARK).is_none());

    let mut older = whole.clone();
    older.remove(MARK);
    older.flip_bit("durable", 8);
    let segment = names_of(&older).into_iter().rfind(|name| name.starts_with("segment")).unwrap();
    let content = older.file(&segment).unwrap().to_vec();
    let older = with(&older, &segment, &content[..content.len() - 20]);
    let to = SimStorage::new();
    let report = restore(disk(&older), Arc::new(to.clone()), STATE_VERSION).unwrap();
    assert!(report.last_lsn < all && report.lacks_slot);
    assert_eq!(report.torn.unwrap().file, segment);
    start(&to, options(1, None), &model, report.last_lsn).unwrap();
}

#[test]
fn a_damaged_backup_is_repaired_into_a_data_directory_that_tells_what_is_lost() {
    let (whole, model) = backed_up(3);
    let all = model.appended.len() as u64;
    let mut damaged = whole.clone();
    damaged.flip_bit("durable", 8);
    let segment = names_of(&whole).into_iter().rfind(|name| name.starts_with("segment")).unwrap();
    let content = whole.file(&segment).unwrap().to_vec();
    let short = with(&damaged, &segment, &content[..content.len() - 20]);
    for (image, is_short) in [(damaged, false), (short, true)] {
        let disk = SimStorage::of(image);
        let plan = repair_plan(Arc::new(disk.clone()), STATE_VERSION).unwrap();
        let (keeps, dropped) = (plan.keeps(), plan.dropped().to_vec());
        assert_eq!(keeps < all, is_short);
        let loss = dropped.iter().filter_map(|dropped| dropped.last_lsn).max();
        assert_eq!(loss, is_short.then_some(all), "{dropped:?}");
        plan.carry_out().unwrap();
        assert!(disk.image().file("aside-1-backup.mark").is_some());
        assert_eq!(start(&disk, options(1, None), &model, keeps).unwrap().1, keeps);
    }
}
