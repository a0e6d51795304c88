//! `COMMAND`: the command table, told to clients.

mod docs;
mod getkeys;
mod help;
mod info;
mod list;

#[cfg(test)]
pub(in super::super) use info::PlainRange;
use rbq_resp::Sink;

use crate::catalog::catalog;
use crate::command::{Arity, Command, Family, Flags, Run};

pub(super) const COMMAND: Command = Command {
    name: "COMMAND",
    summary: "Returns detailed information about all commands.",
    complexity: "O(N) where N is the total number of Redis commands",
    arity: Arity::AtLeast(1),
    tips: &["nondeterministic_output_order"],
    run: Run::Act(|_, _, reply| {
        reply.array(catalog().top().count());
        catalog().top().for_each(|known| info::describe(known, reply));
        Ok(())
    }),
    subcommands: &[
        &list::COUNT,
        &docs::COMMAND,
        &getkeys::GETKEYS,
        &getkeys::GETKEYSANDFLAGS,
        &help::COMMAND,
        &info::COMMAND,
        &list::LIST,
    ],
    ..ASKING
};

/// Clients ask these when they connect.
const ASKING: Command = Command {
    group: Family::Server,
    since: "2.8.13",
    flags: Flags::LOADING.with(Flags::STALE).with(Flags::UNGATED),
    acl: &["connection"],
    ..Command::BASE
};
