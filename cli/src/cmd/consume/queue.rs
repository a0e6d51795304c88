//! Out of a queue: from the right end of a list, where `LPUSH` has put the oldest, by way of a list of our own.
//!
//! ```text
//!                      LMOVE                                      LREM
//!   NAME  ────────────────────────►  NAME:processing:CONSUMER  ─────────►  done
//!         ◄────────────────────────                            ─────────►  dead letter (XADD and LREM in one step)
//!            given back; taken back
//!            at the next start
//! ```
//!
//! Invariant: a message is in one of the two lists until it is done, whatever becomes of us. What a consumer left behind is taken
//! back when one of its name starts again, or by anybody with `--recover-idle`, to the right end and in its old order.
//!
//! A list counts no deliveries. So with `--exec` they are noted beside (see [`notes`](super::notes)): what kills its consumer each
//! time is found out by that.

mod resume;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rbq_client::{Error, Link, Request};
use rbq_resp::Value;
use tokio::time::Instant;

use super::message::Message;
use super::notes::Notes;
use super::source::{self, Source};
use super::{Ack, ConsumeArgs, Wait, home, rights};
use crate::cmd::produce::Kind;
use crate::deadletter::{Provenance, SourceKind};
use crate::facts::unexpected;
use crate::failure::{Failure, Result, say};
use crate::moment::now_ms;
use crate::outage::is_refusal;
use crate::servers::{accepted, transact};

/// Between the name of a queue and that of a consumer.
const PROCESSING_SUFFIX: &[u8] = b":processing:";

/// What the key of a consumer's notes ends with, behind the name of its list.
const NOTES_SUFFIX: &[u8] = b":attempts";

/// A consumer of a queue.
#[derive(Debug)]
pub(super) struct Queue {
    /// Asks and may wait; everything else goes over `control`.
    link: Link,
    control: Link,
    client_id: String,
    home: home::Home,
    presence: home::Presence,
    key: Vec<u8>,
    consumer: Vec<u8>,
    processing: Vec<u8>,
    /// What the names of all such lists begin with.
    prefix: Vec<u8>,
    dlq: Vec<u8>,
    ack: Ack,
    recover_idle: Option<Duration>,
    /// Kept with `--exec` alone: what is written is not what kills.
    notes: Option<Notes>,
    notes_key: Vec<u8>,
    deliveries_max: u64,
    /// What came too often and is being buried.
    dying: Option<Message>,
    /// What an earlier run left could not be taken back yet.
    has_leftovers: bool,
    /// Hashes of what others acknowledge, and is in our list for so long.
    left: VecDeque<u64>,
    question: Question,
}

/// What was asked and is not answered.
#[derive(Debug, Default)]
struct Question {
    replies: u64,
    /// Until when the server may wait before it answers.
    due: Option<Instant>,
    wait: Option<Duration>,
    brought: VecDeque<Bytes>,
    /// Why there is no more of it.
    refusal: Option<Error>,
}

impl Queue {
    pub(super) async fn open(args: &ConsumeArgs, key: Vec<u8>) -> Result<Self> {
        let consumer = args.consumer_name();
        let suffix = [PROCESSING_SUFFIX, &consumer].concat();
        let ours = if args.ack == Ack::None { vec![] } else { vec![[&suffix[..], NOTES_SUFFIX].concat(), suffix] };
        let (home, mut link) = home::Home::find(&args.server, &key, Kind::Queue, &ours).await?;
        if !args.quiet {
            home.tell_absence(&key, Kind::Queue, args.wait() == Wait::No);
        }
        let dlq = args.policy.dead_letters(&home, &key)?;
        let prefix = home.beside(&key, PROCESSING_SUFFIX)?;
        let processing = [&prefix[..], &consumer].concat();
        let client_id = super::client_id(&mut link).await?;
        let mut control = home.link().await?;
        let presence = home::Presence::of(&[&key, &consumer], &consumer);
        if args.ack != Ack::None {
            presence.announce(&mut link, &mut control).await?;
        }
        let notes_key = [&processing[..], NOTES_SUFFIX].concat();
        let notes = args.policy.exec.is_some().then(Notes::default);
        let mut queue = Self {
            link,
            control,
            client_id,
            home,
            presence,
            key,
            consumer,
            processing,
            prefix,
            dlq,
            ack: args.ack,
            recover_idle: args.policy.recover_idle,
            notes,
            notes_key,
            deliveries_max: args.policy.max_deliver(),
            dying: None,
            has_leftovers: false,
            left: VecDeque::new(),
            question: Question::default(),
        };
        if queue.notes.is_some() {
            source::check_letters(&mut queue.control, &queue.dlq).await?;
        }
        if args.ack != Ack::None {
            queue.check_rights().await?;
            match queue.take_back_own().await {
                Err(Failure::Server(error)) if is_refusal(&error) && args.wait() != Wait::No => {
                    queue.has_leftovers = true;
                }
                outcome => outcome?,
            }
        }
        Ok(queue)
    }

