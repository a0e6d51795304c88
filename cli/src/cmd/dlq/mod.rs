//! `rbq dlq`: dead letters found, looked at, changed, sent back, thrown away.
//!
//! Every command takes the name of a dead-letter stream or that of its source; [`keys`] says how one is found from the other.

mod absent;
mod change;
mod edit;
mod entries;
mod export;
mod find;
mod grep;
pub(crate) mod keys;
mod letters;
mod ls;
mod purge;
mod redrive;
mod select;
mod show;
mod stats;

use clap::{Args, Subcommand};

pub(crate) use self::keys::{LEDGER, is_named_so};
use crate::exit::Exit;
use crate::failure::Result;

/// Look at dead letters, send them back, or throw them away
#[derive(Debug, Clone, Args)]
pub(crate) struct DlqArgs {
    #[command(subcommand)]
    command: DlqCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum DlqCommand {
    Ls(ls::LsArgs),
    Stats(stats::StatsArgs),
    Show(show::ShowArgs),
    Grep(grep::GrepArgs),
    Redrive(redrive::RedriveArgs),
    Edit(edit::EditArgs),
    Export(export::ExportArgs),
    Purge(purge::PurgeArgs),
}

pub(crate) async fn run(args: DlqArgs) -> Result<Exit> {
    match args.command {
        DlqCommand::Ls(args) => ls::run(args).await,
        DlqCommand::Stats(args) => stats::run(args).await,
        DlqCommand::Show(args) => show::run(args).await,
        DlqCommand::Grep(args) => grep::run(args).await,
        DlqCommand::Redrive(args) => redrive::run(args).await,
        DlqCommand::Edit(args) => edit::run(args).await,
        DlqCommand::Export(args) => export::run(args).await,
        DlqCommand::Purge(args) => purge::run(args).await,
    }
}
