//! `rbq queue`: lists that are used as queues, looked at and put in order, without taking anything from their consumers.
//!
//! New messages come in at the left and are taken at the right, unless `--take left` says that it is the other way round.

mod cut;
mod hand;
mod info;
mod ls;
mod peek;
mod shift;
mod tail;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use clap::{Args, Subcommand, ValueEnum};

use crate::cmd::keyspace::work::counted;
use crate::exit::Exit;
use crate::failure::Result;

/// Look at queues, and move, trim or purge them
#[derive(Debug, Clone, Args)]
pub(crate) struct QueueArgs {
    #[command(subcommand)]
    command: QueueCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum QueueCommand {
    Ls(ls::LsArgs),
    Info(info::InfoArgs),
    Peek(peek::PeekArgs),
    Tail(tail::TailArgs),
    Move(shift::MoveArgs),
    Trim(cut::TrimArgs),
    Purge(cut::PurgeArgs),
}

pub(crate) async fn run(args: QueueArgs) -> Result<Exit> {
    match args.command {
        QueueCommand::Ls(args) => ls::run(args).await,
        QueueCommand::Info(args) => info::run(args).await,
        QueueCommand::Peek(args) => peek::run(args).await,
        QueueCommand::Tail(args) => tail::run(args).await,
        QueueCommand::Move(args) => shift::run(args).await,
        QueueCommand::Trim(args) => cut::trim(args).await,
        QueueCommand::Purge(args) => cut::purge(args).await,
    }
}

/// The end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum End {
    #[default]
    Right,
    Left,
}

impl End {
    fn word(self) -> &'static str {
        match self {
            Self::Right => "RIGHT",
            Self::Left => "LEFT",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Right => Self::Left,
            Self::Left => Self::Right,
        }
    }

    /// First and last index of `LRANGE` for the messages at this end, `skip` of them left out.
    fn range(self, skip: u64, count: u64) -> [String; 2] {
        match self {
            Self::Left => [skip.to_string(), (skip + count - 1).to_string()],
            Self::Right => [format!("-{}", skip + count), format!("-{}", skip + 1)],
        }
    }
}

/// A queue by name.
#[derive(Debug, Clone, Args)]
struct QueueName {
    /// The queue's name
    queue: OsString,
}

impl QueueName {
    fn key(&self) -> Vec<u8> {
        self.queue.clone().into_vec()
    }
}

/// `1 message`, `2 messages`.
fn messages(count: u64) -> String {
    counted(count, "message")
}
