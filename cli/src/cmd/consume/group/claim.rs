//! Entries of a group that change hands, and what is noted of it.
//!
//! Invariant: whose attempt ended by a claim is noted in the transaction of that claim, and the note goes in the transaction that
//! ends the message; see [`attempts`].

use rbq_client::{Error, Request};
use rbq_resp::Value;

use super::super::Ack;
use super::super::attempts::Note;
use super::super::message::Message;
use super::super::source::Source as _;
use super::{Group, Look, Pending, no_error};
use crate::cmd::produce::Kind;
use crate::deadletter::Attempt;
use crate::facts::unexpected;
use crate::failure::{Failure, Result};
use crate::moment::now_ms;
use crate::outage::{Cause, is_refusal};
use crate::servers::transact;

impl Group {
    /// How often an entry was delivered to somebody who had it: what was on its way to us when a connection was lost was not.
    pub(super) fn heard(&self, pending: &Pending, look: &Look) -> u64 {
        match &self.claiming {
            Some((id, before)) if *id == pending.id => pending.deliveries.min(*before),
            _ if matches!(look, Look::Own { is_unheard: true, .. }) => pending.deliveries.saturating_sub(1),
            _ => pending.deliveries,
        }
    }

    /// Makes entries ours that have been idle for this long.
    pub(super) fn claim(&self, idle_ms: u64, id: &str, options: &[&str]) -> Request {
        let request = Request::new("XCLAIM").arg(&self.key).arg(&self.group).arg(&self.consumer);
        request.arg(idle_ms.to_string()).arg(id).args(options)
    }

    /// The same done, where nothing is to be noted.
    async fn claim_now(&mut self, id: &str, options: &[&str]) -> Result<Value> {
        let request = self.claim(0, id, options);
        no_error(self.control.call(request).await?)
    }

    /// Takes an entry over: delivered to us, or buried; `None` if it was buried or is not to be had.
    pub(super) async fn take_over(&mut self, pending: Pending) -> Result<Option<Message>> {
        self.claiming = Some((pending.id.clone(), pending.deliveries));
        let taken = self.take_over_claimed(pending).await?;
        self.claiming = None;
        Ok(taken)
    }

    async fn take_over_claimed(&mut self, pending: Pending) -> Result<Option<Message>> {
        let Pending { id, consumer, idle_ms, deliveries } = pending;
        let before = self.attempts.watch(&mut self.control, &id).await?;
        // What came back from the dead letters begins anew.
        let mut note = if deliveries == 0 { Note::default() } else { before.clone() };
        if deliveries > note.deliveries {
            note.history.add(Attempt { consumer, at_ms: now_ms().saturating_sub(idle_ms) });
            note.deliveries = deliveries;
        }
        let is_dead = deliveries >= self.deliveries_max;
        let delivery = (deliveries + 1).to_string();
        let options: &[&str] = if is_dead { &["JUSTID"] } else { &["RETRYCOUNT", &delivery] };
        let claim = self.claim(idle_ms.min(self.ack_wait_ms), &id, options);
        let Some(claimed) = self.attempts.change(&mut self.control, claim, &id, &note).await? else {
            return Ok(None);
        };
        let claimed = no_error(claimed)?;
        if is_empty(&claimed) {
            self.attempts.undo(&mut self.control, &id, &note, &before).await?;
            self.note_deletion(&id).await?;
            return Ok(None);
        }
        if !is_dead {
            let message = self.delivered(claimed, deliveries + 1, note.history)?;
            if message.is_none() {
                // Deleted: older servers leave it pending, and nobody will ever see it.
                self.acknowledge(&[&id]).await?;
                self.deleted.push(id);
            } else if self.ack == Ack::None && deliveries == 0 {
                // Pending though it counts as new, as what came back from the dead letters does; other new ones are nobody's.
                self.acknowledge(&[&id]).await?;
            }
            return Ok(message);
        }
        if let Some(fields) = self.entry(&id).await? {
            let (delivery, history) = (deliveries, note.history);
            let message = Message { kind: Kind::Stream, id, fields, delivery, history, at_ms: now_ms() };
            self.bury(&message, "max-deliver", "").await?;
        }
        Ok(None)
    }

