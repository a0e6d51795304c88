//! The tools for people: checks, dumps, repairs, backups.

use std::ops::ControlFlow;
use std::sync::Arc;

use parking_lot::Mutex;

use super::flips::{bits_of, silent_world};
use super::world::{Ended, Model, STATE_VERSION, World, options, start};
use crate::chance::Chance;
use crate::check::check;
use crate::copy::{backup, restore};
use crate::dump::{Dumped, dump};
use crate::error::OpenError;
use crate::journal::Journal;
use crate::names;
use crate::options::{Identity, Options};
use crate::recover::recover;
use crate::repair::repair_plan;
use crate::sim::{Image, SimStorage};
use crate::storage::Storage as _;
use crate::store::Store;

fn storage(image: &Image) -> Arc<SimStorage> {
    Arc::new(SimStorage::of(image.clone()))
}

fn world(seed: u64, steps: usize) -> (World, Arc<Mutex<Model>>) {
    let model: Arc<Mutex<Model>> = Arc::default();
    let begun = World::begin(seed, SimStorage::new(), Arc::clone(&model), None);
    let ran = begun.and_then(|mut world| {
        world.run(steps)?;
        world.settle(world.shared.appended())?;
        Ok::<_, Ended>(world)
    });
    (ran.unwrap_or_else(|ended| panic!("{ended:?}")), model)
}

#[test]
fn a_sound_journal_needs_no_repair_and_is_checked_without_a_change() {
    for seed in 10..20 {
        let (image, model) = silent_world(seed);
        let disk = storage(&image);
        let report = check(Arc::clone(&disk) as _, STATE_VERSION).unwrap();
        assert!(report.is_sound(), "{:?}", report.refusal);
        let plan = repair_plan(Arc::clone(&disk) as _, STATE_VERSION).unwrap();
        assert!(!plan.is_needed() && plan.dropped().is_empty());
        assert_eq!(plan.keeps(), model.appended.len() as u64);
        assert_eq!(disk.ops(), 0);
    }
}

/// The snapshot of the state after record `cut` of somebody else's journal.
fn foreign_snapshot(cut: u64) -> (String, Vec<u8>) {
    let disk = SimStorage::new();
    let theirs = Options { identity: Identity { cluster: 8, node: 9 }, ..options(1, None) };
    let journal = Journal::open(Arc::new(disk.clone()), theirs).unwrap().begin().unwrap().0;
    for _ in 0..cut {
        journal.append(b"theirs");
    }
    let mut writer = journal.begin_snapshot(cut, 1).unwrap();
    writer.section(1, b"theirs").unwrap();
    writer.finish().unwrap();
    let name = names::snapshot(cut);
    let content = disk.image().file(&name).unwrap().to_vec();
    (name, content)
}

#[test]
fn a_snapshot_of_another_journal_is_refused_by_everybody_and_put_aside_by_a_repair() {
    for seed in 10..20 {
        let (image, model) = silent_world(seed);
        let (name, content) = foreign_snapshot(model.appended.len() as u64);
        if image.file(&name).is_some() {
            continue;
        }
        let disk = storage(&image);
        disk.create(&name).unwrap().write_at(0, &content).unwrap();
        let refused = |error: &OpenError| matches!(error, OpenError::Corrupt { file, .. } if *file == name);
        assert!(check(Arc::clone(&disk) as _, STATE_VERSION).unwrap().refusal.as_ref().is_some_and(refused));
        assert!(recover(Arc::clone(&disk) as _, options(1, None)).is_err_and(|error| refused(&error)));
        assert!(
            restore(Arc::clone(&disk) as _, Arc::new(SimStorage::new()), STATE_VERSION)
                .is_err_and(|error| refused(&error))
        );
        let shown = dump(Arc::clone(&disk) as _, STATE_VERSION, |_| ControlFlow::Continue(()));
        assert!(shown.is_err_and(|error| refused(&error)));

        let plan = repair_plan(Arc::clone(&disk) as _, STATE_VERSION).unwrap();
        assert_eq!(plan.dropped().iter().map(|dropped| &dropped.file).collect::<Vec<_>>(), [&name]);
        assert_eq!(plan.keeps(), model.appended.len() as u64);
        plan.carry_out().unwrap();
        assert!(check(disk, STATE_VERSION).unwrap().is_sound());
    }
}

#[test]
fn an_id_of_another_journal_is_written_anew_where_all_segments_have_one_of_their_own() {
    for seed in 10..14 {
        let (image, model) = silent_world(seed);
        let disk = storage(&image);
        crate::identity::write(&Store::new(Arc::clone(&disk) as _, STATE_VERSION), Identity { cluster: 8, node: 9 })
            .unwrap();
        assert!(recover(Arc::clone(&disk) as _, options(1, None)).is_err());
        let plan = repair_plan(Arc::clone(&disk) as _, STATE_VERSION).unwrap();
        assert!(plan.dropped().is_empty(), "{:?}", plan.dropped());
        assert_eq!(plan.keeps(), model.appended.len() as u64);
        plan.carry_out().unwrap();
        assert!(recover(disk, options(1, None)).is_ok());
    }
}