    /// Makes sure that what is taken can be finished.
    async fn check_rights(&self) -> Result<()> {
        let (key, ours) = (self.key.as_slice(), self.processing.as_slice());
        let taking = |command| Request::new(command).arg(key).arg(ours).args(["RIGHT", "LEFT"]);
        let mut work = vec![
            (taking("LMOVE"), ours),
            (taking("BLMOVE").arg("1"), ours),
            (Request::new("LREM").arg(ours).args(["1", ""]), ours),
            (Request::new("LRANGE").arg(ours).args(["0", "0"]), ours),
            (Request::new("RPUSH").arg(key).arg(""), key),
        ];
        if self.notes.is_some() {
            work.extend(rights::noting(&self.notes_key));
        }
        let [work, burial] = rights::refused(&self.home, [work, rights::burial(&self.dlq)]).await?;
        work.is_fatal("a queue cannot be consumed without; `--ack none` needs no more than to pop")?;
        burial.warn(rights::NO_BURIAL);
        Ok(())
    }

    async fn take_back_own(&mut self) -> Result<()> {
        let notes = self.notes_key.clone();
        self.read_notes(&notes).await?;
        let processing = self.processing.clone();
        let count = self.take_back(&processing).await?;
        self.write_notes().await?;
        if count > 0 {
            say(&format!("took back {count} from an earlier run of this consumer"));
        }
        Ok(())
    }

    /// Everything of such a list to the right end of the queue: the newest first, so that the oldest comes to stand last.
    async fn take_back(&mut self, processing: &[u8]) -> Result<u64> {
        let mut count = 0;
        loop {
            let request = Request::new("LMOVE").arg(processing).arg(&self.key).args(["LEFT", "RIGHT"]);
            match self.control.call(request).await? {
                Value::Bulk(payload) => {
                    count += 1;
                    if let Some(notes) = &mut self.notes {
                        notes.confirm(&Message::of_queue(payload, 0));
                    }
                }
                Value::Null | Value::NullArray => return Ok(count),
                // A list that is not there has nothing to take back, and is refused all the same by a server that is full, or between
                // two nodes.
                Value::Error(_) if !self.is_there(processing).await? => return Ok(count),
                other => return Err(unexpected(other)),
            }
        }
    }

    async fn is_there(&mut self, key: &[u8]) -> Result<bool> {
        Ok(accepted(self.control.call(Request::new("EXISTS").arg(key)).await?)? != Value::Integer(0))
    }

    /// Lists of consumers that have not been touched for so long, and what such consumers have noted beside.
    async fn recover(&mut self, idle: Duration) -> Result<()> {
        let pattern = [glob_escape(&self.prefix).as_slice(), b"*"].concat();
        let mut cursor = Bytes::from_static(b"0");
        loop {
            let request = Request::new("SCAN").arg(&cursor).arg("MATCH").arg(&pattern);
            let Value::Array(mut parts) = accepted(self.control.call(request).await?)? else {
                return Err(Failure::new("SCAN's reply is not what it should be"));
            };
            let (Some(Value::Array(keys)), Some(Value::Bulk(next))) = (parts.pop(), parts.pop()) else {
                return Err(Failure::new("SCAN's reply is not what it should be"));
            };
            for key in keys.iter().filter_map(Value::as_bytes) {
                if key == self.processing || key == self.notes_key {
                    continue;
                }
                match self.control.call(Request::new("TYPE").arg(key)).await? {
                    Value::Status(kind) if kind == "list" => self.recover_one(key, idle).await?,
                    Value::Status(kind) if kind == "string" => self.drop_notes(key, idle).await?,
                    _ => {}
                }
            }
            if next == "0" {
                return Ok(());
            }
            cursor = next;
        }
    }

