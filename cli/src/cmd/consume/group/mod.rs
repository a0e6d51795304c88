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
//! Invariant: our own are looked through before anything new is asked for. What an answer brings is ours before it is read, and would
//! be taken for what an earlier run left.
//!
//! A lease is the entry's idle time: while we work, XCLAIM … JUSTID to ourselves sets it back without counting a delivery.

mod claim;
mod resume;
mod shown;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rbq_client::{Error, Link, Request};
use rbq_resp::Value;
use tokio::time::Instant;

use self::shown::Shown;
use super::attempts::{Attempts, NO_NOTES};
use super::history::History;
use super::message::{self, Message};
use super::source::{self, Source};
use super::{Ack, ConsumeArgs, home, rights};
use crate::cmd::produce::Kind;
use crate::deadletter::{Attempt, Field, Provenance, SourceKind};
use crate::facts::unexpected;
use crate::failure::{Failure, Result, say};
use crate::moment::{Position, now_ms};

/// Pending entries looked at in one go.
const PENDING_PAGE: usize = 100;

/// IDs in one line on stderr.
const DELETED_TOLD_MAX: usize = 20;

/// A membership.
#[derive(Debug)]
pub(super) struct Group {
    /// Asks and may wait; everything else goes over `control`.
    link: Link,
    control: Link,
    client_id: String,
    home: home::Home,
    presence: home::Presence,
    /// Where it begins, if it is ours to make.
    create: Option<String>,
    key: Vec<u8>,
    group: Vec<u8>,
    consumer: Vec<u8>,
    dlq: Vec<u8>,
    ack: Ack,
    ack_wait_ms: u64,
    deliveries_max: u64,
    /// Where the next look at pending entries begins: ours first, then everybody's.
    look: Look,
    /// The entry that is being taken over, and how often it was delivered before.
    claiming: Option<(String, u64)>,
    /// What came, so that it does not come again where others acknowledge it.
    shown: Shown,
    /// Something was asked for, and what it brought was not taken yet.
    is_asking: bool,
    answer: Option<Value>,
    /// Until when the server may wait before it answers.
    due: Instant,
    /// Entries that were pending and are deleted.
    deleted: Vec<String>,
    attempts: Attempts,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Look {
    Own {
        from: String,
        /// All of them were on their way to us when the connection was lost.
        is_unheard: bool,
    },
    All(String),
}

impl Look {
    /// The same from behind an entry on.
    fn behind(self, id: &str) -> Self {
        let from = format!("({id}");
        match self {
            Self::Own { is_unheard, .. } => Self::Own { from, is_unheard },
            Self::All(_) => Self::All(from),
        }
    }
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
        let (home, mut link) = home::Home::find(&args.server, &key, Kind::Stream, &[]).await?;
        let consumer = args.consumer_name();
        let dlq = args.policy.dead_letters(&home, &key)?;
        let mut control = home.link().await?;
        let presence = home::Presence::of(&[&key, &group, &consumer], &consumer);
        presence.announce(&mut link, &mut control).await?;
        let client_id = super::client_id(&mut link).await?;
        let attempts = Attempts::of(&home, &key, &group)?;
        let manual = args.ack == Ack::Manual;
        let begin = "-".to_owned();
        let look = if manual { Look::All(begin) } else { Look::Own { from: begin, is_unheard: false } };
        let create = args.create.then(|| args.from.map_or_else(|| "0".to_owned(), Position::given_last));
        let mut joined = Self {
            link,
            control,
            client_id,
            home,
            presence,
            create,
            key,
            group,
            consumer,
            dlq,
            ack: args.ack,
            ack_wait_ms: args.policy.ack_wait().as_millis() as u64,
            deliveries_max: args.policy.max_deliver(),
            look,
            claiming: None,
            shown: Shown::default(),
            is_asking: false,
            answer: None,
            due: Instant::now(),
            deleted: Vec::new(),
            attempts,
        };
        source::check_letters(&mut joined.control, &joined.dlq).await?;
        joined.check_rights().await?;
        if let Some(behind) = joined.create.clone() {
            joined.create_group(&behind).await?;
        }
        // Before anything is waited for, so that a group that is not there is told at once.
        joined.check().await?;
        if manual {
            let newest = joined.newest_pending().await?;
            joined.shown.upto(&newest);
        }
        Ok(joined)
    }

