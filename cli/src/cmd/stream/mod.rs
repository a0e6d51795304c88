//! `rbq stream`: streams, looked at and put in order. Nothing here reads as a member of a group, so nothing here is delivered.

mod cut;
mod info;
mod ls;
mod peek;
mod shift;
mod tail;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use clap::{Args, Subcommand};

use crate::exit::Exit;
use crate::failure::Result;
use crate::records::{Cell, Column, column};

/// Look at streams, and move, trim or purge them
#[derive(Debug, Clone, Args)]
pub(crate) struct StreamArgs {
    #[command(subcommand)]
    command: StreamCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum StreamCommand {
    Ls(ls::LsArgs),
    Info(info::InfoArgs),
    Peek(peek::PeekArgs),
    Tail(tail::TailArgs),
    Move(shift::MoveArgs),
    Trim(cut::TrimArgs),
    Purge(cut::PurgeArgs),
}

pub(crate) async fn run(args: StreamArgs) -> Result<Exit> {
    match args.command {
        StreamCommand::Ls(args) => ls::run(args).await,
        StreamCommand::Info(args) => info::run(args).await,
        StreamCommand::Peek(args) => peek::run(args).await,
        StreamCommand::Tail(args) => tail::run(args).await,
        StreamCommand::Move(args) => shift::run(args).await,
        StreamCommand::Trim(args) => cut::trim(args).await,
        StreamCommand::Purge(args) => cut::purge(args).await,
    }
}

/// A stream by name.
#[derive(Debug, Clone, Args)]
pub(crate) struct StreamName {
    /// The stream's name
    stream: OsString,
}

impl StreamName {
    pub(crate) fn key(&self) -> Vec<u8> {
        self.stream.clone().into_vec()
    }
}

/// What `peek` and `tail` show of an entry.
const ENTRY: &[Column] = &[column("id", "ID"), column("fields", "MESSAGE")];

fn entry(entry: &crate::entries::Entry, look: crate::cmd::keyspace::messages::LookArgs) -> Vec<Cell> {
    vec![Cell::word(entry.id.to_string()), look.fields(entry)]
}