    /// How long a key has not been touched, if that is long enough.
    async fn idle_seconds(&mut self, key: &[u8], idle: Duration) -> Result<Option<i64>> {
        match self.control.call(Request::from(["OBJECT", "IDLETIME"]).arg(key)).await? {
            Value::Integer(seconds) if (seconds.max(0) as u64) >= idle.as_secs().max(1) => Ok(Some(seconds)),
            _ => Ok(None),
        }
    }

    /// What a consumer noted that was killed between its last acknowledgement and saying so here.
    async fn drop_notes(&mut self, notes: &[u8], idle: Duration) -> Result<()> {
        let Some(processing) = notes.strip_suffix(NOTES_SUFFIX) else { return Ok(()) };
        if !self.is_there(processing).await? && self.idle_seconds(notes, idle).await?.is_some() {
            self.control.call(Request::new("DEL").arg(notes)).await?;
        }
        Ok(())
    }

    async fn recover_one(&mut self, processing: &[u8], idle: Duration) -> Result<()> {
        let Some(seconds) = self.idle_seconds(processing, idle).await? else { return Ok(()) };
        let notes = [processing, NOTES_SUFFIX].concat();
        let has_notes = self.read_notes(&notes).await?;
        let count = self.take_back(processing).await?;
        if has_notes {
            self.write_notes().await?;
        }
        // Of no use to anybody now, whoever wrote it: its messages are elsewhere.
        self.control.call(Request::new("DEL").arg(&notes)).await?;
        let shown = String::from_utf8_lossy(processing).into_owned();
        say(&format!("took back {count} from `{shown}`, idle for {seconds}s"));
        Ok(())
    }

    /// Takes over what is noted there; false if nothing is noted here.
    async fn read_notes(&mut self, key: &[u8]) -> Result<bool> {
        let Some(notes) = &mut self.notes else { return Ok(false) };
        let reply = accepted(self.control.call(Request::new("GET").arg(key)).await?)?;
        notes.read(reply.as_bytes().unwrap_or_default());
        Ok(true)
    }

    async fn write_notes(&mut self) -> Result<()> {
        let Some(notes) = &self.notes else { return Ok(()) };
        let request = match notes.text() {
            None => Request::new("DEL").arg(&self.notes_key),
            Some(text) => Request::new("SET").arg(&self.notes_key).arg(text),
        };
        match self.control.call(request).await? {
            Value::Error(text) => match Error::from_error_reply(text) {
                // Written with the next one: a count that is short by one is better than work that stands still on a full server.
                error if is_refusal(&error) => Ok(()),
                error => Err(error.into()),
            },
            _ => Ok(()),
        }
    }

    fn forget(&mut self, message: &Message) {
        if let Some(notes) = &mut self.notes {
            notes.forget(message);
        }
    }

    /// Every message that came: noted, and those that were delivered too often buried.
    async fn deliver(&mut self, payloads: Vec<Bytes>) -> Result<Vec<Message>> {
        let mut messages = Vec::with_capacity(payloads.len());
        for payload in payloads {
            let mut message = Message::of_queue(payload, now_ms());
            if let Some(notes) = &mut self.notes {
                notes.deliver(&mut message, &self.consumer);
                if message.delivery > self.deliveries_max {
                    notes.uncount(&mut message);
                    notes.set_aside(&message);
                    self.dying = Some(message.clone());
                    self.bury(&message, "max-deliver", "").await?;
                    self.dying = None;
                    continue;
                }
            }
            messages.push(message);
        }
        if !messages.is_empty() {
            self.write_notes().await?;
        }
        Ok(messages)
    }

    async fn release_all(&mut self, messages: &[Arc<Message>], released: &mut usize) -> Result<()> {
        for message in messages {
            let request = self.release(message);
            match self.control.call(request).await? {
                Value::Integer(0) => say(super::worker::TAKEN_OVER),
                Value::Integer(_) => {}
                other => return Err(unexpected(other)),
            }
            self.forget(message);
            *released += 1;
        }
        Ok(())
    }

    /// Back into the queue, in front of all others.
    async fn return_one(&mut self, payload: &Bytes) -> Result<()> {
        let release = Request::new("LREM").arg(&self.processing).arg("1").arg(payload);
        let push = Request::new("RPUSH").arg(&self.key).arg(payload);
        let replies = transact(&mut self.control, vec![release, push]).await?.unwrap_or_default();
        // Somebody took it back before us: then it is there already.
        if replies.first() == Some(&Value::Integer(0)) {
            self.control.call(Request::new("LREM").arg(&self.key).arg("-1").arg(payload)).await?;
        }
        Ok(())
    }

