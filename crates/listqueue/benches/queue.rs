//! Pushing, popping and reading, beside a `VecDeque<Vec<u8>>` doing the same.
//!
//! `cargo bench -p rbq-listqueue`

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rbq_listqueue::{End, List};
use std::collections::VecDeque;
use std::hint::black_box;

const ELEMENT: [u8; 64] = [b'x'; 64];
const COUNT: usize = 10_000;

fn filled(end: End, count: usize) -> List {
    let mut list = List::new();
    (0..count).for_each(|_| list.push(end, black_box(&ELEMENT)));
    list
}

fn ends(c: &mut Criterion) {
    let mut group = c.benchmark_group("10k elements of 64 bytes");
    group.throughput(Throughput::Elements(COUNT as u64));
    for end in [End::Head, End::Tail] {
        group.bench_function(format!("push {end:?}"), |b| b.iter(|| filled(end, COUNT)));
        group.bench_function(format!("pop {end:?}"), |b| {
            let drain = |mut list: List| {
                while list.pop_with(end, |element| black_box(element.len())).is_some() {}
                list
            };
            b.iter_batched(|| filled(End::Tail, COUNT), drain, BatchSize::SmallInput);
        });
    }
    group.finish();
}

fn steady(c: &mut Criterion) {
    let mut group = c.benchmark_group("one push and one pop");
    for depth in [1, 100, 10_000, 1_000_000] {
        let mut list = filled(End::Tail, depth);
        group.bench_function(format!("{depth} deep"), |b| {
            b.iter(|| {
                list.push(End::Tail, black_box(&ELEMENT));
                list.pop_with(End::Head, |element| black_box(element.len()))
            });
        });
    }
    let mut deque: VecDeque<Vec<u8>> = (0..10_000).map(|_| ELEMENT.to_vec()).collect();
    group.bench_function("VecDeque<Vec<u8>>, 10000 deep", |b| {
        b.iter(|| {
            deque.push_back(black_box(&ELEMENT).to_vec());
            deque.pop_front()
        });
    });
    group.finish();
}

fn reading(c: &mut Criterion) {
    let list = filled(End::Tail, 1_000_000);
    let mut group = c.benchmark_group("a million elements");
    for (name, start) in [("head", 0), ("middle", 500_000), ("tail", -100)] {
        group.bench_function(format!("range of 100 at the {name}"), |b| {
            b.iter(|| list.range(start, start + 99).map(|element| element.len()).sum::<usize>());
        });
    }
    group.bench_function("index in the middle", |b| b.iter(|| list.get(black_box(512_345)).map(|e| e.len())));
    group.bench_function("slice of all", |b| b.iter(|| list.slice(0, -1)));
    group.bench_function("search for what is not there", |b| b.iter(|| list.positions(b"none", 1, 1, 0)));
    group.finish();
}

criterion_group!(benches, ends, steady, reading);
criterion_main!(benches);
