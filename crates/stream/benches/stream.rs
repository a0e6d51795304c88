//! What a broker does with a stream all day: append, read, deliver, acknowledge, look for what is idle.
#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rbq_stream::{
    Absent, Acks, AutoClaim, BlockLimits, Claim, Count, Nack, NewId, PendingFilter, RefPolicy, Stream, StreamId, Take,
    Trim,
};

const PAYLOAD: &[u8] = &[b'x'; 64];
const PENDING: u64 = 1_000_000;

fn fields() -> [(&'static [u8], &'static [u8]); 1] {
    [(b"data", PAYLOAD)]
}

fn append(stream: &mut Stream, now_ms: u64) -> StreamId {
    stream.append(NewId::Auto, fields(), now_ms, BlockLimits::default()).expect("there are IDs left")
}

/// A stream of `entries`, ten a millisecond.
fn filled(entries: u64) -> Stream {
    let mut stream = Stream::default();
    for number in 0..entries {
        append(&mut stream, 1_000_000 + number / 10);
    }
    stream
}

fn delivered(entries: u64) -> Stream {
    let mut stream = filled(entries);
    stream.create_group(b"g", StreamId::MIN, None);
    let mut group = stream.group_mut(b"g").expect("it was made");
    let (consumer, _) = group.consumer(b"c", 0);
    for round in 0..entries.div_ceil(1000) {
        group.deliver(consumer, 1000, Acks::Required, 2_000_000 + round, |_| Take::Yes);
    }
    stream
}

fn appending(c: &mut Criterion) {
    let mut group = c.benchmark_group("append");
    group.throughput(Throughput::Elements(1));
    let mut stream = Stream::default();
    let mut now_ms = 1;
    group.bench_function("one", |b| {
        b.iter(|| {
            now_ms += 1;
            append(&mut stream, now_ms)
        });
    });
    drop(stream);
    let mut stream = filled(10_000);
    group.bench_function("one, trimmed to exactly 10000", |b| {
        b.iter(|| {
            now_ms += 1;
            append(&mut stream, 2_000_000 + now_ms);
            stream.trim(Trim::MaxLen(10_000), RefPolicy::Keep)
        });
    });
    group.finish();
}

fn reading(c: &mut Criterion) {
    let stream = filled(100_000);
    let ids: Vec<_> = stream.entries().range(StreamId::MIN, StreamId::MAX).map(|entry| entry.id).collect();
    let mut group = c.benchmark_group("read");
    let mut at = 0;
    let mut next = move || {
        at = (at + 7919) % (ids.len() - 200);
        ids[at]
    };
    group.throughput(Throughput::Elements(1));
    group.bench_function("one by ID", |b| b.iter(|| stream.entries().get(black_box(next()))));
    group.throughput(Throughput::Elements(100));
    group.bench_function("100 in order", |b| {
        b.iter(|| {
            let entries = stream.entries().after(next()).take(100);
            entries.flat_map(|entry| entry.fields).map(|(name, value)| name.len() + value.len()).sum::<usize>()
        });
    });
    group.bench_function("100 backwards", |b| {
        b.iter(|| {
            let entries = stream.entries().range_rev(StreamId::MIN, next()).take(100);
            entries.flat_map(|entry| entry.fields).map(|(name, value)| name.len() + value.len()).sum::<usize>()
        });
    });
    group.finish();
}

fn delivering(c: &mut Criterion) {
    let mut group = c.benchmark_group("deliver and ack");
    group.throughput(Throughput::Elements(100));
    let mut stream = filled(1000);
    stream.create_group(b"g", StreamId::MIN, None);
    let mut ids = Vec::with_capacity(100);
    group.bench_function("100, in order", |b| {
        b.iter(|| {
            let mut group = stream.group_mut(b"g").expect("it was made");
            if group.lag() < 100 {
                group.set_id(StreamId::MIN, None);
            }
            let (consumer, _) = group.consumer(b"c", 5);
            ids.clear();
            group.deliver(consumer, 100, Acks::Required, 5, |entry| {
                ids.push(entry.id);
                Take::Yes
            });
            ids.iter().filter(|id| group.ack(**id)).count()
        });
    });
    let full = delivered(PENDING);
    let ids: Vec<_> = full.entries().range(StreamId::MIN, StreamId::MAX).map(|entry| entry.id).collect();
    group.throughput(Throughput::Elements(100_000));
    group.sample_size(10);
    group.bench_function("ack 100000 of a million, at random", |b| {
        b.iter_batched(
            || full.clone(),
            |mut stream| {
                let mut group = stream.group_mut(b"g").expect("it was made");
                let mut at = 1usize;
                for _ in 0..100_000 {
                    at = (at * 48271) % 999_983;
                    group.ack(ids[at]);
                }
                stream
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn claiming(c: &mut Criterion) {
    let mut stream = delivered(PENDING);
    let ids: Vec<_> = stream.entries().range(StreamId::MIN, StreamId::MAX).map(|entry| entry.id).collect();
    let now_ms = 2_002_000;
    let mut bench = c.benchmark_group("a million pending");
    let mut group = stream.group_mut(b"g").expect("it was made");
    let (consumer, _) = group.consumer(b"d", now_ms);
    bench.bench_function("claim when nothing is idle", |b| {
        b.iter(|| group.claim_idle(consumer, 60_000, 10, now_ms, |_| Take::Yes));
    });
    let mut later_ms = now_ms + 60_000;
    bench.bench_function("claim 10 when all are idle", |b| {
        b.iter(|| {
            later_ms += 1;
            group.claim_idle(consumer, 1, 10, later_ms, |_| Take::Yes)
        });
    });
    let (few, _) = group.consumer(b"few", now_ms);
    let claim = Claim { consumer: few, min_idle_ms: 0, delivered_ms: now_ms, count: Count::Bump, absent: Absent::Skip };
    for id in ids.iter().skip(1000).step_by(200_000) {
        group.claim(*id, &claim, now_ms, |_| {});
    }
    bench.bench_function("list a consumer's 5", |b| {
        let filter = PendingFilter { consumer: Some(few), ..PendingFilter::default() };
        b.iter(|| group.view().pending(filter, now_ms).take(5).count());
    });
    bench.bench_function("redeliver a consumer's 5", |b| {
        b.iter(|| group.redeliver(few, StreamId::MIN, 10, now_ms, |_| Take::Yes));
    });
    let sweep = AutoClaim { consumer, min_idle_ms: 60_000, start: StreamId::MIN, limit: 100, count: Count::Bump };
    bench.bench_function("autoclaim that finds nothing idle", |b| {
        b.iter(|| group.autoclaim(&sweep, now_ms, |_| {}));
    });
    bench.bench_function("hand back and claim 10", |b| {
        b.iter(|| {
            for id in &ids[500_000..500_010] {
                group.nack(*id, Nack::Fail, None, Absent::Skip);
            }
            group.claim_idle(consumer, 1 << 40, 10, 1 << 41, |_| Take::Yes)
        });
    });
    bench.bench_function("lag", |b| b.iter(|| group.lag()));
    bench.finish();
}

criterion_group!(benches, appending, reading, delivering, claiming);
criterion_main!(benches);