    fn release(&self, message: &Message) -> Request {
        // From the tail, where the oldest are; of equal messages any one is as good.
        Request::new("LREM").arg(&self.processing).arg("-1").arg(message.payload())
    }

    /// Pops with `--ack none`: gone from the server as it is taken.
    fn pop(&self, count: u64, wait: Option<Duration>) -> Request {
        let count = count.to_string();
        match wait.map(seconds) {
            None => Request::new("RPOP").arg(&self.key).arg(count),
            Some(timeout) if count == "1" => Request::new("BRPOP").arg(&self.key).arg(timeout),
            Some(timeout) => {
                Request::new("BLMPOP").arg(timeout).arg("1").arg(&self.key).args(["RIGHT", "COUNT", &count])
            }
        }
    }

    fn take_reply(&mut self, reply: Value) -> Result<()> {
        match reply {
            Value::Bulk(message) => self.question.brought.push_back(message),
            Value::Null | Value::NullArray => {}
            // BRPOP: [name, message]; BLMPOP: [name, [messages]]; RPOP: [messages].
            Value::Array(mut parts) => match (parts.pop(), self.question.wait) {
                (Some(Value::Array(messages)), _) => {
                    self.question.brought.extend(messages.into_iter().filter_map(bulk));
                }
                (Some(message), Some(_)) => self.question.brought.extend(bulk(message)),
                (last, None) => self.question.brought.extend(parts.into_iter().chain(last).filter_map(bulk)),
                (None, _) => {}
            },
            Value::Error(text) => match Error::from_error_reply(text) {
                // The other replies of this question come all the same, and may bring something.
                error if is_refusal(&error) => self.question.refusal = Some(error),
                error => return Err(error.into()),
            },
            other => return Err(unexpected(other)),
        }
        Ok(())
    }
}

/// What a pattern of SCAN takes for itself and nothing else.
fn glob_escape(text: &[u8]) -> Vec<u8> {
    let escaped = |byte: &u8| if b"*?[]^-\\".contains(byte) { vec![b'\\', *byte] } else { vec![*byte] };
    text.iter().flat_map(escaped).collect()
}

/// A time as commands that block take it; none is for ever to them. Redis 6.2 cuts it to whole milliseconds, and `0.001` is a
/// little less than one there.
fn seconds(wait: Duration) -> String {
    wait.as_secs_f64().max(0.002).to_string()
}

/// When an answer is due that may wait so long.
fn due(wait: Option<Duration>) -> Option<Instant> {
    Some(Instant::now() + wait.unwrap_or_default())
}

fn bulk(value: Value) -> Option<Bytes> {
    match value {
        Value::Bulk(bytes) => Some(bytes),
        _ => None,
    }
}

impl Source for Queue {
    fn has_leftovers(&self) -> bool {
        self.has_leftovers
    }

    async fn ask(&mut self, count: u64, wait: Option<Duration>) -> Result<()> {
        if self.ack == Ack::None {
            let request = self.pop(count, wait);
            self.link.queue(&request);
            self.question = Question { replies: 1, due: due(wait), wait, ..Question::default() };
        } else {
            let request = Request::new("LMOVE").arg(&self.key).arg(&self.processing).args(["RIGHT", "LEFT"]);
            (0..count).for_each(|_| self.link.queue(&request));
            self.question = Question { replies: count, due: due(None), wait, ..Question::default() };
        }
        Ok(self.link.flush().await?)
    }

    async fn answered(&mut self) -> Result<()> {
        loop {
            if self.link.queued_bytes() > 0 {
                self.link.flush().await?;
            }
            while self.question.replies > 0 {
                let reply = self.link.reply_due(self.question.due.unwrap_or_else(Instant::now)).await?;
                self.question.replies -= 1;
                self.take_reply(reply)?;
            }
            let is_over = self.ack == Ack::None || !self.question.brought.is_empty() || self.question.refusal.is_some();
            let Some(wait) = self.question.wait.take_if(|_| !is_over) else { return Ok(()) };
            let request = Request::new("BLMOVE").arg(&self.key).arg(&self.processing).args(["RIGHT", "LEFT"]);
            self.link.queue(&request.arg(seconds(wait)));
            (self.question.replies, self.question.due) = (1, due(Some(wait)));
        }
    }

