//! A database as it was at one moment, handed out while it goes on changing.
//!
//! ```text
//!   begin ──► epoch + 1: every entry is older than the database, and so not handed out yet
//!
//!                ┌── slice: the walk comes by ──────────┐
//!   not yet ─────┤                                      ├──► its image, once; the entry takes the epoch over
//!                └── an op is about to change it ───────┘
//! ```
//!
//! Invariant: an entry whose epoch is the database's is either in the images or came to be after the moment. So each
//! key of that moment is handed out exactly once, as it was then.
//!
//! An image holds a clone of the value. Clones share their blocks with the value, so the image of a huge one is a row of
//! pointers, and a change copies only the block that it changes.

use crate::value::Value;

/// A key as it was at the moment of the snapshot.
#[derive(Debug)]
pub struct Image {
    /// The number its database had.
    pub db: u8,
    /// The key.
    pub key: Box<[u8]>,
    /// Its value.
    pub value: Value,
    /// When it was to expire, in Unix milliseconds.
    pub deadline_ms: Option<u64>,
}

/// How far a database was handed out.
#[derive(Debug)]
pub(super) struct Saving {
    /// The number it had at the moment; it may have been swapped since.
    pub(super) db: u8,
    /// Slots below this were walked over.
    pub(super) cursor: u32,
    /// What changes forced out before the walk came by.
    pub(super) images: Vec<Image>,
}

/// Keys and values of so many bytes end a slice: small ones are copied, and the clone of a large one is a long row of pointers.
pub(super) const SLICE_BYTES: usize = 1024 * 1024;
