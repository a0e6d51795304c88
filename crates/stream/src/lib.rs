//! (docs to come)
#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]
#![warn(missing_docs)]

#[cfg(test)]
mod audit;
mod block;
mod claim;
mod consumer;
mod deliver;
mod digest;
mod directory;
mod entries;
mod entry;
mod error;
mod group;
mod id;
mod idmp;
mod lag;
mod listpack;
#[cfg(test)]
mod model;
mod nack;
mod pending;
mod range;
mod refs;
mod snapshot;
mod stream;
mod trim;
mod varint;

pub use block::BlockLimits;
pub use claim::{Absent, AutoClaim, AutoClaimed, Claim, Claimed, ClaimedEntry, Count};
pub use consumer::{Consumer, ConsumerId};
pub use deliver::{Acks, DELIVERIES_MAX, Delivery, HistoryEntry, Take};
pub use entries::{Entries, PAYLOAD_BYTES_MAX};
pub use entry::{EntryRef, Fields};
pub use error::{AppendError, Corrupt, SetIdError};
pub use group::{Group, GroupMut, PendingEntry, PendingFilter, PendingSummary};
pub use id::{Interval, IntervalError, NewId, StreamId};
pub use idmp::{IdmpLimits, IdmpStats, Iid, fields_iid};
pub use nack::Nack;
pub use range::{Order, Range, RangeRev, Slice, SliceIter};
pub use refs::{Deletion, RefPolicy};
pub use snapshot::{Restore, Section};
pub use stream::{AckDeletion, Appended, RecordError, Stream};
pub use trim::{Arriving, Trim, default_trim_limit};
