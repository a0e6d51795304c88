//! A double-ended queue of byte strings in packed, shareable blocks.
//!
//! What a work queue asks of a list: push and pop at both ends in a few nanoseconds, little memory beside the
//! payload, no allocation while it runs steadily; and, now and then, to be read by index, searched, edited in
//! the middle, written to disk whole, or shown to a slow reader while it goes on changing.
//!
//! ```
//! use rbq_listqueue::{End, List};
//!
//! let mut queue = List::new();
//! queue.push(End::Tail, b"first");
//! queue.push(End::Tail, b"second");
//!
//! // A slice keeps what was there, whatever becomes of the list. It may go to another thread.
//! let seen = queue.slice(0, -1);
//!
//! let length = queue.pop_with(End::Head, |element| element.len());
//! assert_eq!(length, Some(5));
//! assert_eq!(queue.get(-1).unwrap(), b"second");
//! assert_eq!(seen.len(), 2);
//! ```
//!
//! How it lies in memory: [`List`] draws the row of blocks. What leaves and comes back whole: [`BlockRef`].
//!
//! The crate reads no clock, file or environment, starts nothing, and decides nothing by chance: the same calls
//! give the same list. It knows no protocol; where its rules are Redis's, they are said to be.
#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]
#![warn(missing_docs)]

mod block;
mod edit;
mod element;
mod encoding;
mod entry;
mod image;
mod list;
mod mend;
mod packed;
mod range;
mod room;
mod search;
mod slice;
#[cfg(test)]
mod tests;
mod trim;

pub use element::{Element, End, Place};
pub use encoding::{LISTPACK_BYTES_MAX, RedisEncoding};
pub use image::{BlockKind, BlockRef, Corrupt, ListBuilder, PACKED_BYTES_MAX};
pub use list::{BLOCK_BYTES, LARGE, List};
pub use range::Iter;
pub use slice::{Slice, SliceCursor};
