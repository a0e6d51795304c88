//! One flipped bit, anywhere: refused, or of no consequence; never served.

use std::sync::Arc;

use parking_lot::Mutex;

use super::world::{Crash, Ended, Model, World, compare, options, turn_and_sync};
use crate::batch;
use crate::chance::Chance;
use crate::error::OpenError;
use crate::examine::examine;
use crate::fault::Fault;
use crate::recover::{Recovered, recover};
use crate::sim::{Image, SimStorage};

/// What flips came to.
#[derive(Default)]
pub(super) struct Flips {
    pub refused: u64,
    pub harmless: u64,
    pub wrong: Vec<String>,
}

/// A journal that has fallen silent: everything in it is acknowledged, and noted.
pub(super) fn silent_world(seed: u64) -> (Image, Model) {
    let model: Arc<Mutex<Model>> = Arc::default();
    let world = World::begin(seed, SimStorage::new(), Arc::clone(&model), None);
    let mut world = world.unwrap_or_else(|ended| panic!("{ended:?}"));
    let quiet = |world: &mut World| -> Result<(), Ended> {
        world.run(400)?;
        world.settle(world.shared.appended())?;
        Ok(world.log.finish()?)
    };
    quiet(&mut world).unwrap_or_else(|ended| panic!("{ended:?}"));
    let model = model.lock().clone();
    (world.storage.image(), model)
}

/// Every bit of every header of a file, and some of the rest.
pub(super) fn bits_of(name: &str, content: &[u8], chance: &mut Chance) -> Vec<usize> {
    let mut bits = Vec::new();
    let mut all = |from: usize, to: usize| bits.extend(from * 8..to.min(content.len()) * 8);
    if name.starts_with("segment") {
        all(0, 128);
        all(4092, 4096);
        for at in (4096..content.len().saturating_sub(batch::HEADER_BYTES)).step_by(batch::ALIGN) {
            if content[at..at + 4] == batch::MAGIC {
                all(at, at + batch::HEADER_BYTES);
            }
        }
    } else {
        all(0, 160);
        all(content.len().saturating_sub(64), content.len());
        all(4096, 4096 + 64);
    }
    bits.extend((0..200).map(|_| usize::try_from(chance.below(content.len() as u64 * 8)).expect("it is small")));
    bits.retain(|bit| *bit < content.len() * 8);
    bits
}

/// Flips bits, one at a time, and starts the journal each time.
pub(super) fn flips(seed: u64, fault: Option<Fault>) -> Flips {
    let (image, model) = silent_world(seed);
    let mut chance = Chance::new(seed);
    let mut flips = Flips::default();
    for name in image.names().map(str::to_owned).collect::<Vec<_>>() {
        let content = image.file(&name).expect("it was listed").to_vec();
        for bit in bits_of(&name, &content, &mut chance) {
            let mut flipped = image.clone();
            flipped.flip_bit(&name, bit);
            match served(flipped, &model, seed, fault) {
                Ok(true) => flips.harmless += 1,
                Ok(false) => flips.refused += 1,
                Err(what) => flips.wrong.push(format!("{name}, bit {bit} of byte {}: {what}", bit / 8)),
            }
        }
    }
    flips
}

/// True when all that was acknowledged is served, false when nothing is.
fn served(image: Image, model: &Model, seed: u64, fault: Option<Fault>) -> Result<bool, String> {
    match examine(Arc::new(SimStorage::of(image)), options(seed, fault)) {
        Err(OpenError::Corrupt { .. } | OpenError::Newer { .. }) => Ok(false),
        Err(other) => Err(other.to_string()),
        Ok(mut examined) => match compare(&mut examined, &model.appended) {
            Err(why) if why.starts_with("refused") => Ok(false),
            Err(why) => Err(why),
            Ok(last) if last < model.least(Crash::PowerCut) => {
                Err(format!("acknowledged records after {last} are gone"))
            }
            Ok(_) => Ok(true),
        },
    }
}

#[test]
fn every_flipped_bit_is_refused_or_of_no_consequence() {
    let mut kinds: Vec<String> = Vec::new();
    for seed in [3, 4, 12] {
        kinds.extend(silent_world(seed).0.names().map(|name| name.split('-').next().unwrap_or_default().to_owned()));
        let flips = flips(seed, None);
        assert!(
            flips.wrong.is_empty(),
            "{} served, the first ones:\n{}",
            flips.wrong.len(),
            flips.wrong[..flips.wrong.len().min(8)].join("\n")
        );
        assert!(
            flips.refused > 2_000 && flips.harmless > 500,
            "{} refused, {} harmless",
            flips.refused,
            flips.harmless
        );
    }
    for kind in ["id", "durable", "segment", "spare", "snapshot"] {
        assert!(kinds.iter().any(|name| name == kind), "no {kind} was among the files");
    }
}

/// The batches of a journal that was killed before anything of it was noted, one record in each; and where each begins.
fn killed_world(batches: usize) -> (Image, String, Vec<usize>) {
    let disk = SimStorage::new();
    let Recovered { shared, mut log, .. } = recover(Arc::new(disk.clone()), options(1, None)).unwrap();
    for number in 0..batches {
        let lsn = shared.append(&[number as u8; 40]);
        while shared.synced() < lsn {
            turn_and_sync(&mut log, 1).unwrap();
        }
    }
    let image = disk.image().after_kill();
    let name = image.names().find(|name| name.starts_with("segment")).unwrap().to_owned();
    let content = image.file(&name).unwrap();
    let begins = |at: &usize| content[*at..*at + 4] == batch::MAGIC;
    let starts: Vec<usize> = (4096..content.len() - 4).step_by(batch::ALIGN).filter(begins).collect();
    assert_eq!(starts.len(), batches);
    (image, name, starts)
}

#[test]
fn damage_that_only_a_later_batch_vouches_against_is_refused() {
    for batches in [2, 3, 9] {
        let (image, name, starts) = killed_world(batches);
        for (damaged, start) in starts.iter().enumerate() {
            for byte in [20, batch::HEADER_BYTES + 10] {
                let mut flipped = image.clone();
                flipped.flip_bit(&name, (start + byte) * 8);
                let begun = recover(Arc::new(SimStorage::of(flipped)), options(2, None));
                match begun {
                    Err(OpenError::Corrupt { offset, .. }) => assert_eq!(offset, *start as u64),
                    Err(other) => panic!("{other}"),
                    // Nothing tells whether the last one was ever whole.
                    Ok(begun) => {
                        assert_eq!(damaged + 1, batches, "batch {damaged} of {batches}, byte {byte}");
                        assert_eq!(begun.report.last_lsn, damaged as u64);
                    }
                }
            }
        }
    }
}
