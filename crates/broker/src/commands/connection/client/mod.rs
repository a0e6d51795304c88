//! `CLIENT`: connections, one's own and everybody else's.

mod filter;
mod help;
mod id;
mod kill;
mod line;
mod list;
pub(super) mod name;
mod pause;
mod reply;
mod setinfo;
mod switches;
mod tracking;
mod unblock;

use crate::command::{Arity, Command, Family, Flags};

pub(super) const COMMAND: Command = Command {
    name: "CLIENT",
    group: Family::Connection,
    summary: "A container for client connection commands.",
    since: "2.4.0",
    complexity: "Depends on subcommand.",
    arity: Arity::AtLeast(2),
    subcommands: &[
        &tracking::CACHING,
        &name::GETNAME,
        &tracking::GETREDIR,
        &help::COMMAND,
        &id::COMMAND,
        &list::INFO,
        &kill::COMMAND,
        &list::LIST,
        &switches::NO_EVICT,
        &switches::NO_TOUCH,
        &pause::PAUSE,
        &reply::COMMAND,
        &setinfo::COMMAND,
        &name::SETNAME,
        &tracking::TRACKING,
        &tracking::TRACKINGINFO,
        &unblock::COMMAND,
        &pause::UNPAUSE,
    ],
    ..Command::BASE
};

/// What a client may do to itself.
const OWN: Command = Command {
    group: Family::Connection,
    flags: Flags::NO_SCRIPT.with(Flags::LOADING).with(Flags::STALE).with(Flags::UNGATED),
    ..Command::BASE
};

/// What is done to others.
const ADMIN: Command = Command { flags: OWN.flags.with(Flags::ADMIN), ..OWN };
