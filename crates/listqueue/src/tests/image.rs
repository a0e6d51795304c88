//! Blocks written out and read back, whole or damaged.

use crate::{BLOCK_BYTES, BlockKind, BlockRef, Corrupt, End, List, ListBuilder, PACKED_BYTES_MAX};
use bytes::Bytes;
use proptest::prelude::*;

/// A block as a snapshot would store it.
type Stored = (BlockKind, usize, Vec<u8>);

fn stored(list: &List) -> Vec<Stored> {
    list.blocks().map(|block| (block.kind(), block.count(), block.bytes().to_vec())).collect()
}

fn load(blocks: &[Stored]) -> Result<List, Corrupt> {
    List::from_blocks(blocks.iter().map(|(kind, count, bytes)| BlockRef::new(*kind, *count, bytes)))
}

fn mixed() -> List {
    let mut list = List::with_block_bytes(256);
    for i in 0..200usize {
        list.push(End::Tail, &vec![i as u8; [0, 3, 70, 127, 128, 200, 400][i % 7]]);
    }
    list
}

fn refusal(kind: BlockKind, count: usize, bytes: &[u8]) -> Corrupt {
    List::from_blocks([BlockRef::new(kind, count, bytes)]).expect_err("not a sound block")
}

#[test]
fn a_list_is_read_back_from_its_blocks() {
    let mut list = mixed();
    list.discard(End::Head, 3);
    list.discard(End::Tail, 2);
    let loaded = load(&stored(&list)).expect("own blocks");
    assert!(loaded == list);
    loaded.audit();
    // A loaded list is a list like any other.
    let mut loaded = loaded;
    loaded.push(End::Head, b"head");
    loaded.push(End::Tail, b"tail");
    assert_eq!((loaded.len(), loaded.remove(0, b"head")), (list.len() + 2, 1));
    loaded.audit();
}

#[test]
fn every_damage_has_its_name() {
    let mut list = List::new();
    list.push_all(End::Tail, ["one", "two", "three"].map(str::as_bytes));
    let bytes = list.blocks().next().expect("one block").bytes().to_vec();
    let packed = BlockKind::Packed;
    assert_eq!(refusal(packed, 0, &[]), Corrupt::Empty);
    assert_eq!(refusal(packed, 2, &bytes), Corrupt::Count { declared: 2, found: 3 });
    assert_eq!(refusal(packed, 3, &bytes[1..]), Corrupt::Entry { at: 0 });
    assert_eq!(refusal(packed, 3, &bytes[..bytes.len() - 1]), Corrupt::Entry { at: 10 });
    let long = vec![0; PACKED_BYTES_MAX + 2];
    assert_eq!(refusal(packed, 1, &long), Corrupt::TooLong { bytes: long.len() });
    assert_eq!(refusal(BlockKind::Large, 2, b"xy"), Corrupt::Count { declared: 2, found: 1 });
    assert_eq!(refusal(packed, 3, &bytes[1..]).to_string(), "list block with a malformed entry at byte 0");
}

#[test]
fn a_refused_block_leaves_the_builder_as_it_was() {
    let mut builder = ListBuilder::new();
    let entry = [1, b'x', 1];
    builder.push(BlockRef::new(BlockKind::Packed, 1, &entry)).expect("sound");
    builder.push(BlockRef::new(BlockKind::Packed, 9, &entry)).expect_err("wrong count");
    builder.push(BlockRef::new(BlockKind::Packed, 1, &[1, b'x', 2])).expect_err("wrong mirror");
    assert_eq!(builder.finish().len(), 1);
}

#[test]
fn a_block_cut_anywhere_is_refused() {
    for (kind, count, bytes) in stored(&mixed()).into_iter().take(8) {
        for cut in 0..bytes.len() {
            let loaded = load(&[(kind, count, bytes[..cut].to_vec())]);
            assert!(loaded.is_err() || kind == BlockKind::Large, "cut at {cut}");
        }
    }
}

#[test]
fn a_large_element_is_loaded_without_a_copy() {
    let large = Bytes::from(vec![1; 50_000]);
    let list = List::from_blocks([BlockRef::new_shared(BlockKind::Large, 1, &large)]);
    let popped = list.expect("sound").pop(End::Head).expect("one");
    assert_eq!(popped.as_ptr(), large.as_ptr());
}

#[test]
fn crumbs_in_a_file_become_whole_blocks() {
    let crumbs = vec![(BlockKind::Packed, 1, vec![1, b'x', 1]); 5000];
    let list = load(&crumbs).expect("sound");
    assert_eq!(list.len(), 5000);
    assert!(list.blocks().count() <= 4);
    let crumbs = vec![(BlockKind::Large, 1, vec![b'x']); 5000];
    assert!(load(&crumbs).expect("sound") == list);
    list.audit();
}

#[test]
fn blocks_cut_by_another_measure_are_packed_anew() {
    let mut wide = List::with_block_bytes(16 * 1024);
    for i in 0..40usize {
        wide.push(End::Tail, &vec![i as u8; i * 400]);
    }
    let loaded = load(&stored(&wide)).expect("sound");
    assert!(loaded == wide);
    loaded.audit();
}

#[test]
fn loading_costs_no_more_room_than_filling() {
    let mut list = List::new();
    (0..100_000).for_each(|_| list.push(End::Tail, &[7; 64]));
    let loaded = load(&stored(&list)).expect("sound");
    assert!(loaded.memory_bytes() <= list.memory_bytes() + BLOCK_BYTES);
    loaded.audit();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_is_refused_or_loads_as_a_sound_list(
        at in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        count in prop::option::of(0..400usize),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut blocks = stored(&mixed());
        let block = at.index(blocks.len());
        let (_, declared, bytes) = &mut blocks[block];
        *declared = count.unwrap_or(*declared);
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        for (at, value) in flips {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
        }
        if let Ok(list) = load(&blocks) {
            list.audit();
            prop_assert_eq!(list.len(), blocks.iter().map(|(_, count, _)| count).sum::<usize>());
        }
    }

    #[test]
    fn noise_is_refused_or_loads_as_a_sound_list(
        count in 0..20usize,
        noise in prop::collection::vec(prop_oneof![3 => 0..4u8, 1 => any::<u8>()], 0..40),
    ) {
        if let Ok(list) = load(&[(BlockKind::Packed, count, noise.clone())]) {
            list.audit();
            prop_assert_eq!(stored(&list), vec![(BlockKind::Packed, count, noise)]);
        }
    }
}
