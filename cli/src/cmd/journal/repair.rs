//! `rbq journal repair`: shows what it would drop, asks, and then does exactly that.
//!
//! Never while somebody has the directory open, and never without a yes: what is dropped was acknowledged once. The
//! originals stay in the directory under names that begin with `aside-`.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;

use clap::Args;
use rbq_journal::{Plan, repair_plan};

use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::output::Output;

/// Drop what is damaged and all that follows it, after showing it; the originals are kept aside
#[derive(Debug, Clone, Args)]
pub(super) struct RepairArgs {
    /// The data directory
    dir: PathBuf,
    /// Do not ask
    #[arg(short, long, conflicts_with = "dry_run")]
    yes: bool,
    /// Only show what would be dropped
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &RepairArgs) -> Result<Exit> {
    let directory = super::open(&args.dir)?;
    if let Some(holder) = super::holder(&directory)? {
        return Err(Failure::new(format!("`{}` is in use by {holder}", args.dir.display()))
            .hint("a journal is repaired while no server runs on it: stop the server first"));
    }
    let plan = repair_plan(directory)?;
    let Some(refusal) = plan.refusal() else {
        say(&format!("nothing to repair: a start accepts it, up to position {}", plan.keeps()));
        return Ok(Exit::Done);
    };
    let first_line = refusal.to_string();
    say(first_line.lines().next().unwrap_or_default());
    show(&plan)?;
    if args.dry_run {
        return Ok(Exit::Done);
    }
    if !args.yes && !ask()? {
        say("nothing was changed");
        return Ok(Exit::Failed);
    }
    let kept = plan.carry_out()?;
    for name in kept {
        say(&format!("kept as `{}`", args.dir.join(name).display()));
    }
    say("repaired: a start accepts it now");
    Ok(Exit::Done)
}

fn show(plan: &Plan) -> Result<()> {
    let mut output = Output::new();
    let out = output.buffer();
    for dropped in plan.dropped() {
        writeln!(out, "drop  {dropped}")?;
    }
    match plan.keeps() {
        0 => writeln!(out, "keep  no position of the log")?,
        keeps => writeln!(out, "keep  everything up to position {keeps}")?,
    }
    Ok(output.flush()?)
}

fn ask() -> Result<bool> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::usage("there is no terminal to ask on").hint("`--yes` agrees to the above"));
    }
    write!(io::stderr(), "Drop this, and keep a copy aside? [y/N] ")?;
    let mut answer = String::new();
    stdin.read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
