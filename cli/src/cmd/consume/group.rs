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

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rbq_client::{Link, Request};
use rbq_resp::Value;
use serde_json::json;

use super::message::{self, Message};
use super::source::{self, Source};
use super::{Ack, ConsumeArgs, home};
use crate::cmd::produce::Kind;
use crate::deadletter::{ATTEMPTS_MAX, Attempt, Field, Provenance, SourceKind};
use crate::facts::unexpected;
use crate::failure::{Failure, Result, say};
use crate::moment::{Position, now_ms};
use crate::print::message as print;

/// Pending entries looked at in one go.
const PENDING_PAGE: usize = 100;

/// How long attempts are noted of an entry that nobody takes up any more.
const ATTEMPTS_KEPT: Duration = Duration::from_secs(7 * 86_400);

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
    /// What the names of the lists of earlier attempts begin with; the ID follows.
    attempts: Vec<u8>,
    ack: Ack,
    ack_wait_ms: u64,
    deliveries_max: u64,
    /// Where the next look at pending entries begins: ours first, then everybody's.
    look: Look,
    answer: Option<Value>,
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
        let attempts = home.beside(&key, &[b":attempts:", &group[..], b":"].concat())?;
        home::be_alone(&mut link, &[&key, &group, &consumer], &consumer).await?;
        let control = home.link().await?;
        let client_id = super::client_id(&mut link).await?;
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
            attempts,
            ack: args.ack,
            ack_wait_ms: args.policy.ack_wait.as_millis() as u64,
            deliveries_max: args.policy.max_deliver,
            look,
            answer: None,
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

    /// Makes entries ours that have been idle for this long; those of them that were still to be had.
    async fn claim(&mut self, idle_ms: u64, id: &str, options: &[&str]) -> Result<Value> {
        let request = Request::new("XCLAIM").arg(&self.key).arg(&self.group).arg(&self.consumer);
        let request = request.arg(idle_ms.to_string()).arg(id).args(options);
        match self.control.call(request).await? {
            Value::Error(text) => Err(unexpected(Value::Error(text))),
            reply => Ok(reply),
        }
    }

    /// Takes an entry over: delivered to us, or buried; `None` if it was buried or is not to be had.
    async fn take_over(&mut self, pending: Pending) -> Result<Option<Message>> {
        let Pending { id, consumer, idle_ms, deliveries } = pending;
        let least_idle_ms = idle_ms.min(self.ack_wait_ms);
        let seen = Attempt { consumer, at_ms: now_ms().saturating_sub(idle_ms) };
        if deliveries >= self.deliveries_max {
            if is_empty(&self.claim(least_idle_ms, &id, &["JUSTID"]).await?) {
                return Ok(None);
            }
            if let Some(fields) = self.entry(&id).await? {
                let (delivery, attempts) = (deliveries, self.note(&id, &seen).await?);
                let message = Message { kind: Kind::Stream, id, fields, delivery, attempts, at_ms: now_ms() };
                self.bury(&message, "max-deliver", "").await?;
            }
            return Ok(None);
        }
        let claimed = self.claim(least_idle_ms, &id, &[]).await?;
        if is_empty(&claimed) {
            return Ok(None);
        }
        let attempts = self.note(&id, &seen).await?;
        self.delivered(claimed, deliveries + 1, attempts)
    }

    fn attempts_key(&self, id: &str) -> Vec<u8> {
        [&self.attempts[..], id.as_bytes()].concat()
    }

    /// Notes an attempt that came to nothing where the next consumer finds it, for the server knows only of the last one; all
    /// that are known of the entry, this one included. Only what is delivered again is noted, so most entries cost nothing.
    async fn note(&mut self, id: &str, attempt: &Attempt) -> Result<Vec<Attempt>> {
        let key = self.attempts_key(id);
        let text = json!({ "consumer": print::json(&attempt.consumer), "at": attempt.at_ms }).to_string();
        let kept = format!("-{ATTEMPTS_MAX}");
        for request in [
            Request::new("RPUSH").arg(&key).arg(text),
            Request::new("LTRIM").arg(&key).args([&kept, "-1"]),
            Request::new("PEXPIRE").arg(&key).arg(ATTEMPTS_KEPT.as_millis().to_string()),
        ] {
            if let error @ Value::Error(_) = self.control.call(request).await? {
                return Err(unexpected(error));
            }
        }
        match self.control.call(Request::new("LRANGE").arg(&key).args(["0", "-1"])).await? {
            Value::Array(notes) => Ok(notes.iter().filter_map(attempt_of).collect()),
            other => Err(unexpected(other)),
        }
    }

    /// What was noted of entries that are done with.
    async fn forget(&mut self, messages: &[&Message]) -> Result<()> {
        let again = messages.iter().filter(|message| message.delivery > 1 || message.attempts.len() > 1);
        let keys: Vec<_> = again.map(|message| self.attempts_key(&message.id)).collect();
        if !keys.is_empty() {
            self.control.call(Request::new("DEL").args(keys)).await?;
        }
        Ok(())
    }

    /// The entry itself; one that is deleted is acknowledged, as nobody will ever see it.
    async fn entry(&mut self, id: &str) -> Result<Option<Vec<Field>>> {
        let reply = self.control.call(Request::new("XRANGE").arg(&self.key).args([id, id])).await?;
        match message::read_entries(reply)?.pop() {
            Some((_, Some(fields))) => Ok(Some(fields)),
            _ => {
                self.acknowledge([id]).await?;
                Ok(None)
            }
        }
    }

    /// The entry of an XCLAIM, if it was to be had, with the attempts before this one.
    fn delivered(&self, claimed: Value, delivery: u64, attempts: Vec<Attempt>) -> Result<Option<Message>> {
        let entry = message::read_entries(claimed)?.pop();
        Ok(entry.and_then(|(id, fields)| Some(self.deliver(id, fields?, delivery, attempts))))
    }

    fn deliver(&self, id: String, fields: Vec<Field>, delivery: u64, mut attempts: Vec<Attempt>) -> Message {
        attempts.push(Attempt { consumer: Bytes::copy_from_slice(&self.consumer), at_ms: now_ms() });
        let surplus = attempts.len().saturating_sub(ATTEMPTS_MAX);
        attempts.drain(..surplus);
        Message { kind: Kind::Stream, id, fields, delivery, attempts, at_ms: now_ms() }
    }

    async fn acknowledge<'a>(&mut self, ids: impl IntoIterator<Item = &'a str>) -> Result<()> {
        match self.control.call(Request::new("XACK").arg(&self.key).arg(&self.group).args(ids)).await? {
            Value::Integer(_) => Ok(()),
            other => Err(unexpected(other)),
        }
    }

    /// Whether an entry is still ours, and how often it was delivered.
    async fn mine(&mut self, id: &str) -> Result<Option<u64>> {
        let range = Request::default().args([id, id, "1"]).arg(&self.consumer);
        Ok(self.pending(range).await?.pop().map(|pending| pending.deliveries))
    }
}

