//! What `HELP` answers, for every command that has subcommands.

use rbq_resp::Sink;

use crate::broker::Turn;
use crate::command::{Arity, Command, Flags};
use crate::error::Error;
use crate::output::Reply;

/// What every HELP has in common.
pub(super) const BASE: Command = Command {
    name: "HELP",
    summary: "Returns helpful text about the different subcommands.",
    since: "5.0.0",
    arity: Arity::Exactly(2),
    flags: Flags::LOADING.with(Flags::STALE),
    ..Command::BASE
};

/// The usage lines of a container, between Redis's heading and its last two lines.
pub(super) fn answer(turn: &Turn<'_>, reply: &mut Reply<'_>, lines: &[&str]) -> Result<(), Error> {
    let container = container(&turn.command.full_name);
    reply.array(lines.len() + 3);
    reply.status(&format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for line in lines {
        reply.status(line);
    }
    reply.status("HELP");
    reply.status("    Print this help.");
    Ok(())
}

/// A known subcommand with arguments that do not fit, as Redis words it where arity alone does not decide.
pub(super) fn wrong_arguments(turn: &Turn<'_>, args: &crate::args::Args<'_>) -> Error {
    let container = container(&turn.command.full_name);
    let name = String::from_utf8_lossy(args.request().arg(1)).into_owned();
    Error::err(format_args!("unknown subcommand or wrong number of arguments for '{name}'. Try {container} HELP."))
}

fn container(full_name: &str) -> String {
    full_name.split('|').next().unwrap_or_default().to_ascii_uppercase()
}
