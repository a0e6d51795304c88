//! What can be refused, and why. Each is the caller's mistake; a broken invariant of ours panics instead.

use thiserror::Error;

/// Why an entry was not appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AppendError {
    /// `0-0` is no entry's ID.
    #[error("the ID must be greater than 0-0")]
    Zero,
    /// The ID is not greater than the last one.
    #[error("the ID is equal or smaller than the last one")]
    NotGreater,
    /// The last ID is the greatest there is.
    #[error("the last possible ID has been used")]
    Exhausted,
    /// Names and values together exceed [`PAYLOAD_BYTES_MAX`](crate::PAYLOAD_BYTES_MAX).
    #[error("the fields are too large")]
    TooLarge,
}

/// Why the stream's last ID was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SetIdError {
    /// The ID lies before the greatest ID ever deleted, the one given with it.
    #[error("the ID is smaller than the given greatest deleted ID")]
    BelowGivenDeleted,
    /// The ID lies before the greatest ID ever deleted.
    #[error("the ID is smaller than the greatest deleted ID")]
    BelowDeleted,
    /// The ID lies before the newest entry.
    #[error("the ID is smaller than the newest entry")]
    BelowNewest,
    /// Fewer entries were ever added than the stream holds.
    #[error("the number of entries ever added is smaller than the stream's length")]
    AddedBelowLength,
}

/// Bytes, or a run of sections, that are not a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a stream: {0}")]
pub struct Corrupt(pub &'static str);
