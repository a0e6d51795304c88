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
//!
//! Images that were forced out wait for the next slices, and on a slow disk for long. There is one of a key at most, as the key was at
//! the moment, so what waits takes no more than the whole database did then; nobody waits for the disk instead, and the
//! snapshot is not given up for it, since under the same load the next one would end in the same way, and the log that it is to
//! replace would grow for ever. Memory in use counts them, so `maxmemory` is judged with them.

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

impl Image {
    /// What it holds, shared blocks included.
    pub(super) fn bytes(&self) -> usize {
        self.key.len() + self.value.kind().memory_bytes()
    }
}

/// Images that nobody took yet, in pieces, so that one more never moves all of them.
#[derive(Debug, Default)]
pub struct Waiting {
    /// None of them is empty.
    pieces: Vec<Vec<Image>>,
}

impl Waiting {
    pub(super) fn push(&mut self, image: Image) {
        match self.pieces.last_mut() {
            Some(piece) if piece.len() < PIECE_IMAGES => piece.push(image),
            _ => self.pieces.push(vec![image]),
        }
    }

    pub(super) fn pop(&mut self) -> Option<Image> {
        let piece = self.pieces.last_mut()?;
        let image = piece.pop();
        if piece.is_empty() {
            self.pieces.pop();
        }
        image
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }
}

/// How far a database was handed out.
#[derive(Debug)]
pub(super) struct Saving {
    /// The number it had at the moment; it may have been swapped since.
    pub(super) db: u8,
    /// Slots below this were walked over.
    pub(super) cursor: u32,
    /// What changes forced out before the walk came by.
    pub(super) waiting: Waiting,
}

/// Keys and values of so many bytes end a slice: small ones are copied, and the clone of a large one is a long row of pointers.
pub(super) const SLICE_BYTES: usize = 1024 * 1024;

/// As many as a slice takes at most, so that a piece more or less is nothing beside it.
const PIECE_IMAGES: usize = 512;
