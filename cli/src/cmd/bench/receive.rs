//! Receivers: consumers of a queue or a group, readers of a stream, subscribers.
//!
//! Each ends when nothing can come any more, and not after a time: the producers have been answered for everything *before* it
//! asked, and the server says that there is nothing. A subscription ends with a message that says so, since what is published on
//! one channel arrives in order.

use std::sync::Arc;

use rbq_client::{Error, Link, PubSub, Request};
use rbq_resp::Value;

use super::Workload;
use super::ledger::Ledger;
use super::payload::Read;
use super::run::Run;
use super::spread::Spread;
use crate::failure::{Failure, Result};

/// The group of the workload `group`.
pub(super) const GROUP: &str = "bench";

/// How long a receiver waits at the server before it looks whether all is over.
const WAIT_MS: &str = "100";
const WAIT_SECONDS: &str = "0.1";

/// What one receiver was given.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) ledger: Ledger,
    /// From due to here.
    pub(super) delivered: Spread,
    /// When the last message came.
    pub(super) last_ns: u64,
    /// Whether the server closed the subscription.
    pub(super) cut_off: bool,
    /// Which of the receivers this is, from 0.
    pub(super) number: usize,
    /// Why it ended before its time.
    pub(super) failure: Option<Failure>,
}

/// A receiver that is ready: subscribed, if it must be.
#[derive(Debug)]
pub(super) struct Receiver {
    link: Link,
    run: Arc<Run>,
    key: String,
    name: String,
    received: Received,
}

impl Receiver {
    pub(super) async fn start(mut link: Link, run: Arc<Run>, number: usize) -> Result<Self> {
        let key = run.key(number).to_owned();
        if run.workload == Workload::Pubsub {
            link.queue(&Request::new("SUBSCRIBE").arg(&key));
            link.flush().await?;
            // Its confirmation: from here on nothing is missed.
            if let Value::Error(text) = link.receive().await? {
                return Err(Error::from_error_reply(text).into());
            }
        }
        let (ledger, delivered) = (Ledger::default(), Spread::new());
        let received = Received { ledger, delivered, last_ns: 0, cut_off: false, number, failure: None };
        Ok(Self { link, run, key, name: format!("consumer-{}", number + 1), received })
    }

    /// Receives until nothing can come any more.
    pub(super) async fn run(mut self) -> Received {
        let ended = match self.run.workload {
            Workload::Queue => self.take().await,
            Workload::Stream => self.follow().await,
            Workload::Group => self.work().await,
            Workload::Pubsub => self.listen().await,
            Workload::Latency => Ok(()),
        };
        self.received.failure = ended.err();
        self.received
    }

    async fn take(&mut self) -> Result<()> {
        let many = Request::new("RPOP").arg(&self.key).arg(self.run.batch.to_string());
        let one = Request::new("BRPOP").arg(&self.key).arg(WAIT_SECONDS);
        loop {
            let closed = self.run.is_closed();
            if self.run.batch > 1 {
                let taken = self.ask(&many).await?;
                if let Some(payloads) = array(taken) {
                    payloads.iter().for_each(|payload| self.enter(payload));
                    continue;
                }
            }
            let taken = self.ask(&one).await?;
            match array(taken).as_deref() {
                Some([_, payload]) => self.enter(payload),
                _ if closed => return Ok(()),
                _ => {}
            }
        }
    }

    async fn follow(&mut self) -> Result<()> {
        let mut last = "0".to_owned();
        loop {
            let closed = self.run.is_closed();
            let read = Request::new("XREAD").arg("COUNT").arg(self.run.batch.to_string());
            let read = read.args(["BLOCK", WAIT_MS, "STREAMS"]).arg(&self.key).arg(&last);
            let entries = entries(self.ask(&read).await?);
            match entries.last() {
                Some((id, _)) => last.clone_from(id),
                None if closed => return Ok(()),
                None => {}
            }
            entries.iter().for_each(|(_, payload)| self.enter(payload));
        }
    }

    async fn work(&mut self) -> Result<()> {
        let read = Request::new("XREADGROUP").args(["GROUP", GROUP]).arg(&self.name);
        let read = read.arg("COUNT").arg(self.run.batch.to_string()).args(["BLOCK", WAIT_MS]);
        let read = read.arg("STREAMS").arg(&self.key).arg(">");
        let mut entries = Vec::new();
        loop {
            let closed = self.run.is_closed();
            // The acknowledgement of what was received goes with the question for more.
            let ack = entries.iter().fold(Request::new("XACK").arg(&self.key).arg(GROUP), |ack, (id, _)| ack.arg(id));
            if !entries.is_empty() {
                self.link.queue(&ack);
            }
            self.link.queue(&read);
            self.link.flush().await?;
            if !entries.is_empty() {
                self.answer().await?;
            }
            entries = self::entries(self.answer().await?);
            if entries.is_empty() && closed {
                return Ok(());
            }
            entries.iter().for_each(|(_, payload)| self.enter(payload));
        }
    }

    async fn listen(&mut self) -> Result<()> {
        loop {
            let elements = match self.link.receive().await {
                Ok(Value::Push(elements) | Value::Array(elements)) => elements,
                Ok(_) => continue,
                Err(Error::Closed(_)) => {
                    // A subscriber that is too slow for the server's buffer is closed: what it missed is counted as lost.
                    self.received.cut_off = true;
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            };
            if let Some(PubSub::Message { payload, .. }) = PubSub::read(&elements) {
                if self.run.form.read(&payload) == Read::End {
                    return Ok(());
                }
                self.enter(&Value::Bulk(payload));
            }
        }
    }

    fn enter(&mut self, payload: &Value) {
        let now_ns = self.run.now_ns();
        self.received.last_ns = now_ns;
        if let Some(due_ns) = self.received.ledger.enter(&self.run.form, payload.as_bytes().unwrap_or_default()) {
            self.received.delivered.record(now_ns.saturating_sub(due_ns));
        }
    }

    async fn ask(&mut self, request: &Request) -> Result<Value> {
        self.link.queue(request);
        self.link.flush().await?;
        self.answer().await
    }

    async fn answer(&mut self) -> Result<Value> {
        match self.link.receive().await? {
            Value::Error(text) => Err(Failure::from(Error::from_error_reply(text))),
            value => Ok(value),
        }
    }
}

fn array(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(values) => Some(values),
        _ => None,
    }
}

/// The entries of the one stream that was asked for: IDs, and the value of the one field.
fn entries(value: Value) -> Vec<(String, Value)> {
    let of_stream = match value {
        Value::Map(streams) => streams.into_iter().next().map(|(_, entries)| entries),
        Value::Array(streams) => streams.into_iter().next().and_then(array).and_then(|pair| pair.into_iter().nth(1)),
        _ => None,
    };
    let entry = |entry| {
        let mut parts = array(entry)?.into_iter();
        let id = String::from_utf8_lossy(parts.next()?.as_bytes()?).into_owned();
        Some((id, array(parts.next()?)?.into_iter().nth(1)?))
    };
    of_stream.and_then(array).unwrap_or_default().into_iter().filter_map(entry).collect()
}
