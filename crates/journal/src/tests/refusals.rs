//! What is refused, and in which words.

use std::sync::Arc;

use parking_lot::Mutex;

use super::world::{Model, World, options};
use crate::recover::recover;
use crate::sim::{Image, SimStorage};
use crate::snapshot_write::SnapshotWriter;

/// A journal of a few segments, without a snapshot.
fn image() -> Image {
    let model: Arc<Mutex<Model>> = Arc::default();
    let mut world = World::begin(1, SimStorage::new(), model, None).unwrap_or_else(|ended| panic!("{ended:?}"));
    for _ in 0..60 {
        world.shared.append(&[7; 300]);
        let lsn = world.shared.appended();
        assert!(world.settle(lsn).unwrap_or_else(|ended| panic!("{ended:?}")));
    }
    world.log.finish().unwrap();
    world.storage.image()
}

fn refusal_without(name: &str) -> String {
    let mut image = image();
    image.remove(name);
    match recover(Arc::new(SimStorage::of(image)), options(1, None)) {
        Ok(_) => panic!("a journal without `{name}` was opened"),
        Err(error) => error.to_string().lines().next().unwrap().to_owned(),
    }
}

#[test]
fn a_missing_file_is_named() {
    let names: Vec<String> = image().names().map(str::to_owned).collect();
    let segments: Vec<&String> = names.iter().filter(|name| name.starts_with("segment")).collect();
    assert!(segments.len() >= 3, "{names:?}");
    assert_eq!(
        refusal_without("id"),
        "`id` is damaged at byte 0: the file is missing; it is made before the first segment, so it was removed later"
    );
    let first = refusal_without(segments[0]);
    assert!(first.contains("there is no snapshot of what was before; records 1 to"), "{first}");
    let middle = refusal_without(segments[1]);
    assert!(middle.contains("the file is missing: segment 1 is followed by segment 3"), "{middle}");
    let last = refusal_without(segments[segments.len() - 1]);
    assert!(last.contains("it was noted that everything up to batch 60 (record 60) was safe"), "{last}");
}

#[test]
fn a_snapshot_of_what_was_before_the_first_record_is_read_and_missed_when_it_is_gone() {
    let model: Arc<Mutex<Model>> = Arc::default();
    let mut world = World::begin(1, SimStorage::new(), model, None).unwrap_or_else(|ended| panic!("{ended:?}"));
    let identity = options(0, None).identity;
    let mut base = SnapshotWriter::begin(Arc::clone(&world.shared), identity, 0, 0).unwrap();
    base.section(1, b"what was there").unwrap();
    base.finish().unwrap();
    world.shared.append(b"first");
    assert!(world.settle(1).unwrap_or_else(|ended| panic!("{ended:?}")));
    world.log.finish().unwrap();
    let mut image = world.storage.image();

    let recovered =
        recover(Arc::new(SimStorage::of(image.clone())), options(1, None)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(recovered.snapshot.unwrap().next().unwrap().unwrap().bytes, "what was there");
    assert_eq!(recovered.replay.map(|record| record.unwrap().0).collect::<Vec<_>>(), [1]);

    image.remove("snapshot-00000000000000000000.rbq");
    let error = recover(Arc::new(SimStorage::of(image)), options(1, None)).err().unwrap().to_string();
    assert!(
        error.starts_with("`snapshot-00000000000000000000.rbq` is damaged at byte 0: the file is missing"),
        "{error}"
    );
}
