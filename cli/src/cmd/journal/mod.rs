//! `rbq journal`: what a server keeps on disk, looked at and mended while no server runs on it.
//!
//! Nothing here needs a server, and nothing but a repair that was agreed to changes a byte.

mod check;
mod dump;
mod load;
mod repair;
mod text;
pub(super) mod watch;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use rbq_journal::{Directory, Kind, LockError, OpenError, damage_hint};

use crate::exit::Exit;
use crate::failure::{Failure, Result, say};

/// Look at, or repair, what a server keeps on disk
#[derive(Debug, Clone, Args)]
#[command(after_help = "DIR is the data directory: `rbq-data` below the server's --dir.")]
pub(crate) struct JournalArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    Check(check::CheckArgs),
    Dump(dump::DumpArgs),
    Repair(repair::RepairArgs),
}

pub(crate) async fn run(args: JournalArgs) -> Result<Exit> {
    match args.command {
        Command::Check(args) => check::run(args).await,
        Command::Dump(args) => dump::run(&args),
        Command::Repair(args) => repair::run(&args),
    }
}

/// The name that a server gives its data directory unless told otherwise.
pub(crate) const DATA: &str = "rbq-data";

/// A directory with a journal in it, sound or not.
pub(super) fn open(path: &Path) -> Result<Arc<Directory>> {
    let cannot =
        |source| OpenError::Io { directory: path.display().to_string(), file: ".".into(), action: "open", source };
    let directory = Arc::new(Directory::open(path).map_err(cannot)?);
    if Kind::of(directory.clone())? != Kind::Other {
        return Ok(directory);
    }
    let failure = Failure::new(format!("there is no journal in `{}`", path.display()));
    let below: PathBuf = path.join(DATA);
    if below.is_dir() { Err(failure.hint(format!("did you mean `{}`?", below.display()))) } else { Err(failure) }
}

/// A refusal of what is in this directory, and what to do where it is damaged.
pub(crate) fn refused(error: OpenError, path: &Path) -> Failure {
    let is_damaged = matches!(error, OpenError::Corrupt { .. });
    let failure = Failure::from(error);
    if is_damaged { failure.hint(damage_hint(&path.display().to_string())) } else { failure }
}

/// How much of a directory is log and snapshots.
fn stored_bytes(directory: &Directory) -> Result<u64> {
    let mut total = 0;
    for entry in fs::read_dir(directory.path())? {
        let entry = entry?;
        let name = entry.file_name();
        if ["segment-", "snapshot-"].iter().any(|kind| name.to_string_lossy().starts_with(kind)) {
            // One that is gone meanwhile is not read either.
            total += entry.metadata().map_or(0, |metadata| metadata.len());
        }
    }
    Ok(total)
}

/// Which process has the directory open; none if nobody.
pub(super) fn holder(directory: &Directory) -> Result<Option<String>> {
    match directory.probe_lock() {
        Ok(()) => Ok(None),
        Err(LockError::InUse { pid: Some(pid) }) => Ok(Some(format!("process {pid}"))),
        Err(LockError::InUse { pid: None }) => Ok(Some("another process".into())),
        Err(LockError::Io(error)) => Err(error.into()),
    }
}

/// Says so where a reader may see half of what is being written; whether it is so.
fn warn_if_in_use(directory: &Directory) -> Result<bool> {
    let holder = holder(directory)?;
    if let Some(holder) = &holder {
        say(&format!("warning: {holder} has this directory open: what is being written may look torn or damaged"));
    }
    Ok(holder.is_some())
}
