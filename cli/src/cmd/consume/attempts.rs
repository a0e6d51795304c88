//! What a group does not remember: the attempts at a message before the last one, in a string beside the stream.
//!
//! ```text
//!   NAME:rbq:attempts:GROUP:ID   {"deliveries": 2, "first": ms, "attempts": [{"consumer": …, "at": ms}, …]}
//! ```
//!
//! Pending entries hold an entry's last consumer, and that one is overwritten by the next. So whoever claims an entry notes, in
//! the same transaction, whose attempt ended by that; and whoever holds one for long notes its own, because each lease it takes
//! overwrites the time of delivery. The note goes with the acknowledgement, or with the burial.
//!
//! Invariant: `deliveries` says which of the server's count the note covers, so no attempt is noted twice by two that look at once.
//!
//! A message that succeeds at once has no note and costs nothing. A note that its message outlives (acknowledged by other
//! programs) is dropped by the server after [`KEPT_MS`]. A user without the right to such keys consumes without them.

use std::collections::HashMap;

use rbq_client::{Error, Link, Request};
use rbq_resp::Value;
use serde_json::Value as Json;

use super::history::History;
use super::home::Home;
use super::message::Message;
use crate::facts::unexpected;
use crate::failure::{Result, say};
use crate::outage::is_refusal;

/// Long enough for a message that is tried once a week, and an end for what nobody takes away.
const KEPT_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// Notes to be taken away later; more than these are left to expire.
const OVERDUE_MAX: usize = 1000;

/// What it means when they cannot be kept.
pub(super) const NO_NOTES: &str = "dead letters will name the last consumer alone";

/// The notes of one group.
#[derive(Debug)]
pub(super) struct Attempts {
    prefix: Vec<u8>,
    /// Of messages in hand: the deliveries that their note on the server covers.
    noted: HashMap<String, u64>,
    /// Of messages that are done: notes that could not go with them.
    overdue: Vec<String>,
    is_allowed: bool,
}

/// What is noted of one message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Note {
    /// How many of the server's deliveries this covers.
    pub(super) deliveries: u64,
    pub(super) history: History,
}

impl Note {
    /// Of a message in hand, the present attempt included.
    pub(super) fn of(message: &Message) -> Self {
        Self { deliveries: message.delivery, history: message.history.clone() }
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let json: Json = serde_json::from_slice(text).ok()?;
        Some(Self { deliveries: json.get("deliveries")?.as_u64()?, history: History::from_json(&json)? })
    }

    fn text(&self) -> String {
        let mut json = self.history.json();
        json["deliveries"] = self.deliveries.into();
        json.to_string()
    }
}

impl Attempts {
    pub(super) fn of(home: &Home, key: &[u8], group: &[u8]) -> Result<Self> {
        let prefix = home.beside(key, &[b":rbq:attempts:", group, b":"].concat())?;
        Ok(Self { prefix, noted: HashMap::new(), overdue: Vec::new(), is_allowed: true })
    }

    fn key(&self, id: &str) -> Vec<u8> {
        [&self.prefix[..], id.as_bytes()].concat()
    }

    /// Whether the note of this message covers its present attempt.
    pub(super) fn covers(&self, message: &Message) -> bool {
        !self.is_allowed || self.noted.get(&message.id).copied().unwrap_or(0) >= message.delivery
    }

    /// Whether there is a note of this message.
    pub(super) fn has(&self, id: &str) -> bool {
        self.noted.contains_key(id)
    }

