//! The server as a whole.

mod acl;
mod cluster;
mod command;
mod config;
mod dbsize;
mod debug;
mod flush;
mod info;
mod latency;
mod memory;
mod monitor;
mod rbq;
mod role;
mod save;
mod scripting;
mod shutdown;
mod slowlog;
mod swapdb;
mod time;

#[cfg(test)]
pub(super) use command::PlainRange;

use crate::command::Command;

pub(super) const COMMANDS: &[&Command] = &[
    &acl::COMMAND,
    &save::BGREWRITEAOF,
    &save::BGSAVE,
    &cluster::ASKING,
    &cluster::CLUSTER,
    &command::COMMAND,
    &config::COMMAND,
    &dbsize::COMMAND,
    &debug::COMMAND,
    &flush::FLUSHALL,
    &flush::FLUSHDB,
    &scripting::FUNCTION,
    &info::COMMAND,
    &save::LASTSAVE,
    &latency::COMMAND,
    &memory::COMMAND,
    &scripting::MODULE,
    &monitor::COMMAND,
    &rbq::COMMAND,
    &cluster::READONLY,
    &cluster::READWRITE,
    &role::COMMAND,
    &save::SAVE,
    &scripting::SCRIPT,
    &shutdown::COMMAND,
    &slowlog::COMMAND,
    &swapdb::COMMAND,
    &time::COMMAND,
];
