//! What a stream takes, per entry and per pending entry: by its own count, and by the operating system's.
//!
//! `cargo run --release -p rbq-stream --example memory`
#![allow(clippy::print_stdout)]

use rbq_stream::{Acks, BlockLimits, NewId, Stream, StreamId, Take};

const ENTRIES: u64 = 1_000_000;

/// Resident bytes of this process; 0 where the system does not say.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4096
}

fn main() {
    let mut stream = Stream::default();
    let payload = [b'x'; 64];
    let before = (stream.memory_bytes(), resident());
    for number in 0..ENTRIES {
        let fields = [(&b"data"[..], &payload[..])];
        // About what a busy server sees: twenty entries a millisecond.
        let now_ms = 1_700_000_000_000 + number / 20;
        stream.append(NewId::Auto, fields, now_ms, BlockLimits::default()).expect("there are IDs left");
    }
    let filled = (stream.memory_bytes(), resident());
    report("an entry with one field of 64 bytes", before, filled);
    println!("  in {} blocks", stream.entries().blocks());

    stream.create_group(b"g", StreamId::MIN, None);
    let mut group = stream.group_mut(b"g").expect("it was made");
    let (consumer, _) = group.consumer(b"c", 0);
    while group.deliver(consumer, 1000, Acks::Required, 1_700_000_100_000, |_| Take::Yes).len > 0 {}
    let delivered = (stream.memory_bytes(), resident());
    report("a pending entry", filled, delivered);
}

fn report(what: &str, before: (usize, u64), after: (usize, u64)) {
    let counted = (after.0 - before.0) as f64 / ENTRIES as f64;
    let resident = after.1.saturating_sub(before.1) as f64 / ENTRIES as f64;
    println!("{what}: {counted:.1} bytes counted, {resident:.1} resident");
}
