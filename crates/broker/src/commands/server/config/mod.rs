//! `CONFIG`: parameters, read and changed while the server runs.

mod get;
mod help;
mod maintain;
mod set;

use crate::command::{Arity, Command, Family, Flags};

pub(super) const COMMAND: Command = Command {
    name: "CONFIG",
    group: Family::Server,
    summary: "A container for server configuration commands.",
    since: "2.0.0",
    complexity: "Depends on subcommand.",
    arity: Arity::AtLeast(2),
    subcommands: &[&get::COMMAND, &help::COMMAND, &maintain::RESETSTAT, &maintain::REWRITE, &set::COMMAND],
    ..Command::BASE
};

const ADMIN: Command = Command {
    group: Family::Server,
    since: "2.0.0",
    flags: Flags::ADMIN.with(Flags::NO_SCRIPT).with(Flags::LOADING).with(Flags::STALE).with(Flags::UNGATED),
    ..Command::BASE
};