#[test]
fn a_dump_shows_every_record_since_the_snapshot() {
    for seed in 10..20 {
        let (image, model) = silent_world(seed);
        let mut records = Vec::new();
        let mut cut = 0;
        dump(storage(&image), STATE_VERSION, |dumped| {
            match dumped {
                Dumped::Snapshot { cut: at } => cut = at,
                Dumped::Record { lsn, bytes } => records.push((lsn, bytes.to_vec())),
                Dumped::Section { .. } | Dumped::Segment { .. } | Dumped::Batch { .. } => {}
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        let shown: Vec<_> = records.into_iter().filter(|(lsn, _)| *lsn > cut).collect();
        let expected: Vec<_> = (1..).zip(model.appended).filter(|(lsn, _)| *lsn > cut).collect();
        assert_eq!(shown, expected);
    }
}

#[test]
fn a_dump_ends_where_nobody_wants_more_of_it() {
    let (image, _) = silent_world(11);
    let mut shown = 0;
    dump(storage(&image), STATE_VERSION, |_| {
        shown += 1;
        if shown < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })
    .unwrap();
    assert_eq!(shown, 3);
}

#[test]
fn a_backup_of_a_journal_that_goes_on_is_a_journal_with_all_that_was_appended_before() {
    for seed in 0..30 {
        let (mut world, model) = world(seed, 150);
        let target = SimStorage::new();
        let identity = super::world::options(0, None).identity;
        let report = backup(&world.shared, identity, Arc::new(target.clone())).unwrap();
        let before = model.lock().clone();
        let count = before.appended.len() as u64;
        assert_eq!(report.last_lsn, count);
        world.run(30).unwrap_or_else(|ended| panic!("{ended:?}"));

        let copy = SimStorage::of(target.image().after_power_cut(seed));
        let (_, last) = start(&copy, options(seed, None), &before, count).unwrap();
        assert_eq!(last, count);

        let restored = SimStorage::new();
        assert_eq!(
            restore(Arc::new(target.clone()), Arc::new(restored.clone()), STATE_VERSION).unwrap().last_lsn,
            count
        );
        start(&restored, options(seed, None), &before, count).unwrap();
        let again = restore(Arc::new(target), Arc::new(restored), STATE_VERSION).unwrap_err();
        assert!(matches!(again, OpenError::NotEmpty { .. }), "{again}");
    }
}

#[test]
fn a_backup_that_was_interrupted_is_not_taken_for_one() {
    let (world, _) = world(5, 150);
    let target = SimStorage::new();
    let images: Arc<Mutex<Vec<Image>>> = Arc::default();
    let seen = Arc::clone(&images);
    target.observe(Some(Arc::new(move |image: &Image, _| seen.lock().push(image.clone()))));
    backup(&world.shared, options(0, None).identity, Arc::new(target)).unwrap();
    let images = images.lock();
    let model = Model { appended: Vec::new(), ..Model::default() };
    let mut refused = 0;
    for (seed, image) in images.iter().enumerate() {
        let left = SimStorage::of(image.after_power_cut(seed as u64));
        // With nothing of it left, it is an empty directory; with all of it, it is a backup.
        let names: Vec<String> = left.image().names().map(str::to_owned).collect();
        let is_partly_there = names.iter().any(|name| name.starts_with("segment")) && !names.contains(&"id".to_owned());
        if is_partly_there {
            assert!(start(&left, options(1, None), &model, 0).err().unwrap().contains("`id` is damaged"));
            refused += 1;
        }
    }
    assert!(refused > 3, "{refused}");
}

#[test]
fn a_restore_of_a_damaged_backup_is_refused() {
    let (image, _) = silent_world(11);
    let segment = image.names().filter(|name| name.starts_with("segment")).last().unwrap().to_owned();
    let mut flipped = image.clone();
    flipped.flip_bit(&segment, (4096 + 100) * 8);
    let target = SimStorage::new();
    let error = restore(storage(&flipped), Arc::new(target.clone()), STATE_VERSION).unwrap_err();
    assert!(matches!(&error, OpenError::Corrupt { file, .. } if *file == segment), "{error}");
    assert_eq!(target.bytes(), 0);
}

#[test]
fn a_repair_keeps_what_it_said_and_nothing_is_deleted() {
    let mut repaired = 0;
    for seed in 10..16 {
        let (image, model) = silent_world(seed);
        let mut chance = Chance::new(seed);
        for name in image.names().map(str::to_owned).collect::<Vec<_>>() {
            let bits = bits_of(&name, image.file(&name).expect("it was listed"), &mut chance);
            for bit in bits.into_iter().filter(|_| chance.once_in(16)) {
                let mut flipped = image.clone();
                flipped.flip_bit(&name, bit);
                repaired += u64::from(repair(&flipped, &model, &format!("seed {seed}, {name}, bit {bit}")));
            }
            let mut removed = image.clone();
            removed.remove(&name);
            repaired += u64::from(repair(&removed, &model, &format!("seed {seed}, without {name}")));
        }
    }
    assert!(repaired > 500, "{repaired}");
}

/// True when a repair was needed and possible.
fn repair(damaged: &Image, model: &Model, what: &str) -> bool {
    let disk = storage(damaged);
    let Ok(plan) = repair_plan(Arc::clone(&disk) as _, STATE_VERSION) else { return false };
    assert_eq!(disk.ops(), 0, "{what}: a plan changes nothing");
    let (is_needed, keeps, dropped) = (plan.is_needed(), plan.keeps(), plan.dropped().to_vec());
    plan.carry_out().unwrap_or_else(|error| panic!("{what}: {error}"));
    for drop in dropped.iter().filter(|drop| drop.bytes > 0) {
        let kept = disk.image().names().any(|name| name.starts_with("aside-") && name.ends_with(&drop.file));
        assert!(kept, "{what}: {drop} is gone");
    }
    let (_, last) = start(&disk, options(1, None), model, 0).unwrap_or_else(|why| panic!("{what}: {why}"));
    assert_eq!(last, keeps, "{what}");
    is_needed
}

#[test]
fn whatever_moment_the_power_is_cut_in_a_repair_all_that_was_there_is_there_still() {
    let mut crashes = 0;
    for seed in 10..14 {
        // Finished, so a power cut takes nothing; and from then on all of it is durable.
        let whole = silent_world(seed).0.after_power_cut(seed);
        let mut chance = Chance::new(seed);
        for name in whole.names() {
            let bits = bits_of(name, whole.file(name).expect("it was listed"), &mut chance);
            for bit in bits.into_iter().step_by(61) {
                let mut damaged = whole.clone();
                damaged.flip_bit(name, bit);
                crashes += cut_short(&damaged, &mut chance, &format!("seed {seed}, {name}, bit {bit}"));
            }
        }
    }
    assert!(crashes > 2_000, "{crashes}");
}

/// Cuts the power at every operation of a repair, and looks for every file: under its name, or aside. How often it did.
fn cut_short(damaged: &Image, chance: &mut Chance, what: &str) -> usize {
    let disk = storage(damaged);
    let Ok(plan) = repair_plan(Arc::clone(&disk) as _, STATE_VERSION) else { return 0 };
    let moments: Arc<Mutex<Vec<Image>>> = Arc::default();
    let seen = Arc::clone(&moments);
    disk.observe(Some(Arc::new(move |image: &Image, _| seen.lock().push(image.clone()))));
    plan.carry_out().unwrap_or_else(|error| panic!("{what}: {error}"));
    disk.observe(None);
    let mut moments = std::mem::take(&mut *moments.lock());
    moments.push(disk.image());
    for (operation, image) in moments.iter().enumerate() {
        for _ in 0..6 {
            let seed = chance.next();
            let left = image.after_power_cut(seed);
            for name in damaged.names() {
                let mut names = left.names().filter(|there| there.starts_with("aside-") || *there == name);
                let is_there = names.any(|there| there.ends_with(name) && left.file(there) == damaged.file(name));
                assert!(is_there, "{what}: `{name}` is gone after a power cut at operation {operation}, seed {seed}");
            }
        }
    }
    moments.len()
}

#[test]
fn a_later_repair_keeps_what_an_earlier_one_put_aside() {
    let (mut image, model) = silent_world(11);
    let segment = image.names().find(|name| name.starts_with("segment")).unwrap().to_owned();
    let mut originals = Vec::new();
    for byte in [30, 40, 50] {
        for name in ["id", &segment] {
            image.flip_bit(name, byte * 8);
            originals.push(image.file(name).unwrap().to_vec());
        }
        let disk = storage(&image);
        let plan = repair_plan(Arc::clone(&disk) as _, STATE_VERSION).unwrap();
        assert_eq!(plan.keeps(), model.appended.len() as u64);
        assert_eq!(plan.carry_out().unwrap().len(), 2);
        image = disk.image();
    }
    for (number, original) in originals.iter().enumerate() {
        let is_kept = image.names().any(|name| image.file(name) == Some(original.as_slice()));
        assert!(is_kept, "original {number} is gone");
    }
}

#[test]
fn a_journal_of_nothing_but_noise_is_not_repaired_into_an_empty_one() {
    let (mut image, _) = silent_world(12);
    let names: Vec<String> = image.names().map(str::to_owned).collect();
    for name in names.iter().filter(|name| name.starts_with("segment") || name.ends_with(".rbq")) {
        image.flip_bit(name, 64);
    }
    assert!(repair_plan(storage(&image), STATE_VERSION).is_err());
    assert!(recover(storage(&image), options(1, None)).is_err());
    assert!(!check(storage(&image), STATE_VERSION).unwrap().is_sound());
}
