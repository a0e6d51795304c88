//! All durable state of a group as a run of sections, and back.
//!
//! ```text
//!   head │ key key key … │ list block block … │ stream part part … │ … │ end
//!   └──────── section ────────┘└──────────── section ───────────┘
//! ```
//!
//! Items follow each other; a section is some of them, some kilobytes long, so that whoever keeps it can frame, checksum and
//! write it as suits. The order of keys means nothing. Blocks of lists and parts of streams are taken and put back whole,
//! as the engines keep them. What is read back is believed in nothing: a [`Reader`] checks every item and says
//! [`Corrupt`] where it could not have been written.
//!
//! ```text
//!   1 head     version, index, databases
//!   2 string   key, 0 number | 1 bytes
//!   3 list     key, then its blocks up to the next key
//!   4 block    0 packed | 1 large, elements, bytes
//!   5 stream   key, then its parts
//!   6 part     as `rbq_stream` makes it
//!   7 end      keys in all
//!   key        database, bytes, 1 + deadline or 0
//! ```

mod read;
mod write;

pub use read::{Corrupt, Reader};
pub use write::Writer;

/// The version of this format; another is refused.
const VERSION: u64 = 1;

const HEAD: u8 = 1;
const STRING: u8 = 2;
const LIST: u8 = 3;
const BLOCK: u8 = 4;
const STREAM: u8 = 5;
const PART: u8 = 6;
const END: u8 = 7;