    /// An entry that is not to be had: somebody else has it, or is done with it, or (since Redis 7.0) XCLAIM has found it deleted.
    async fn note_deletion(&mut self, id: &str) -> Result<()> {
        if !self.pending(Request::default().args([id, id, "1"])).await?.is_empty() {
            return Ok(());
        }
        let entry = self.control.call(Request::new("XRANGE").arg(&self.key).args([id, id])).await?;
        if matches!(&entry, Value::Array(entries) if entries.is_empty()) {
            self.deleted.push(id.to_owned());
        }
        Ok(())
    }

    /// Done with, and so is what was noted of them, in one step where one node has both.
    pub(super) async fn acknowledge(&mut self, ids: &[&str]) -> Result<()> {
        let acknowledge = Request::new("XACK").arg(&self.key).arg(&self.group).args(ids);
        let reply = match self.attempts.removal(ids.iter().copied()) {
            None => self.control.call(acknowledge).await?,
            Some(removal) => {
                match transact(&mut self.control, vec![acknowledge.clone(), removal.clone()]).await {
                    // The right to it was taken away since we began; the message is done all the same.
                    Err(Failure::Server(Error::Reply(reply))) if reply.code() == "NOPERM" => {
                        self.attempts.forbid();
                        self.control.call(acknowledge).await?
                    }
                    // A full server takes no transactions, and each command by itself.
                    Err(Failure::Server(error)) if is_refusal(&error) => {
                        let reply = no_error(self.control.call(acknowledge).await?)?;
                        self.control.call(removal).await?;
                        reply
                    }
                    // A slot is on its way, and the notes are not where the stream is.
                    Err(Failure::Server(error)) if Cause::of(&error) == Some(Cause::Moving) => {
                        let reply = no_error(self.control.call(acknowledge).await?)?;
                        self.attempts.put_off(ids.iter().copied());
                        reply
                    }
                    replies => {
                        let replies = replies?;
                        self.attempts.settle();
                        replies.and_then(|replies| replies.into_iter().next()).unwrap_or(Value::Null)
                    }
                }
            }
        };
        match reply {
            Value::Integer(_) => {
                ids.iter().for_each(|id| self.attempts.forget(id));
                Ok(())
            }
            other => Err(unexpected(other)),
        }
    }

    /// Claims an entry that is ours already, and notes the attempt at it if that is not noted; `None` if it is ours no longer.
    pub(super) async fn claim_ours(&mut self, message: &Message, options: &[&str]) -> Result<Option<Value>> {
        if self.attempts.covers(message) {
            return match self.mine(&message.id).await? {
                Some(_) => self.claim_now(&message.id, options).await.map(Some),
                None => Ok(None),
            };
        }
        self.attempts.watch(&mut self.control, &message.id).await?;
        if self.mine(&message.id).await?.is_none() {
            self.attempts.let_go(&mut self.control).await?;
            return Ok(None);
        }
        let claim = self.claim(0, &message.id, options);
        self.attempts.change(&mut self.control, claim, &message.id, &Note::of(message)).await?.map(no_error).transpose()
    }

    /// The last delivery of a message that is ours does not count; as it is now.
    pub(super) async fn take_back(&mut self, message: &Message, options: &[&str]) -> Result<Message> {
        let mut before = Message { delivery: message.delivery.saturating_sub(1), ..message.clone() };
        before.history.take_back();
        let count = before.delivery.to_string();
        let options = [options, &["RETRYCOUNT", &count, "JUSTID"]].concat();
        if self.mine(&message.id).await?.is_none() {
            return Ok(before);
        }
        if self.attempts.has(&message.id) {
            let claim = self.claim(0, &message.id, &options);
            self.attempts.change(&mut self.control, claim, &message.id, &Note::of(&before)).await?;
        } else {
            self.claim_now(&message.id, &options).await?;
        }
        Ok(before)
    }
}

pub(super) fn is_empty(reply: &Value) -> bool {
    !matches!(reply, Value::Array(ids) if !ids.is_empty())
}
