//! Deleting with regard to the groups that still refer to an entry.

use rbq_stream::{AckDeletion, Acks, Deletion, RefPolicy, Take, Trim};

use crate::stage::{Stage, id, ids};

fn delete(stage: &mut Stage, text: &str, policy: RefPolicy) -> Vec<i64> {
    ids(text).into_iter().map(|id| stage.stream.delete_with(id, policy).code()).collect()
}

/// Two groups, each of which has read both entries.
fn two_readers() -> Stage {
    let mut stage = Stage::with("1 2");
    for group in ["g1", "g2"] {
        stage.group(group, "0");
        stage.read(group, "c", 9);
    }
    stage
}

#[test]
fn keeping_references_leaves_what_is_pending() {
    let mut stage = two_readers();
    assert_eq!(delete(&mut stage, "1 2 3 1", RefPolicy::Keep), [1, 1, -1, -1]);
    assert_eq!(stage.pending("g1"), "1-0/c/0/1 2-0/c/0/1");
    assert_eq!(stage.pending("g2"), "1-0/c/0/1 2-0/c/0/1");
}

#[test]
fn dropping_references_clears_every_group_even_of_what_is_gone() {
    let mut stage = two_readers();
    stage.stream.delete(id("2"));
    assert_eq!(delete(&mut stage, "1 2", RefPolicy::Drop), [1, -1]);
    assert_eq!((stage.pending("g1"), stage.pending("g2")), (String::new(), String::new()));
    assert_eq!(stage.stream.group(b"g1").unwrap().consumers().next().unwrap().1.pending(), 0);
}

#[test]
fn acked_waits_for_every_group_to_read_and_acknowledge() {
    let mut stage = two_readers();
    stage.group("g3", "0");
    stage.ack("g1", "1 2");
    assert_eq!(delete(&mut stage, "1 2", RefPolicy::Acked), [2, 2]);
    stage.ack("g2", "1 2");
    assert_eq!(delete(&mut stage, "1 2", RefPolicy::Acked), [2, 2], "g3 has not read them");
    stage.read("g3", "c", 9);
    assert_eq!(delete(&mut stage, "1 2", RefPolicy::Acked), [2, 2], "nor acknowledged them");
    stage.ack("g3", "1");
    assert_eq!(delete(&mut stage, "1 2", RefPolicy::Acked), [1, 2]);
    stage.stream.destroy_group(b"g3").unwrap();
    assert_eq!(delete(&mut stage, "2", RefPolicy::Acked), [1], "a destroyed group needs nothing");
}

#[test]
fn acked_without_groups_deletes() {
    let mut stage = Stage::with("1");
    assert_eq!(delete(&mut stage, "1 2", RefPolicy::Acked), [1, -1]);
}

#[test]
fn acked_judges_the_reference_before_the_entry() {
    let mut stage = Stage::with("1");
    stage.group("g", "0");
    assert_eq!(delete(&mut stage, "7", RefPolicy::Acked), [2], "the group has yet to come there");
    stage.read("g", "c", 9);
    stage.stream.delete(id("1"));
    assert_eq!(delete(&mut stage, "1", RefPolicy::Acked), [2], "deleted, but still pending");
    stage.ack("g", "1");
    assert_eq!(delete(&mut stage, "1", RefPolicy::Acked), [-1]);
}

#[test]
fn what_was_read_without_acknowledgement_is_not_referenced() {
    let mut stage = Stage::with("1 2");
    stage.group("g", "0");
    let consumer = stage.consumer("g", "c");
    stage.stream.group_mut(b"g").unwrap().deliver(consumer, 9, Acks::Waived, 0, |_| Take::Yes);
    assert_eq!(delete(&mut stage, "1 2", RefPolicy::Acked), [1, 1]);
}

