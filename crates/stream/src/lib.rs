//! An append-only stream with consumer groups, pending entries and idempotent appends, in packed blocks.
//!
//! Producers append entries, each a short list of names and values under an ever greater [`StreamId`]. Anybody may read
//! them in order, any number of times. A *group* of consumers shares the entries out: each is delivered to one consumer,
//! stays *pending* until that consumer acknowledges it, and can be taken over by another when it does not.
//!
//! ```text
//!              ┌──────┬──────┬──────┬──────┬──────┬──────┐
//!   append ───►│ 1-0  │ 2-0  │ 2-1  │ 5-0  │ 9-0  │ 9-1  │  entries, oldest first
//!              └──────┴──────┴──────┴──────┴──────┴──────┘
//!                 │      │      │      └─ last delivered ──── lag 2 ──►
//!               acked    │    acked   pending for bob
//!                   pending for ann
//! ```
//!
//! ```
//! use rbq_stream::{Acks, BlockLimits, NewId, Stream, StreamId, Take};
//!
//! let mut stream = Stream::default();
//! for order in ["tea", "coffee"] {
//!     let fields = [(&b"order"[..], order.as_bytes())];
//!     stream.append(NewId::Auto, fields, 1_700_000_000_000, BlockLimits::default())?;
//! }
//!
//! stream.create_group(b"kitchen", StreamId::MIN, None);
//! let mut kitchen = stream.group_mut(b"kitchen").expect("it was just made");
//! let (ann, _) = kitchen.consumer(b"ann", 1_700_000_000_001);
//!
//! let mut orders = Vec::new();
//! kitchen.deliver(ann, 10, Acks::Required, 1_700_000_000_001, |entry| {
//!     orders.push((entry.id, entry.fields.map(|(_, value)| value.to_vec()).next()));
//!     Take::Yes
//! });
//! assert_eq!(orders[0].0.to_string(), "1700000000000-0");
//! assert_eq!(orders[1].1.as_deref(), Some(&b"coffee"[..]));
//!
//! assert!(kitchen.ack(orders[0].0));
//! assert_eq!(kitchen.view().pending_len(), 1);
//! assert_eq!(kitchen.lag(), 0);
//! # Ok::<(), rbq_stream::AppendError>(())
//! ```
//!
//! # What it promises
//!
//! * It answers as the streams of Redis 8.10 do, trimming by `~` included: [`Stream::approximate`] gives the very number
//!   of entries `redis-server` would remove, because blocks end where its nodes end.
//! * A group's lag is always an exact number; `redis-server` has none after a deletion or an arbitrary start.
//! * No clock, no thread, no randomness: time is an argument, and the same calls give the same stream anywhere.
//! * Copying a [`Stream`], taking a [`Slice`] of it or writing a snapshot shares its blocks; whoever changes one later
//!   copies that one. So a long read can be encoded, or a snapshot written, while the stream goes on.
//!
//! # What it costs
//!
//! One field of 64 bytes takes about 70 bytes in all, a pending entry 33 (`redis-server` 7.0: 77 and 84).
//! Appending, delivering and acknowledging allocate nothing for the single entry. Finding an entry or a pending entry is
//! a binary search over blocks or chunks and a short scan in one. Trimming drops whole blocks unread.
//!
//! # Where to find what
//!
//! [`Stream`] appends, trims, deletes and holds the groups. [`Entries`] reads. [`GroupMut`] delivers, acknowledges, claims
//! and hands back. [`Stream::sections`] and [`Restore`] are snapshots, [`Stream::digest`] compares. Nothing here knows a
//! command or a protocol; names in `CAPITALS` in the documentation say which Redis option a thing is for.

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
