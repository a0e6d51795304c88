//! Allocations, counted: a publish makes none, memory is what `memory_bytes` says, and it is given back.

use std::hint::black_box;

use allocation_counter::measure;
use rbq_pubsub::PubSub;

/// Seven eighths of 2^16: where a hash table is full, so that spare capacity blurs the figures least.
const SUBSCRIPTIONS: u64 = 57_344;

fn with_each(count: u64, mut step: impl FnMut(&mut PubSub<u64>, u64)) -> PubSub<u64> {
    let mut pubsub = PubSub::new();
    (0..count).for_each(|n| step(&mut pubsub, n));
    pubsub
}

#[test]
fn a_publish_allocates_nothing() {
    let pubsub = with_each(10_000, |pubsub, n| {
        pubsub.subscribe(n, b"user:7:login");
        pubsub.ssubscribe(n, b"user:7:login");
        pubsub.psubscribe(n, format!("user:{n}:*").as_bytes());
        pubsub.psubscribe(n, format!("*:{n}:login").as_bytes());
        pubsub.psubscribe(n, format!("*:{n}:*").as_bytes());
        pubsub.psubscribe(n, b"user*login");
    });
    let mut deliveries = 0;
    let counted = measure(|| {
        deliveries += pubsub.publish(b"user:7:login", |who, via| _ = black_box((who, via)));
        deliveries += pubsub.spublish(b"user:7:login", |who| _ = black_box(who));
        deliveries += pubsub.publish(b"nobody", |who, via| _ = black_box((who, via)));
    });
    assert_eq!(deliveries, 10_000 + 3 + 10_000 + 10_000);
    assert_eq!(counted.count_total, 0);
}

#[test]
fn a_publish_that_dozens_of_patterns_match_allocates_once_or_twice() {
    let pubsub = with_each(200, |pubsub, n| {
        pubsub.psubscribe(n, format!("{}*", "a".repeat(n as usize)).as_bytes());
    });
    let channel = [b'a'; 200];
    let counted = measure(|| assert_eq!(pubsub.publish(&channel, |_, _| {}), 200));
    assert!(counted.count_total <= 3, "{counted:?}");
}

/// Heap bytes for each of `count` steps by the allocator's count, which ours must be near.
fn bytes_each(count: u64, step: impl FnMut(&mut PubSub<u64>, u64)) -> u64 {
    let mut pubsub = None;
    let counted = measure(|| pubsub = Some(with_each(count, step)));
    let ours = pubsub.expect("it was just built").memory_bytes() as u64;
    let theirs = u64::try_from(counted.bytes_current).expect("what was built is still there");
    assert!(ours.abs_diff(theirs) * 10 <= theirs, "we say {ours}, the allocator says {theirs}");
    theirs / count
}

#[test]
fn memory_bytes_is_within_a_tenth_of_the_allocators_own_count() {
    let name = |n| format!("user:{n:06}:inbox");
    let channel = bytes_each(SUBSCRIPTIONS, |pubsub, n| _ = pubsub.subscribe(n, name(n).as_bytes()));
    let shared = bytes_each(SUBSCRIPTIONS, |pubsub, n| _ = pubsub.subscribe(n, b"news"));
    let prefix = bytes_each(SUBSCRIPTIONS, |pubsub, n| _ = pubsub.psubscribe(n, format!("user:{n}:*").as_bytes()));
    let suffix = bytes_each(SUBSCRIPTIONS, |pubsub, n| _ = pubsub.psubscribe(n, format!("*:user:{n}").as_bytes()));
    // The figures are bounds on purpose a little above what is measured: growing past them should be a decision.
    assert!(channel <= 150, "a channel with one subscriber takes {channel} bytes");
    assert!(shared <= 80, "one more subscriber takes {shared} bytes");
    assert!(prefix <= 270, "a prefix pattern with one subscriber takes {prefix} bytes");
    assert!(suffix <= 360, "a suffix pattern with one subscriber takes {suffix} bytes");
}

#[test]
fn when_everybody_has_left_the_memory_is_given_back() {
    let mut pubsub = PubSub::new();
    let idle = {
        pubsub.psubscribe(0, b"a*");
        pubsub.subscribe(0, b"a");
        pubsub.ssubscribe(0, b"a");
        pubsub.forget(0);
        pubsub.memory_bytes()
    };
    for _ in 0..2 {
        for n in 0..10_000_u32 {
            pubsub.subscribe(n, format!("{}", n % 100).as_bytes());
            pubsub.ssubscribe(n, format!("{n}").as_bytes());
            pubsub.psubscribe(n, format!("{n}*").as_bytes());
            pubsub.psubscribe(n, format!("*{n}").as_bytes());
            pubsub.psubscribe(n, format!("*{n}*").as_bytes());
        }
        assert!(pubsub.memory_bytes() > 1_000_000);
        (0..10_000).for_each(|n| pubsub.forget(n));
        // A few dozen slots may stay, for whoever comes next.
        assert!(pubsub.memory_bytes() <= idle + 16 * 1024, "{} bytes left", pubsub.memory_bytes());
    }
}
