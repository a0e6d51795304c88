//! `RBQ`: what only rbq has.
//!
//! A container of its own, so that no later command of Redis can take a name that clients of rbq use.

mod backup;
mod help;

use crate::command::{Arity, Command, Family};

pub(super) const COMMAND: Command = Command {
    name: "RBQ",
    group: Family::Server,
    summary: "A container for commands that only rbq has.",
    since: "rbq 0.1.0",
    complexity: "Depends on subcommand.",
    arity: Arity::AtLeast(2),
    subcommands: &[&backup::COMMAND, &help::COMMAND],
    ..Command::BASE
};
