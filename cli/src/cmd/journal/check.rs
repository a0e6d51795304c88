//! `rbq journal check`: every file, what is in it, and whether a start would accept it all.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use rbq_broker::op::STATE_VERSION;
use rbq_journal::{CheckReport, OpenError, check};
use rbq_server::clock_refusal;

use super::load::load;
use super::watch::{Ended, Watch};
use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::interrupt::Interrupt;
use crate::output::Output;

/// Read every file and tell what is wrong; exit code 1 if anything is
#[derive(Debug, Clone, Args)]
pub(super) struct CheckArgs {
    /// The data directory
    dir: PathBuf,
    /// Look at bytes alone: do not make of them in memory what a start would
    #[arg(long)]
    bytes_only: bool,
    /// No progress on stderr
    #[arg(short, long)]
    quiet: bool,
}

pub(super) async fn run(args: CheckArgs) -> Result<Exit> {
    let directory = super::open(&args.dir)?;
    // Of what is being written only the bytes can be looked at.
    let loads = !super::warn_if_in_use(&directory)? && !args.bytes_only;
    let (watch, quiet) = (Watch::default(), args.quiet);
    let work = move |watch: Watch| {
        // Each file on its own, all of them as a whole, and what they say.
        let times = if loads { 3 } else { 2 };
        let storage = watch.over(directory, times, "bytes read", quiet)?;
        let report = check(Arc::clone(&storage), STATE_VERSION)?;
        let loaded = if loads && report.is_sound() { load(storage) } else { Ok(()) };
        Ok((report, loaded))
    };
    let (report, loaded) = match watch.work(Interrupt::listen()?, work).await? {
        Ended::Whole(checked) => checked,
        Ended::Interrupted(exit) => {
            say(&format!("interrupted after {}: whether it is sound is not known", watch.how_far()));
            return Ok(exit);
        }
    };
    list(&report)?;
    for note in &report.notes {
        say(&format!("note: {note}"));
    }
    for gap in &report.gaps {
        say(&format!("damage: {gap}"));
    }
    if let Some(torn) = &report.torn {
        say(&format!("{torn}; the next start cuts them and keeps them aside where the disk has room"));
    }
    loaded?;
    let ahead = clock_refusal(report.newest_time_ms);
    if let Some(ahead) = &ahead {
        say(&format!("note: {}", ahead.lines().next().unwrap_or_default()));
    }
    let accepts = match ahead {
        Some(_) => "a start accepts it with `--accept-clock yes`",
        None => "a start accepts it",
    };
    let is_damaged = report.files.iter().any(|file| file.damage.is_some());
    match report.refusal {
        None if is_damaged => {
            say("a start would accept it: what is damaged is not needed");
            Ok(Exit::Failed)
        }
        None => {
            say(&match (report.is_backup, report.torn.is_some(), loads) {
                (true, ..) => "sound: every byte is as the backup was written".to_owned(),
                (false, true, true) => format!("sound up to there: {accepts}"),
                (false, true, false) => "sound up to there".to_owned(),
                (false, false, true) => format!("sound: {accepts}"),
                (false, false, false) => "sound: every byte is as it was written".to_owned(),
            });
            Ok(Exit::Done)
        }
        Some(refusal @ OpenError::Newer { .. }) => Err(refusal.into()),
        Some(refusal @ OpenError::Io { .. }) => Err(Failure::from(refusal).hint(
            "the system does not give it: put that right; or, of a disk that cannot read it any more, copy what can be read elsewhere \
             (`ddrescue`), and repair the copy",
        )),
        Some(refusal) => {
            let hint = format!("`rbq journal repair {} --dry-run` shows what a repair would do", args.dir.display());
            Err(Failure::from(refusal).hint(hint))
        }
    }
}

fn list(report: &CheckReport) -> Result<()> {
    let width = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or_default();
    let name_width = width(&mut report.files.iter().map(|file| file.name.len()));
    let size_width = width(&mut report.files.iter().map(|file| file.bytes.to_string().len()));
    let mut output = Output::new();
    let out = output.buffer();
    for file in &report.files {
        write!(out, "{:name_width$}  {:>size_width$}  {}", file.name, file.bytes, file.holds)?;
        match &file.damage {
            Some(OpenError::Corrupt { offset, what, .. }) => writeln!(out, ": damaged at byte {offset}: {what}")?,
            // What to do about it is said once, at the end.
            Some(other) => writeln!(out, ": {}", other.to_string().lines().next().unwrap_or_default())?,
            None => writeln!(out)?,
        }
    }
    Ok(output.flush()?)
}
