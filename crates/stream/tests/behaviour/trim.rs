//! Trimming, and what an approximate trim amounts to.

use rbq_stream::{Arriving, BlockLimits, RefPolicy, Stream, StreamId, Trim, default_trim_limit};

use crate::stage::{Stage, id};

/// `len` entries in blocks of `per_block`.
fn filled(len: u64, per_block: u32) -> Stage {
    let mut stage = Stage::new();
    stage.limits = BlockLimits { max_entries: per_block, ..BlockLimits::default() };
    for number in 1..=len {
        stage.add(&number.to_string());
    }
    stage
}

fn approximate(stage: &mut Stage, trim: Trim, limit: Option<u64>, policy: RefPolicy) -> u64 {
    let limit = limit.unwrap_or(default_trim_limit(stage.limits));
    let bound = stage.stream.approximate(trim, limit, policy, None);
    bound.map_or(0, |bound| stage.stream.trim(bound, policy))
}

/// An append with an approximate trim after it.
fn add_trimming(stage: &mut Stage, text: &str, trim: Trim, limit: Option<u64>) {
    let arriving = Arriving { id: id(text), payload: 2, limits: stage.limits };
    let limit = limit.unwrap_or(default_trim_limit(stage.limits));
    let bound = stage.stream.approximate(trim, limit, RefPolicy::Keep, Some(arriving));
    stage.add(text);
    if let Some(bound) = bound {
        stage.stream.trim(bound, RefPolicy::Keep);
    }
}

#[test]
fn whole_blocks_go() {
    let mut stage = filled(1000, 100);
    stage.stream.trim(Trim::MaxLen(666), RefPolicy::Keep);
    stage.stream.trim(Trim::MaxLen(555), RefPolicy::Keep);
    assert_eq!(approximate(&mut stage, Trim::MaxLen(444), None, RefPolicy::Keep), 55);
    assert_eq!(stage.stream.entries().len(), 500);
    assert_eq!(approximate(&mut stage, Trim::MaxLen(400), None, RefPolicy::Keep), 100);
    assert_eq!(approximate(&mut stage, Trim::MaxLen(399), None, RefPolicy::Keep), 0);
}

#[test]
fn the_entry_that_arrives_counts() {
    let mut stage = filled(100, 10);
    add_trimming(&mut stage, "101", Trim::MaxLen(55), Some(30));
    assert_eq!(stage.stream.entries().len(), 71);
    add_trimming(&mut stage, "102", Trim::MaxLen(55), Some(30));
    assert_eq!(stage.stream.entries().len(), 62);
    let mut stage = filled(3, 100);
    add_trimming(&mut stage, "4", Trim::MaxLen(0), Some(1));
    assert_eq!(stage.stream.entries().len(), 4);
    add_trimming(&mut stage, "5", Trim::MaxLen(0), None);
    assert_eq!(stage.stream.entries().len(), 0, "its whole node goes, and it with it");
}

#[test]
fn a_limit_is_never_exceeded() {
    let mut stage = filled(102, 1);
    assert_eq!(approximate(&mut stage, Trim::MaxLen(1), None, RefPolicy::Keep), 100, "a hundred nodes by default");
    let mut stage = filled(3, 2);
    assert_eq!(approximate(&mut stage, Trim::MaxLen(0), Some(1), RefPolicy::Keep), 0);
    assert_eq!(approximate(&mut stage, Trim::MaxLen(0), Some(2), RefPolicy::Keep), 2);
    assert_eq!(approximate(&mut stage, Trim::MaxLen(0), Some(0), RefPolicy::Keep), 1, "no limit");
}

#[test]
fn default_limits() {
    let limit = |max_entries| default_trim_limit(BlockLimits { max_entries, max_bytes: 4096 });
    assert_eq!([limit(100), limit(1), limit(0), limit(u32::MAX)], [10_000, 100, 10_000, 1_000_000]);
}