fn attempt_of(note: &Value) -> Option<Attempt> {
    let note: serde_json::Value = serde_json::from_slice(note.as_bytes()?).ok()?;
    Some(Attempt { consumer: print::from_json(note.get("consumer")?)?, at_ms: note.get("at")?.as_u64()? })
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

fn is_empty(reply: &Value) -> bool {
    !matches!(reply, Value::Array(ids) if !ids.is_empty())
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
        Ok(entries.map(|(id, fields)| self.deliver(id, fields, 1, Vec::new())).collect())
    }

    async fn hurry(&mut self) -> Result<()> {
        self.control.call(["CLIENT", "UNBLOCK", &self.client_id]).await?;
        Ok(())
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
        if self.mine(&message.id).await?.is_none() {
            return Ok(None);
        }
        let claimed = self.claim(0, &message.id, &[]).await?;
        if let Some(last) = message.attempts.last() {
            self.note(&message.id, last).await?;
        }
        self.delivered(claimed, message.delivery + 1, message.attempts.clone())
    }

    async fn done(&mut self, messages: &[Arc<Message>]) -> Result<()> {
        // With NOACK only what was taken over is pending at all.
        let is_due = |message: &&Arc<Message>| match self.ack {
            Ack::Manual => false,
            Ack::None => message.delivery > 1,
            Ack::Auto | Ack::AfterExec => true,
        };
        let ids: Vec<_> = messages.iter().filter(is_due).map(|message| message.id.as_str()).collect();
        if ids.is_empty() {
            return Ok(());
        }
        self.acknowledge(ids).await?;
        let messages: Vec<_> = messages.iter().map(|message| &**message).collect();
        self.forget(&messages).await
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
                attempts: message.attempts.clone(),
                first_delivered_ms: 0,
                died_ms: 0,
                redrives: 0,
                job: String::new(),
            },
        );
        let release = Request::new("XACK").arg(&self.key).arg(&self.group).arg(&message.id);
        let is_buried = source::bury(&mut self.control, &self.dlq, &letter, &release).await?;
        self.forget(&[message]).await?;
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
            if self.mine(&message.id).await?.is_some() {
                // So idle that whoever looks next may have it at once.
                let count = message.delivery.saturating_sub(1).to_string();
                self.claim(0, &message.id, &["IDLE", &idle, "RETRYCOUNT", &count, "JUSTID"]).await?;
            }
        }
        Ok(())
    }

    async fn uncount(&mut self, message: &Message) -> Result<Message> {
        let delivery = message.delivery.saturating_sub(1);
        if self.mine(&message.id).await?.is_some() {
            self.claim(0, &message.id, &["RETRYCOUNT", &delivery.to_string(), "JUSTID"]).await?;
        }
        let mut attempts = message.attempts.clone();
        attempts.pop();
        Ok(Message { delivery, attempts, ..message.clone() })
    }

    async fn keep(&mut self, held: &[Arc<Message>]) -> Result<()> {
        for message in held {
            if self.mine(&message.id).await?.is_some() {
                self.claim(0, &message.id, &["JUSTID"]).await?;
            }
        }
        Ok(())
    }
}
