//! Consumers that wait: how soon one is served, and what ten thousand of them cost while nothing happens.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::plain::Plain;
use super::queues::PAYLOAD;
use super::sample::{Latency, Memory, Sample};
use super::target::Target;

/// Files that are open besides the connections.
const OTHER_FILES: u64 = 200;

/// How long after a push the waiting consumer has its message.
pub(super) fn hand_off(target: &Target, messages: u64) -> Result<Sample> {
    target.empty()?;
    let mut producer = Plain::open(target.addr())?;
    let mut consumer = Plain::open(target.addr())?;
    let mut latencies = Vec::new();
    let before = target.process().cpu()?;
    let start = Instant::now();
    for _ in 0..messages {
        consumer.put(&[b"BRPOP", b"mail", b"0"]);
        consumer.send()?;
        // Two round trips of another client later the consumer waits.
        producer.ask(&[b"PING"])?;
        producer.ask(&[b"PING"])?;
        let pushed = Instant::now();
        producer.put(&[b"LPUSH", b"mail", PAYLOAD]);
        producer.send()?;
        consumer.answer()?;
        latencies.push(pushed.elapsed());
        producer.answer()?;
    }
    let seconds = start.elapsed().as_secs_f64();
    let cpu_seconds = (target.process().cpu()? - before).as_secs_f64();
    Ok(Sample { units: messages, seconds, cpu_seconds, latency: Some(Latency::of(latencies)), memory: None })
}

/// How soon a consumer that takes an entry and acknowledges it before the next has both answers.
pub(super) fn ack(target: &Target, messages: u64) -> Result<Sample> {
    target.empty()?;
    let mut client = Plain::open(target.addr())?;
    client.ask(&[b"XGROUP", b"CREATE", b"mail", b"workers", b"0", b"MKSTREAM"])?;
    let ids: Vec<String> = (1..=messages).map(|number| format!("{number}-1")).collect();
    for ids in ids.chunks(500) {
        ids.iter().for_each(|id| client.put(&[b"XADD", b"mail", id.as_bytes(), b"body", PAYLOAD]));
        client.send()?;
        for _ in ids {
            client.answer()?;
        }
    }
    let mut latencies = Vec::new();
    let before = target.process().cpu()?;
    let start = Instant::now();
    for id in &ids {
        let begun = Instant::now();
        client.ask(&[b"XREADGROUP", b"GROUP", b"workers", b"me", b"COUNT", b"1", b"STREAMS", b"mail", b">"])?;
        client.ask(&[b"XACK", b"mail", b"workers", id.as_bytes()])?;
        latencies.push(begun.elapsed());
    }
    let seconds = start.elapsed().as_secs_f64();
    let cpu_seconds = (target.process().cpu()? - before).as_secs_f64();
    Ok(Sample { units: messages, seconds, cpu_seconds, latency: Some(Latency::of(latencies)), memory: None })
}

/// Lets us, and the servers we start from now on, open as many files as the system allows; returns how many clients
/// that is room for.
pub(super) fn raise_file_limit() -> Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(limit.maximum.unwrap_or(u64::MAX).saturating_sub(OTHER_FILES))
}

/// What waiting consumers cost while nothing happens for `quiet`: memory for each, and processor time.
pub(super) fn idle(target: &Target, clients: u64, quiet: Duration) -> Result<Sample> {
    let used = target.used_memory()?;
    let resident = target.process().rss_bytes()?;
    let mut waiting = Vec::new();
    for number in 0..clients {
        let mut consumer = Plain::open(target.addr())?;
        consumer.put(&[b"BRPOP", format!("mail:{number}").as_bytes(), b"0"]);
        consumer.send()?;
        waiting.push(consumer);
    }
    // The last one's command has been read when a later client is answered.
    let memory = Memory {
        used_bytes: (target.used_memory()? as f64 - used as f64) / clients as f64,
        resident_bytes: (target.process().rss_bytes()? as f64 - resident as f64) / clients as f64,
    };
    let before = target.process().cpu()?;
    let start = Instant::now();
    thread::sleep(quiet);
    let seconds = start.elapsed().as_secs_f64();
    let cpu_seconds = (target.process().cpu()? - before).as_secs_f64();
    Ok(Sample { units: clients, seconds, cpu_seconds, latency: None, memory: Some(memory) })
}
