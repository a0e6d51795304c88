//! A stream as a member of a consumer group: at least once, and a dead letter after so many times.
//!
//! ```text
//!   new entries                    XREADGROUP … >
//!   our own, of an earlier run     XPENDING … CONSUMER,  then XCLAIM with the idle time seen
//!   of dead consumers              XPENDING IDLE ack-wait,  then XCLAIM with that as the least idle time
//! ```
//!
//! Invariant: nothing is decided about an entry that is not ours. XCLAIM with a least idle time makes it ours only if nobody was
//! given it since we looked, so of two consumers that see the same dead one's entry, one gets it.
//!
//! A lease is the entry's idle time: while we work, XCLAIM … JUSTID to ourselves sets it back without counting a delivery.

mod claim;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rbq_client::{Link, Request};
use rbq_resp::Value;

use super::attempts::Attempts;
use super::history::History;
use super::message::{self, Message};
use super::source::{self, Source};
use super::{Ack, ConsumeArgs, home};
use crate::cmd::produce::Kind;
use crate::deadletter::{Attempt, Field, Provenance, SourceKind};
use crate::facts::unexpected;
use crate::failure::{Failure, Result, say};
use crate::moment::{Position, now_ms};

/// Pending entries looked at in one go.
const PENDING_PAGE: usize = 100;

/// A membership.
#[derive(Debug)]
pub(super) struct Group {
    /// Asks and may wait; everything else goes over `control`.
    link: Link,
    control: Link,
    client_id: String,
    key: Vec<u8>,
    group: Vec<u8>,
    consumer: Vec<u8>,
    dlq: Vec<u8>,
    ack: Ack,
    ack_wait_ms: u64,
    deliveries_max: u64,
    /// Where the next look at pending entries begins: ours first, then everybody's.
    look: Look,
    answer: Option<Value>,
    attempts: Attempts,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Look {
    Own(String),
    All(String),
}

/// An entry that somebody was given and did not acknowledge.
#[derive(Debug)]
struct Pending {
    id: String,
    consumer: Bytes,
    idle_ms: u64,
    deliveries: u64,
}

impl Group {
    pub(super) async fn join(args: &ConsumeArgs, key: Vec<u8>, group: Vec<u8>) -> Result<Self> {
        let (home, mut link) = home::Home::find(&args.server, &key, Kind::Stream).await?;
        let consumer = args.consumer_name();
        let dlq = args.policy.dead_letters(&home, &key)?;
        home::be_alone(&mut link, &[&key, &group, &consumer], &consumer).await?;
        let control = home.link().await?;
        let client_id = super::client_id(&mut link).await?;
        let attempts = Attempts::of(&home, &key, &group)?;
        let manual = args.ack == Ack::Manual;
        let look = if manual { Look::All("-".to_owned()) } else { Look::Own("-".to_owned()) };
        let mut joined = Self {
            link,
            control,
            client_id,
            key,
            group,
            consumer,
            dlq,
            ack: args.ack,
            ack_wait_ms: args.policy.ack_wait.as_millis() as u64,
            deliveries_max: args.policy.max_deliver,
            look,
            answer: None,
            attempts,
        };
        if args.create {
            joined.create(args.from.map_or_else(|| "0".to_owned(), Position::given_last)).await?;
        }
        // Before anything is waited for, so that a group that is not there is told at once.
        joined.pending(Request::default().args(["-", "+", "1"])).await?;
        Ok(joined)
    }

    async fn create(&mut self, behind: String) -> Result<()> {
        let request = Request::from(["XGROUP", "CREATE"]).arg(&self.key).arg(&self.group).arg(behind).arg("MKSTREAM");
        match self.control.call(request).await? {
            Value::Error(text) if !text.starts_with("BUSYGROUP") => Err(unexpected(Value::Error(text))),
            _ => Ok(()),
        }
    }

    fn no_group(&self) -> Failure {
        let (group, name) = (String::from_utf8_lossy(&self.group), String::from_utf8_lossy(&self.key));
        Failure::new(format!("there is no group `{group}` on a stream `{name}`")).hint("--create creates both")
    }

    /// `XPENDING key group` and these arguments.
    async fn pending(&mut self, range: Request) -> Result<Vec<Pending>> {
        let request = Request::new("XPENDING").arg(&self.key).arg(&self.group).args(range.iter());
        match self.control.call(request).await? {
            Value::Array(entries) => entries
                .into_iter()
                .map(|entry| pending_of(entry).ok_or_else(|| Failure::new("XPENDING's reply is not what it should be")))
                .collect(),
            Value::Error(text) if text.starts_with("NOGROUP") => Err(self.no_group()),
            other => Err(unexpected(other)),
        }
    }

