//! What is refused, and in which words.

use std::sync::Arc;

use parking_lot::Mutex;

use super::world::{Model, World, options};
use crate::recover::recover;
use crate::sim::{Image, SimStorage};

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
