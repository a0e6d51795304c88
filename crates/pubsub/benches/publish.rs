//! What a publish costs beside 10 and beside 100,000 subscriptions that it does not reach.
//!
//! Each pair should cost about the same: the work follows the subscriptions that match, one here, not those that exist.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rbq_pubsub::{PubSub, glob};

const FEW: u32 = 10;
const MANY: u32 = 100_000;

/// One way to subscribe, and a channel that reaches exactly one of the subscribers.
struct Kind {
    name: &'static str,
    subscribe: fn(&mut PubSub<u32>, u32),
    channel: &'static [u8],
}

const KINDS: [Kind; 5] = [
    Kind {
        name: "channel",
        subscribe: |pubsub, n| assert!(pubsub.subscribe(n, format!("user:{n}").as_bytes())),
        channel: b"user:7",
    },
    Kind {
        name: "prefix",
        subscribe: |pubsub, n| assert!(pubsub.psubscribe(n, format!("user:{n}:*").as_bytes())),
        channel: b"user:7:login",
    },
    Kind {
        name: "suffix",
        subscribe: |pubsub, n| assert!(pubsub.psubscribe(n, format!("*:user-{n}").as_bytes())),
        channel: b"login:user-7",
    },
    Kind {
        name: "middle",
        subscribe: |pubsub, n| assert!(pubsub.psubscribe(n, format!("job:*:user-{n}:*").as_bytes())),
        channel: b"job:17:user-7:mail",
    },
    Kind {
        name: "literal pattern",
        subscribe: |pubsub, n| assert!(pubsub.psubscribe(n, format!("user:{n}").as_bytes())),
        channel: b"user:7",
    },
];

fn one_receiver(criterion: &mut Criterion) {
    for Kind { name, subscribe, channel } in KINDS {
        let mut group = criterion.benchmark_group(name);
        for count in [FEW, MANY] {
            let mut pubsub = PubSub::new();
            (0..count).for_each(|n| subscribe(&mut pubsub, n));
            assert_eq!(pubsub.publish(channel, |_, _| {}), 1);
            group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
                bencher.iter(|| pubsub.publish(black_box(channel), |who, via| _ = black_box((who, via))));
            });
        }
        group.finish();
    }
}

fn fan_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fan out");
    for count in [1_000, MANY] {
        let mut pubsub = PubSub::new();
        (0..count).for_each(|n| assert!(pubsub.subscribe(n, b"news")));
        group.throughput(criterion::Throughput::Elements(u64::from(count)));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| pubsub.publish(black_box(b"news"), |who, via| _ = black_box((who, via))));
        });
    }
    group.finish();
}

/// What it is all measured against: running every pattern, as Redis does.
fn every_pattern_run(criterion: &mut Criterion) {
    let patterns: Vec<String> = (0..MANY).map(|n| format!("user:{n}:*")).collect();
    criterion.bench_function("every pattern run/100000", |bencher| {
        let matching = |channel| patterns.iter().filter(|pattern| glob::matches(pattern.as_bytes(), channel)).count();
        bencher.iter(|| matching(black_box(b"user:7:login")));
    });
}

fn come_and_go(criterion: &mut Criterion) {
    let mut pubsub = PubSub::new();
    (0..MANY).for_each(|n| assert!(pubsub.psubscribe(n, format!("user:{n}:*").as_bytes())));
    criterion.bench_function("psubscribe and forget beside 100000", |bencher| {
        bencher.iter(|| {
            pubsub.psubscribe(MANY, black_box(b"user:someone:*"));
            pubsub.forget(MANY);
        });
    });
}

criterion_group!(benches, one_receiver, fan_out, every_pattern_run, come_and_go);
criterion_main!(benches);