    /// The next entries to look at; none when all have been seen.
    async fn page(&mut self) -> Result<Vec<Pending>> {
        let (count, ack_wait) = (PENDING_PAGE.to_string(), self.ack_wait_ms.to_string());
        let range = match &self.look {
            Look::Own(from) => Request::default().args([from, "+", &count]).arg(&self.consumer),
            Look::All(from) => Request::default().args(["IDLE", &ack_wait, from, "+", &count]),
        };
        let page = self.pending(range).await?;
        let next = (page.len() == PENDING_PAGE).then(|| format!("({}", page[PENDING_PAGE - 1].id));
        self.look = match (&self.look, next) {
            (Look::Own(_), Some(from)) => Look::Own(from),
            (Look::All(_), Some(from)) => Look::All(from),
            (_, None) => Look::All("-".to_owned()),
        };
        Ok(page)
    }

    /// The entry itself; one that is deleted is acknowledged, as nobody will ever see it.
    async fn entry(&mut self, id: &str) -> Result<Option<Vec<Field>>> {
        let reply = self.control.call(Request::new("XRANGE").arg(&self.key).args([id, id])).await?;
        match message::read_entries(reply)?.pop() {
            Some((_, Some(fields))) => Ok(Some(fields)),
            _ => {
                self.acknowledge(&[id]).await?;
                Ok(None)
            }
        }
    }

    /// The entry of an XCLAIM, if it was to be had, with the attempts before this one.
    fn delivered(&mut self, claimed: Value, delivery: u64, history: History) -> Result<Option<Message>> {
        let entry = message::read_entries(claimed)?.pop();
        Ok(entry.and_then(|(id, fields)| Some(self.deliver(id, fields?, delivery, history))))
    }

    fn deliver(&self, id: String, fields: Vec<Field>, delivery: u64, mut history: History) -> Message {
        history.add(Attempt { consumer: Bytes::copy_from_slice(&self.consumer), at_ms: now_ms() });
        Message { kind: Kind::Stream, id, fields, delivery, history, at_ms: now_ms() }
    }

    /// Whether an entry is still ours, and how often it was delivered.
    async fn mine(&mut self, id: &str) -> Result<Option<u64>> {
        let range = Request::default().args([id, id, "1"]).arg(&self.consumer);
        Ok(self.pending(range).await?.pop().map(|pending| pending.deliveries))
    }
}

fn pending_of(entry: Value) -> Option<Pending> {
    let Value::Array(parts) = entry else { return None };
    let [id, consumer, Value::Integer(idle_ms), Value::Integer(deliveries)] = parts.as_slice() else { return None };
    Some(Pending {
        id: String::from_utf8(id.as_bytes()?.to_vec()).ok()?,
        consumer: Bytes::copy_from_slice(consumer.as_bytes()?),
        // Negative where nobody owns it.
        idle_ms: u64::try_from(*idle_ms).unwrap_or(0),
        deliveries: u64::try_from(*deliveries).unwrap_or(0),
    })
}

fn no_error(reply: Value) -> Result<Value> {
    if matches!(reply, Value::Error(_)) { Err(unexpected(reply)) } else { Ok(reply) }
}

impl Source for Group {
    async fn ask(&mut self, count: u64, wait: Option<Duration>) -> Result<()> {
        let mut request = Request::from(["XREADGROUP", "GROUP"]).arg(&self.group).arg(&self.consumer);
        request.extend(["COUNT", &count.to_string()]);
        if let Some(wait) = wait {
            // 0 means for ever to the server.
            request.extend(["BLOCK", &wait.as_millis().max(1).to_string()]);
        }
        if self.ack == Ack::None {
            request.push("NOACK");
        }
        self.link.queue(&request.arg("STREAMS").arg(&self.key).arg(">"));
        Ok(self.link.flush().await?)
    }

    async fn answered(&mut self) -> Result<()> {
        self.answer = Some(super::reply(&mut self.link).await?);
        Ok(())
    }

    async fn take(&mut self) -> Result<Vec<Message>> {
        let entries = match self.answer.take() {
            None => return Ok(Vec::new()),
            Some(Value::Error(text)) if text.starts_with("NOGROUP") => return Err(self.no_group()),
            Some(reply) => message::read_stream(reply)?,
        };
        let entries = entries.into_iter().filter_map(|(id, fields)| Some((id, fields?)));
        Ok(entries.map(|(id, fields)| self.deliver(id, fields, 1, History::default())).collect())
    }

    async fn hurry(&mut self) -> Result<()> {
        self.control.call(["CLIENT", "UNBLOCK", &self.client_id]).await?;
        Ok(())
    }

