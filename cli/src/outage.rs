//! A server that went away: when it is tried again, for how long, and what is said of it.
//!
//! ```text
//!   served ──lost──► told once ──► pause ──► try ──► pause ──► try ──► answered: told once, served
//!                                    └── the limit has passed, or Ctrl-C
//! ```
//!
//! Invariant: an outage lasts from the first thing that went wrong to the next that went right, however many connections are
//! made and lost between them. So its limit counts from the first loss, and a server that comes and goes is told of once.
//!
//! A redirect is an outage too, and none to speak of: the key is served, elsewhere.

use std::time::Duration;

use rbq_client::{Error, ErrorReply, RedirectKind, Strangeness};
use tokio::time::{Instant, sleep, timeout};

use crate::duration;
use crate::interrupt::Interrupt;

/// Between two attempts: at first, and at most.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How long redirects are followed without one answer, whatever the limit: longer than any settled cluster needs.
const REDIRECT_TIME_MAX: Duration = Duration::from_secs(10);

/// How long an attempt may take however little of the limit is left: a server that is well answers sooner.
const ATTEMPT_MIN: Duration = Duration::from_secs(1);

/// What a server answers that is there and cannot serve yet: it reads its data, is a replica now, or its cluster has not agreed on
/// who serves the slot.
const UNREADY: &[&str] = &["LOADING", "MASTERDOWN", "CLUSTERDOWN", "READONLY"];

/// What is refused for now, whatever the message: a consumer makes room, a disk is cleared, a replica comes back.
const PASSING: &[&str] = &["OOM", "MISCONF", "NOREPLICAS", "NOREPLICASDONE"];

/// What EXEC says before the reason for which it refuses all of a transaction.
const ABORTED: &str = "EXECABORT Transaction discarded because of: ";

/// Whether the server is there, and refuses for now.
pub(crate) fn is_refusal(error: &Error) -> bool {
    let Error::Reply(reply) = error else { return false };
    let reason = reply.text().strip_prefix(ABORTED).unwrap_or(reply.text());
    reason.split(' ').next().is_some_and(|code| PASSING.contains(&code))
}

/// Why nothing is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The connection has ended, or was not to be had.
    Lost,
    /// The server is there and says that it is not ready.
    Unready,
    /// It takes no messages for now: it is full, or cannot save.
    Refusing,
    /// The key is served by another node.
    Moved,
    /// The key is on its way to another node.
    Moving,
}

impl Cause {
    /// What may go by itself; `None` for what will be the same the next time.
    pub(crate) fn of(error: &Error) -> Option<Self> {
        match error {
            Error::Redirect(redirect) if redirect.kind == RedirectKind::Moved => Some(Self::Moved),
            // Nodes that send us to each other have not agreed yet.
            Error::Redirect(_) | Error::TooManyRedirects(_) => Some(Self::Moving),
            // After a time-out a reply may still come, and would be taken for another's: the connection is of no use.
            Error::Connect { .. } | Error::Closed(_) | Error::Handshake { .. } | Error::Timeout(_) => Some(Self::Lost),
            // What stands before a server that starts, or has no room, may hang up on us.
            Error::Stranger { strangeness: Strangeness::HungUp, .. } => Some(Self::Lost),
            Error::Reply(reply) => Self::of_reply(reply),
            _ => None,
        }
    }

    fn of_reply(reply: &ErrorReply) -> Option<Self> {
        match reply.code() {
            // Some of the request's keys have moved on before the others; or what we waited for went while we did, and the next
            // answer tells whether it moved, was deleted, or is a replica's now.
            "TRYAGAIN" | "UNBLOCKED" => Some(Self::Moving),
            code => UNREADY.contains(&code).then_some(Self::Unready),
        }
    }
}

/// What a pause has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pause {
    Over,
    /// It has been tried for long enough.
    GivenUp,
    /// We were asked to end.
    Interrupted,
}

/// What an attempt has come to.
#[derive(Debug)]
pub(crate) enum Attempt<T> {
    Made(T),
    /// It has been tried for long enough.
    GivenUp,
    /// We were asked to end.
    Interrupted,
}

