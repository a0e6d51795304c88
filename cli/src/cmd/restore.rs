//! `rbq restore`: makes a server's data directory of a backup, or of another data directory that nobody has open.
//!
//! Every byte is verified before the first is written. The copy gets the name that a server looks for when it is whole: one that
//! was interrupted is called `rbq-data.partial`, and the next attempt removes it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use rbq_journal::{CopyReport, Draft, OpenError, Storage, restore};

use crate::cmd::journal;
use crate::exit::Exit;
use crate::failure::{Failure, Result, say};

/// Make a server's directory of a backup
#[derive(Debug, Clone, Args)]
#[command(after_help = "The data goes into `rbq-data` below DIR, where `rbq server --dir DIR` looks for it.")]
pub(crate) struct RestoreArgs {
    /// The backup
    from: PathBuf,
    /// The server's --dir: a directory that is empty or not there yet
    dir: PathBuf,
    /// No progress and no summary on stderr
    #[arg(short, long)]
    quiet: bool,
}

pub(crate) fn run(args: &RestoreArgs) -> Result<Exit> {
    if Draft::is_partial(&args.from) {
        return Err(Failure::new(format!("`{}` is what an interrupted backup or restore left", args.from.display()))
            .hint("the next one to the same place removes it; restore from a whole one"));
    }
    let from = journal::open(&args.from)?;
    if let Some(holder) = journal::holder(&from)? {
        return Err(Failure::new(format!("`{}` is in use by {holder}", args.from.display()))
            .hint("`rbq backup` copies what a running server has"));
    }
    refuse_unless_empty(&args.dir)?;
    let was_there = args.dir.exists();
    let data = args.dir.join(journal::DATA);
    let copied = copy(journal::watched(from, "bytes verified and copied", args.quiet)?, &data).inspect_err(|_| {
        if !was_there {
            let _ = fs::remove_dir(&args.dir);
        }
    })?;
    let CopyReport { last_lsn, files, bytes, .. } = copied;
    if args.quiet {
        return Ok(Exit::Done);
    }
    say(&format!("restored everything up to position {last_lsn}: {files} files, {bytes} bytes"));
    say(&format!("start from it with `rbq server --dir {}`", args.dir.display()));
    Ok(Exit::Done)
}

fn copy(from: Arc<dyn Storage>, data: &Path) -> Result<CopyReport> {
    let (draft, to) = Draft::begin(data)?;
    let copied = restore(from, Arc::new(to))?;
    draft.publish()?;
    Ok(copied)
}

fn refuse_unless_empty(dir: &Path) -> Result<()> {
    let left = |entry: &io::Result<fs::DirEntry>| entry.as_ref().is_ok_and(|entry| Draft::is_partial(&entry.path()));
    let first = match fs::read_dir(dir) {
        Ok(mut entries) => entries.find(|entry| !left(entry)).transpose()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    match first {
        None => Ok(()),
        Some(entry) => {
            let directory = dir.display().to_string();
            Err(OpenError::NotEmpty { directory, file: entry.file_name().to_string_lossy().into_owned() }.into())
        }
    }
}
