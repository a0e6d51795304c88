//! The connection.

use crate::command::Command;

pub(super) const COMMANDS: &[&Command] = &[];
