//! Keys on their way from one place to another: what `import` and `export` have in common.
//!
//! ```text
//!   dump.rdb, appendonlydir ─► files ─┐                          ┌─► Target      a server, pipelined
//!   redis://…  ─► live ─► typed ──────┴─► Found ─► compose ──────┴─► RESP        bytes for redis-cli --pipe
//! ```
//!
//! A server may be a cluster, on either side: [`nodes`] has a connection to each of its masters.
//!
//! A source tells keys in pieces, whatever it is; [`compose`] alone knows which commands make a value. So what an import
//! restores and what an export writes cannot differ. [`parcel`] sees to it that a key is never in the target in part.

pub(crate) mod abilities;
pub(crate) mod compose;
mod compose_stream;
pub(crate) mod counters;
pub(crate) mod eviction;
mod expiry;
pub(crate) mod files;
pub(crate) mod known;
pub(crate) mod late;
pub(crate) mod live;
pub(crate) mod nodes;
pub(crate) mod parcel;
mod read_plain;
mod read_stream;
pub(crate) mod reply;
pub(crate) mod rights;
mod same_stream;
mod scan;
pub(crate) mod tally;
pub(crate) mod target;
pub(crate) mod temporary;

use std::time::{SystemTime, UNIX_EPOCH};

use rbq_rdb::Event;

use crate::failure::Result;

/// What a source tells.
#[derive(Debug)]
pub(crate) enum Found {
    /// A piece of a key, or something between keys.
    Event(Event),
    /// A command of an append-only file, and the database it was for.
    Command {
        /// The database.
        db: u32,
        /// Name and arguments.
        args: Vec<Vec<u8>>,
    },
    /// The last file ends in the middle of something.
    Torn(String),
    /// A file whose bytes nothing vouches for.
    Unverified(String),
    /// What was told of a key since it began does not count: it was replaced meanwhile. It may be told anew.
    Withdrawn,
    /// Something of a key that there is no command for, or a key that cannot be read.
    Lost {
        /// The database.
        db: u32,
        /// The key.
        name: Vec<u8>,
        /// What it is.
        what: &'static str,
        /// Why it does not come through.
        why: &'static str,
    },
}

/// Where keys come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// Files that Redis wrote.
    Files(files::Files),
    /// A server at work.
    Live(Box<live::Live>),
}

impl Source {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// Of the file or the server.
    pub(crate) async fn next(&mut self) -> Result<Option<Found>> {
        match self {
            Self::Files(files) => {
                // Reading a file never waits, and Ctrl-C and the answers of a target want their turn.
                tokio::task::yield_now().await;
                files.next()
            }
            Self::Live(live) => live.next().await,
        }
    }

    /// How much was read so far: bytes of files, keys of a server.
    pub(crate) fn done(&self) -> u64 {
        match self {
            Self::Files(files) => files.done_bytes(),
            Self::Live(live) => live.done_keys(),
        }
    }

    /// How much there is.
    pub(crate) fn total(&self) -> u64 {
        match self {
            Self::Files(files) => files.total_bytes(),
            Self::Live(live) => live.total_keys(),
        }
    }
}

/// A fingerprint of a key, for telling whether it was met before: 16 bytes, whatever its name's length. Two of 2^64 keys
/// would have to be met before it is likely that they are taken for one.
pub(crate) fn fingerprint(db: u32, name: &[u8]) -> u128 {
    xxhash_rust::xxh3::xxh3_128_with_seed(name, db.into())
}

/// The wall clock, in Unix milliseconds, as expiries are.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
