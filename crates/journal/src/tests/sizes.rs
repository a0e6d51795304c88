//! Sizes that are accepted work, whichever they are; others are refused by name.

use std::sync::Arc;

use super::world::{Model, SIZES, options, start, turn_and_sync};
use crate::chance::Chance;
use crate::error::OpenError;
use crate::examine::examine;
use crate::log::Turn;
use crate::options::{BATCH_BYTES_MIN, Options, SEGMENT_BYTES_MAX, Sizes};
use crate::recover::{Recovered, found};
use crate::segment;
use crate::shelf::{Prepared, Purpose};
use crate::sim::SimStorage;

fn with(seed: u64, sizes: Sizes) -> Options {
    Options { sizes, ..options(seed, None) }
}

/// Sizes within the bounds, often at one, and small enough that a few records go through several segments.
fn any_sizes(chance: &mut Chance) -> Sizes {
    let mut above = |min: u64, by: u64| if chance.once_in(3) { min } else { min + chance.below(by) };
    let batch = above(u64::from(BATCH_BYTES_MIN), 1_500);
    let segment_min = segment::HEADER_BYTES + 2 * batch;
    Sizes {
        segment_first_bytes: above(segment_min, 9_000),
        segments_of_a_size: above(1, 3),
        segment_bytes: above(segment_min, 20_000),
        batch_bytes_max: u32::try_from(batch).expect("it is small"),
        in_flight_bytes_max: above(batch, 9_000),
    }
}

#[test]
fn a_log_goes_on_and_comes_back_with_all_sizes_that_are_accepted() {
    let mut segments = 0;
    for seed in 0..150 {
        let mut chance = Chance::new(seed);
        let storage = SimStorage::new();
        let mut model = Model::default();
        // Each life has sizes of its own.
        for life in 0..3 {
            let sizes = any_sizes(&mut chance);
            let least = model.appended.len() as u64;
            let started = start(&storage, with(chance.next(), sizes), &model, least);
            let (recovered, _) = started.unwrap_or_else(|why| panic!("seed {seed}, life {life}, {sizes:?}: {why}"));
            let Recovered { shared, mut log, .. } = recovered;
            for _ in 0..20 {
                let bytes_max = [20, 900, 9_000][usize::try_from(chance.below(3)).expect("it is small")];
                let bytes = chance.below(bytes_max);
                let mut tries = 0;
                while shared.admit(bytes, Purpose::Add).is_err() {
                    assert_eq!(shared.shelf.prepare(), Prepared::Made, "seed {seed}, {sizes:?}");
                    tries += 1;
                    assert!(tries < 100, "seed {seed}, {sizes:?}: {bytes} bytes never have room");
                }
                let record = vec![chance.next() as u8; usize::try_from(bytes).expect("it is small")];
                let lsn = shared.append(&record);
                model.appended.push(record);
                let mut turns = 0;
                while !chance.once_in(3) && shared.synced() < lsn {
                    // What was admitted has room: no file is made meanwhile.
                    assert_ne!(turn_and_sync(&mut log, 1).unwrap(), Turn::NeedsSegment, "seed {seed}, {sizes:?}");
                    turns += 1;
                    assert!(turns < 100, "seed {seed}, {sizes:?}");
                }
            }
            while shared.synced() < shared.appended() {
                assert_ne!(turn_and_sync(&mut log, 1).unwrap(), Turn::NeedsSegment, "seed {seed}, {sizes:?}");
            }
            assert!(shared.in_flight() == 0 && !shared.is_congested() || shared.shelf.prepare() == Prepared::Made);
            segments += shared.catalog.segments();
            drop((log, shared));
            storage.restore(storage.image().after_power_cut(seed));
        }
    }
    assert!(segments > 1_000, "{segments}");
}

#[test]
fn sizes_out_of_bounds_are_refused_by_name_before_anything_is_made() {
    let batch = SIZES.batch_bytes_max;
    let segment_min = segment::HEADER_BYTES + 2 * u64::from(batch);
    let refused = [
        (Sizes { batch_bytes_max: 0, ..SIZES }, "`batch_bytes_max` is 0, and must be at least 256"),
        (Sizes { batch_bytes_max: 255, ..SIZES }, "`batch_bytes_max` is 255, and must be at least 256"),
        (Sizes { segments_of_a_size: 0, ..SIZES }, "`segments_of_a_size` is 0, and must be at least 1"),
        (Sizes { in_flight_bytes_max: 0, ..SIZES }, "`in_flight_bytes_max` is 0, and must be at least 1024"),
        (Sizes { segment_first_bytes: 0, ..SIZES }, "`segment_first_bytes` is 0, and must be at least 6144"),
        (Sizes { segment_bytes: segment_min - 1, ..SIZES }, "`segment_bytes` is 6143, and must be at least 6144"),
        (
            Sizes { segment_bytes: SEGMENT_BYTES_MAX + 1, ..SIZES },
            "`segment_bytes` is 1099511627777, and must be at most 1099511627776",
        ),
        // Plausible at a glance: the default batch, and segments as large.
        (
            Sizes { segment_first_bytes: 1 << 20, segment_bytes: 1 << 20, ..Sizes::default() },
            "`segment_first_bytes` is 1048576, and must be at least 2101248",
        ),
    ];
    for (sizes, expected) in refused {
        let storage = SimStorage::new();
        let error = examine(Arc::new(storage.clone()), with(1, sizes)).err().unwrap();
        assert_eq!(error.to_string(), expected);
        assert_eq!(storage.ops(), 0);
    }
    Sizes::default().check().unwrap();
    Sizes { segments_of_a_size: u64::MAX, in_flight_bytes_max: u64::MAX, ..SIZES }.check().unwrap();
}

#[test]
fn a_log_is_not_begun_above_a_number_that_leaves_it_few() {
    for above in [u64::MAX / 2 + 1, u64::MAX - 2, u64::MAX - 1, u64::MAX] {
        let storage = SimStorage::new();
        let error = found(Arc::new(storage.clone()), options(1, None), above).err().unwrap();
        assert!(matches!(error, OpenError::Argument { what: "above", .. }), "{error}");
        assert_eq!(storage.ops(), 0);
    }
    let begun = found(Arc::new(SimStorage::new()), options(1, None), u64::MAX / 2).unwrap();
    assert_eq!(begun.shared.append(b"first"), u64::MAX / 2 + 2);
}
