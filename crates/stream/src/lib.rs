//! (docs to come)
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod block;
mod claim;
mod consumer;
mod deliver;
mod directory;
mod entries;
mod entry;
mod error;
mod group;
mod id;
mod idmp;
mod lag;
mod listpack;
mod nack;
mod pending;
mod range;
mod refs;
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
pub use stream::{AckDeletion, Appended, RecordError, Stream};
pub use trim::{Arriving, Trim, default_trim_limit};
