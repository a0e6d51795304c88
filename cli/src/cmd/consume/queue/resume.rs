//! A queue's consumer that lost its connection and goes on.
//!
//! ```text
//!   our list holds it, it is in hand       goes on
//!   our list holds it, it is not in hand   was on its way to us: back into the queue
//!   in hand, our list lacks it             released before the loss, or taken back by somebody else: no longer our matter
//! ```
//!
//! Equal messages cannot be told apart, so they are counted: of those in hand the first ones are missing, and before all
//! others stands what was being released when the connection was lost.
//!
//! With `--ack manual` what others have yet to acknowledge is in our list too. It is known by its hash, the last
//! [`LEFT_MAX`] of it; what is older than that is shown a second time rather than never.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use rbq_client::{Error, Request};
use rbq_resp::Value;
use xxhash_rust::xxh3::xxh3_64;

use super::super::Ack;
use super::super::message::{Message, which};
use super::{Question, Queue, bulk};
use crate::cmd::produce::Kind;
use crate::facts::array;
use crate::failure::Result;
use crate::outage::Cause;
use crate::servers::accepted;

/// Less than a megabyte, and more than anybody leaves unacknowledged.
const LEFT_MAX: usize = 100_000;

impl Queue {
    /// Others acknowledge this one.
    pub(super) fn leave(&mut self, message: &Message) {
        if self.left.len() == LEFT_MAX {
            self.left.pop_front();
        }
        self.left.push_back(xxh3_64(message.payload()));
    }

    pub(super) async fn resume_consuming(
        &mut self,
        why: &Error,
        in_hand: &[Arc<Message>],
    ) -> Result<Vec<Arc<Message>>> {
        self.link = self.home.find_again(why, &self.key, Kind::Queue).await?;
        self.control = self.home.link().await?;
        self.question = Question::default();
        self.client_id = super::super::client_id(&mut self.link).await?;
        self.check_writable().await?;
        if self.ack == Ack::None {
            return Ok(Vec::new());
        }
        self.presence.announce(&mut self.link, &mut self.control).await?;
        let listed = self.control.call(Request::new("LRANGE").arg(&self.processing).args(["0", "-1"])).await?;
        // The newest first.
        let mut listed: Vec<Bytes> = array(accepted(listed)?).into_iter().filter_map(bulk).collect();
        let gone = take_out(&mut listed, in_hand);
        self.take_out_left(&mut listed);
        gone.iter().for_each(|message| self.forget(message));
        if let Some(dying) = self.dying.take().filter(|dying| !listed.contains(dying.payload())) {
            self.forget(&dying);
        }
        if let Some(notes) = &mut self.notes {
            let gone = which(&gone);
            let ours = in_hand.iter().filter(|message| !gone.contains(&Arc::as_ptr(message).addr()));
            notes.hold_only(&ours.cloned().collect::<Vec<_>>());
        }
        for payload in listed {
            self.return_one(&payload).await?;
        }
        self.write_notes().await?;
        Ok(gone)
    }

    /// A replica shows everything and takes nothing. Nothing is removed by this: no message is this text.
    async fn check_writable(&mut self) -> Result<()> {
        let nonce = format!("rbq-no-message-{:032x}", fastrand::u128(..));
        let request = Request::new("LREM").arg(&self.processing).arg("1").arg(nonce);
        match self.control.call(request).await? {
            Value::Error(text) => {
                let error = Error::from_error_reply(text);
                // A user without the right to it has not asked for it either.
                if Cause::of(&error).is_some() { Err(error.into()) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    fn take_out_left(&mut self, listed: &mut Vec<Bytes>) {
        let mut left: HashMap<u64, usize> = HashMap::new();
        self.left.iter().for_each(|hash| *left.entry(*hash).or_default() += 1);
        listed.retain(|payload| match left.get_mut(&xxh3_64(payload)) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => true,
        });
    }
}

/// Takes what is in hand out of what is listed, and gives what was not to be found there.
fn take_out(listed: &mut Vec<Bytes>, in_hand: &[Arc<Message>]) -> Vec<Arc<Message>> {
    let mut held: HashMap<&Bytes, usize> = HashMap::new();
    in_hand.iter().for_each(|message| *held.entry(message.payload()).or_default() += 1);
    // The oldest are those in hand: they came first, and stand last.
    listed.reverse();
    listed.retain(|payload| match held.get_mut(payload).filter(|count| **count > 0) {
        Some(count) => {
            *count -= 1;
            false
        }
        None => true,
    });
    listed.reverse();
    let mut gone = Vec::new();
    for message in in_hand {
        if let Some(count) = held.get_mut(message.payload()).filter(|count| **count > 0) {
            *count -= 1;
            gone.push(Arc::clone(message));
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_messages_are_counted_and_the_first_in_hand_is_missed() {
        let in_hand: Vec<_> = ["a", "a", "b"].map(|text| Arc::new(Message::of_queue(text.into(), 0))).into();
        // Newest first: c and the first b came and were not heard of.
        let mut listed: Vec<Bytes> = ["c", "b", "b", "a"].map(Bytes::from).into();
        let gone = take_out(&mut listed, &in_hand);
        assert_eq!(listed, ["c", "b"]);
        assert!(gone.len() == 1 && Arc::ptr_eq(&gone[0], &in_hand[0]));
    }
}
