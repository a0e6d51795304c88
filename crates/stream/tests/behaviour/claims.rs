//! Reading in groups and taking over what others left.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rbq_stream::{Absent, Acks, AutoClaim, Claim, Claimed, Count, PendingFilter, StreamId, Take};

use crate::stage::{Stage, id};

fn delivered(text: &str) -> Stage {
    let mut stage = Stage::with(text);
    stage.group("g", "0");
    stage.read("g", "ann", 9);
    stage
}

#[test]
fn a_reader_that_stops_was_given_no_more() {
    let mut stage = Stage::with("1 2 3");
    stage.group("g", "0");
    let consumer = stage.consumer("g", "ann");
    let mut group = stage.stream.group_mut(b"g").unwrap();
    let mut room = 2;
    let delivery = group.deliver(consumer, 9, Acks::Required, 5, |_| {
        room -= 1;
        if room < 0 { Take::Stop } else { Take::Yes }
    });
    assert_eq!((delivery.len, delivery.ends), (2, Some((id("1"), id("2")))));
    assert_eq!(group.view().last_delivered(), id("2"));
    assert_eq!(stage.pending("g"), "1-0/ann/99995/1 2-0/ann/99995/1");
    assert_eq!(stage.read("g", "ann", 9), "3-0");
}

#[test]
fn nothing_new_is_no_activity() {
    let mut stage = delivered("1");
    let seen = stage.now_ms;
    stage.now_ms += 50;
    assert_eq!(stage.read("g", "ann", 9), "");
    let group = stage.stream.group(b"g").unwrap();
    let (_, consumer) = group.consumers().next().unwrap();
    assert_eq!((consumer.seen_ms(), consumer.active_ms()), (seen + 50, Some(seen)));
}

#[test]
fn setting_the_group_back_delivers_again_to_whoever_reads() {
    let mut stage = delivered("1 2");
    stage.claim("g", "ann", "1");
    stage.stream.group_mut(b"g").unwrap().set_id(id("0"), None);
    stage.now_ms += 5;
    assert_eq!(stage.read("g", "bob", 9), "1-0 2-0");
    assert_eq!(stage.pending("g"), "1-0/bob/0/1 2-0/bob/0/1");
}

#[test]
fn a_history_shows_what_was_deleted_without_its_fields() {
    let mut stage = delivered("1 2 3");
    stage.stream.delete(id("2"));
    stage.now_ms += 7;
    let consumer = stage.consumer("g", "ann");
    let now_ms = stage.now_ms;
    let mut seen = Vec::new();
    let mut group = stage.stream.group_mut(b"g").unwrap();
    let count = group.redeliver(consumer, id("1"), 9, now_ms, |entry| {
        seen.push((entry.id, entry.entry.map(|entry| entry.fields.len())));
        Take::Yes
    });
    assert_eq!(count, 2);
    assert_eq!(seen, [(id("2"), None), (id("3"), Some(1))]);
    assert_eq!(stage.pending("g"), "1-0/ann/7/1 2-0/ann/7/1 3-0/ann/0/2");
}

#[test]
fn claiming_by_id() {
    let mut stage = delivered("1 2 3");
    stage.stream.delete(id("2"));
    stage.now_ms += 100;
    let bob = stage.consumer("g", "bob");
    let now_ms = stage.now_ms;
    let claim =
        Claim { consumer: bob, min_idle_ms: 50, delivered_ms: now_ms - 30, count: Count::Keep, absent: Absent::Skip };
    let mut group = stage.stream.group_mut(b"g").unwrap();
    let all: Vec<_> = ["1", "2", "9"].iter().map(|text| group.claim(id(text), &claim, now_ms, |_| {})).collect();
    assert_eq!(all, [Claimed::Yes, Claimed::Dropped, Claimed::No]);
    assert_eq!(group.claim(id("1"), &claim, now_ms, |_| {}), Claimed::No, "not idle long enough");
    assert_eq!(group.view().consumer(bob).active_ms(), Some(now_ms));
    assert_eq!(stage.pending("g"), "1-0/bob/30/1 3-0/ann/100/1");
}

#[test]
fn forcing_a_claim_makes_it_pending() {
    let mut stage = Stage::with("1 2");
    stage.group("g", "0");
    let consumer = stage.consumer("g", "ann");
    let now_ms = stage.now_ms;
    let mut group = stage.stream.group_mut(b"g").unwrap();
    let mut claim = |text: &str, count| {
        let claim = Claim { consumer, min_idle_ms: 1 << 40, delivered_ms: now_ms, count, absent: Absent::Create };
        group.claim(id(text), &claim, now_ms, |_| {})
    };
    // Made as if delivered once, and the claim is one more: redis-server 7.0.15 says 2 too.
    assert_eq!(claim("1", Count::Bump), Claimed::Yes);
    assert_eq!(claim("2", Count::Keep), Claimed::Yes);
    assert_eq!(claim("3", Count::Bump), Claimed::No, "there is no such entry");
    assert_eq!(stage.pending("g"), "1-0/ann/0/2 2-0/ann/0/1");
}

#[test]
fn raising_the_last_delivered_id() {
    let mut stage = Stage::with("1 2 3");
    stage.group("g", "0");
    let mut group = stage.stream.group_mut(b"g").unwrap();
    assert!(group.raise_last_delivered(id("2")));
    assert!(!group.raise_last_delivered(id("1")));
    assert_eq!(group.lag(), 1);
}

