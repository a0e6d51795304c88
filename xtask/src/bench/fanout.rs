//! One publisher, fifty subscribers: what each delivery costs.
//!
//! A message looks the same to every subscriber, so they count bytes instead of decoding them; the publisher stays at
//! most a window ahead of the slowest.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use anyhow::Result;
use tokio::sync::Notify;
use tokio::task::{JoinSet, LocalSet};

use super::flow::Flow;
use super::queues::PAYLOAD;
use super::sample::Sample;
use super::target::Target;

/// Subscribers.
const SUBSCRIBERS: u64 = 50;

/// Messages published before their answers are read.
const BATCH: u64 = 16;

/// Messages on the way to the slowest subscriber, at most: 512 of about 110 bytes stay far below every output limit.
const WINDOW: u64 = 512;

/// How far each subscriber is.
#[derive(Default)]
struct Progress {
    bytes: RefCell<Vec<u64>>,
    moved: Notify,
}

/// Publishes `messages` and waits until everybody has all of them.
pub(super) fn run(target: &Target, messages: u64) -> Result<Sample> {
    target.empty()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let messages = messages - messages % BATCH;
    LocalSet::new().block_on(&runtime, async {
        let progress = Rc::new(Progress::default());
        progress.bytes.borrow_mut().resize(SUBSCRIBERS as usize, 0);
        let mut subscribers = JoinSet::new();
        for number in 0..SUBSCRIBERS as usize {
            let mut flow = Flow::open(target.addr()).await?;
            flow.put(["SUBSCRIBE", "news"]);
            flow.send().await?;
            flow.answer().await?;
            subscribers.spawn_local(listen(flow, number, messages, Rc::clone(&progress)));
        }
        let mut publisher = Flow::open(target.addr()).await?;
        let before = target.process().cpu()?;
        let start = Instant::now();
        publish(&mut publisher, messages, &progress).await?;
        while let Some(outcome) = subscribers.join_next().await {
            outcome??;
        }
        let seconds = start.elapsed().as_secs_f64();
        let cpu_seconds = (target.process().cpu()? - before).as_secs_f64();
        Ok(Sample { units: messages * SUBSCRIBERS, seconds, cpu_seconds, ..Sample::default() })
    })
}

/// Bytes of one message to a RESP2 subscriber.
fn message_bytes() -> u64 {
    let head = "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$64\r\n\r\n";
    (head.len() + PAYLOAD.len()) as u64
}

async fn publish(publisher: &mut Flow, messages: u64, progress: &Progress) -> Result<()> {
    let mut sent = 0;
    while sent < messages {
        loop {
            let slowest = progress.bytes.borrow().iter().copied().min().unwrap_or(0) / message_bytes();
            if sent - slowest.min(sent) < WINDOW {
                break;
            }
            progress.moved.notified().await;
        }
        for _ in 0..BATCH {
            publisher.put([&b"PUBLISH"[..], b"news", PAYLOAD]);
        }
        publisher.send().await?;
        for _ in 0..BATCH {
            publisher.answer().await?;
        }
        sent += BATCH;
    }
    Ok(())
}

async fn listen(mut flow: Flow, number: usize, messages: u64, progress: Rc<Progress>) -> Result<()> {
    let mut chunk = vec![0; 64 * 1024];
    let mut received = 0;
    while received < messages * message_bytes() {
        received += flow.bytes(&mut chunk).await? as u64;
        progress.bytes.borrow_mut()[number] = received;
        progress.moved.notify_one();
    }
    Ok(())
}
