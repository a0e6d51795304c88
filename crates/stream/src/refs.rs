//! What deleting an entry does to the groups that still refer to it, and what came of it.

/// How a deletion treats pending references (Redis 8.2: `KEEPREF`, `DELREF`, `ACKED`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefPolicy {
    /// Delete the entry; what is pending stays pending, and will read as deleted.
    #[default]
    Keep,
    /// Delete the entry and drop it from the pending entries of every group.
    Drop,
    /// Delete only what every group has been given and has acknowledged.
    Acked,
}

/// What became of one ID that was to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// There is no such entry; when acknowledging, it was not pending.
    Missing,
    /// The entry is gone.
    Deleted,
    /// Some group has yet to read or to acknowledge it, so it stays. When acknowledging, it was acknowledged.
    Referenced,
}

impl Deletion {
    /// The number Redis answers with.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Missing => -1,
            Self::Deleted => 1,
            Self::Referenced => 2,
        }
    }
}