    /// Makes sure that what is taken can be finished.
    async fn check_rights(&mut self) -> Result<()> {
        let (key, id) = (self.key.as_slice(), "0-1");
        let about = |command| Request::new(command).arg(key).arg(&self.group);
        let mut work = vec![
            Request::from(["XREADGROUP", "GROUP"])
                .arg(&self.group)
                .arg(&self.consumer)
                .arg("STREAMS")
                .arg(key)
                .arg(">"),
            about("XPENDING"),
            about("XCLAIM").arg(&self.consumer).args(["0", id]),
        ];
        if matches!(self.ack, Ack::Auto | Ack::AfterExec) {
            work.push(about("XACK").arg(id));
        }
        let work = work.into_iter().map(|request| (request, key)).collect();
        let mut burial = rights::burial(&self.dlq);
        burial.push((Request::new("XRANGE").arg(key).args([id, id]), key));
        let notes = self.attempts.sample();
        let [work, burial, notes] = rights::refused(&self.home, [work, burial, rights::noting(&notes)]).await?;
        work.is_fatal("a group cannot be consumed without")?;
        burial.warn(rights::NO_BURIAL);
        if !notes.is_nothing() {
            notes.warn(NO_NOTES);
            self.attempts.do_without();
        }
        Ok(())
    }

    /// Makes sure that the group is there.
    async fn check(&mut self) -> Result<()> {
        self.pending(Request::default().args(["-", "+", "1"])).await.map(drop)
    }

    /// The newest entry that anybody holds.
    async fn newest_pending(&mut self) -> Result<String> {
        let reply = self.control.call(Request::new("XPENDING").arg(&self.key).arg(&self.group)).await?;
        let Value::Array(parts) = no_error(reply)? else { return Ok("0-0".to_owned()) };
        let newest = parts.get(2).and_then(Value::as_bytes);
        Ok(newest.map_or_else(|| "0-0".to_owned(), |id| String::from_utf8_lossy(id).into_owned()))
    }