    async fn take(&mut self) -> Result<Vec<Message>> {
        let payloads: Vec<_> = std::mem::take(&mut self.question.brought).into();
        match self.question.refusal.take().filter(|_| payloads.is_empty()) {
            Some(refusal) => Err(refusal.into()),
            None => self.deliver(payloads).await,
        }
    }

    async fn hurry(&mut self) -> Result<()> {
        self.question.wait = self.question.wait.filter(|_| self.ack == Ack::None);
        self.control.call(["CLIENT", "UNBLOCK", &self.client_id]).await?;
        Ok(())
    }

    async fn may_inherit(&mut self) -> Result<bool> {
        // A queue is at its end when it is empty: nobody can tell how long another consumer will keep what it holds.
        Ok(false)
    }

    async fn adopt(&mut self, _: u64, _: &[Arc<Message>], _: &mut Vec<Message>) -> Result<()> {
        // Into the queue, from where they come like all others.
        if self.has_leftovers {
            self.take_back_own().await?;
            self.has_leftovers = false;
        }
        if let Some(idle) = self.recover_idle {
            self.recover(idle).await?;
        }
        Ok(())
    }

    async fn again(&mut self, message: &Message) -> Result<Option<Message>> {
        // If this fails, the notes are made anew from what is in hand.
        let mut message = message.clone();
        if let Some(notes) = &mut self.notes {
            notes.deliver(&mut message, &self.consumer);
        }
        self.write_notes().await?;
        Ok(Some(message))
    }

    async fn done(&mut self, messages: &mut Vec<Arc<Message>>) -> Result<()> {
        if self.ack == Ack::None {
            return Ok(());
        }
        if self.ack == Ack::Manual {
            messages.drain(..).for_each(|message| self.leave(&message));
            return Ok(());
        }
        let mut released = 0;
        let outcome = self.release_all(messages, &mut released).await;
        messages.drain(..released);
        outcome?;
        self.write_notes().await
    }

    async fn bury(&mut self, message: &Message, reason: &str, error: &str) -> Result<bool> {
        let letter = source::letter(
            message,
            Provenance {
                source: Bytes::copy_from_slice(&self.key),
                kind: SourceKind::Queue,
                group: Bytes::new(),
                id: String::new(),
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
        let release = self.release(message);
        let is_buried = source::bury(&mut self.control, &self.dlq, &letter, &[release]).await?;
        self.forget(message);
        self.write_notes().await?;
        if is_buried {
            let dlq = String::from_utf8_lossy(&self.dlq).into_owned();
            let why = if error.is_empty() { String::new() } else { format!(": {error}") };
            say(&format!("a message is a dead letter in `{dlq}` ({reason}, delivery {}{why})", message.delivery));
        }
        Ok(is_buried)
    }

    async fn give_back(&mut self, messages: &mut Vec<Arc<Message>>) -> Result<()> {
        while let Some(message) = messages.last() {
            let message = Arc::clone(message);
            if self.ack == Ack::None {
                let push = Request::new("RPUSH").arg(&self.key).arg(message.payload());
                accepted(self.control.call(push).await?)?;
            } else {
                self.return_one(message.payload()).await?;
                if let Some(notes) = &mut self.notes {
                    notes.give_back(&message);
                }
            }
            messages.pop();
        }
        self.write_notes().await
    }

    async fn uncount(&mut self, message: &Message) -> Result<Message> {
        let mut message = message.clone();
        if let Some(notes) = &mut self.notes {
            notes.uncount(&mut message);
        }
        self.write_notes().await?;
        Ok(message)
    }

    async fn keep(&mut self, held: &[Arc<Message>]) -> Result<()> {
        if !held.is_empty() {
            self.control.call(Request::new("TOUCH").arg(&self.processing)).await?;
        }
        Ok(())
    }

    async fn resume(&mut self, why: &Error, in_hand: &[Arc<Message>]) -> Result<Vec<Arc<Message>>> {
        self.resume_consuming(why, in_hand).await
    }

    fn way_around(&self, refusal: &Error) -> Option<&'static str> {
        let is_full = matches!(refusal, Error::Reply(reply) if reply.code() == "OOM");
        (is_full && self.ack != Ack::None).then_some(
            "no room to move a message into a list of ours: other consumers or an expiry have to make some, and `--ack none` drains \
             without",
        )
    }

    fn risk(&self) -> Option<&'static str> {
        (self.ack == Ack::None).then_some("with --ack none what was on its way is lost")
    }
}
