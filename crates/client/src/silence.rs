//! A server that owes a reply and does nothing: first it is told, and in the end it is lost.
//!
//! What counts is that no byte goes either way, so a large reply, or thousands in flight, may take any time as long as they move.
//! The clock is read when something moves, and a timer looks up only when it may be time: one of them runs, never one a request.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::error::{Error, Result};
use crate::options::{Late, Options};

/// Watches a connection, if anybody wants it watched.
pub(crate) struct Silence {
    limit: Option<Duration>,
    late: Option<Late>,
    since: Instant,
    /// This silence was told of.
    is_told: bool,
    /// When to look next.
    look_at: Instant,
}

impl Silence {
    pub(crate) fn of(options: &Options) -> Self {
        let limit = options.silence_timeout;
        let late = options.late.filter(|late| limit.is_some_and(|limit| late.after < limit));
        let now = Instant::now();
        Self { limit, late, since: now, is_told: false, look_at: now }
    }

    /// Something moved.
    pub(crate) fn ends(&mut self) {
        if self.limit.is_some() {
            (self.since, self.is_told) = (Instant::now(), false);
        }
    }

    /// Ready when it may be time. Cancellation-safe.
    pub(crate) async fn looks_up(&self) {
        match self.limit {
            Some(_) => sleep_until(self.look_at).await,
            None => std::future::pending().await,
        }
    }

    /// Tells of a long silence, and ends one that is too long.
    ///
    /// # Errors
    /// [`Error::Timeout`].
    pub(crate) fn judge(&mut self) -> Result<()> {
        let Some(limit) = self.limit else { return Ok(()) };
        let silent_for = self.since.elapsed();
        if silent_for >= limit {
            return Err(Error::Timeout(limit));
        }
        if let Some(late) = self.late.filter(|late| silent_for >= late.after && !self.is_told) {
            self.is_told = true;
            (late.tell)(late.after);
        }
        let next = self.late.filter(|_| !self.is_told).map_or(limit, |late| late.after);
        self.look_at = self.since + next;
        Ok(())
    }
}
