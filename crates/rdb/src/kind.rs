//! The types of values, as the byte before each value has them.
//!
//! One byte means two types: 22 is a hash that Redis 7.4's release candidates wrote, and a hash with expiring fields of
//! Valkey 9. Who wrote the file decides.

use crate::error::Problem;

/// Who wrote it, as far as it matters: the two families number what is new in each of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writer {
    Redis,
    Valkey,
}

/// From this version on the numbers are Valkey's.
pub(crate) const VALKEY_VERSION_MIN: u32 = 80;

/// How a value lies there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One string.
    String,
    /// A number of strings.
    List,
    /// One ziplist in a string.
    ListZiplist,
    /// A number of ziplists.
    ListQuicklist,
    /// A number of nodes, each a listpack or one big element.
    ListQuicklist2,
    /// A stream, in the first to fifth version of its layout.
    Stream(u8),
    /// Another type: its name, and how to pass over it.
    Other(&'static str, Skip),
}

/// How to pass over a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// One string.
    Blob,
    /// A number, then so many strings.
    Strings,
    /// A number, then so many pairs of strings.
    Pairs,
    /// A number, then strings with a score, written out as text or as eight bytes.
    Scores {
        /// Whether it is eight bytes.
        binary: bool,
    },
    /// A hash with fields that expire: perhaps eight bytes, a number, then so many of a time and a pair.
    ExpiringFields {
        /// Whether the earliest time comes first.
        earliest: bool,
    },
    /// The same of Valkey: a number, then so many of a pair and eight bytes.
    ExpiringFieldsOfValkey,
    /// The same in one string: eight bytes before it.
    EightBytesAndBlob,
    /// A module's ID, then values that say their own length.
    Module,
}

impl Kind {
    pub(crate) fn of(code: u8, writer: Writer) -> Result<Self, Problem> {
        const HASH: &str = "hash";
        const SET: &str = "set";
        const ZSET: &str = "zset";
        Ok(match (code, writer) {
            (0, _) => Self::String,
            (1, _) => Self::List,
            (2, _) => Self::Other(SET, Skip::Strings),
            (3, _) => Self::Other(ZSET, Skip::Scores { binary: false }),
            (4, _) => Self::Other(HASH, Skip::Pairs),
            (5, _) => Self::Other(ZSET, Skip::Scores { binary: true }),
            (7, _) => Self::Other("module", Skip::Module),
            (9 | 13 | 16, _) => Self::Other(HASH, Skip::Blob),
            (10, _) => Self::ListZiplist,
            (11 | 20, _) => Self::Other(SET, Skip::Blob),
            (12 | 17, _) => Self::Other(ZSET, Skip::Blob),
            (14, _) => Self::ListQuicklist,
            (15, _) => Self::Stream(1),
            (18, _) => Self::ListQuicklist2,
            (19, _) => Self::Stream(2),
            (21, _) => Self::Stream(3),
            (22, Writer::Valkey) => Self::Other(HASH, Skip::ExpiringFieldsOfValkey),
            (22, Writer::Redis) => Self::Other(HASH, Skip::ExpiringFields { earliest: false }),
            (23, Writer::Redis) => Self::Other(HASH, Skip::Blob),
            (24, Writer::Redis) => Self::Other(HASH, Skip::ExpiringFields { earliest: true }),
            (25, Writer::Redis) => Self::Other(HASH, Skip::EightBytesAndBlob),
            (26, Writer::Redis) => Self::Stream(4),
            (27, Writer::Redis) => Self::Stream(5),
            _ => return Err(Problem::Type(code)),
        })
    }
}
