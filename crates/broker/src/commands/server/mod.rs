//! The server as a whole.

mod command;
mod config;
mod dbsize;
mod flush;
mod info;
mod swapdb;
mod time;

use crate::command::Command;

pub(super) const COMMANDS: &[&Command] = &[
    &command::COMMAND,
    &config::COMMAND,
    &dbsize::COMMAND,
    &flush::FLUSHALL,
    &flush::FLUSHDB,
    &info::COMMAND,
    &swapdb::COMMAND,
    &time::COMMAND,
];
