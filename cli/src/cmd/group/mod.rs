//! `rbq group`: consumer groups, how far behind they are, and how they are set elsewhere.
//!
//! What sets a group somewhere else refuses one that is in use ([`use_of`]) without `--force`: its consumers would be given
//! messages twice, or never.

mod claim;
mod consumers;
mod create;
mod info;
mod lag;
mod ls;
mod pending;
mod reap;
mod rm;
mod seek;
mod use_of;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use clap::{Args, Subcommand};

use crate::cmd::keyspace::groups::{self, Group};
use crate::cmd::keyspace::kind::{Kind, expect, shown};
use crate::exit::Exit;
use crate::failure::Result;
use crate::servers::Servers;

/// Look at consumer groups, and set them elsewhere
#[derive(Debug, Clone, Args)]
pub(crate) struct GroupArgs {
    #[command(subcommand)]
    command: GroupCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum GroupCommand {
    Ls(ls::LsArgs),
    Info(info::InfoArgs),
    Lag(lag::LagArgs),
    Pending(pending::PendingArgs),
    Consumers(consumers::ConsumersArgs),
    Create(create::CreateArgs),
    Set(seek::SetArgs),
    Seek(seek::SeekArgs),
    Claim(claim::ClaimArgs),
    Reap(reap::ReapArgs),
    Rm(rm::RmArgs),
}

pub(crate) async fn run(args: GroupArgs) -> Result<Exit> {
    match args.command {
        GroupCommand::Ls(args) => ls::run(args).await,
        GroupCommand::Info(args) => info::run(args).await,
        GroupCommand::Lag(args) => lag::run(args).await,
        GroupCommand::Pending(args) => pending::run(args).await,
        GroupCommand::Consumers(args) => consumers::run(args).await,
        GroupCommand::Create(args) => create::run(args).await,
        GroupCommand::Set(args) => seek::set(args).await,
        GroupCommand::Seek(args) => seek::seek(args).await,
        GroupCommand::Claim(args) => claim::run(args).await,
        GroupCommand::Reap(args) => reap::run(args).await,
        GroupCommand::Rm(args) => rm::run(args).await,
    }
}

/// A group by the name of its stream and its own.
#[derive(Debug, Clone, Args)]
struct GroupName {
    /// The stream's name
    stream: OsString,
    /// The group's name
    group: OsString,
}

impl GroupName {
    fn key(&self) -> Vec<u8> {
        self.stream.clone().into_vec()
    }

    fn group(&self) -> Vec<u8> {
        self.group.clone().into_vec()
    }

    /// What is known of it.
    ///
    /// # Errors
    /// There is no such stream or group, with a hint; or the server's.
    async fn find(&self, servers: &mut Servers) -> Result<Group> {
        let key = self.key();
        expect(servers, &key, Kind::Stream, "info").await?;
        groups::find(servers, &key, &self.group()).await
    }

    /// For a sentence: the group `billing` of `orders`.
    fn shown(&self) -> String {
        format!("the group `{}` of `{}`", shown(&self.group()), shown(&self.key()))
    }
}