#[test]
fn by_id_only_blocks_wholly_before_it_go() {
    let mut stage = filled(100, 10);
    assert_eq!(approximate(&mut stage, Trim::MinId(id("55")), None, RefPolicy::Keep), 50);
    assert_eq!(approximate(&mut stage, Trim::MinId(id("60")), None, RefPolicy::Keep), 0);
    assert_eq!(approximate(&mut stage, Trim::MinId(id("61")), None, RefPolicy::Keep), 10);
    assert_eq!(approximate(&mut stage, Trim::MinId(id("999")), None, RefPolicy::Keep), 40);
}

#[test]
fn with_regard_to_groups_each_entry_is_looked_at() {
    // redis/redis #14623.
    let mut stage = filled(5, 2);
    stage.group("g", "0");
    stage.read("g", "c", 9);
    stage.ack("g", "1 2 4");
    assert_eq!(approximate(&mut stage, Trim::MinId(id("6")), None, RefPolicy::Acked), 3);
    assert_eq!(stage.entries(), "3-0 5-0");

    let mut stage = filled(4, 2);
    stage.group("g", "0");
    stage.read("g", "c", 9);
    assert_eq!(approximate(&mut stage, Trim::MinId(id("5")), None, RefPolicy::Drop), 4);
    assert_eq!(stage.pending("g"), "");

    let mut stage = filled(6, 2);
    stage.group("g", "0");
    stage.read("g", "c", 9);
    stage.ack("g", "1 3 4 5 6");
    assert_eq!(approximate(&mut stage, Trim::MaxLen(0), Some(3), RefPolicy::Acked), 3);
    assert_eq!(stage.entries(), "2-0 5-0 6-0");
}

#[test]
fn an_exact_bound_means_the_same_in_other_blocks() {
    let layouts = [1, 3, 100].map(|per_block| filled(60, per_block));
    let trims = [Trim::MaxLen(47), Trim::MinId(id("20")), Trim::MaxLen(33)];
    let after = layouts.map(|mut stage| trims.map(|trim| (stage.stream.trim(trim, RefPolicy::Keep), stage.entries())));
    assert!(after.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn ids_far_from_their_neighbours_are_trimmed_right() {
    let mut stage = Stage::with("1-0 1641544570597-0 1641544570597-1");
    stage.stream.trim(Trim::MinId(id("1641544570597-0")), RefPolicy::Keep);
    assert_eq!(stage.entries(), "1641544570597-0 1641544570597-1");
    let all = "0-1 0-18446744073709551615 1-0 42-0 42-42 18446744073709551615-18446744073709551614 \
               18446744073709551615-18446744073709551615";
    let stage = Stage::with(all);
    assert_eq!(stage.entries(), all.split_whitespace().collect::<Vec<_>>().join(" "));
}

#[test]
fn a_slice_stays_as_it_was() {
    let mut stage = filled(50, 10);
    let slice = stage.stream.entries().slice(id("5"), id("44"), rbq_stream::Order::Forward, 30);
    let shown = |slice: &rbq_stream::Slice| slice.iter().map(|entry| entry.id.ms).collect::<Vec<_>>();
    let before = shown(&slice);
    assert_eq!(before, (5..=34).collect::<Vec<_>>());
    assert_eq!(slice.blocks(), 4, "no more blocks than it shows");
    stage.stream.delete(id("7"));
    stage.add("51");
    stage.stream.trim(Trim::MaxLen(3), RefPolicy::Keep);
    assert_eq!(shown(&slice), before);
    stage.stream = Stream::default();
    assert_eq!(shown(&slice), before);
}

/// The bound of a trim by ID is exclusive, and nothing lies beyond the greatest one.
#[test]
fn the_greatest_id_goes_like_any_other() {
    for policy in [RefPolicy::Keep, RefPolicy::Drop, RefPolicy::Acked] {
        let mut stage = filled(3, 2);
        stage.add(&StreamId::MAX.to_string());
        assert_eq!(stage.stream.trim(Trim::MinId(StreamId::MAX), policy), 3);
        assert_eq!(stage.stream.trim(Trim::MaxLen(0), policy), 1, "{policy:?}");
        assert_eq!(stage.stream.entries().len(), 0);
    }
}
