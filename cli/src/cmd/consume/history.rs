//! Who was given a message, and when: the last ten attempts, and the time of the first.
//!
//! Invariant: the first time stays when its attempt is one of those no longer kept, so a message that has failed for a week says so.

use serde_json::{Value as Json, json};

use crate::deadletter::{ATTEMPTS_MAX, Attempt};
use crate::print::message;

/// The attempts at one message, the present one included if there is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct History {
    /// When it was first delivered, in milliseconds since 1970; 0 if it was not.
    pub(super) first_ms: u64,
    /// The last [`ATTEMPTS_MAX`], oldest first.
    pub(super) attempts: Vec<Attempt>,
}

impl History {
    /// One more attempt.
    pub(super) fn add(&mut self, attempt: Attempt) {
        if self.attempts.is_empty() {
            self.first_ms = attempt.at_ms;
        }
        self.attempts.push(attempt);
        let surplus = self.attempts.len().saturating_sub(ATTEMPTS_MAX);
        self.attempts.drain(..surplus);
    }

    /// The last attempt does not count.
    pub(super) fn take_back(&mut self) {
        self.attempts.pop();
        if self.attempts.is_empty() {
            self.first_ms = 0;
        }
    }

    /// As it is kept on the server.
    pub(super) fn json(&self) -> Json {
        let attempt = |attempt: &Attempt| json!({ "consumer": message::json(&attempt.consumer), "at": attempt.at_ms });
        json!({ "first": self.first_ms, "attempts": self.attempts.iter().map(attempt).collect::<Json>() })
    }

    /// What [`json`](Self::json) has written.
    pub(super) fn from_json(json: &Json) -> Option<Self> {
        let attempt = |attempt: &Json| {
            let consumer = message::from_json(attempt.get("consumer")?)?;
            Some(Attempt { consumer, at_ms: attempt.get("at")?.as_u64()? })
        };
        let attempts: Vec<Attempt> = json.get("attempts")?.as_array()?.iter().map(attempt).collect::<Option<_>>()?;
        if attempts.len() > ATTEMPTS_MAX {
            return None;
        }
        Some(Self { first_ms: json.get("first")?.as_u64()?, attempts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_time_outlives_its_attempt() {
        let mut history = History::default();
        for at_ms in 7..20 {
            history.add(Attempt { consumer: "\u{e9}".into(), at_ms });
        }
        assert_eq!((history.first_ms, history.attempts.len(), history.attempts[0].at_ms), (7, ATTEMPTS_MAX, 10));
        assert_eq!(History::from_json(&history.json()), Some(history));
    }

    #[test]
    fn what_was_taken_back_never_was() {
        let mut history = History::default();
        history.add(Attempt { consumer: "a".into(), at_ms: 7 });
        history.take_back();
        assert_eq!(history, History::default());
    }
}
