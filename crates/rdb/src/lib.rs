//! Reads what Redis and Valkey write: RDB files, the payloads of `DUMP`, and append-only files.
//!
//! ```text
//!   dump.rdb ──────────► RdbFile ──┐
//!   DUMP's answer ─────► Payload ──┼──► Event, Event, …     a key, then its value in pieces, then its end
//!   appendonlydir ─► Manifest ─► RdbFile, CommandLog ──► commands
//! ```
//!
//! A value comes in pieces, so that a list or a stream of any size costs the memory of one of its nodes. Strings, lists and
//! streams are read; of every other type the reader knows how to pass over it, and tells its name.
//!
//! What is read comes from a file that anybody may have written, or that a disk has bent. So no length in it is believed:
//! memory is taken for bytes that were there, numbers are checked where they are used, and what is wrong ends in an
//! [`Error`] that names the offset.
//!
//! ```
//! use rbq_rdb::{Event, Payload};
//!
//! // What `DUMP key` answers for the string "hi".
//! let bytes = b"\x00\x02hi\n\x00\xafk\x9f\xe8\x8e1\x1b\x14";
//! let mut payload = Payload::open(bytes.to_vec())?;
//! assert_eq!(payload.read()?, Some(Event::String(b"hi".to_vec())));
//! # Ok::<(), rbq_rdb::Error>(())
//! ```

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod aof;
mod crc64;
mod error;
mod event;
mod file;
mod input;
mod kind;
mod listpack;
mod lzf;
mod payload;
mod skip;
mod stream;
mod value;
mod ziplist;

pub use error::{Error, Problem, Result};
pub use event::{Consumer, Entry, Event, Group, Idmp, Key, Pending, Producer, StreamHead, StreamId};
pub use file::RdbFile;
pub use kind::Kind;
pub use payload::Payload;
