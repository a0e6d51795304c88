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

/// Raises the limit of open files as far as `maxclients` connections need it and the system lets us; how many of them it allows.
pub(crate) fn allowed_connections(settings: &Settings) -> u64 {
    let connections = settings.maxclients.0 as u64;
    let own = OWN_FILES + THREAD_FILES * settings.io_threads.0 as u64;
    let wanted = connections.saturating_add(own);
    let limit = getrlimit(Resource::Nofile);
    let Some(current) = limit.current.filter(|current| *current < wanted) else { return connections };
    let most = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum });
    let granted = if raised.is_ok() { most } else { current };
    granted.saturating_sub(own)
}

/// What to do where fewer are allowed.
pub(crate) const HINT: &str =
    "raise it with `ulimit -n` or systemd's `LimitNOFILE=`: each connection takes one, the server 64 and more";
