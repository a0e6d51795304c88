//! What a server refuses for now: its memory or its disk is full, or its replicas are gone.
//!
//! ```text
//!   refused ── told once ──► pause ──► tried again ──► accepted: told
//!                              ▲            │
//!                              └── refused ─┘
//! ```
//!
//! Invariant: nothing is given up, and nothing is lost. What is in hand stays ours, what ends meanwhile is acknowledged as far as the
//! server takes that, which may be what makes room. There is no limit to it: a consumer that ends because producers have filled the
//! server would leave it full.

use std::time::Duration;

use tokio::time::Instant;

use super::Shift;
use crate::cmd::consume::Wait;
use crate::cmd::consume::source::Source;
use crate::failure::{Failure, Result, say};
use crate::outage::is_refusal;

/// Between two attempts: at first, and at most.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Refusals told: a server that is nearly full refuses now and then for hours.
const TOLD_MAX: u64 = 3;

/// Whether it is about a question for messages, or about something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OfQuestion {
    Yes,
    No,
}

/// Since it began.
#[derive(Debug)]
pub(super) struct Refused {
    until: Instant,
    pause: Duration,
    of_question: OfQuestion,
    is_told: bool,
}

impl Refused {
    pub(super) fn until(&self) -> Instant {
        self.until
    }
}

impl<S: Source> Shift<S> {
    pub(super) fn is_paused(&self) -> bool {
        self.refused.as_ref().is_some_and(|refused| Instant::now() < refused.until)
    }

    /// Whatever came of a step, unless it is refused for now: then it is tried again.
    ///
    /// # Errors
    /// Any other, and a refusal when we are about to end: what the server was not told comes again to the next run.
    pub(super) fn bear(&mut self, outcome: Result<()>) -> Result<()> {
        self.bear_one(outcome, OfQuestion::No)
    }

    /// The same of a question for messages.
    ///
    /// # Errors
    /// As [`bear`](Self::bear), and if we were not to wait for any.
    pub(super) fn bear_question(&mut self, outcome: Result<()>) -> Result<()> {
        self.bear_one(outcome, OfQuestion::Yes)
    }

    fn bear_one(&mut self, outcome: Result<()>, of_question: OfQuestion) -> Result<()> {
        let error = match outcome {
            Err(Failure::Server(error)) if is_refusal(&error) => error,
            outcome => return outcome,
        };
        let is_of_question = of_question == OfQuestion::Yes;
        if is_of_question && self.work.wait == Wait::No {
            return Err(match self.source.way_around(&error) {
                Some(hint) => Failure::from(error).hint(hint),
                None => error.into(),
            });
        }
        if self.is_stopping {
            let hint = "what it was not told of stays under this consumer's name, and comes again to its next run";
            return Err(Failure::from(error).hint(hint));
        }
        if let (Wait::AtMost(limit), Some(since)) = (self.work.wait, self.quiet_since.filter(|_| is_of_question)) {
            self.is_quiet = since.elapsed() >= limit;
        }
        let pause = self.refused.as_ref().map_or(PAUSE, |refused| (refused.pause * 2).min(PAUSE_MAX));
        let is_told = self.refused.as_ref().map_or(self.refusals < TOLD_MAX, |refused| refused.is_told);
        if self.refused.is_none() {
            self.refusals += 1;
            if is_told {
                say(&format!("{error}; trying again until it is accepted"));
                self.source.way_around(&error).into_iter().for_each(say);
            }
        }
        self.refused = Some(Refused { until: Instant::now() + pause, pause, of_question, is_told });
        Ok(())
    }

    /// What was refused of this kind is not any more.
    pub(super) fn accepted(&mut self, of_question: OfQuestion) {
        if self.refused.as_ref().is_some_and(|refused| refused.of_question == of_question)
            && let Some(refused) = self.refused.take()
            && refused.is_told
        {
            say("accepted again");
        }
    }
}
