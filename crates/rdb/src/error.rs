//! What can be wrong with a file, and where in it.

use std::io;

/// What this crate's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why reading ended, and at which byte of the file or payload.
#[derive(Debug, thiserror::Error)]
#[error("at byte {offset}: {problem}")]
pub struct Error {
    /// Where the reader was: just behind the last byte it had taken.
    pub offset: u64,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The bytes end in the middle of something.
    #[error("it ends too early")]
    Truncated,
    /// The system could not read.
    #[error("{0}")]
    Io(#[source] io::Error),
    /// The first bytes are not those of such a file.
    #[error("this is no RDB file")]
    Magic,
    /// The checksum at the end belongs to other bytes.
    #[error("the checksum does not fit: some byte before it is not what was written")]
    Checksum,
    /// A type of value that this reader does not know, so that it cannot know either where the value ends.
    #[error("values of type {0} are not known here, and cannot be passed over")]
    Type(u8),
    /// A structure contradicts itself.
    #[error("damaged: {0}")]
    Damaged(&'static str),
}

impl Problem {
    pub(crate) fn at(self, offset: u64) -> Error {
        Error { offset, problem: self }
    }
}
