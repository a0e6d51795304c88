//! A segmented write-ahead log and snapshot files, for opaque records.
//!
//! What a state machine asks of a disk: records are kept in order, a power cut takes nothing that was acknowledged, and
//! what is damaged is refused by name and never served. Records and snapshot sections are bytes; the crate knows
//! no operation, no protocol and no runtime.
//!
//! ```
//! use std::sync::Arc;
//! use rbq_journal::{Directory, Identity, Journal, Options, Purpose};
//!
//! # let scratch = tempfile::tempdir()?;
//! # let path = scratch.path();
//! let directory = Arc::new(Directory::create(path)?);
//! let options = Options::new(1, Identity { cluster: 1, node: 1 });
//! let mut opened = Journal::open(directory, options)?;
//! for record in opened.records() {
//!     let (_number, _bytes) = record?; // apply it
//! }
//! let (journal, _report) = opened.begin()?; // up to here nothing was changed
//! journal.admit(5, Purpose::Add)?; // is there room? then apply, then:
//! let number = journal.append(b"hello");
//! assert!(journal.wait_synced(number)); // a server waits for `open_upto()` instead, and blocks nobody
//! journal.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it lies on the disk
//!
//! ```text
//!  id   durable   snapshot-…4711.rbq   segment-…07.log   segment-…08.log   spare-…03.log
//!                 state after 4711     4650 ..  4999     5000 ..           zeros, or an old segment
//!                                        │
//!        ┌─────────┬─────────┬───────────┴─┬───────────────┐
//!        │ header  │ batch   │ batch       │ not this life │   written ahead: a sync changes nothing but data
//!        └─────────┴────┬────┴─────────────┴───────────────┘
//!        ┌──────────────┴───────────────────────────────┬────────┬────────┬─────┐
//!        │ epoch, sequence, crc before, durable up to,  │ record │ record │ pad │   one write and one sync a batch
//!        │ length, crc of header, crc of body           │        │        │     │
//!        └──────────────────────────────────────────────┴────────┴────────┴─────┘
//! ```
//!
//! A batch is whatever arrived while the one before was written and synced.
//!
//! # What it promises
//!
//! - Under [`Policy::Always`], a record that [`Journal::synced`] has reached survives a power cut. Under the other
//!   policies a record that [`Journal::written`] has reached survives the end of the process.
//! - What comes back is a prefix of what was appended: in order, without a gap, nothing else.
//! - Damage to what was once safe is found and named ([`OpenError::Corrupt`]); a tail that a crash tore is cut, kept
//!   aside and reported ([`RecoveryReport::torn`]).
//! - When the disk is full, [`Journal::admit`] refuses adds *before* anything is applied; drains go on.
//! - After a failed write or sync nothing is acknowledged any more ([`Fatal`]).
//!
//! What it is not: a database (records are read back at a start, in order, and never otherwise), or a consensus log.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod aligned;
mod batch;
mod catalog;
mod chance;
mod check;
mod copy;
mod directory;
mod draft;
mod dump;
mod error;
mod examine;
mod fault;
mod fields;
mod gather;
mod headers;
mod identity;
mod journal;
mod kind;
mod log;
mod mark;
mod mend;
mod metered;
mod names;
mod options;
mod part;
mod place;
mod recover;
mod repair;
mod replay;
mod rotation;
mod segment;
mod shared;
mod shelf;
#[cfg(any(test, feature = "sim"))]
pub mod sim;
mod slot;
mod snapshot;
mod snapshot_read;
mod snapshot_write;
mod storage;
mod store;
mod survey;
mod tail;
#[cfg(test)]
mod tests;
mod verify;
mod walk;

pub use batch::FORMAT_VERSION;
pub use check::{CheckReport, FileReport, Gap, check};
pub use copy::{CopyReport, restore};
pub use directory::Directory;
pub use draft::Draft;
pub use dump::{Dumped, dump, dump_log};
pub use error::{Fatal, Full, HINT_NEWER, OpenError, SnapshotError, damage_hint, said};
#[doc(hidden)]
pub use fault::Faults;
pub use journal::{Figures, Journal, Opened};
pub use kind::Kind;
pub use metered::{Metered, OnBytes};
pub use names::SCRATCH;
pub use options::{
    BATCH_BYTES_MAX, BATCH_BYTES_MIN, IN_FLIGHT_BYTES_MAX, Identity, Lsn, OnFatal, OnProgress, Options, Policy,
    Progress, SEGMENT_BYTES, SEGMENT_BYTES_MAX, SEGMENT_FIRST_BYTES, SEGMENTS_OF_A_SIZE, Sizes,
};
pub use recover::{RecoveryReport, TornTail};
pub use repair::{Dropped, Mended, Plan, repair_plan};
pub use replay::Replay;
pub use shelf::Purpose;
pub use snapshot_read::{Section, SnapshotReader};
pub use snapshot_write::{SnapshotReport, SnapshotWriter};
pub use storage::{Access, Lock, LockError, Storage, StorageFile};