    /// What takes the notes of these away, and those that are overdue; `None` if there are none.
    pub(super) fn removal<'a>(&'a self, ids: impl IntoIterator<Item = &'a str>) -> Option<Request> {
        let ids = ids.into_iter().filter(|id| self.has(id)).chain(self.overdue.iter().map(String::as_str));
        let keys: Vec<_> = ids.map(|id| self.key(id)).collect();
        (!keys.is_empty()).then(|| Request::new("DEL").args(keys))
    }

    /// These are done, and their notes were on another node than their stream, which is on its way: they go with what is done next.
    pub(super) fn put_off<'a>(&mut self, ids: impl IntoIterator<Item = &'a str>) {
        let room = OVERDUE_MAX.saturating_sub(self.overdue.len());
        let ids: Vec<_> = ids.into_iter().filter(|id| self.has(id)).take(room).map(str::to_owned).collect();
        self.overdue.extend(ids);
    }

    /// The notes that were overdue are gone.
    pub(super) fn settle(&mut self) {
        self.overdue.clear();
    }

    /// This message is no longer in hand.
    pub(super) fn forget(&mut self, id: &str) {
        self.noted.remove(id);
    }

    /// Whether there is a note of this message is not known: the connection was lost.
    pub(super) fn doubt(&mut self, id: &str) {
        if self.is_allowed {
            self.noted.entry(id.to_owned()).or_insert(0);
        }
    }

    /// What is noted. From now until [`change`](Self::change) or [`let_go`](Self::let_go) nobody else notes anything unseen.
    pub(super) async fn watch(&mut self, link: &mut Link, id: &str) -> Result<Note> {
        if !self.is_allowed {
            return Ok(Note::default());
        }
        let key = self.key(id);
        let replies = exchange(link, &[Request::new("WATCH").arg(&key), Request::new("GET").arg(&key)]).await?;
        if replies.iter().any(is_forbidden) {
            self.forbid();
            link.call(["UNWATCH"]).await?;
        }
        Ok(replies[1].as_bytes().and_then(Note::parse).unwrap_or_default())
    }

    /// Ends a watch without a change.
    pub(super) async fn let_go(&self, link: &mut Link) -> Result<()> {
        if self.is_allowed {
            link.call(["UNWATCH"]).await?;
        }
        Ok(())
    }

    /// A request about a message, and what is noted of it from now on, in one step; `None` if somebody else noted something
    /// since we began to watch, and then nothing is done.
    pub(super) async fn change(
        &mut self,
        link: &mut Link,
        request: Request,
        id: &str,
        note: &Note,
    ) -> Result<Option<Value>> {
        if !self.is_allowed {
            return Ok(Some(link.call(request).await?));
        }
        let replies = exchange(link, &[Request::new("MULTI"), request.clone(), self.write(id, note), exec()]).await?;
        let [_, taken, noted, Value::Array(results)] = replies.as_slice() else {
            if is_forbidden(&replies[2]) && !matches!(replies[1], Value::Error(_)) {
                self.forbid();
                return Ok(Some(link.call(request).await?));
            }
            // No room for a note, nor (on Redis) for any transaction, and the request itself may need none.
            if replies.iter().any(is_refused_for_now) {
                return Ok(Some(link.call(request).await?));
            }
            return match replies.into_iter().find(|reply| matches!(reply, Value::Error(_))) {
                Some(error) => Err(unexpected(error)),
                None => Ok(None),
            };
        };
        debug_assert!(
            !matches!((taken, noted), (Value::Error(_), _) | (_, Value::Error(_))),
            "EXEC would have refused"
        );
        match note.deliveries {
            0 => drop(self.noted.remove(id)),
            deliveries => drop(self.noted.insert(id.to_owned(), deliveries)),
        }
        Ok(results.first().cloned())
    }

    /// Nothing came of a claim: what was noted with it goes, unless somebody has gone on from it.
    pub(super) async fn undo(&mut self, link: &mut Link, id: &str, written: &Note, before: &Note) -> Result<()> {
        self.forget(id);
        if !self.is_allowed || written == before {
            return Ok(());
        }
        if self.watch(link, id).await? != *written {
            return self.let_go(link).await;
        }
        exchange(link, &[Request::new("MULTI"), self.write(id, before), exec()]).await?;
        Ok(())
    }

    fn write(&self, id: &str, note: &Note) -> Request {
        let key = self.key(id);
        match note.deliveries {
            0 => Request::new("DEL").arg(key),
            _ => Request::new("SET").arg(key).arg(note.text()).args(["PX", &KEPT_MS.to_string()]),
        }
    }

    /// A key like those of the notes.
    pub(super) fn sample(&self) -> Vec<u8> {
        [&self.prefix[..], b"*"].concat()
    }

    /// Nothing is noted from now on.
    pub(super) fn do_without(&mut self) {
        self.is_allowed = false;
        self.noted.clear();
        self.overdue.clear();
    }

    /// The server has just refused a note.
    pub(super) fn forbid(&mut self) {
        self.do_without();
        say(&format!("this user may not use {}: {NO_NOTES}", rbq_resp::quote(&self.sample())));
    }
}

fn exec() -> Request {
    Request::new("EXEC")
}

fn is_refused_for_now(reply: &Value) -> bool {
    matches!(reply, Value::Error(text) if is_refusal(&Error::from_error_reply(text.clone())))
}

fn is_forbidden(reply: &Value) -> bool {
    matches!(reply, Value::Error(text) if text.starts_with("NOPERM"))
}

/// Requests in one go, and as many replies.
pub(super) async fn exchange(link: &mut Link, requests: &[Request]) -> Result<Vec<Value>> {
    requests.iter().for_each(|request| link.queue(request));
    link.flush().await?;
    let mut replies = Vec::with_capacity(requests.len());
    for _ in requests {
        replies.push(link.reply().await?);
    }
    Ok(replies)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deadletter::Attempt;

    #[test]
    fn what_is_no_note_is_none() {
        let mut history = History::default();
        history.add(Attempt { consumer: "w".into(), at_ms: 7 });
        let note = Note { deliveries: 3, history };
        assert_eq!(Note::parse(note.text().as_bytes()), Some(note));
        for text in [&b""[..], b"{}", b"[1]", br#"{"deliveries":1,"first":2,"attempts":[{}]}"#, b"\xff"] {
            assert_eq!(Note::parse(text), None);
        }
    }
}
