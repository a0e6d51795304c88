//! What is decided about messages and not yet accepted by the server.
//!
//! ```text
//!   decided ──► first in line ──► asked ──► accepted: gone from here
//!                    ▲              │
//!                    └── the connection is lost: done or not done, nobody knows
//! ```
//!
//! Invariant: a message leaves by being accepted, or because it turns out to be ours no longer. Of what stands here at most one
//! message, the first that [`messages`](Fates::messages) gives, may have met its fate already.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::time::Instant;

use super::message::{Message, which};
use super::source::Source;
use crate::failure::{Failure, Result};
use crate::outage::is_refusal;

/// What shall become of messages.
#[derive(Debug)]
pub(super) enum Fate {
    Done(Vec<Arc<Message>>),
    Buried {
        message: Arc<Message>,
        reason: &'static str,
        error: String,
    },
    /// As if they had not been taken, oldest first.
    GivenBack(Vec<Arc<Message>>),
    /// It comes again to us, and this delivery does not count.
    Uncounted {
        message: Arc<Message>,
        due: Instant,
    },
}

/// All that is decided, in its order.
#[derive(Debug, Default)]
pub(super) struct Fates {
    line: VecDeque<Fate>,
}

impl Fates {
    pub(super) fn add(&mut self, fate: Fate) {
        self.line.push_back(fate);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// In the order in which their fates come.
    pub(super) fn messages(&self) -> Vec<Arc<Message>> {
        let mut messages = Vec::new();
        for fate in &self.line {
            match fate {
                Fate::Done(done) => messages.extend(done.iter().cloned()),
                Fate::GivenBack(returned) => messages.extend(returned.iter().rev().cloned()),
                Fate::Buried { message, .. } | Fate::Uncounted { message, .. } => messages.push(Arc::clone(message)),
            }
        }
        messages
    }

    /// These are no longer ours, and nothing is to be done about them.
    pub(super) fn drop_all(&mut self, gone: &[Arc<Message>]) {
        let gone = which(gone);
        let is_ours = |message: &Arc<Message>| !gone.contains(&Arc::as_ptr(message).addr());
        self.line.retain_mut(|fate| match fate {
            Fate::Done(messages) | Fate::GivenBack(messages) => {
                messages.retain(is_ours);
                !messages.is_empty()
            }
            Fate::Buried { message, .. } | Fate::Uncounted { message, .. } => is_ours(message),
        });
    }

    /// Has the server accept all of it. What comes again goes to those that wait. What is refused for now keeps nothing else from being
    /// accepted, and is asked for again the next time.
    pub(super) async fn settle(
        &mut self,
        source: &mut impl Source,
        waiting: &mut Vec<(Instant, Arc<Message>)>,
    ) -> Result<()> {
        let mut refusal = None;
        for _ in 0..self.line.len() {
            let Some(fate) = self.line.front_mut() else { break };
            let outcome = match fate {
                Fate::Done(messages) => source.done(messages).await,
                Fate::GivenBack(messages) => source.give_back(messages).await,
                Fate::Buried { message, reason, error } => source.bury(message, reason, error).await.map(drop),
                Fate::Uncounted { message, due } => {
                    source.uncount(message).await.map(|message| waiting.push((*due, Arc::new(message))))
                }
            };
            match outcome {
                Ok(()) => drop(self.line.pop_front()),
                Err(Failure::Server(error)) if is_refusal(&error) => {
                    self.line.rotate_left(1);
                    refusal = Some(error);
                }
                Err(failure) => return Err(failure),
            }
        }
        refusal.map_or(Ok(()), |refusal| Err(refusal.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_longer_ours_has_no_fate() {
        let message = |payload: &'static str| Arc::new(Message::of_queue(payload.into(), 0));
        let all: Vec<_> = ["a", "b", "c", "d", "e"].map(message).into();
        let mut fates = Fates::default();
        fates.add(Fate::Done(all[..2].to_vec()));
        fates.add(Fate::Buried { message: Arc::clone(&all[2]), reason: "rejected", error: String::new() });
        fates.add(Fate::GivenBack(all[3..].to_vec()));
        let names = |fates: &Fates| {
            let texts = fates.messages().into_iter().map(|message| message.payload().clone());
            String::from_utf8(texts.collect::<Vec<_>>().concat()).expect("letters")
        };
        assert_eq!(names(&fates), "abced");
        // An equal one is another one.
        fates.drop_all(&[Arc::clone(&all[0]), Arc::clone(&all[2]), message("b")]);
        assert_eq!(names(&fates), "bed");
        fates.drop_all(&all);
        assert!(fates.is_empty());
    }
}
