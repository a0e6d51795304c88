//! `rbq check`: is all well, in an answer that a monitoring system understands.
//!
//! | exit code | |
//! |---|---|
//! | 0 | nothing to tell |
//! | 1 | warnings |
//! | 2 | something is wrong |
//! | 4 | the server could not be reached |

mod compat;

use clap::{Args, Subcommand};

use crate::exit::Exit;
use crate::failure::Result;

/// Find out whether all is well; the exit code is one that monitoring systems understand
#[derive(Debug, Clone, Args)]
pub(crate) struct CheckArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    Compat(Box<compat::CompatArgs>),
}

pub(crate) async fn run(args: CheckArgs) -> Result<Exit> {
    match args.command {
        Command::Compat(args) => compat::run(*args).await,
    }
}
