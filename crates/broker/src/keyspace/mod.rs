//! Databases, keys and deadlines.
//!
//! ```text
//!   Group ── Db 0 ── index: hash ─► slot ──► slab: slot ─► Entry { key, value, deadline }
//!        └── Db 1 …   deadlines: (deadline, slot), ordered
//! ```
//!
//! An entry's slot never moves while its key lives. That one invariant makes SCAN's guarantees hold without
//! surprises: a cursor is a slot number, and growing the hash table moves numbers, not entries. Where many keys went,
//! the slab gives back what no key is in, and the hash table shrinks.

mod bits;
mod db;
mod index;
mod saving;
mod slab;
#[cfg(test)]
mod tests;

pub use db::{Db, Entry, Found};
pub use saving::{Image, Waiting};
