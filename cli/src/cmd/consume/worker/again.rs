//! Work that goes on after the connection was lost.
//!
//! Invariant: commands run on meanwhile, and what they come to is kept until the server can be told. What it says after that
//! decides: a message that is no longer ours has no fate of ours, and none that is in hand is handed out once more.

use std::sync::Arc;

use rbq_client::Error;
use tokio::time::Instant;

use super::Shift;
use crate::cmd::consume::message::{Message, which};
use crate::cmd::consume::source::Source;
use crate::failure::{Failure, Result, say};
use crate::outage::{Attempt, Cause, is_refusal};

impl<S: Source> Shift<S> {
    /// Connects again, if that is what the failure is about.
    ///
    /// # Errors
    /// The failure, if it is about something else or the server stays away.
    pub(super) async fn recover(&mut self, failure: Failure) -> Result<()> {
        (self.asked, self.is_hurried) = (0, false);
        self.refused = None;
        let mut error = lost(failure)?;
        let gone = loop {
            if self.has_nothing_to_finish() {
                return Ok(());
            }
            self.tell_lost(&error);
            let in_hand = self.in_hand();
            let resumed = self.source.resume(&error, &in_hand);
            match self.outage.attempt(&mut self.interrupt, resumed).await {
                Attempt::Made(Ok(gone)) => break gone,
                Attempt::Made(Err(failure)) => error = lost(failure)?,
                Attempt::GivenUp => return Err(self.outage.verdict(error).into()),
                Attempt::Interrupted => self.wind_down(),
            }
        };
        if let Some(again) = self.outage.end() {
            say(again);
        }
        self.let_go(gone);
        self.next_look = Instant::now();
        self.end_silence();
        Ok(())
    }

    fn has_nothing_to_finish(&self) -> bool {
        self.is_stopping && self.running.is_empty() && self.fates.is_empty()
    }

    fn tell_lost(&mut self, error: &Error) {
        let cause = Cause::of(error).unwrap_or(if is_refusal(error) { Cause::Refusing } else { Cause::Lost });
        if let Some(line) = self.outage.begin(cause, error) {
            let risk = self.source.risk().map(|risk| format!("; {risk}"));
            say(&format!("{line}{}", risk.unwrap_or_default()));
        }
    }

    /// We were asked to end: what is in hand is finished, and nobody is told more than how much that is.
    fn wind_down(&mut self) {
        self.is_stopping = true;
        let count = self.fates.messages().len() + self.running.len();
        if count > 0 {
            say(&format!("{count} in hand; waiting for the server to tell it of them. Once more leaves at once"));
        }
    }

    fn let_go(&mut self, gone: Vec<Arc<Message>>) {
        self.fates.drop_all(&gone);
        let gone = which(&gone);
        let is_gone = |message: &Arc<Message>| gone.contains(&Arc::as_ptr(message).addr());
        self.waiting.retain(|(_, message)| !is_gone(message));
        self.foreign.extend(self.held.iter().filter(|held| is_gone(held)).cloned());
    }
}

/// What is lost, if a connection is.
fn lost(failure: Failure) -> Result<Error> {
    match failure {
        Failure::Server(error) if Cause::of(&error).is_some() || is_refusal(&error) => Ok(error),
        failure => Err(failure),
    }
}
