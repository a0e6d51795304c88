//! `rbq journal repair`: shows what it would mend and drop, asks, and then does exactly that.
//!
//! Never while somebody has the directory open, and never without a yes: what is dropped was acknowledged once. The
//! originals stay in the directory under names that begin with `aside-`.

use std::path::PathBuf;

use clap::Args;
use rbq_broker::op::STATE_VERSION;
use rbq_journal::{OpenError, repair_plan};

use crate::consent::{About, Answer, ConsentArgs, Plan};
use crate::exit::Exit;
use crate::failure::{Failure, Result, say};

/// Mend or drop what is damaged, after showing it; the originals are kept aside
#[derive(Debug, Clone, Args)]
pub(super) struct RepairArgs {
    /// The data directory
    dir: PathBuf,
    #[command(flatten)]
    consent: ConsentArgs,
}

pub(super) fn run(args: &RepairArgs) -> Result<Exit> {
    let directory = super::open(&args.dir)?;
    if let Some(holder) = super::holder(&directory)? {
        return Err(Failure::new(format!("`{}` is in use by {holder}", args.dir.display()))
            .hint("a journal is repaired while no server runs on it: stop the server first"));
    }
    let plan = repair_plan(directory, STATE_VERSION).map_err(|error| match error {
        // A repair that is refused does not lead to a repair.
        damage @ OpenError::Corrupt { .. } => Failure::from(damage).hint(
            "nothing of it can be kept: there is no snapshot, and the log's beginning cannot be read; `rbq restore` starts from a backup",
        ),
        other => other.into(),
    })?;
    if let Some(torn) = plan.torn() {
        say(&format!(
            "{torn}; a repair leaves them, and the next start cuts them and keeps them aside where the disk has room"
        ));
    }
    let Some(refusal) = plan.refusal() else {
        say(&format!("nothing to repair: all is whole, up to position {}", plan.keeps()));
        return Ok(Exit::Done);
    };
    let first_line = refusal.to_string();
    say(first_line.lines().next().unwrap_or_default());
    if let Answer::Stop(exit) = args.consent.ask_here(&shown(&plan), About::default())? {
        return Ok(exit);
    }
    let kept = plan.carry_out()?;
    for name in kept {
        say(&format!("kept as `{}`", args.dir.join(name).display()));
    }
    say("repaired: a start accepts it now");
    Ok(Exit::Done)
}

fn shown(repair: &rbq_journal::Plan) -> Plan {
    let mut plan = Plan::new(match (repair.mended(), repair.dropped()) {
        ([], []) => "write anew what other files tell, drop nothing, and keep a copy aside",
        ([], _) => "drop what is damaged and all that follows it, and keep a copy aside",
        (_, []) => "mend what is damaged, drop nothing, and keep a copy aside",
        _ => "mend what can be mended, drop what else is damaged and all that follows it, and keep a copy aside",
    });
    for mended in repair.mended() {
        plan.line(format!("mend  {mended}"));
    }
    for dropped in repair.dropped() {
        // What has no bytes is nowhere, and a yes or a no changes nothing about that.
        let verb = if dropped.bytes == 0 { "lost" } else { "drop" };
        plan.line(format!("{verb}  {dropped}"));
    }
    for rewritten in repair.rewritten() {
        plan.line(format!("write {rewritten}"));
    }
    plan.line(match repair.keeps() {
        0 => "keep  no position of the log".to_owned(),
        keeps => format!("keep  everything up to position {keeps}"),
    });
    plan
}
