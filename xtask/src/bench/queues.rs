//! A message's whole way: in by one client, out by another.
//!
//! Producers and consumers run on one thread of ours, so that the other core is the server's. Every queue between them
//! is the server's own, and a producer has at most a window of requests without an answer.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Result, bail};
use rbq_resp::Value;
use tokio::task::LocalSet;

use super::flow::Flow;
use super::plain::Plain;
use super::sample::Sample;
use super::target::Target;

/// What every message carries.
pub(super) const PAYLOAD: &[u8; 64] = &[b'm'; 64];

/// Clients on each side.
const PRODUCERS: u64 = 4;
const CONSUMERS: usize = 4;

/// Requests a producer sends before it reads their answers.
const WINDOW: u64 = 16;

/// Messages a consumer takes at once where it can.
const BATCH: &str = "100";

/// How messages are produced and consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// LPUSH, and BRPOP for each.
    List,
    /// LPUSH, and BLMPOP for up to a hundred.
    ListBatch,
    /// XADD, XREADGROUP for up to a hundred, XACK of them.
    Stream,
}

/// Sends `messages` through the server and waits until all have arrived.
pub(super) fn run(target: &Target, way: Way, messages: u64) -> Result<Sample> {
    target.empty()?;
    if way == Way::Stream {
        Plain::open(target.addr())?.ask(&[b"XGROUP", b"CREATE", b"mail", b"workers", b"0", b"MKSTREAM"])?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let messages = messages - messages % (PRODUCERS * WINDOW);
    let before = target.process().cpu()?;
    let start = Instant::now();
    LocalSet::new().block_on(&runtime, all(target, way, messages))?;
    let seconds = start.elapsed().as_secs_f64();
    let cpu_seconds = (target.process().cpu()? - before).as_secs_f64();
    Ok(Sample { units: messages, seconds, cpu_seconds, ..Sample::default() })
}

async fn all(target: &Target, way: Way, messages: u64) -> Result<()> {
    let left = Rc::new(Cell::new(messages));
    let mut consumers = tokio::task::JoinSet::new();
    for number in 0..CONSUMERS {
        let flow = Flow::open(target.addr()).await?;
        consumers.spawn_local(consume(flow, way, number, Rc::clone(&left)));
    }
    let mut producers = tokio::task::JoinSet::new();
    for _ in 0..PRODUCERS {
        producers.spawn_local(produce(Flow::open(target.addr()).await?, way, messages / PRODUCERS));
    }
    while let Some(outcome) = producers.join_next().await {
        outcome??;
    }
    // The one that takes the last message ends; the others wait for messages that do not come.
    match consumers.join_next().await {
        Some(outcome) => outcome?,
        None => bail!("nobody consumes"),
    }
}

async fn produce(mut flow: Flow, way: Way, messages: u64) -> Result<()> {
    for _ in 0..messages / WINDOW {
        for _ in 0..WINDOW {
            match way {
                Way::List | Way::ListBatch => flow.put([&b"LPUSH"[..], b"mail", PAYLOAD]),
                Way::Stream => flow.put([&b"XADD"[..], b"mail", b"*", b"body", PAYLOAD]),
            }
        }
        flow.send().await?;
        for _ in 0..WINDOW {
            flow.answer().await?;
        }
    }
    Ok(())
}

/// Takes messages until it took the last one there is.
async fn consume(mut flow: Flow, way: Way, number: usize, left: Rc<Cell<u64>>) -> Result<()> {
    let name = format!("worker-{number}");
    let mut acks = 0;
    loop {
        match way {
            Way::List => flow.put(["BRPOP", "mail", "0"]),
            Way::ListBatch => flow.put(["BLMPOP", "0", "1", "mail", "RIGHT", "COUNT", BATCH]),
            Way::Stream => {
                let group = ["XREADGROUP", "GROUP", "workers", &name, "COUNT", BATCH];
                flow.put(group.iter().chain(&["BLOCK", "0", "STREAMS", "mail", ">"]));
            }
        }
        flow.send().await?;
        for _ in 0..std::mem::take(&mut acks) {
            flow.answer().await?;
        }
        let taken = match (way, flow.answer().await?) {
            (Way::List, Value::Array(_)) => 1,
            (Way::ListBatch, Value::Array(mut reply)) => match reply.pop() {
                Some(Value::Array(elements)) => elements.len() as u64,
                other => bail!("BLMPOP answered {other:?}"),
            },
            (Way::Stream, reply) => {
                // The acknowledgement goes out with the next read, as it does in a worker that is busy.
                let ids = ids(&reply);
                flow.put([&b"XACK"[..], b"mail", b"workers"].into_iter().chain(ids.iter().copied()));
                acks = 1;
                ids.len() as u64
            }
            (_, other) => bail!("the server answered {other:?}"),
        };
        left.set(left.get() - taken);
        if left.get() == 0 {
            flow.send().await?;
            return Ok(());
        }
    }
}

/// The IDs of the entries of one stream.
fn ids(reply: &Value) -> Vec<&[u8]> {
    let entries = items(items(items(Some(reply)).first()).get(1));
    entries.iter().filter_map(|entry| items(Some(entry)).first().and_then(Value::as_bytes)).collect()
}

/// The elements of an array; none of anything else.
fn items(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::Array(items)) => items,
        _ => &[],
    }
}
