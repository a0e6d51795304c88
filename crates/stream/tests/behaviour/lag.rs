//! Lag is the number of entries ahead, always; entries read is what Redis 8 says.

use rbq_stream::{RefPolicy, StreamId, Trim};

use crate::stage::{Stage, id};

#[test]
fn a_group_that_reads_from_the_start_is_told_exactly() {
    let mut stage = Stage::with("1 2 3 4 5");
    stage.group("g", "0");
    assert_eq!(stage.progress("g"), (None, 5));
    stage.read("g", "c", 1);
    assert_eq!(stage.progress("g"), (Some(1), 4));
    stage.read("g", "c", 3);
    assert_eq!(stage.progress("g"), (Some(4), 1));
    stage.add("6 7");
    assert_eq!(stage.progress("g"), (Some(4), 3));
    stage.read("g", "c", 9);
    assert_eq!(stage.progress("g"), (Some(7), 0));
}

#[test]
fn a_group_from_the_middle_has_a_lag_where_redis_has_none() {
    let mut stage = Stage::with("1 2 3 4 5");
    stage.group("g", "3");
    assert_eq!(stage.progress("g"), (None, 2));
    stage.read("g", "c", 1);
    assert_eq!(stage.progress("g"), (None, 1));
    stage.read("g", "c", 1);
    assert_eq!(stage.progress("g"), (Some(5), 0));
}

#[test]
fn deletions_behind_and_ahead_of_the_group() {
    // redis/redis #13337: the tombstone lies after what was read.
    let mut stage = Stage::new();
    stage.group("g", "0");
    stage.add("0-1 0-2");
    stage.read("g", "alice", 9);
    stage.add("0-3 0-4");
    assert_eq!(stage.progress("g"), (Some(2), 2));
    for gone in ["0-1", "0-2"] {
        stage.stream.delete(id(gone));
        assert_eq!(stage.progress("g"), (Some(2), 2));
    }
    stage.stream.delete(id("0-3"));
    assert_eq!(stage.progress("g"), (Some(2), 1));
    stage.read("g", "alice", 9);
    assert_eq!(stage.progress("g"), (Some(4), 0));
}

#[test]
fn trimming_past_a_group_leaves_it_what_remains() {
    // redis/redis #13957: after the next read Redis 7 showed a lag of 3.
    let mut stage = Stage::with("1 2 3 4 5");
    stage.group("g", "0");
    stage.read("g", "c", 1);
    stage.stream.trim(Trim::MaxLen(1), RefPolicy::Keep);
    assert_eq!(stage.progress("g"), (Some(1), 1));
    stage.read("g", "c", 1);
    assert_eq!(stage.progress("g"), (Some(5), 0));
}

#[test]
fn an_entry_deleted_before_it_was_read() {
    // valkey #1951.
    let mut stage = Stage::with("1 2 3 4");
    stage.group("g", "0");
    stage.read("g", "c", 2);
    stage.stream.delete(id("3"));
    assert_eq!(stage.progress("g"), (Some(2), 1));
    stage.read("g", "c", 2);
    assert_eq!(stage.progress("g"), (Some(4), 0));
    stage.add("5");
    assert_eq!(stage.progress("g"), (Some(4), 1));
}

#[test]
fn setting_the_group_back_and_forth() {
    let mut stage = Stage::with("1 2 3 4");
    stage.group("g", "0");
    stage.read("g", "c", 9);
    let mut set = |to: StreamId, read: Option<u64>| {
        stage.stream.group_mut(b"g").unwrap().set_id(to, read);
        stage.progress("g")
    };
    assert_eq!(set(id("2"), None), (None, 2));
    assert_eq!(set(id("0"), Some(0)), (Some(0), 4));
    assert_eq!(set(id("4"), Some(99)), (Some(4), 0), "no more read than added");
    assert_eq!(set(id("1000"), None), (None, 0));
    stage.add("5 6");
    assert_eq!(stage.progress("g"), (None, 0), "a group ahead of the stream has nothing to come");
    stage.add("1001");
    assert_eq!(stage.progress("g"), (None, 1));
}

#[test]
fn ids_that_go_back_on_an_emptied_stream() {
    let mut stage = Stage::with("5 6 7");
    stage.group("g", "5");
    stage.stream.trim(Trim::MaxLen(0), RefPolicy::Keep);
    assert_eq!(stage.progress("g").1, 0);
    stage.stream.set_id(id("3"), None, None).unwrap();
    stage.add("4 5");
    assert_eq!(stage.progress("g").1, 0);
    stage.add("6");
    assert_eq!(stage.progress("g").1, 1);
}

#[test]
fn estimates_of_entries_read() {
    let mut stage = Stage::new();
    let entries = |stage: &Stage, text: &str| stage.stream.entries().estimate_read(id(text));
    assert_eq!(entries(&stage, "7"), Some(0), "nothing was ever added");
    stage.add("1 2 3 4");
    let all: Vec<_> = ["0", "1", "2", "4", "5"].iter().map(|text| entries(&stage, text)).collect();
    assert_eq!(all, [Some(0), Some(1), None, Some(4), None]);
    stage.stream.trim(Trim::MaxLen(2), RefPolicy::Keep);
    let all: Vec<_> = ["0", "2", "3", "4"].iter().map(|text| entries(&stage, text)).collect();
    assert_eq!(all, [Some(2), Some(2), Some(3), Some(4)]);
    stage.stream.delete(id("4"));
    let all: Vec<_> = ["0", "2", "3", "4"].iter().map(|text| entries(&stage, text)).collect();
    assert_eq!(all, [None, None, None, Some(4)]);
}
