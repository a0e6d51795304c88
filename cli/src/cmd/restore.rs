//! `rbq restore`: makes a server's data directory of a backup, or of another data directory that nobody has open.
//!
//! Every byte is verified before the first is written. The copy gets the name that a server looks for when it is whole: one that
//! was interrupted is called `rbq-data.partial` and is removed; what a SIGKILL leaves of it, the next attempt removes, and no server
//! starts beside it.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, lchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use rbq_broker::op::STATE_VERSION;
use rbq_journal::{CopyReport, Draft, OpenError, Storage, restore};

use crate::cmd::journal;
use crate::cmd::journal::watch::{Ended, Watch};
use crate::exit::Exit;
use crate::failure::{Failure, Result, say, spoken};
use crate::interrupt::Interrupt;

/// The user that may do everything.
const ROOT: u32 = 0;

/// What a fresh file system has in it by itself.
const LOST_AND_FOUND: &str = "lost+found";

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

pub(crate) async fn run(args: RestoreArgs) -> Result<Exit> {
    restore_to(args, Interrupt::listen()?).await
}

async fn restore_to(args: RestoreArgs, interrupt: Interrupt) -> Result<Exit> {
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
    let (source, data, quiet, watch) = (args.from.clone(), args.dir.join(journal::DATA), args.quiet, Watch::default());
    let work = move |watch: Watch| copy(watch.over(from, 2, "bytes verified and copied", quiet)?, &source, &data);
    let ended = watch.work(interrupt, work).await;
    if !was_there && !matches!(ended, Ok(Ended::Whole(_))) {
        let _ = fs::remove_dir(&args.dir);
    }
    let CopyReport { last_lsn, files, bytes, torn, lacks_slot, .. } = match ended? {
        Ended::Whole(copied) => copied,
        Ended::Interrupted(exit) => {
            let (far, dir) = (watch.how_far(), args.dir.display());
            say(&match first_of(&args.dir, |path| !is_of_no_matter(path))? {
                None => format!("interrupted after {far}: nothing was restored, and nothing of it stays in `{dir}`"),
                Some(left) => format!("interrupted after {far}: nothing was restored, but `{left}` stays in `{dir}`"),
            });
            return Ok(exit);
        }
    };
    // What may be missing is told in any case.
    if let Some(torn) = torn {
        say(&format!("warning: {torn}; they were not copied"));
    }
    if lacks_slot {
        say(
            "warning: one of the two slots of `durable` cannot be read, and the other one may be older: an end of the log that is missing would not be noticed",
        );
    }
    if args.quiet {
        return Ok(Exit::Done);
    }
    say(&format!("restored everything up to position {last_lsn}: {files} files, {bytes} bytes of log and snapshot"));
    if fs::metadata(args.dir.join(journal::DATA))?.uid() == ROOT {
        say(&format!(
            "its files belong to root: a server of another user needs `chown -R USER: {}`",
            args.dir.display()
        ));
    }
    say(&format!("start from it with `rbq server --dir {}`", args.dir.display()));
    Ok(Exit::Done)
}

fn copy(from: Arc<dyn Storage>, source: &Path, data: &Path) -> Result<CopyReport> {
    let (draft, to) = Draft::begin(data)?;
    let copied = restore(from, Arc::new(to), STATE_VERSION).map_err(|error| journal::refused(error, source))?;
    give_to_owner(draft.path())?;
    draft.publish()?;
    Ok(copied)
}

/// Root's files are no use to a server that runs as a user of its own: they go to whom the directory above belongs.
fn give_to_owner(copy: &Path) -> Result<()> {
    let (Some(above), ours) = (copy.parent(), fs::metadata(copy)?) else { return Ok(()) };
    let wanted = fs::metadata(above)?;
    // Nobody else may give files away.
    if ours.uid() != ROOT || (ours.uid(), ours.gid()) == (wanted.uid(), wanted.gid()) {
        return Ok(());
    }
    for entry in fs::read_dir(copy)? {
        lchown(entry?.path(), Some(wanted.uid()), Some(wanted.gid()))?;
    }
    Ok(lchown(copy, Some(wanted.uid()), Some(wanted.gid()))?)
}

fn refuse_unless_empty(dir: &Path) -> Result<()> {
    match first_of(dir, |path| !Draft::is_partial(path) && !is_of_no_matter(path))? {
        None => Ok(()),
        Some(file) => {
            let refusal = OpenError::NotEmpty { directory: dir.display().to_string(), file };
            Err(Failure::from(refusal).hint("name a directory that is empty or not there yet"))
        }
    }
}

/// Whether this is nobody's: what a fresh file system has, or the socket of a server that ended, or refused to start.
fn is_of_no_matter(path: &Path) -> bool {
    let is_socket = || fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    (path.is_dir() && path.file_name().is_some_and(|name| name == LOST_AND_FOUND)) || is_socket()
}

/// The name of something in a directory, if there is anything of the kind.
fn first_of(dir: &Path, is_wanted: impl Fn(&Path) -> bool) -> Result<Option<String>> {
    let first = match fs::read_dir(dir) {
        Ok(mut entries) => entries.find(|entry| entry.as_ref().map_or(true, |entry| is_wanted(&entry.path()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(Failure::new(format!("cannot read `{}`: {}", dir.display(), spoken(&error)))),
    };
    Ok(first.transpose()?.map(|entry| entry.file_name().to_string_lossy().into_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rbq_journal::{Directory, Identity, Journal, Options};

    use super::*;

    #[tokio::test]
    async fn a_restore_that_is_interrupted_leaves_nothing() {
        let home = tempfile::tempdir().unwrap();
        let (from, dir) = (home.path().join("backup"), home.path().join("new"));
        let directory = Arc::new(Directory::create(&from).unwrap());
        let opened = Journal::open(directory, Options::new(1, Identity { cluster: 1, node: 2 })).unwrap();
        let (journal, _) = opened.begin().unwrap();
        journal.append(b"one");
        journal.close().unwrap();
        let args = |quiet| RestoreArgs { from: from.clone(), dir: dir.clone(), quiet };
        let exit = restore_to(args(false), Interrupt::already(Exit::Interrupted)).await.unwrap();
        assert_eq!(exit, Exit::Interrupted);
        assert!(!dir.exists());
        // One that was there stays, empty.
        fs::create_dir(&dir).unwrap();
        let exit = restore_to(args(true), Interrupt::already(Exit::Terminated)).await.unwrap();
        assert_eq!(exit, Exit::Terminated);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
        assert_eq!(restore_to(args(true), Interrupt::never()).await.unwrap(), Exit::Done);
        assert!(dir.join(journal::DATA).exists());
    }
}
