//! What the worker needs of a group or a queue: messages, and a fate for each.
//!
//! ```text
//!   ask ───► take ───┐                      ┌──► done        acknowledged, gone
//!   adopt ───────────┼──► in hand ──────────┼──► bury        a dead letter, in one step
//!   again ───────────┘   keep (lease)       └──► give back   as if it had not been delivered
//! ```
//!
//! Invariant: until one of the three fates is accepted by the server, the message is there under our name, and somebody else
//! gets it when we are gone.
//!
//! Any of this may fail because the connection is lost. Then [`resume`](Source::resume) makes it whole, and what failed is asked for
//! once more.

use std::sync::Arc;
use std::time::Duration;

use rbq_client::{Error, Link, Request};
use rbq_resp::Value;

use super::message::Message;
use crate::deadletter::{DeadLetter, Provenance};
use crate::facts::unexpected;
use crate::failure::{Failure, Result};
use crate::moment::now_ms;
use crate::servers::transact;

/// How often a burial begins again because somebody else wrote to the dead-letter stream meanwhile.
const BURIALS_MAX: usize = 1000;

/// Where messages come from.
pub(super) trait Source {
    /// Whether there may be messages under our name that have not come to us: those are adopted before anything new is asked for.
    fn has_leftovers(&self) -> bool;

    /// Asks for up to `count` messages; without `wait` for what is there. One question at a time.
    async fn ask(&mut self, count: u64, wait: Option<Duration>) -> Result<()>;

    /// Waits for the answer to come, or for the wait to be over. Cancellation-safe.
    async fn answered(&mut self) -> Result<()>;

    /// What it brought.
    async fn take(&mut self) -> Result<Vec<Message>>;

    /// Ends the wait: the answer comes at once.
    async fn hurry(&mut self) -> Result<()>;

    /// Whether others hold messages that may yet come to us.
    async fn may_inherit(&mut self) -> Result<bool>;

    /// Up to `count` messages that dead consumers left, ours of an earlier run among them; those that were to be had before an
    /// error too.
    async fn adopt(&mut self, count: u64, held: &[Arc<Message>], adopted: &mut Vec<Message>) -> Result<()>;

    /// One that failed, delivered once more; `None` if it is no longer ours.
    async fn again(&mut self, message: &Message) -> Result<Option<Message>>;

    /// These are done; each leaves the list when that is accepted.
    async fn done(&mut self, messages: &mut Vec<Arc<Message>>) -> Result<()>;

    /// This one died; false if it was no longer ours, and nothing is changed.
    async fn bury(&mut self, message: &Message, reason: &str, error: &str) -> Result<bool>;

    /// These were not worked on, oldest first; each leaves the list, from its end, when that is accepted.
    async fn give_back(&mut self, messages: &mut Vec<Arc<Message>>) -> Result<()>;

    /// This one was given back by its worker, to come again to us without having counted.
    async fn uncount(&mut self, message: &Message) -> Result<Message>;

    /// We still hold these.
    async fn keep(&mut self, held: &[Arc<Message>]) -> Result<()>;

    /// Connects again, after this error. `in_hand` is all that we hold, and before all others what was under way. Gives those of them
    /// that are ours no longer: done, or taken by somebody else. What was under way to us comes again.
    async fn resume(&mut self, why: &Error, in_hand: &[Arc<Message>]) -> Result<Vec<Arc<Message>>>;

    /// What else can be done where messages are refused for this reason.
    fn way_around(&self, refusal: &Error) -> Option<&'static str>;

    /// What a lost connection may cost, if anything.
    fn risk(&self) -> Option<&'static str>;
}

/// Adds the letter and takes the original away in one step, with what is kept beside it; false if the original was no longer there to take, and then no
/// letter is left either.
///
/// Two consumers may decide at once that a message is dead: the one whose first release takes nothing has lost, and takes its letter
/// back. The stream is watched, because in a transaction a letter that is refused would not keep the original from going.
pub(super) async fn bury(link: &mut Link, dlq: &[u8], letter: &DeadLetter, releases: &[Request]) -> Result<bool> {
    let mut add = Request::new("XADD").arg(dlq).arg("*");
    for (name, value) in letter.encode() {
        add.push(name);
        add.push(value);
    }
    for _ in 0..BURIALS_MAX {
        expect_status(link, Request::new("WATCH").arg(dlq)).await?;
        match link.call(Request::new("TYPE").arg(dlq)).await? {
            Value::Status(kind) => {
                if let Err(failure) = takes_letters(&kind, dlq) {
                    link.call(["UNWATCH"]).await?;
                    return Err(failure);
                }
            }
            other => return Err(unexpected(other)),
        }
        // What is refused when it is queued makes EXEC refuse all of it.
        let step = [add.clone()].into_iter().chain(releases.iter().cloned()).collect();
        let Some(replies) = transact(link, step).await? else { continue };
        let mut replies = replies.into_iter();
        let (added, released) = (replies.next(), replies.next());
        return match (added, released) {
            (Some(Value::Bulk(_)), Some(Value::Integer(1..))) => Ok(true),
            (Some(Value::Bulk(id)), _) => {
                link.call(Request::new("XDEL").arg(dlq).arg(id)).await?;
                Ok(false)
            }
            (other, _) => Err(unexpected(other.unwrap_or(Value::Null))),
        };
    }
    Err(Failure::new("the dead-letter stream is never left alone for long enough to add to it"))
}

/// Makes sure that there is a place for dead letters, before anything is taken that may become one. A user who may not ask is not kept
/// from consuming.
pub(super) async fn check_letters(link: &mut Link, dlq: &[u8]) -> Result<()> {
    match link.call(Request::new("TYPE").arg(dlq)).await? {
        Value::Status(kind) => takes_letters(&kind, dlq),
        _ => Ok(()),
    }
}

fn takes_letters(kind: &str, dlq: &[u8]) -> Result<()> {
    if kind == "stream" || kind == "none" {
        return Ok(());
    }
    let name = String::from_utf8_lossy(dlq);
    let failure = Failure::new(format!("dead letters go to a stream, and `{name}` is a {kind}"));
    Err(failure.hint("--dlq names another key"))
}

async fn expect_status(link: &mut Link, request: Request) -> Result<()> {
    match link.call(request).await? {
        Value::Status(_) => Ok(()),
        other => Err(unexpected(other)),
    }
}

/// The letter of a message that dies now.
pub(super) fn letter(message: &Message, from: Provenance) -> DeadLetter {
    let (first_delivered_ms, attempts) = (message.history.first_ms, message.history.attempts.clone());
    // The count of deliveries goes on where the list of attempts has ended.
    let attempts_before = match attempts.len() as u64 {
        0 => 0,
        kept => message.delivery.saturating_sub(kept),
    };
    let from = Provenance { attempts, attempts_before, first_delivered_ms, died_ms: now_ms(), ..from };
    DeadLetter::new(message.fields.clone(), from)
}
