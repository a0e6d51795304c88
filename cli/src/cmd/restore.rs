//! `rbq restore`: makes a server's data directory of a backup, or of another data directory that nobody has open.
//!
//! Every byte is verified before the first is written. What is written is complete when its `id` is there, and no server
//! starts without: so a copy that was interrupted is not taken for one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use rbq_journal::{CopyReport, Directory, OpenError, restore};

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
}

pub(crate) fn run(args: &RestoreArgs) -> Result<Exit> {
    let from = journal::open(&args.from)?;
    if let Some(holder) = journal::holder(&from)? {
        return Err(Failure::new(format!("`{}` is in use by {holder}", args.from.display()))
            .hint("`rbq backup` copies what a running server has"));
    }
    refuse_unless_empty(&args.dir)?;
    let was_there = args.dir.exists();
    let data = args.dir.join(journal::DATA);
    let copied = copy(from, &data).inspect_err(|_| {
        // Only what is empty goes: a copy that broke off half-way stays to be looked at.
        let _ = fs::remove_dir(&data);
        if !was_there {
            let _ = fs::remove_dir(&args.dir);
        }
    })?;
    let CopyReport { last_lsn, files, bytes, .. } = copied;
    say(&format!("restored everything up to position {last_lsn}: {files} files, {bytes} bytes"));
    say(&format!("start from it with `rbq server --dir {}`", args.dir.display()));
    Ok(Exit::Done)
}

fn copy(from: Arc<Directory>, data: &Path) -> Result<CopyReport> {
    let cannot =
        |source| OpenError::Io { directory: data.display().to_string(), file: ".".into(), action: "create", source };
    let to = Directory::create(data).map_err(cannot)?;
    Ok(restore(from, Arc::new(to))?)
}

fn refuse_unless_empty(dir: &Path) -> Result<()> {
    let first = match fs::read_dir(dir) {
        Ok(mut entries) => entries.next().transpose()?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
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
