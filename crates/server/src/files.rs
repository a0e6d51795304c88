//! Open files: as many connections as the system allows, and never one that the log needs.
//!
//! Invariant: some descriptors are left when every connection is taken. A log that cannot open its next file is the end of the
//! server, and clients that come back at once would end it again.

use rbq_broker::settings::Settings;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is needed besides connections: the log's files, those of a snapshot and of a backup, sockets that listen, and what as many
/// I/O threads wait with as there are if nobody says how many.
const OWN_FILES: u64 = 64;

/// What each I/O thread waits with.
const THREAD_FILES: u64 = 4;

/// Raises the limit of open files as far as the system lets us; how many that are. Done at the start: what a later `maxclients`
/// allows is a matter of numbers then.
pub(crate) fn raise_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let granted = if raised.is_ok() { limit.maximum } else { limit.current };
    granted.unwrap_or(u64::MAX)
}

/// How many connections so many open files allow.
pub(crate) fn allowed_connections(open_files_max: u64, settings: &Settings) -> u64 {
    let own = OWN_FILES + THREAD_FILES * settings.io_threads.0 as u64;
    (settings.maxclients.0 as u64).min(open_files_max.saturating_sub(own))
}

/// What to do where fewer are allowed.
pub(crate) const HINT: &str =
    "raise it with `ulimit -n` or systemd's `LimitNOFILE=`: each connection takes one, the server 64 and more";
