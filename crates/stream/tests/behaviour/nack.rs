//! Handing entries back, after Redis 8.8's own cases.

use rbq_stream::{Absent, Claimed, DELIVERIES_MAX, Nack};

use crate::stage::{Stage, id};

fn delivered(text: &str) -> Stage {
    let mut stage = Stage::with(text);
    stage.group("g", "0");
    stage.read("g", "c1", 9);
    stage
}

#[test]
fn what_each_way_makes_of_the_count() {
    let mut stage = delivered("1");
    stage.claim("g", "c1", "1");
    stage.claim("g", "c1", "1");
    assert_eq!(stage.pending("g"), "1-0/c1/0/3");
    assert_eq!(stage.nack("g", Nack::Silent, "1"), 1);
    assert_eq!(stage.pending("g"), "1-0/-/-1/2");
    stage.nack("g", Nack::Fail, "1");
    assert_eq!(stage.pending("g"), "1-0/-/-1/2");
    for count in [1, 0, 0] {
        stage.nack("g", Nack::Silent, "1");
        assert_eq!(stage.pending("g"), format!("1-0/-/-1/{count}"), "never below none");
    }
    stage.nack("g", Nack::Fatal, "1");
    assert_eq!(stage.pending("g"), format!("1-0/-/-1/{DELIVERIES_MAX}"));
    stage.claim("g", "c2", "1");
    assert_eq!(stage.pending("g"), format!("1-0/c2/0/{DELIVERIES_MAX}"), "it stays at the most");
    stage.nack_as("g", Nack::Fatal, Some(42), Absent::Skip, "1");
    assert_eq!(stage.pending("g"), "1-0/-/-1/42", "a given count wins");
}

#[test]
fn large_counts_are_kept_exactly() {
    let mut stage = delivered("1 2");
    for count in [u64::from(u32::MAX) - 1, u64::from(u32::MAX), u64::from(u32::MAX) + 1, 5] {
        stage.nack_as("g", Nack::Fail, Some(count), Absent::Skip, "1");
        assert_eq!(stage.pending("g"), format!("1-0/-/-1/{count} 2-0/c1/0/1"));
        stage.claim("g", "c1", "1");
        assert_eq!(stage.pending("g"), format!("1-0/c1/0/{} 2-0/c1/0/1", count + 1));
    }
}

#[test]
fn the_entry_is_nobodys_and_its_consumer_stays() {
    let mut stage = delivered("1 2 3");
    assert_eq!(stage.nack("g", Nack::Fail, "3 9 1"), 2);
    assert_eq!(stage.pending("g"), "1-0/-/-1/1 2-0/c1/0/1 3-0/-/-1/1");
    let group = stage.stream.group(b"g").unwrap();
    assert_eq!((group.pending_len(), group.nacked_len(), group.consumers_len()), (3, 2, 1));
    assert_eq!(group.consumers().next().unwrap().1.pending(), 1);
    let deleted = stage.stream.group_mut(b"g").unwrap().delete_consumer(b"c1");
    assert_eq!(deleted, Some(1), "what was handed back is not the consumer's");
    assert_eq!(stage.pending("g"), "1-0/-/-1/1 3-0/-/-1/1");
}

#[test]
fn handed_back_first_claimed_first() {
    let mut stage = delivered("1 2 3 4");
    stage.nack("g", Nack::Fail, "3 1 2");
    stage.nack("g", Nack::Fail, "3");
    stage.now_ms += 10;
    let zero_idle = stage.now_ms;
    assert_eq!(stage.claim_idle("g", "c2", 5, 1), format!("1-0/{zero_idle}/1"), "3 went to the end");
    assert_eq!(stage.claim_idle("g", "c2", 5, 2), format!("2-0/{zero_idle}/1 3-0/{zero_idle}/1"));
    assert_eq!(stage.claim_idle("g", "c2", 5, 9), "4-0/10/1");
    assert_eq!(stage.claim_idle("g", "c2", 5, 9), "");
    assert_eq!(stage.stream.group(b"g").unwrap().nacked_len(), 0);
}

#[test]
fn any_claim_takes_it_however_idle_it_must_be() {
    let mut stage = delivered("1 2");
    stage.nack("g", Nack::Fail, "1");
    let zero_idle = stage.now_ms;
    assert_eq!(stage.claim_idle("g", "c2", 99_999, 9), format!("1-0/{zero_idle}/1"));
    stage.nack("g", Nack::Fail, "1");
    assert_eq!(stage.claim("g", "c3", "1"), [Claimed::Yes]);
    assert_eq!(stage.pending("g"), "1-0/c3/0/3 2-0/c1/0/1");
}

#[test]
fn forcing_makes_an_existing_entry_pending() {
    let mut stage = Stage::with("1 2 3");
    stage.group("g", "0");
    let forced = |stage: &mut Stage, nack, count, text| stage.nack_as("g", nack, count, Absent::Create, text);
    assert_eq!(forced(&mut stage, Nack::Fail, None, "1 9"), 1);
    assert_eq!(forced(&mut stage, Nack::Fatal, None, "2"), 1);
    assert_eq!(forced(&mut stage, Nack::Silent, Some(7), "3"), 1);
    assert_eq!(stage.pending("g"), format!("1-0/-/-1/0 2-0/-/-1/{DELIVERIES_MAX} 3-0/-/-1/7"));
    assert_eq!(stage.read("g", "c", 1), "1-0", "it is still new to the group");
    assert_eq!(stage.pending("g"), format!("1-0/c/0/1 2-0/-/-1/{DELIVERIES_MAX} 3-0/-/-1/7"));
}

#[test]
fn a_deleted_entry_stays_handed_back_until_a_claim_finds_it() {
    let mut stage = delivered("1 2 3");
    stage.nack("g", Nack::Fail, "1 3");
    stage.stream.delete(id("1"));
    stage.stream.delete(id("3"));
    let zero_idle = stage.now_ms;
    assert_eq!(stage.claim_idle("g", "c2", 0, 9), "2-0/0/1", "passed over");
    assert_eq!(stage.pending("g"), "1-0/-/-1/1 2-0/c2/0/2 3-0/-/-1/1");
    assert_eq!(stage.claim("g", "c2", "1"), [Claimed::Dropped]);
    assert_eq!(stage.pending("g"), "2-0/c2/0/2 3-0/-/-1/1");
    stage.ack("g", "3");
    assert_eq!(stage.pending("g"), "2-0/c2/0/2");
    assert_eq!(zero_idle, stage.now_ms);
}

#[test]
fn a_consumers_history_leaves_out_what_it_handed_back() {
    let mut stage = delivered("1 2 3");
    stage.nack("g", Nack::Fail, "1 3");
    let consumer = stage.consumer("g", "c1");
    let mut seen = Vec::new();
    let mut group = stage.stream.group_mut(b"g").unwrap();
    group.redeliver(consumer, id("0"), 9, 5, |entry| {
        seen.push(entry.id);
        rbq_stream::Take::Yes
    });
    assert_eq!(seen, [id("2")]);
}