#[test]
fn acknowledging_and_deleting_in_one() {
    let ack_delete = |stage: &mut Stage, text: &str, policy| {
        let AckDeletion { outcome, deleted } = stage.stream.ack_delete(b"g1", id(text), policy);
        (outcome, deleted)
    };
    let mut stage = two_readers();
    assert_eq!(ack_delete(&mut stage, "9", RefPolicy::Keep), (Deletion::Missing, false));
    assert_eq!(ack_delete(&mut stage, "1", RefPolicy::Keep), (Deletion::Deleted, true));
    assert_eq!(ack_delete(&mut stage, "1", RefPolicy::Keep), (Deletion::Missing, false), "not pending any more");
    assert_eq!(stage.pending("g2"), "1-0/c/0/1 2-0/c/0/1");
    assert_eq!(ack_delete(&mut stage, "2", RefPolicy::Acked), (Deletion::Referenced, false));
    assert_eq!((stage.pending("g1"), stage.entries()), (String::new(), "2-0".into()));

    let mut stage = two_readers();
    stage.stream.delete(id("1"));
    assert_eq!(ack_delete(&mut stage, "1", RefPolicy::Drop), (Deletion::Deleted, false), "somebody else deleted it");
    assert_eq!(ack_delete(&mut stage, "2", RefPolicy::Drop), (Deletion::Deleted, true));
    assert_eq!((stage.pending("g1"), stage.pending("g2"), stage.entries()), Default::default());
    assert_eq!(stage.stream.ack_delete(b"nobody", id("2"), RefPolicy::Keep).outcome, Deletion::Missing);
}

#[test]
fn trimming_by_each_policy() {
    let trim = |policy| {
        let mut stage = Stage::with("1 2 3 4 5");
        stage.group("g", "0");
        stage.read("g", "c", 4);
        stage.ack("g", "1 3");
        let gone = stage.stream.trim(Trim::MaxLen(1), policy);
        (gone, stage.entries(), stage.pending("g"))
    };
    let all_pending = "2-0/c/0/1 4-0/c/0/1".to_owned();
    assert_eq!(trim(RefPolicy::Keep), (4, "5-0".into(), all_pending.clone()));
    assert_eq!(trim(RefPolicy::Drop), (4, "5-0".into(), String::new()));
    assert_eq!(trim(RefPolicy::Acked), (2, "2-0 4-0 5-0".into(), all_pending));
}

#[test]
fn acked_trims_past_what_is_referenced_but_not_below_the_length() {
    let mut stage = Stage::with("1 2 3 4 5 6");
    stage.group("g", "0");
    stage.read("g", "c", 9);
    stage.ack("g", "2 3 4 5");
    assert_eq!(stage.stream.trim(Trim::MaxLen(4), RefPolicy::Acked), 2);
    assert_eq!(stage.entries(), "1-0 4-0 5-0 6-0");
    assert_eq!(stage.stream.trim(Trim::MinId(id("5")), RefPolicy::Acked), 1);
    assert_eq!(stage.entries(), "1-0 5-0 6-0");
}

#[test]
fn dropping_while_trimming_leaves_references_to_what_was_gone_before() {
    let mut stage = Stage::with("1 2 3");
    stage.group("g", "0");
    stage.read("g", "c", 9);
    stage.stream.delete(id("1"));
    assert_eq!(stage.stream.trim(Trim::MinId(id("3")), RefPolicy::Drop), 1);
    assert_eq!(stage.pending("g"), "1-0/c/0/1 3-0/c/0/1");
}

#[test]
fn deleting_by_id_is_remembered_and_trimming_is_not() {
    let mut stage = Stage::with("1 2 3 4");
    stage.stream.trim(Trim::MaxLen(3), RefPolicy::Keep);
    assert_eq!(stage.stream.entries().max_deleted_id(), id("0"));
    stage.stream.delete(id("3"));
    stage.stream.delete(id("2"));
    assert_eq!(stage.stream.entries().max_deleted_id(), id("3"));
    assert_eq!(stage.stream.entries().first_id(), id("4"));
}
