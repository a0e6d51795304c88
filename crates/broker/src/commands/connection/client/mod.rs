//! `CLIENT`: connections, one's own and everybody else's.

mod id;
pub(super) mod name;
mod setinfo;

use crate::command::{Arity, Command, Family, Flags};

pub(super) const COMMAND: Command = Command {
    name: "CLIENT",
    group: Family::Connection,
    summary: "A container for client connection commands.",
    since: "2.4.0",
    complexity: "Depends on subcommand.",
    arity: Arity::AtLeast(2),
    subcommands: &[&name::GETNAME, &id::COMMAND, &setinfo::COMMAND, &name::SETNAME],
    ..Command::BASE
};

/// What a client may do to itself.
const OWN: Command = Command {
    group: Family::Connection,
    flags: Flags::NO_SCRIPT.with(Flags::LOADING).with(Flags::STALE),
    ..Command::BASE
};