    async fn may_inherit(&mut self) -> Result<bool> {
        let reply = self.control.call(Request::new("XPENDING").arg(&self.key).arg(&self.group)).await?;
        // All, the first, the last, and how many each consumer has.
        let Value::Array(parts) = no_error(reply)? else { return Ok(false) };
        let Some(Value::Integer(all)) = parts.first() else { return Ok(false) };
        let Some(Value::Array(consumers)) = parts.get(3) else { return Ok(*all > 0) };
        let ours = consumers.iter().find_map(|row| match row {
            Value::Array(pair) if pair.first()?.as_bytes()? == self.consumer => pair.get(1)?.as_bytes(),
            _ => None,
        });
        let ours = ours.and_then(|count| std::str::from_utf8(count).ok()?.parse().ok()).unwrap_or(0);
        Ok(*all > ours)
    }

    async fn adopt(&mut self, count: u64, held: &[Arc<Message>]) -> Result<Vec<Message>> {
        let mut adopted = Vec::new();
        loop {
            let begun = self.look.clone();
            let page = self.page().await?;
            let all = page.len() < PENDING_PAGE;
            for pending in page {
                let is_own = pending.consumer == self.consumer;
                if held.iter().any(|message| message.id == pending.id) || (is_own && self.ack == Ack::Manual) {
                    continue;
                }
                if let Some(message) = self.take_over(pending).await? {
                    adopted.push(message);
                }
                if adopted.len() as u64 == count {
                    // The rest of the page is looked at again.
                    self.look = begun;
                    return Ok(adopted);
                }
            }
            if all && matches!(begun, Look::All(_)) {
                return Ok(adopted);
            }
        }
    }

    async fn again(&mut self, message: &Message) -> Result<Option<Message>> {
        let Some(claimed) = self.claim_ours(message, &[]).await? else { return Ok(None) };
        self.delivered(claimed, message.delivery + 1, message.history.clone())
    }

    async fn done(&mut self, messages: &[Arc<Message>]) -> Result<()> {
        // With NOACK only what was taken over is pending at all.
        let is_due = |message: &&Arc<Message>| match self.ack {
            Ack::Manual => false,
            Ack::None => message.delivery > 1,
            Ack::Auto | Ack::AfterExec => true,
        };
        let ids: Vec<_> = messages.iter().filter(is_due).map(|message| message.id.as_str()).collect();
        if !ids.is_empty() {
            self.acknowledge(&ids).await?;
        }
        // Others acknowledge the rest, and the server drops what is noted of it.
        messages.iter().for_each(|message| self.attempts.forget(&message.id));
        Ok(())
    }

    async fn bury(&mut self, message: &Message, reason: &str, error: &str) -> Result<bool> {
        let letter = source::letter(
            message,
            Provenance {
                source: Bytes::copy_from_slice(&self.key),
                kind: SourceKind::Stream,
                group: Bytes::copy_from_slice(&self.group),
                id: message.id.clone(),
                reason: reason.to_owned(),
                error: Bytes::copy_from_slice(error.as_bytes()),
                attempts: Vec::new(),
                first_delivered_ms: 0,
                died_ms: 0,
                redrives: 0,
                job: String::new(),
            },
        );
        let mut releases = vec![Request::new("XACK").arg(&self.key).arg(&self.group).arg(&message.id)];
        releases.extend(self.attempts.removal([message.id.as_str()]));
        let is_buried = source::bury(&mut self.control, &self.dlq, &letter, &releases).await?;
        self.attempts.forget(&message.id);
        if is_buried {
            let dlq = String::from_utf8_lossy(&self.dlq).into_owned();
            let why = if error.is_empty() { String::new() } else { format!(": {error}") };
            say(&format!("{} is a dead letter in `{dlq}` ({reason}, delivery {}{why})", message.id, message.delivery));
        }
        Ok(is_buried)
    }

    async fn give_back(&mut self, messages: &[Arc<Message>]) -> Result<()> {
        if self.ack == Ack::None {
            return Ok(());
        }
        let idle = self.ack_wait_ms.to_string();
        for message in messages {
            // So idle that whoever looks next may have it at once.
            self.take_back(message, &["IDLE", &idle]).await?;
            self.attempts.forget(&message.id);
        }
        Ok(())
    }

    async fn uncount(&mut self, message: &Message) -> Result<Message> {
        self.take_back(message, &[]).await
    }

    async fn keep(&mut self, held: &[Arc<Message>]) -> Result<()> {
        for message in held {
            self.claim_ours(message, &["JUSTID"]).await?;
        }
        Ok(())
    }
}
