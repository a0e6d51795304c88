//! Every error a command can answer, with the exact text a client sees.
//!
//! Clients match on the first word and people search for the rest, so the texts are Redis's own, byte for byte,
//! unless `docs/differences.md` names the difference. A mistake of the client is a value of this type and the
//! connection lives on; our own broken invariants panic instead.

use thiserror::Error;

/// A client's mistake. `Display` is the reply line without the leading `-`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// The key holds another kind of value than the command works on.
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
    WrongType,
    /// Options that do not fit the command's grammar.
    #[error("ERR syntax error")]
    Syntax,
    /// An integer was expected and something else, or one out of 64 bits, was found.
    #[error("ERR value is not an integer or out of range")]
    NotInteger,
    /// A float was expected.
    #[error("ERR value is not a valid float")]
    NotFloat,
    /// A count or timeout that must not be negative.
    #[error("ERR value is out of range, must be positive")]
    NotPositive,
    /// An index outside the list.
    #[error("ERR index out of range")]
    IndexOutOfRange,
    /// The command needs a key that exists.
    #[error("ERR no such key")]
    NoSuchKey,
    /// A database number outside 0..databases.
    #[error("ERR DB index is out of range")]
    DbIndex,
    /// Source and destination are one and the same.
    #[error("ERR source and destination objects are the same")]
    SameObject,
    /// A BLOCK timeout below zero.
    #[error("ERR timeout is negative")]
    TimeoutNegative,
    /// A BLOCK timeout that is no number.
    #[error("ERR timeout is not a float or out of range")]
    TimeoutNotFloat,
    /// A BLOCK timeout that is no integer (XREAD).
    #[error("ERR timeout is not an integer or out of range")]
    TimeoutNotInteger,
    /// A BLOCK timeout beyond what a deadline can hold.
    #[error("ERR timeout is out of range")]
    TimeoutRange,
    /// Wrong number of arguments, named as Redis names it (`client|kill` for a subcommand).
    #[error("ERR wrong number of arguments for '{0}' command")]
    Arity(&'static str),
    /// Adding is refused because memory is at its limit; removing goes on.
    #[error("OOM command not allowed when used memory > 'maxmemory'.")]
    OutOfMemory,
    /// Adding is refused because the log's disk is full; removing goes on.
    #[error("MISCONF {0}; reading, acknowledging, popping, deleting and trimming go on")]
    DiskFull(String),
    /// Every change is refused because the log's disk is full, and what was kept back for removing is used up.
    #[error("MISCONF {0}, and its reserve is used up; reading goes on, and the rest once there is space")]
    DiskUsedUp(String),
    /// The connection has not authenticated.
    #[error("NOAUTH Authentication required.")]
    NoAuth,
    /// AUTH or HELLO AUTH with the wrong name or password.
    #[error("WRONGPASS invalid username-password pair or user is disabled.")]
    WrongPass,
    /// A text that carries data or belongs to one command only. Starts with its first word.
    #[error("{0}")]
    Text(String),
    /// The same for a fixed text.
    #[error("{0}")]
    Fixed(&'static str),
}

impl Error {
    /// `ERR invalid expire time in '<command>' command`.
    pub fn invalid_expire(command: &str) -> Self {
        Self::Text(format!("ERR invalid expire time in '{command}' command"))
    }

    /// An error whose text is made of data; the first word is `ERR`.
    pub fn err(text: impl std::fmt::Display) -> Self {
        Self::Text(format!("ERR {text}"))
    }
}
