//! What a stored message of 64 bytes costs: in a list, in a stream, and pending in a group.

use std::time::Instant;

use anyhow::Result;

use super::plain::Plain;
use super::queues::PAYLOAD;
use super::sample::{Memory, Sample};
use super::target::Target;

/// Requests sent before their answers are read.
const WINDOW: u64 = 500;

/// What is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// Elements of one list.
    List,
    /// Entries of one stream, with one field.
    Stream,
    /// The same entries, delivered and not acknowledged: what that adds.
    Pending,
}

/// Stores `messages` on a fresh server and asks what it takes.
pub(super) fn run(target: &Target, stored: Stored, messages: u64) -> Result<Sample> {
    let mut client = Plain::open(target.addr())?;
    if stored == Stored::Pending {
        fill(&mut client, Stored::Stream, messages)?;
        client.ask(&[b"XGROUP", b"CREATE", b"mail", b"workers", b"0"])?;
    }
    let used = target.used_memory()?;
    let resident = target.process().rss_bytes()?;
    let before = target.process().cpu()?;
    let start = Instant::now();
    fill(&mut client, stored, messages)?;
    let seconds = start.elapsed().as_secs_f64();
    let cpu_seconds = (target.process().cpu()? - before).as_secs_f64();
    let memory = Memory {
        used_bytes: (target.used_memory()? as f64 - used as f64) / messages as f64,
        resident_bytes: (target.process().rss_bytes()? as f64 - resident as f64) / messages as f64,
    };
    Ok(Sample { units: messages, seconds, cpu_seconds, latency: None, memory: Some(memory) })
}

fn fill(client: &mut Plain, stored: Stored, messages: u64) -> Result<()> {
    for _ in 0..messages / WINDOW {
        let requests = if stored == Stored::Pending { 1 } else { WINDOW };
        for _ in 0..requests {
            match stored {
                Stored::List => client.put(&[b"RPUSH", b"mail", PAYLOAD]),
                Stored::Stream => client.put(&[b"XADD", b"mail", b"*", b"body", PAYLOAD]),
                Stored::Pending => {
                    let count = WINDOW.to_string();
                    let group: [&[u8]; 6] = [b"XREADGROUP", b"GROUP", b"workers", b"me", b"COUNT", count.as_bytes()];
                    client.put(&[&group[..], &[b"STREAMS", b"mail", b">"]].concat());
                }
            }
        }
        client.send()?;
        for _ in 0..requests {
            client.answer()?;
        }
    }
    Ok(())
}
