//! What lies in memory after long or hostile sequences: few blocks, little room, nothing moved in vain.

use crate::{BLOCK_BYTES, BlockKind, End, List, Place};

fn blocks(list: &List) -> usize {
    list.blocks().count()
}

#[test]
fn a_list_of_one_short_element_is_small() {
    let mut list = List::new();
    assert_eq!(list.memory_bytes(), size_of::<List>());
    list.push(End::Tail, b"hello");
    assert!(list.memory_bytes() <= 216, "{}", list.memory_bytes());
    // And does not stay big for having been long.
    (0..100_000).for_each(|_| list.push(End::Tail, &[7; 64]));
    list.discard(End::Tail, 100_000);
    assert!(list.memory_bytes() <= 3 * 1024, "{}", list.memory_bytes());
    list.audit();
}

#[test]
fn a_full_block_leaves_no_room_for_one_more() {
    for end in [End::Head, End::Tail] {
        let mut list = List::new();
        (0..100_000).for_each(|_| list.push(end, &[7; 64]));
        let counts: Vec<usize> = list.blocks().map(|block| block.count()).collect();
        let inner = &counts[1..counts.len() - 1];
        assert!(inner.iter().all(|&count| count == BLOCK_BYTES / 66), "{end:?}");
        let per_element = list.memory_bytes() as f64 / 100_000.0;
        assert!(per_element < 67.0, "{end:?} {per_element}");
    }
}

#[test]
fn elements_of_any_middle_size_waste_little() {
    for len in (100..BLOCK_BYTES).step_by(97) {
        let mut list = List::new();
        (0..400).for_each(|_| list.push(End::Tail, &vec![7; len]));
        let per_element = list.memory_bytes() as f64 / 400.0;
        let allowed = (len as f64 + 4.0) * 1.20 + 150.0;
        assert!(per_element <= allowed, "{len}: {per_element}");
        list.audit();
    }
}

#[test]
fn a_queue_both_of_whose_ends_are_pushed_stays_whole() {
    let mut list = List::new();
    for i in 0..20_000u32 {
        list.push(if i % 2 == 0 { End::Head } else { End::Tail }, &i.to_le_bytes());
    }
    // 6 bytes an entry.
    assert!(blocks(&list) <= 20_000 * 6 / BLOCK_BYTES + 3, "{}", blocks(&list));
    list.audit();
}

#[test]
fn inserting_at_one_pivot_for_ever_leaves_blocks_half_full() {
    for place in [Place::Before, Place::After] {
        let mut list: List = (0..1000).map(|i| format!("{i:060}")).collect();
        let pivot = format!("{:060}", 500);
        for i in 0..5000 {
            list.insert(place, pivot.as_bytes(), format!("new {i:056}").as_bytes());
        }
        let least = 6000 * 62 / BLOCK_BYTES;
        assert!(blocks(&list) <= 2 * least + 4, "{place:?}: {} for {least}", blocks(&list));
        list.audit();
    }
}

#[test]
fn removing_most_of_every_block_merges_them() {
    let mut list = List::new();
    for i in 0..50_000 {
        list.push(End::Tail, if i % 100 == 0 { b"kept" } else { b"gone" });
    }
    assert_eq!(list.remove(0, b"gone"), 49_500);
    assert!(blocks(&list) <= 3, "{}", blocks(&list));
    assert!(list.memory_bytes() <= 8 * 1024, "{}", list.memory_bytes());
    list.audit();
}

#[test]
fn removing_one_by_one_merges_too() {
    let mut list: List = (0..20_000).map(|i| format!("{i:060}")).collect();
    for i in (0..20_000).filter(|i| i % 50 != 0) {
        assert_eq!(list.remove(1, format!("{i:060}").as_bytes()), 1);
    }
    assert_eq!(list.len(), 400);
    assert!(blocks(&list) <= 400 * 62 * 2 / BLOCK_BYTES + 3, "{}", blocks(&list));
    list.audit();
}

#[test]
fn setting_long_elements_to_short_ones_gives_the_room_back() {
    let mut list = List::new();
    (0..10_000).for_each(|_| list.push(End::Tail, &[7; 64]));
    for index in 0..10_000 {
        assert!(list.set(index, b""));
    }
    assert!(list.memory_bytes() <= 64 * 1024, "{}", list.memory_bytes());
    assert!(blocks(&list) <= 8, "{}", blocks(&list));
    list.audit();
}

#[test]
fn setting_every_other_element_large_and_back_leaves_no_crumbs() {
    let mut list: List = (0..500).map(|i| format!("{i:060}")).collect();
    for index in (0..500).step_by(2) {
        assert!(list.set(index, &[7; 9000]));
    }
    assert_eq!(list.blocks().filter(|block| block.kind() == BlockKind::Large).count(), 250);
    assert!(list.memory_bytes() <= 250 * 9000 + 250 * 300 + 20_000, "{}", list.memory_bytes());
    list.audit();
    for index in (0..500).step_by(2) {
        assert!(list.set(index, b"short again"));
    }
    assert!(blocks(&list) <= 10, "{}", blocks(&list));
    assert!(list.memory_bytes() <= 80 * 1024, "{}", list.memory_bytes());
    list.audit();
}

#[test]
fn short_between_large_take_small_buffers() {
    let mut list = List::new();
    for _ in 0..200 {
        list.push(End::Tail, &[7; 9000]);
        list.push(End::Tail, b"short");
    }
    assert!(list.memory_bytes() <= 200 * (9000 + 64 + 2 * 64) + 10_000, "{}", list.memory_bytes());
    list.audit();
}

#[test]
fn indices_stay_right_through_edits_on_either_side() {
    let mut list: List = (0..3000).map(|i| format!("{i:060}")).collect();
    for at in [10, 2990, 1500, 0, 2999] {
        let pivot = format!("{at:060}");
        assert!(list.insert(Place::Before, pivot.as_bytes(), b"new").is_some());
        list.audit();
        assert_eq!(list.remove(1, b"new"), 1);
        list.audit();
        assert_eq!(list.get(at).expect("inside"), pivot);
    }
}

#[test]
fn the_estimate_of_bytes_is_near() {
    let mut list = List::new();
    for i in 0..10_000usize {
        list.push(End::Tail, &vec![7; 20 + i % 100]);
    }
    for (start, stop) in [(0, -1), (100, 200), (5000, 9999), (0, 0), (-10, -1)] {
        let exact: usize = list.range(start, stop).map(|e| e.len()).sum();
        let estimate = list.bytes_in(start, stop);
        let slack = exact / 10 + 120;
        assert!(estimate.abs_diff(exact) <= slack, "{start} {stop}: {estimate} for {exact}");
    }
    list.push(End::Tail, &[7; 50_000]);
    assert_eq!(list.bytes_in(-1, -1), 50_000);
}

#[test]
fn the_encoding_changes_at_8_kib_and_back_at_half() {
    let mut list = List::new();
    let fill = |list: &mut List, until: usize| {
        while list.listpack_bytes() + 67 <= until {
            list.push(End::Tail, &[b'x'; 64]);
        }
    };
    fill(&mut list, 8192);
    assert_eq!(list.redis_encoding().as_str(), "listpack");
    list.push(End::Tail, &[b'x'; 64]);
    assert_eq!(list.redis_encoding().as_str(), "quicklist");
    while list.listpack_bytes() > 4096 {
        assert_eq!(list.redis_encoding().as_str(), "quicklist");
        list.pop(End::Head);
    }
    assert_eq!(list.redis_encoding().as_str(), "listpack");
    fill(&mut list, 8192);
    assert_eq!(list.redis_encoding().as_str(), "listpack");
}
