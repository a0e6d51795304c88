//! What is done with messages that fail, and with those of consumers that died: the same words everywhere.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use clap::Args;
use rbq_resp::quote;

use super::home::Home;
use crate::deadletter::SUFFIX;
use crate::duration;
use crate::failure::{Failure, Result};

/// The heading of these options in `--help`.
const HEADING: &str = "Work and failure";

/// The options.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = HEADING)]
pub(super) struct Policy {
    /// Run this for each message, by `sh -c`, with the message on stdin and RBQ_KEY, RBQ_ID, RBQ_DELIVERY, RBQ_FIELD_… set.
    /// It ends with 0: done; 65: a dead letter; 75: again, uncounted; 126 or 127: the consumer ends; else: failed
    #[arg(long, value_name = "COMMAND")]
    pub(super) exec: Option<OsString>,
    /// Commands at once, and messages taken for them
    #[arg(long, value_name = "N", default_value = "1", requires = "exec",
        value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(super) concurrency: u64,
    /// A command that takes longer is killed, and has failed
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, requires = "exec")]
    pub(super) exec_timeout: Option<Duration>,
    /// How long a message that failed waits for its next delivery; of several the last one stays
    #[arg(long, value_name = "DURATION,…", value_delimiter = ',', default_value = "1s",
        value_parser = duration::parse, requires = "exec")]
    pub(super) backoff: Vec<Duration>,
    /// A consumer that has not acknowledged a message for this long is dead; ours stay ours while we live [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    ack_wait: Option<Duration>,
    /// A message that was delivered this often and never acknowledged becomes a dead letter [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_deliver: Option<u64>,
    /// The stream for dead letters [default: NAME.dlq]
    #[arg(long, value_name = "KEY")]
    dlq: Option<OsString>,
    /// Queue: take back what consumers of other names hold and have not touched for this long
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub(super) recover_idle: Option<Duration>,
}

/// How long a consumer may be silent about a message.
const ACK_WAIT: Duration = Duration::from_secs(30);

/// How often a message is delivered.
const DELIVERIES_MAX: u64 = 5;

impl Policy {
    pub(super) fn ack_wait(&self) -> Duration {
        self.ack_wait.unwrap_or(ACK_WAIT)
    }

    pub(super) fn max_deliver(&self) -> u64 {
        self.max_deliver.unwrap_or(DELIVERIES_MAX)
    }

    /// What was said of messages that fail; it means something only where messages are acknowledged.
    pub(super) fn given(&self) -> Option<&'static str> {
        self.ack_wait.map(|_| "--ack-wait").or_else(|| self.buries())
    }

    /// What was said of messages that die.
    pub(super) fn buries(&self) -> Option<&'static str> {
        self.max_deliver.map(|_| "--max-deliver").or_else(|| self.dlq.as_ref().map(|_| "--dlq"))
    }

    /// After so many failures before this one.
    pub(super) fn pause(&self, failures: usize) -> Duration {
        let last = self.backoff.len().saturating_sub(1);
        self.backoff.get(failures.min(last)).copied().unwrap_or_default()
    }

    /// The dead-letter stream of a key, where one transaction can reach both.
    pub(super) fn dead_letters(&self, home: &Home, key: &[u8]) -> Result<Vec<u8>> {
        let Some(dlq) = self.dlq.clone().map(OsString::into_vec) else {
            return home.beside(key, SUFFIX.as_bytes());
        };
        if !home.are_together(key, &dlq) {
            let failure = Failure::usage(format!("{} and {} are in different slots", quote(key), quote(&dlq)));
            return Err(failure.hint("a message dies in one step only where both names have the same {tag}"));
        }
        if dlq == key {
            return Err(Failure::usage("a stream cannot be its own dead-letter stream"));
        }
        Ok(dlq)
    }
}
