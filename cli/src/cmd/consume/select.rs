//! `--grep` and `--where`: which messages are shown or worked on.

use clap::Args;
use regex::bytes::Regex;

use super::message::Message;
use crate::jq::Jq;

/// Both filters; a message has to pass all that are there.
#[derive(Debug, Clone, Args)]
pub(super) struct SelectArgs {
    /// Only messages of which a value matches this regular expression
    #[arg(long, value_name = "REGEX")]
    grep: Option<Regex>,
    /// Only messages for which this jq expression holds; it sees key, id, time_ms, delivery, fields and value
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
    pub(super) fn passes(&self, key: &[u8], message: &Message) -> bool {
        let matches = |grep: &Regex| message.fields.iter().any(|(_, value)| grep.is_match(value));
        self.grep.as_ref().is_none_or(matches) && self.holds.as_ref().is_none_or(|jq| jq.holds(&message.json(key)))
    }
}
