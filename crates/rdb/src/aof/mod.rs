//! Append-only files: which files there are, and the commands in them.
//!
//! From Redis 7 on a directory with a manifest; before it one file, which may begin with a whole RDB file.
//!
//! ```text
//!   appendonlydir/
//!     appendonly.aof.manifest        which of the others count, in order
//!     appendonly.aof.2.base.rdb      the state when the log was last rewritten (or .aof: as commands)
//!     appendonly.aof.2.incr.aof      the commands since
//! ```

mod log;
mod manifest;

pub use log::{CommandLog, Logged};
pub use manifest::{File, Manifest, Role};
