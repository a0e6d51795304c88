//! A membership that lost its connection and goes on.
//!
//! ```text
//!   in hand, still ours     leased anew, if nobody was given it since we looked
//!   in hand, and not ours   done before the loss, or somebody else's: no longer our matter
//!   ours, and not in hand   was on its way to us: the first thing to come, and not counted against it
//! ```
//!
//! Invariant: what is in hand never comes a second time, however long its command still runs. What others acknowledge is in nobody's
//! hand any more and pending all the same; it is known by [`Shown`](super::shown::Shown).

use std::sync::Arc;

use rbq_client::{Error, Request};
use rbq_resp::Value;

use super::super::Ack;
use super::super::attempts;
use super::super::message::Message;
use super::{Group, Look, no_error, pending_of};
use crate::cmd::produce::Kind;
use crate::failure::{Failure, Result};

/// Messages looked at in one go.
const PAGE: usize = 100;

/// An ID that no entry has.
const NOBODY: &str = "18446744073709551615-18446744073709551615";

impl Group {
    pub(super) async fn resume_membership(
        &mut self,
        why: &Error,
        in_hand: &[Arc<Message>],
    ) -> Result<Vec<Arc<Message>>> {
        self.link = self.home.find_again(why, &self.key, Kind::Stream).await?;
        self.control = self.home.link().await?;
        (self.is_asking, self.answer) = (false, None);
        self.presence.announce(&mut self.link, &mut self.control).await?;
        self.client_id = super::super::client_id(&mut self.link).await?;
        if let Some(behind) = self.create.clone() {
            self.create_group(&behind).await?;
        }
        self.check().await?;
        // A replica answers all of the above, and would take nothing.
        let request = Request::new("XACK").arg(&self.key).arg(&self.group).arg(NOBODY);
        if let Value::Error(text) = self.control.call(request).await? {
            let error = Error::from_error_reply(text);
            if crate::outage::Cause::of(&error).is_some() {
                return Err(error.into());
            }
        }
        let mut gone = Vec::new();
        for page in in_hand.chunks(PAGE) {
            gone.extend(self.lease_anew(page).await?);
        }
        in_hand.iter().for_each(|message| self.attempts.doubt(&message.id));
        gone.iter().for_each(|message| self.attempts.forget(&message.id));
        self.look = match &self.look {
            // What others acknowledge is theirs, but what came to nobody is ours to show.
            _ if self.ack == Ack::Manual => {
                let claiming = self.claiming.as_ref().map(|(id, _)| id.as_str());
                Look::Own { from: self.shown.end(claiming), is_unheard: true }
            }
            Look::All(_) => Look::Own { from: "-".to_owned(), is_unheard: true },
            Look::Own { is_unheard, .. } => Look::Own { from: "-".to_owned(), is_unheard: *is_unheard },
        };
        Ok(gone)
    }

    /// Leases these once more; gives those that are not ours.
    async fn lease_anew(&mut self, page: &[Arc<Message>]) -> Result<Vec<Arc<Message>>> {
        // With NOACK a message is nobody's, and so cannot be somebody else's.
        let page: Vec<_> = page.iter().filter(|message| self.ack != Ack::None || message.delivery > 1).collect();
        let ask = |message: &&Arc<Message>| {
            let request = Request::new("XPENDING").arg(&self.key).arg(&self.group);
            request.args([&message.id, &message.id, "1"]).arg(&self.consumer)
        };
        let asked: Vec<_> = page.iter().map(ask).collect();
        let mut claims = Vec::new();
        let mut gone = Vec::new();
        for (message, reply) in page.iter().zip(attempts::exchange(&mut self.control, &asked).await?) {
            let rows = match no_error(reply)? {
                Value::Array(rows) => rows,
                _ => return Err(Failure::new("XPENDING's reply is not what it should be")),
            };
            match rows.into_iter().next().and_then(pending_of) {
                None => gone.push(Arc::clone(message)),
                Some(pending) => claims.push((*message, self.claim(pending.idle_ms, &message.id, &["JUSTID"]))),
            }
        }
        let asked: Vec<_> = claims.iter().map(|(_, claim)| claim.clone()).collect();
        for ((message, _), reply) in claims.iter().zip(attempts::exchange(&mut self.control, &asked).await?) {
            if super::claim::is_empty(&no_error(reply)?) {
                gone.push(Arc::clone(message));
            }
        }
        Ok(gone)
    }
}
