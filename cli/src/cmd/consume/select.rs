//! `--grep` and `--where`: which messages are shown or worked on.
//!
//! Invariant: a message of which it cannot be told is neither. An expression that fails ends the consumer, as a command that cannot be
//! run does, and the message is kept: with `--ack-skipped` a mistake in it would throw away everything.

use clap::Args;
use regex::bytes::Regex;

use super::message::Message;
use crate::failure::{Failure, Result};
use crate::jq::{FAILED_HINT, Jq};

/// Both filters; a message has to pass all that are there.
#[derive(Debug, Clone, Args)]
pub(super) struct SelectArgs {
    /// Only messages of which a value matches this regular expression
    #[arg(long, value_name = "REGEX")]
    grep: Option<Regex>,
    /// Only messages for which this jq expression holds; it sees key, id, time_ms, delivery, fields and value. One on which it
    /// fails is kept, and ends the consumer
    #[arg(long = "where", value_name = "JQ")]
    holds: Option<String>,
    /// Group or queue: what these leave out is taken and acknowledged unseen
    #[arg(long)]
    pub(super) ack_skipped: bool,
}

/// The filters, ready.
#[derive(Debug)]
pub(super) struct Select {
    grep: Option<Regex>,
    holds: Option<Jq>,
}

impl SelectArgs {
    pub(super) fn is_given(&self) -> bool {
        self.grep.is_some() || self.holds.is_some()
    }

    /// # Errors
    /// What is wrong with the jq expression.
    pub(super) fn ready(&self) -> Result<Select, String> {
        let holds = self.holds.as_deref().map(Jq::compile).transpose()?;
        Ok(Select { grep: self.grep.clone(), holds })
    }
}

impl Select {
    /// # Errors
    /// The jq expression fails on this message, so nobody can tell.
    pub(super) fn passes(&self, key: &[u8], message: &Message) -> Result<bool> {
        let matches = |grep: &Regex| message.fields.iter().any(|(_, value)| grep.is_match(value));
        if !self.grep.as_ref().is_none_or(matches) {
            return Ok(false);
        }
        let Some(jq) = &self.holds else { return Ok(true) };
        jq.holds(&message.json(key)).map_err(|why| {
            let of = if message.id.is_empty() { String::new() } else { format!("{}: ", message.id) };
            Failure::new(format!("{of}{why}")).hint(FAILED_HINT)
        })
    }
}
