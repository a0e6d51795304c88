//! The connection itself: who one is, in which version and database one speaks.

mod auth;
mod client;
mod echo;
mod hello;
mod ping;
mod quit;
mod reset;
mod select;

use crate::command::{Command, Flags};

pub(super) const COMMANDS: &[&Command] = &[
    &auth::COMMAND,
    &client::COMMAND,
    &echo::COMMAND,
    &hello::COMMAND,
    &ping::COMMAND,
    &quit::COMMAND,
    &reset::COMMAND,
    &select::COMMAND,
];

/// What may be said before a password was given, and at any time.
const HANDSHAKE: Flags = Flags::NO_SCRIPT
    .with(Flags::UNGATED)
    .with(Flags::LOADING)
    .with(Flags::STALE)
    .with(Flags::FAST)
    .with(Flags::NO_AUTH)
    .with(Flags::ALLOW_BUSY);
