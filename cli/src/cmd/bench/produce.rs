//! Producers: one connection each, in a closed loop or in an open one.
//!
//! ```text
//!   closed   send a pipeline, wait for its replies, again      how much can it do?
//!   open     send what is due, whatever is unanswered          how long does it take, at this rate?
//! ```
//!
//! Any error ends the measurement: figures of a server that refuses are figures of nothing. What was done before a connection was
//! lost stays with its producer, because that was measured.

use std::collections::VecDeque;
use std::sync::Arc;

use rbq_client::{Error, Link, Request};
use rbq_resp::Value;
use tokio::sync::Notify;

use super::Workload;
use super::pace::Schedule;
use super::run::Run;
use super::spread::Spread;
use crate::failure::{Failure, Result};

/// Messages of one connection that may be unanswered in an open loop: as a client library allows. Above it messages wait,
/// and are measured as late as they are.
const IN_FLIGHT_MAX: usize = 1024;

/// What one producer did.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) messages: u64,
    /// From due to acknowledged.
    pub(super) acknowledged: Spread,
    /// From due to sent.
    pub(super) late: Spread,
    /// Why it ended before its time.
    pub(super) failure: Option<Failure>,
}

impl Sent {
    fn nothing() -> Self {
        Self { messages: 0, acknowledged: Spread::new(), late: Spread::new(), failure: None }
    }
}

/// As fast as the replies come.
pub(super) async fn closed(mut link: Link, run: Arc<Run>, producer: u32) -> Sent {
    let mut sent = Sent::nothing();
    sent.failure = send_closed(&mut link, &run, producer, &mut sent).await.err();
    sent
}

async fn send_closed(link: &mut Link, run: &Run, producer: u32, sent: &mut Sent) -> Result<()> {
    loop {
        let batch = run.claim(run.pipeline);
        if batch == 0 {
            return Ok(());
        }
        let due_ns = run.now_ns();
        for number in sent.messages..sent.messages + batch {
            link.queue(&request(run, producer, number, due_ns));
        }
        link.flush().await?;
        for _ in 0..batch {
            reply(link).await?;
            sent.acknowledged.record(run.now_ns() - due_ns);
        }
        sent.messages += batch;
        run.acknowledge(batch);
    }
}

/// As the schedule says; `waker` is called when something is due.
pub(super) async fn open(mut link: Link, run: Arc<Run>, producer: u32, schedule: Schedule, waker: Arc<Notify>) -> Sent {
    let mut sent = Sent::nothing();
    let mut in_flight = VecDeque::new();
    sent.failure = send_open(&mut link, &run, producer, (schedule, waker), (&mut sent, &mut in_flight)).await.err();
    // Replies come in order, so these are the last.
    sent.messages -= in_flight.len() as u64;
    sent
}

async fn send_open(
    link: &mut Link,
    run: &Run,
    producer: u32,
    (schedule, waker): (Schedule, Arc<Notify>),
    (sent, in_flight): (&mut Sent, &mut VecDeque<u64>),
) -> Result<()> {
    let due_of = |number: u64| {
        let message = number * schedule.producers + u64::from(producer);
        (message < schedule.total).then(|| schedule.due_ns(message))
    };
    loop {
        let mut next = due_of(sent.messages).filter(|_| !run.is_stopped());
        while let Some(due_ns) = next.filter(|due_ns| in_flight.len() < IN_FLIGHT_MAX && *due_ns <= run.now_ns()) {
            link.queue(&request(run, producer, sent.messages, due_ns));
            in_flight.push_back(due_ns);
            sent.messages += 1;
            sent.late.record(run.now_ns() - due_ns);
            next = due_of(sent.messages);
        }
        link.flush().await?;
        if next.is_none() && in_flight.is_empty() {
            return Ok(());
        }
        tokio::select! {
            answered = reply(link), if !in_flight.is_empty() => {
                answered?;
                let due_ns = in_flight.pop_front().expect("somebody waits for this reply");
                sent.acknowledged.record(run.now_ns() - due_ns);
                run.acknowledge(1);
            }
            () = waker.notified() => {}
        }
    }
}

fn request(run: &Run, producer: u32, number: u64, due_ns: u64) -> Request {
    let key = run.key(producer as usize);
    let payload = || run.form.message(producer, number, due_ns);
    match run.workload {
        Workload::Queue => Request::new("LPUSH").arg(key).arg(payload()),
        Workload::Stream | Workload::Group => Request::new("XADD").arg(key).args(["*", "data"]).arg(payload()),
        Workload::Pubsub => Request::new("PUBLISH").arg(key).arg(payload()),
        Workload::Latency => Request::new("PING").arg(payload()),
    }
}

/// The next value that is no push and no error. Cancellation-safe.
async fn reply(link: &mut Link) -> Result<Value> {
    loop {
        match link.receive().await? {
            Value::Push(_) => {}
            Value::Error(text) => return Err(Error::from_error_reply(text).into()),
            value => return Ok(value),
        }
    }
}
