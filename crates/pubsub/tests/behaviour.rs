//! What a subscriber can count on, one rule a test.

use rbq_pubsub::{Counts, PubSub, Via};

type Delivered<'s> = Vec<(u32, Via<'s>)>;

fn deliveries<'s>(pubsub: &'s PubSub<u32>, channel: &str) -> Delivered<'s> {
    let mut delivered = Vec::new();
    let count = pubsub.publish(channel.as_bytes(), |who, via| delivered.push((who, via)));
    assert_eq!(count, delivered.len());
    delivered
}

fn receivers(pubsub: &PubSub<u32>, channel: &str) -> Vec<u32> {
    deliveries(pubsub, channel).into_iter().map(|(who, _)| who).collect()
}

fn shown<'s>(names: impl Iterator<Item = &'s [u8]>) -> Vec<String> {
    names.map(|name| name.escape_ascii().to_string()).collect()
}

#[test]
fn channel_subscribers_come_first_then_patterns_each_in_order_of_subscription() {
    let mut pubsub = PubSub::new();
    pubsub.psubscribe(9, b"n*");
    pubsub.psubscribe(8, b"*s");
    pubsub.subscribe(3, b"news");
    pubsub.subscribe(1, b"news");
    pubsub.psubscribe(7, b"n*");
    pubsub.subscribe(2, b"news");
    let expected = [
        (3, Via::Channel),
        (1, Via::Channel),
        (2, Via::Channel),
        (9, Via::Pattern(b"n*")),
        (7, Via::Pattern(b"n*")),
        (8, Via::Pattern(b"*s")),
    ];
    assert_eq!(deliveries(&pubsub, "news"), expected);
}

#[test]
fn who_is_reached_in_several_ways_receives_once_for_each() {
    let mut pubsub = PubSub::new();
    for pattern in [&b"*"[..], b"a*", b"ab", b"?b"] {
        assert!(pubsub.psubscribe(1, pattern));
    }
    assert!(pubsub.subscribe(1, b"ab"));
    assert_eq!(receivers(&pubsub, "ab"), [1; 5]);
}

#[test]
fn subscribing_twice_changes_nothing_and_subscribing_again_goes_to_the_end() {
    let mut pubsub = PubSub::new();
    assert!(pubsub.subscribe(1, b"a"));
    assert!(pubsub.subscribe(2, b"a"));
    assert!(!pubsub.subscribe(1, b"a"));
    assert_eq!(receivers(&pubsub, "a"), [1, 2]);

    assert!(pubsub.unsubscribe(1, b"a"));
    assert!(!pubsub.unsubscribe(1, b"a"));
    assert!(pubsub.subscribe(1, b"a"));
    assert_eq!(receivers(&pubsub, "a"), [2, 1]);
}

#[test]
fn a_pattern_keeps_its_place_while_anybody_holds_it_and_loses_it_with_the_last() {
    let mut pubsub = PubSub::new();
    pubsub.psubscribe(1, b"a*");
    pubsub.psubscribe(2, b"*a");
    pubsub.psubscribe(3, b"a*");
    pubsub.punsubscribe(1, b"a*");
    assert_eq!(receivers(&pubsub, "a"), [3, 2]);

    pubsub.punsubscribe(3, b"a*");
    pubsub.psubscribe(3, b"a*");
    assert_eq!(receivers(&pubsub, "a"), [2, 3]);
}

#[test]
fn shard_channels_are_names_of_their_own_that_patterns_do_not_see() {
    let mut pubsub = PubSub::new();
    pubsub.subscribe(1, b"a");
    pubsub.psubscribe(2, b"*");
    pubsub.ssubscribe(3, b"a");
    assert_eq!(receivers(&pubsub, "a"), [1, 2]);
    let mut heard = Vec::new();
    assert_eq!(pubsub.spublish(b"a", |who| heard.push(who)), 1);
    assert_eq!(heard, [3]);
    assert_eq!((pubsub.subscribers(b"a"), pubsub.shard_subscribers(b"a")), (1, 1));
    assert_eq!(pubsub.counts_of(3), Counts { channels: 0, patterns: 0, shard_channels: 1 });
}

#[test]
fn a_pattern_is_known_by_its_bytes_not_by_what_it_matches() {
    let mut pubsub = PubSub::new();
    assert!(pubsub.psubscribe(1, b"a*"));
    assert!(pubsub.psubscribe(1, b"a**"));
    assert!(!pubsub.punsubscribe(1, b"a***"));
    assert_eq!(pubsub.pattern_count(), 2);
    assert_eq!(receivers(&pubsub, "abc"), [1, 1]);
}

#[test]
fn the_pattern_count_is_of_different_patterns() {
    let mut pubsub = PubSub::new();
    for who in 0..10 {
        pubsub.psubscribe(who, b"a*");
        pubsub.psubscribe(who, b"b*");
    }
    assert_eq!(pubsub.pattern_count(), 2);
}

