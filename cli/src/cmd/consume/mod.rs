//! `rbq consume`: messages of a queue or a stream, to stdout.
//!
//! What is promised depends on what it is:
//!
//! | | taken | when it is gone from the server | after a crash of ours |
//! |---|---|---|---|
//! | queue             | once, by one consumer | as it is taken; put back if stdout would not have it | the message in hand is lost |
//! | stream            | by everybody          | never: reading changes nothing                       | read again from the start |
//! | stream, `--group` | by one of the group   | acknowledged once stdout has accepted the bytes      | delivered again |

mod entries;
mod group;
mod queue;
mod stream;

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;

use crate::cmd::produce::Kind;
use crate::duration;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::open::ServerArgs;
use crate::print::message::Output;

/// Receive messages from a queue or a stream
#[derive(Debug, Clone, Args)]
pub(crate) struct ConsumeArgs {
    /// What NAME is
    kind: Kind,
    /// The queue's or stream's name
    name: OsString,
    /// End after this many messages
    #[arg(short = 'n', long)]
    count: Option<u64>,
    /// End when there is no message left, instead of waiting for more
    #[arg(long, visible_alias = "exit-at-end")]
    no_wait: bool,
    /// End when no message has come for this long: 30s, 2m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, conflicts_with = "no_wait")]
    wait: Option<Duration>,
    /// Take up to this many messages at a time [default: 1 from a queue, 100 from a stream]
    #[arg(long, value_name = "MESSAGES", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    batch: Option<u64>,
    /// How to write messages
    #[arg(short, long, default_value = "text")]
    output: Output,
    /// Stream: begin after this ID; `$` is the present end
    #[arg(long, value_name = "ID", default_value = "0", conflicts_with = "group")]
    from: String,
    /// Stream: read as a member of this consumer group, and acknowledge what was written
    #[arg(short, long)]
    group: Option<OsString>,
    /// Stream: our name in the group; give each parallel consumer its own [default: the host's name]
    #[arg(short, long, requires = "group")]
    consumer: Option<OsString>,
    /// Stream: create the group, and the stream, if missing; it begins with the oldest entry
    #[arg(long, requires = "group")]
    create: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn run(args: ConsumeArgs) -> Result<Exit> {
    match (args.kind, &args.group) {
        (Kind::Queue, None) if args.from == "0" => queue::run(args).await,
        (Kind::Queue, _) => {
            Err(Failure::usage("a queue has neither groups nor IDs; --group and --from are for streams"))
        }
        (Kind::Stream, None) => stream::run(args).await,
        (Kind::Stream, Some(_)) => group::run(args).await,
    }
}

/// Whether to wait for a message when there is none, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    No,
    Ever,
    AtMost(Duration),
}

impl ConsumeArgs {
    fn wait(&self) -> Wait {
        match self.wait {
            _ if self.no_wait => Wait::No,
            // 0 means for ever to the server.
            Some(Duration::ZERO) => Wait::No,
            Some(limit) => Wait::AtMost(limit),
            None => Wait::Ever,
        }
    }
}

impl Wait {
    /// The `BLOCK` option of the stream commands, in milliseconds.
    fn block_ms(self) -> Option<String> {
        match self {
            Self::No => None,
            Self::Ever => Some("0".to_owned()),
            Self::AtMost(limit) => Some(limit.as_millis().max(1).to_string()),
        }
    }

    /// The timeout of the blocking list commands, in seconds.
    fn timeout_seconds(self) -> Option<String> {
        match self {
            Self::No => None,
            Self::Ever => Some("0".to_owned()),
            Self::AtMost(limit) => Some(limit.as_secs_f64().to_string()),
        }
    }
}

/// How many messages may still be delivered.
#[derive(Debug, Clone, Copy)]
struct Quota {
    left: u64,
    batch: u64,
}

impl Quota {
    fn new(args: &ConsumeArgs, default_batch: u64) -> Self {
        Self { left: args.count.unwrap_or(u64::MAX), batch: args.batch.unwrap_or(default_batch) }
    }

    /// How many to ask for; `None` when there have been enough.
    fn next(self) -> Option<u64> {
        (self.left > 0).then(|| self.batch.min(self.left))
    }

    fn take(&mut self, messages: usize) {
        self.left = self.left.saturating_sub(messages as u64);
    }
}
