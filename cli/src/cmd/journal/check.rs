//! `rbq journal check`: every file, what is in it, and whether a start would accept it all.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use rbq_journal::{CheckReport, OpenError, check};

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
    /// No progress on stderr
    #[arg(short, long)]
    quiet: bool,
}

pub(super) async fn run(args: CheckArgs) -> Result<Exit> {
    let directory = super::open(&args.dir)?;
    super::warn_if_in_use(&directory)?;
    let (watch, quiet) = (Watch::default(), args.quiet);
    let work = move |watch: Watch| Ok(check(watch.over(directory, "bytes read", quiet)?)?);
    let report = match watch.work(Interrupt::listen()?, work).await? {
        Ended::Whole(report) => report,
        Ended::Interrupted(exit) => {
            say(&format!("interrupted after {}: whether it is sound is not known", watch.how_far()));
            return Ok(exit);
        }
    };
    list(&report)?;
    for note in &report.notes {
        say(&format!("note: {note}"));
    }
    if let Some((file, offset, bytes, why)) = &report.torn {
        say(&format!(
            "`{file}`: {bytes} bytes from byte {offset} on are not whole ({why}): they were never completed, or were damaged \
             afterwards, and nothing newer tells which; the next start cuts them and keeps them aside"
        ));
    }
    let is_damaged = report.files.iter().any(|file| file.damage.is_some());
    match report.refusal {
        None if is_damaged => {
            say("a start would accept it: what is damaged is not needed");
            Ok(Exit::Failed)
        }
        None => {
            let what = if report.torn.is_some() { "sound up to there" } else { "sound" };
            say(&format!("{what}: a start accepts it"));
            Ok(Exit::Done)
        }
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
            Some(other) => writeln!(out, ": {other}")?,
            None => writeln!(out)?,
        }
    }
    Ok(output.flush()?)
}