#[test]
fn the_empty_channel_is_a_channel_that_a_star_does_not_match() {
    let mut pubsub = PubSub::new();
    pubsub.subscribe(1, b"");
    pubsub.psubscribe(2, b"*");
    pubsub.psubscribe(3, b"");
    assert_eq!(deliveries(&pubsub, ""), [(1, Via::Channel), (3, Via::Pattern(b""))]);
}

#[test]
fn active_channels_are_listed_in_the_order_they_became_active() {
    let mut pubsub = PubSub::new();
    for name in [&b"b1"[..], b"a1", b"b2", b"c1"] {
        pubsub.subscribe(1, name);
        pubsub.subscribe(2, name);
    }
    pubsub.psubscribe(1, b"z*");
    pubsub.unsubscribe(1, b"b1");
    assert_eq!(shown(pubsub.channels(None)), ["b1", "a1", "b2", "c1"]);
    pubsub.unsubscribe(2, b"b1");
    pubsub.subscribe(2, b"b1");
    assert_eq!(shown(pubsub.channels(None)), ["a1", "b2", "c1", "b1"]);
    assert_eq!(shown(pubsub.channels(Some(b"b?"))), ["b2", "b1"]);
    assert_eq!(shown(pubsub.shard_channels(None)), [""; 0]);
}

#[test]
fn a_subscribers_own_are_listed_in_the_order_of_subscription() {
    let mut pubsub = PubSub::new();
    for name in [&b"z"[..], b"m", b"a", b"m"] {
        pubsub.subscribe(7, name);
        pubsub.psubscribe(7, name);
        pubsub.ssubscribe(7, name);
    }
    pubsub.unsubscribe(7, b"m");
    assert_eq!(shown(pubsub.channels_of(7)), ["z", "a"]);
    assert_eq!(shown(pubsub.patterns_of(7)), ["z", "m", "a"]);
    assert_eq!(shown(pubsub.shard_channels_of(7)), ["z", "m", "a"]);
    let counts = pubsub.counts_of(7);
    assert_eq!(counts, Counts { channels: 2, patterns: 3, shard_channels: 3 });
    assert_eq!((counts.channels_and_patterns(), counts.total()), (5, 8));
    assert_eq!(pubsub.counts_of(8).total(), 0);
}

#[test]
fn forgetting_somebody_ends_everything_of_theirs_and_nothing_of_others() {
    let mut pubsub = PubSub::new();
    for who in [1, 2] {
        pubsub.subscribe(who, b"a");
        pubsub.psubscribe(who, b"*");
        pubsub.ssubscribe(who, b"a");
    }
    pubsub.psubscribe(1, b"only one*");
    pubsub.forget(1);
    pubsub.forget(1);
    assert_eq!(receivers(&pubsub, "a"), [2, 2]);
    assert_eq!(pubsub.spublish(b"a", |who| assert_eq!(who, 2)), 1);
    assert_eq!(pubsub.pattern_count(), 1);
    assert_eq!(pubsub.counts_of(1), Counts::default());
}

#[test]
fn a_crowd_can_leave_one_channel_in_any_order() {
    let mut pubsub = PubSub::new();
    let crowd = 100_000;
    for who in 0..crowd {
        pubsub.subscribe(who, b"stadium");
        pubsub.psubscribe(who, b"sta*");
    }
    // 7919 is prime and no divisor of the crowd, so this meets everybody once.
    let mut left = (0..crowd).map(|n| n * 7919 % crowd);
    for who in left.by_ref().take(99_997) {
        pubsub.forget(who);
    }
    let mut last: Vec<u32> = left.collect();
    last.sort_unstable();
    assert_eq!(receivers(&pubsub, "stadium"), [&last[..], &last].concat());
}

#[test]
fn the_seed_changes_no_answer() {
    let played = |seed| {
        let mut pubsub = PubSub::with_seed(seed);
        for n in 0..500_u32 {
            pubsub.subscribe(n % 50, format!("c{}", n % 70).as_bytes());
            pubsub.psubscribe(n % 50, format!("*{}*", n % 90).as_bytes());
        }
        pubsub.forget(13);
        let mut heard = Vec::new();
        for n in 0..70 {
            pubsub.publish(format!("c{n}").as_bytes(), |who, via| heard.push(format!("{who} {via:?}")));
        }
        (heard, shown(pubsub.channels(None)), shown(pubsub.patterns_of(7)))
    };
    assert_eq!(played(0), played(u64::MAX));
}

#[test]
fn it_can_be_shared_and_sent_between_threads() {
    fn shareable<T: Send + Sync + Clone + Default>() {}
    shareable::<PubSub<u64>>();
}
