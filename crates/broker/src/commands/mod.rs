//! The command table: the only list of commands.
//!
//! One folder per chapter of the manual, one file per command (or family of twins). A new command is a new file
//! and one line in its chapter's `COMMANDS`.

mod connection;
mod generic;
mod help;
mod list;
mod pubsub;
mod server;
mod stream;
mod string;
#[cfg(test)]
mod tests;
mod timeout;
mod transactions;

use crate::command::Command;

/// Every command that is no subcommand.
pub fn all() -> impl Iterator<Item = &'static Command> {
    let chapters = [
        generic::COMMANDS,
        string::COMMANDS,
        list::COMMANDS,
        stream::COMMANDS,
        pubsub::COMMANDS,
        transactions::COMMANDS,
        connection::COMMANDS,
        server::COMMANDS,
    ];
    chapters.into_iter().flatten().copied()
}