/// An outage, or none.
#[derive(Debug)]
pub(crate) struct Outage {
    limit: Duration,
    since: Option<Instant>,
    pause: Duration,
    /// Of what was said that it began.
    told: Option<Cause>,
    /// How it was noticed, if the server did not answer in time.
    hang: Option<Error>,
    /// Why the node that a redirect named was not to be had.
    unreached: Option<Error>,
}

impl Outage {
    /// None yet; one is borne for so long.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, since: None, pause: PAUSE, told: None, hang: None, unreached: None }
    }

    /// It begins, or goes on, for this reason. What is to be said, if it was not said before.
    pub(crate) fn begin(&mut self, cause: Cause, error: &Error) -> Option<String> {
        if matches!(error, Error::Timeout(_)) {
            self.hang = Some(error.clone());
        }
        if self.since.is_none() {
            self.since = Some(Instant::now());
            // The other node can be asked at once.
            self.pause = if cause == Cause::Moved { Duration::ZERO } else { PAUSE };
        }
        if self.told.is_some() || matches!(cause, Cause::Moved | Cause::Moving) {
            return None;
        }
        self.told = Some(cause);
        let what = if cause == Cause::Refusing { "trying again" } else { "trying to reach it" };
        Some(format!("{error}; {what} for {}", duration::shown(self.limit)))
    }

    fn borne_for(&self) -> Duration {
        if self.told.is_some() { self.limit } else { self.limit.max(REDIRECT_TIME_MAX) }
    }

    /// Waits until it is time for the next attempt; longer each time.
    pub(crate) async fn pause(&mut self, interrupt: &mut Interrupt) -> Pause {
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() + self.pause > self.borne_for() {
            return Pause::GivenUp;
        }
        let was_pressed = interrupt.was_pressed();
        tokio::select! {
            () = interrupt.pressed(), if !was_pressed => return Pause::Interrupted,
            () = sleep(self.pause) => {}
        }
        self.pause = (self.pause * 2).clamp(PAUSE, PAUSE_MAX);
        Pause::Over
    }

    /// Tries when it is time, for no longer than the outage is borne and until we are asked to end: a server that hangs takes the
    /// connection and is silent. What was cut off is begun anew the next time, or never.
    pub(crate) async fn attempt<T>(&mut self, interrupt: &mut Interrupt, work: impl Future<Output = T>) -> Attempt<T> {
        match self.pause(interrupt).await {
            Pause::Over => {}
            Pause::GivenUp => return Attempt::GivenUp,
            Pause::Interrupted => return Attempt::Interrupted,
        }
        let borne = self.since.map_or(Duration::ZERO, |since| since.elapsed());
        let left = self.borne_for().saturating_sub(borne).max(ATTEMPT_MIN);
        let was_pressed = interrupt.was_pressed();
        tokio::select! {
            () = interrupt.pressed(), if !was_pressed => Attempt::Interrupted,
            made = timeout(left, work) => made.map_or(Attempt::GivenUp, Attempt::Made),
        }
    }

    /// The node that a redirect named cannot be reached: that, and not the redirect, is what is wrong. What is to be said of it.
    pub(crate) fn missed(&mut self, error: &Error) -> Option<String> {
        if self.told.is_none() || self.unreached.is_some() {
            self.unreached = Some(error.clone());
        }
        self.begin(Cause::Lost, error)
    }

    /// What ended it, once it has been given up: a server that hangs takes no connections either, and that it hung is what counts.
    pub(crate) fn verdict(&mut self, last: Error) -> Error {
        self.hang.take().or(self.unreached.take()).unwrap_or(last)
    }

    /// Something was answered. What is to be said, if it was said that the server is lost.
    pub(crate) fn end(&mut self) -> Option<&'static str> {
        (self.since, self.hang, self.unreached) = (None, None, None);
        let again = |cause| if cause == Cause::Refusing { "accepted again" } else { "connected again" };
        self.told.take().map(again)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_go_by_itself_is_told_from_what_stays() {
        let of = |text: &str| Cause::of(&Error::from_error_reply(text.to_owned()));
        for (text, expected) in [
            ("LOADING Redis is loading the dataset in memory", Some(Cause::Unready)),
            ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", Some(Cause::Unready)),
            ("CLUSTERDOWN The cluster is down", Some(Cause::Unready)),
            ("READONLY You can't write against a read only replica.", Some(Cause::Unready)),
            ("UNBLOCKED force unblock from blocking operation", Some(Cause::Moving)),
            ("TRYAGAIN Multiple keys request during rehashing of slot", Some(Cause::Moving)),
            ("MOVED 12 h:7", Some(Cause::Moved)),
            ("ASK 12 h:7", Some(Cause::Moving)),
            ("NOGROUP No such key", None),
            ("NOPERM this user has no permissions", None),
            ("ERR unknown command", None),
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
        assert_eq!(Cause::of(&Error::Closed(None)), Some(Cause::Lost));
        assert_eq!(Cause::of(&Error::Protocol("x".into())), None);
    }

    #[test]
    fn a_refusal_is_one_in_a_transaction_too() {
        let of = |text: &str| is_refusal(&Error::from_error_reply(text.to_owned()));
        assert!(of("OOM command not allowed when used memory > 'maxmemory'."));
        assert!(of(
            "EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'."
        ));
        assert!(!of("EXECABORT Transaction discarded because of previous errors.") && !of("ERR OOM"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_told_of_once_and_its_limit_counts_from_its_beginning() {
        let mut interrupt = Interrupt::listen().expect("signals can be listened to");
        let mut outage = Outage::new(Duration::from_secs(3));
        let error = Error::Closed(None);
        let told = outage.begin(Cause::Lost, &error);
        assert_eq!(told.as_deref(), Some("the server closed the connection; trying to reach it for 3s"));
        let begun = Instant::now();
        while outage.pause(&mut interrupt).await == Pause::Over {
            assert_eq!(outage.begin(Cause::Lost, &error), None);
        }
        assert!((2..=3).contains(&begun.elapsed().as_secs()));
        assert_eq!((outage.end(), outage.end()), (Some("connected again"), None));
        // The next one has all its time.
        assert!(outage.begin(Cause::Unready, &error).is_some());
        assert_eq!(outage.pause(&mut interrupt).await, Pause::Over);
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_does_not_end_takes_what_is_left_of_the_limit() {
        let mut interrupt = Interrupt::listen().expect("signals can be listened to");
        let mut outage = Outage::new(Duration::from_secs(3));
        outage.begin(Cause::Lost, &Error::Closed(None));
        let begun = Instant::now();
        assert!(matches!(outage.attempt(&mut interrupt, std::future::ready(7)).await, Attempt::Made(7)));
        let silence = std::future::pending::<()>();
        assert!(matches!(outage.attempt(&mut interrupt, silence).await, Attempt::GivenUp));
        assert_eq!(begun.elapsed().as_secs(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_redirect_is_followed_at_once_and_in_silence() {
        let mut interrupt = Interrupt::listen().expect("signals can be listened to");
        let mut outage = Outage::new(Duration::ZERO);
        let error = Error::from_error_reply("MOVED 12 h:7".to_owned());
        assert_eq!(outage.begin(Cause::Moved, &error), None);
        let begun = Instant::now();
        assert_eq!(outage.pause(&mut interrupt).await, Pause::Over);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert_eq!(outage.end(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_redirect_to_a_node_that_is_gone_is_an_outage_of_that_node() {
        let mut interrupt = Interrupt::listen().expect("signals can be listened to");
        let mut outage = Outage::new(Duration::from_secs(2));
        let moved = Error::from_error_reply("MOVED 12 h:7".to_owned());
        let source = std::sync::Arc::new(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
        let gone = Error::Connect { endpoint: rbq_client::Endpoint::default(), source };
        assert_eq!(outage.begin(Cause::Moved, &moved), None);
        let told = outage.missed(&gone).expect("it is said once");
        assert!(told.ends_with("; trying to reach it for 2s"), "{told}");
        let begun = Instant::now();
        while outage.pause(&mut interrupt).await == Pause::Over {
            assert_eq!((outage.missed(&gone), outage.begin(Cause::Moved, &moved)), (None, None));
        }
        assert!(begun.elapsed() <= Duration::from_secs(2));
        assert!(matches!(outage.verdict(moved), Error::Connect { .. }));
    }
}