    async fn create_group(&mut self, behind: &str) -> Result<()> {
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
            Look::Own { from, .. } => Request::default().args([from, "+", &count]).arg(&self.consumer),
            Look::All(from) => Request::default().args(["IDLE", &ack_wait, from, "+", &count]),
        };
        let page = self.pending(range).await?;
        self.look = match page.get(PENDING_PAGE - 1) {
            Some(last) => self.look.clone().behind(&last.id),
            None => Look::All("-".to_owned()),
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
                self.deleted.push(id.to_owned());
                Ok(None)
            }
        }
    }

    /// What was to be delivered once more and is not there any more is nobody's, and no reason to be silent.
    fn tell_deleted(&mut self) {
        let deleted = std::mem::take(&mut self.deleted);
        if deleted.is_empty() {
            return;
        }
        let (count, plural) = (deleted.len(), if deleted.len() == 1 { "y was" } else { "ies were" });
        let more =
            if count > DELETED_TOLD_MAX { format!(" and {} more", count - DELETED_TOLD_MAX) } else { String::new() };
        let ids = deleted[..count.min(DELETED_TOLD_MAX)].join(", ");
        say(&format!("{count} pending entr{plural} deleted before anybody acknowledged: {ids}{more}"));
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

    /// Up to so many that are to be had, page by page.
    async fn adopt_pages(&mut self, count: u64, held: &[Arc<Message>], adopted: &mut Vec<Message>) -> Result<()> {
        loop {
            let begun = self.look.clone();
            let page = self.page().await?;
            let is_last = page.len() < PENDING_PAGE;
            for mut pending in page {
                let id = pending.id.clone();
                let is_held = |message: &Message| message.id == id;
                if held.iter().any(|message| is_held(message))
                    || adopted.iter().any(is_held)
                    || self.is_no_leftover(&pending, &begun)
                {
                    continue;
                }
                pending.deliveries = self.heard(&pending, &begun);
                if let Some(message) = self.take_over(pending).await? {
                    if self.ack == Ack::Manual {
                        self.shown.claimed(&id, matches!(begun, Look::Own { .. }));
                    }
                    adopted.push(message);
                }
                if adopted.len() as u64 == count {
                    // Not the whole page once more: what others acknowledge is still pending under our name.
                    self.look = begun.behind(&id);
                    return Ok(());
                }
            }
            if is_last && matches!(begun, Look::All(_)) {
                return Ok(());
            }
        }
    }

    /// Whether an entry is ours and was not left behind: it lies in an answer that was not read yet, or others acknowledge it.
    fn is_no_leftover(&self, pending: &Pending, look: &Look) -> bool {
        let was_claimed = self.claiming.as_ref().is_some_and(|(id, _)| *id == pending.id);
        if pending.consumer != self.consumer || was_claimed {
            return false;
        }
        let is_manual = self.ack == Ack::Manual;
        match look {
            Look::All(_) => self.is_asking || is_manual,
            Look::Own { .. } => is_manual && self.shown.holds(&pending.id),
        }
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
    fn has_leftovers(&self) -> bool {
        matches!(self.look, Look::Own { .. })
    }

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
        self.due = Instant::now() + wait.unwrap_or_default();
        self.is_asking = true;
        self.link.queue(&request.arg("STREAMS").arg(&self.key).arg(">"));
        Ok(self.link.flush().await?)
    }

    async fn answered(&mut self) -> Result<()> {
        self.answer = Some(self.link.reply_due(self.due).await?);
        Ok(())
    }

    async fn take(&mut self) -> Result<Vec<Message>> {
        self.is_asking = false;
        let entries = match self.answer.take() {
            None => return Ok(Vec::new()),
            Some(Value::Error(text)) if text.starts_with("NOGROUP") => {
                // A key that moved to another node while we waited is not there either: asked now, that node is named.
                self.check().await?;
                return Ok(Vec::new());
            }
            Some(reply) => message::read_stream(reply)?,
        };
        if let Some((id, _)) = entries.last() {
            self.shown.upto(id);
        }
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

    async fn adopt(&mut self, count: u64, held: &[Arc<Message>], adopted: &mut Vec<Message>) -> Result<()> {
        let outcome = self.adopt_pages(count, held, adopted).await;
        self.tell_deleted();
        outcome
    }

    async fn again(&mut self, message: &Message) -> Result<Option<Message>> {
        let delivery = (message.delivery + 1).to_string();
        // The number is given, so that what is asked for twice counts once.
        let Some(claimed) = self.claim_ours(message, &["RETRYCOUNT", &delivery]).await? else { return Ok(None) };
        let again = self.delivered(claimed, message.delivery + 1, message.history.clone())?;
        if again.is_none() {
            // Older servers leave it pending.
            self.acknowledge(&[&message.id]).await?;
            self.deleted.push(message.id.clone());
            self.tell_deleted();
        }
        Ok(again)
    }

    async fn done(&mut self, messages: &mut Vec<Arc<Message>>) -> Result<()> {
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
        messages.drain(..).for_each(|message| self.attempts.forget(&message.id));
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
                attempts_before: 0,
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

    async fn give_back(&mut self, messages: &mut Vec<Arc<Message>>) -> Result<()> {
        let idle = self.ack_wait_ms.to_string();
        while let Some(message) = messages.last().filter(|_| self.ack != Ack::None) {
            let message = Arc::clone(message);
            // So idle that whoever looks next may have it at once.
            self.take_back(&message, &["IDLE", &idle]).await?;
            self.attempts.forget(&message.id);
            messages.pop();
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

    async fn resume(&mut self, why: &Error, in_hand: &[Arc<Message>]) -> Result<Vec<Arc<Message>>> {
        self.resume_membership(why, in_hand).await
    }

    fn way_around(&self, _: &Error) -> Option<&'static str> {
        // To read for a group takes no memory, wherever it is counted.
        None
    }

    fn risk(&self) -> Option<&'static str> {
        (self.ack == Ack::None).then_some("with --ack none what was on its way is lost")
    }
}