#[test]
fn a_sweep_goes_on_where_it_ended() {
    let mut stage = delivered("1 2 3 4 5");
    stage.stream.delete(id("2"));
    stage.now_ms += 10;
    let bob = stage.consumer("g", "bob");
    let now_ms = stage.now_ms;
    let mut group = stage.stream.group_mut(b"g").unwrap();
    let mut sweep = |start, limit, min_idle_ms| {
        let claim = AutoClaim { consumer: bob, min_idle_ms, start, limit, count: Count::Bump };
        let mut shown = Vec::new();
        let done = group.autoclaim(&claim, now_ms, |claimed| shown.push(claimed.entry.id));
        (done.next, shown, done.dropped)
    };
    assert_eq!(sweep(StreamId::MIN, 2, 5), (id("3"), vec![id("1")], vec![id("2")]));
    assert_eq!(sweep(id("3"), 2, 5), (id("5"), vec![id("3"), id("4")], vec![]));
    assert_eq!(sweep(id("5"), 2, 5), (id("0"), vec![id("5")], vec![]));
    assert_eq!(sweep(StreamId::MIN, 2, 5), (id("0"), vec![], vec![]), "nothing is idle now");
    assert_eq!(group.view().consumers().map(|(_, consumer)| consumer.pending()).collect::<Vec<_>>(), [0, 4]);
}

#[test]
fn a_sweep_looks_at_ten_times_its_limit() {
    let text: Vec<String> = (1..=25).map(|number| number.to_string()).collect();
    let mut stage = Stage::with(&text.join(" "));
    stage.group("g", "0");
    stage.read("g", "ann", 99);
    let bob = stage.consumer("g", "bob");
    let mut group = stage.stream.group_mut(b"g").unwrap();
    let claim = AutoClaim { consumer: bob, min_idle_ms: 1, start: id("0"), limit: 1, count: Count::Bump };
    let done = group.autoclaim(&claim, 100_000, |_| {});
    assert_eq!((done.next, done.claimed), (id("11"), 0));
}

#[test]
fn the_longest_idle_come_first() {
    let mut stage = delivered("1 2 3 4");
    let now_ms = stage.now_ms;
    let ann = stage.consumer("g", "ann");
    let mut group = stage.stream.group_mut(b"g").unwrap();
    for (text, age) in [("1", 10), ("2", 50), ("3", 30), ("4", 50)] {
        let claim = Claim {
            consumer: ann,
            min_idle_ms: 0,
            delivered_ms: now_ms - age,
            count: Count::Keep,
            absent: Absent::Skip,
        };
        group.claim(id(text), &claim, now_ms, |_| {});
    }
    assert_eq!(group.oldest_claimable_ms(), Some(now_ms - 50));
    assert_eq!(stage.claim_idle("g", "bob", 30, 2), "2-0/50/1 4-0/50/1");
    assert_eq!(stage.claim_idle("g", "bob", 30, 2), "3-0/30/1");
    assert_eq!(stage.claim_idle("g", "bob", 30, 2), "");
    assert_eq!(stage.claim_idle("g", "bob", 0, 9), "1-0/10/1 2-0/0/2 3-0/0/2 4-0/0/2", "each once");
    assert_eq!(stage.claim_idle("g", "bob", u64::MAX, 9), "");
}

#[test]
fn what_is_deleted_is_passed_over_and_is_no_reason_to_wake() {
    let mut stage = delivered("1 2");
    let delivered_ms = stage.now_ms;
    stage.stream.delete(id("1"));
    stage.now_ms += 100;
    let mut group = stage.stream.group_mut(b"g").unwrap();
    assert_eq!(group.oldest_claimable_ms(), Some(delivered_ms));
    assert_eq!(stage.claim_idle("g", "bob", 50, 1), "2-0/100/1");
    stage.stream.delete(id("2"));
    assert_eq!(stage.stream.group_mut(b"g").unwrap().oldest_claimable_ms(), None);
    assert_eq!(stage.pending("g"), "1-0/ann/100/1 2-0/bob/0/2");
}

#[test]
fn pending_entries_by_range_idle_time_and_consumer() {
    let mut stage = delivered("1 2 3 4");
    stage.claim("g", "bob", "2 3");
    stage.now_ms += 20;
    stage.claim("g", "bob", "3");
    let group = stage.stream.group(b"g").unwrap();
    let bob = group.consumer_id(b"bob");
    let list = |filter| group.pending(filter, stage.now_ms).map(|entry| entry.id.ms).collect::<Vec<_>>();
    let all = PendingFilter::default();
    assert_eq!(list(PendingFilter { from: id("2"), to: id("3"), ..all }), [2, 3]);
    assert_eq!(list(PendingFilter { min_idle_ms: 20, ..all }), [1, 2, 4]);
    assert_eq!(list(PendingFilter { consumer: bob, ..all }), [2, 3]);
    assert_eq!(list(PendingFilter { consumer: bob, min_idle_ms: 1, ..all }), [2]);
    let summary = group.pending_summary();
    assert_eq!((summary.len, summary.ends), (4, Some((id("1"), id("4")))));
    assert_eq!(group.pending_entry(id("3")).unwrap().deliveries, 3);
}

#[test]
fn who_delivers_to_a_consumer_that_is_gone_has_changed_nothing() {
    let mut stage = Stage::with("1 2");
    stage.group("g", "0");
    let consumer = stage.consumer("g", "c");
    let before = stage.progress("g");
    let mut group = stage.stream.group_mut(b"g").expect("it is there");
    group.delete_consumer(b"c");
    let deliver = || group.deliver(consumer, 9, Acks::Required, 1, |_| Take::Yes);
    assert!(catch_unwind(AssertUnwindSafe(deliver)).is_err());
    assert_eq!((stage.pending("g"), stage.progress("g")), (String::new(), before));
}
