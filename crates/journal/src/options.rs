//! What the caller decides, and every limit with the reason for its size.

use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;

use crate::error::{Fatal, OpenError};
use crate::fault::Faults;
use crate::segment;

/// The number of a record: the first one ever is 1, each next one is one more, over all restarts.
pub type Lsn = u64;

/// How much may wait in memory to be written and synced. A second of a fast disk; with more, a stall of the disk would
/// only be noticed when memory runs out.
pub const IN_FLIGHT_BYTES_MAX: u64 = 64 << 20;

/// The largest batch, header included. Enough that the header and its checksum cost nothing, and small enough that
/// what a segment wastes at its end, and what recovery holds in memory, stay below a hundredth of a segment.
pub const BATCH_BYTES_MAX: u32 = 1 << 20;

/// The smallest that the largest batch may be: with less, there would be more of headers than of records.
pub const BATCH_BYTES_MIN: u32 = 256;

/// The first segments: a small broker should not take half a gigabyte of disk.
pub const SEGMENT_FIRST_BYTES: u64 = 16 << 20;

/// So many segments of a log are of each size, before the next are twice as large: what is prepared ahead stays a fraction of
/// what was written, and a log that stays small uses the same small files again and again.
pub const SEGMENTS_OF_A_SIZE: u64 = 8;

/// The largest segments: a rotation costs two syncs, which is nothing once in this many bytes.
pub const SEGMENT_BYTES: u64 = 128 << 20;

/// The largest that any segment may be: what file systems still take, and what sums of a few of them can be calculated with.
pub const SEGMENT_BYTES_MAX: u64 = 1 << 40;

/// The highest number that a log may [begin above](crate::Journal::found): as many again are left to it.
pub(crate) const ABOVE_MAX: Lsn = Lsn::MAX / 2;

/// How many prepared files wait: one to go on with, and one that is the reserve.
pub(crate) const SPARES_READY: usize = 2;

/// How many files a snapshot leaves to be used again, whatever their size; of the smallest as many as a log has before it takes
/// larger ones. More are removed. So a broker in a steady state zeroes no file.
pub(crate) const SPARES_KEPT_MAX: u64 = 4;

/// After how much silence the journal notes what is durable, in ms.
pub(crate) const NOTE_AFTER_MS: u64 = 500;

/// How often what is durable is noted while appending does not pause.
pub(crate) const NOTE_EVERY_MS: u64 = 1_000;

/// The longest that `everysec` leaves a written record unsynced, in ms.
pub(crate) const SYNC_EVERY_MS: u64 = 1_000;

/// How often a full disk is asked again, in ms.
pub(crate) const RETRY_EVERY_MS: u64 = 1_000;

/// When records are made durable, and when their answers may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Policy {
    /// Each batch is synced; an answer waits for it. A power cut loses nothing that was answered.
    Always = 0,
    /// Written at once, synced every second. A killed process loses nothing that was answered, a power cut a second.
    EverySec = 1,
    /// Written at once, synced when the system likes.
    No = 2,
}

impl Policy {
    pub(crate) fn from_u8(number: u8) -> Self {
        match number {
            0 => Self::Always,
            1 => Self::EverySec,
            _ => Self::No,
        }
    }
}

/// Who a data directory belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The cluster.
    pub cluster: u128,
    /// The node in it.
    pub node: u128,
}

/// Sizes of files and buffers, in bytes. Tests take tiny ones. [`Journal::open`](crate::Journal::open) and
/// [`Journal::found`](crate::Journal::found) refuse what is out of bounds ([`OpenError::Argument`]); a log goes on with others than
/// it was begun with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// See [`SEGMENT_FIRST_BYTES`]. It holds a header of 4096 bytes and two batches at least, as a record must always fit
    /// into the next segment, and room is only promised where one more would; at most [`SEGMENT_BYTES_MAX`].
    pub segment_first_bytes: u64,
    /// See [`SEGMENTS_OF_A_SIZE`]. At least 1.
    pub segments_of_a_size: u64,
    /// See [`SEGMENT_BYTES`]. The same bounds as for the first ones; where it is less than those, it holds for them too.
    pub segment_bytes: u64,
    /// See [`BATCH_BYTES_MAX`]. At least [`BATCH_BYTES_MIN`].
    pub batch_bytes_max: u32,
    /// See [`IN_FLIGHT_BYTES_MAX`]. At least one batch.
    pub in_flight_bytes_max: u64,
}

impl Sizes {
    /// Refuses sizes with which a log could not go on.
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let batch = u64::from(self.batch_bytes_max);
        let segment_min = segment::HEADER_BYTES + 2 * batch;
        at_least("batch_bytes_max", batch, u64::from(BATCH_BYTES_MIN))?;
        at_least("segments_of_a_size", self.segments_of_a_size, 1)?;
        at_least("in_flight_bytes_max", self.in_flight_bytes_max, batch)?;
        for (what, bytes) in [("segment_first_bytes", self.segment_first_bytes), ("segment_bytes", self.segment_bytes)]
        {
            at_least(what, bytes, segment_min)?;
            at_most(what, bytes, SEGMENT_BYTES_MAX)?;
        }
        Ok(())
    }

    /// The size of a log's nth segment, counted from 1 at the oldest that is still there.
    pub(crate) fn segment(&self, nth: u64) -> u64 {
        let doublings = (nth - 1) / self.segments_of_a_size;
        let doublings = u32::try_from(doublings).unwrap_or(u32::MAX);
        // So often that it would overflow is larger than the largest.
        let size = self
            .segment_first_bytes
            .checked_shl(doublings)
            .filter(|size| size >> doublings == self.segment_first_bytes);
        size.unwrap_or(self.segment_bytes).min(self.segment_bytes)
    }
}

fn at_least(what: &'static str, value: u64, min: u64) -> Result<(), OpenError> {
    if value >= min { Ok(()) } else { Err(OpenError::Argument { what, value, bound: format!("at least {min}") }) }
}

/// Refuses what is more than `max`.
pub(crate) fn at_most(what: &'static str, value: u64, max: u64) -> Result<(), OpenError> {
    if value <= max { Ok(()) } else { Err(OpenError::Argument { what, value, bound: format!("at most {max}") }) }
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            segment_first_bytes: SEGMENT_FIRST_BYTES,
            segments_of_a_size: SEGMENTS_OF_A_SIZE,
            segment_bytes: SEGMENT_BYTES,
            batch_bytes_max: BATCH_BYTES_MAX,
            in_flight_bytes_max: IN_FLIGHT_BYTES_MAX,
        }
    }
}

/// How far a journal is, for whoever holds answers back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The newest record that clients may be told of under the present policy.
    pub open_upto: Lsn,
    /// The newest record that survives a power cut.
    pub synced: Lsn,
    /// See [`crate::Journal::is_congested`].
    pub is_congested: bool,
}

/// Called when something advanced, on whichever thread made it: one of the journal's, or an appender's in
/// [`drive`](crate::Journal::drive) and [`drive_and_stay`](crate::Journal::drive_and_stay). Two threads may call it at a time, and
/// what one tells may be older than what the other told before.
///
/// Whoever calls it may have the log, so what waits for the log would wait for itself: in a callback nobody may
/// [`finish`](crate::Journal::finish), [`close`](crate::Journal::close), [`leave`](crate::Journal::leave) or
/// [`note`](crate::Journal::note), wait until something [is synced](crate::Journal::wait_synced), or finish a snapshot; nor take a
/// lock that somebody holds around one of these or around `drive`. To append, to look at figures and to drop the last handle is fine.
/// One that panics ends the journal.
pub type OnProgress = Arc<dyn Fn(Progress) + Send + Sync>;

/// Called once, when the journal stopped for good, on whichever thread found out: one of the journal's, or one that is in
/// [`drive`](crate::Journal::drive), [`drive_and_stay`](crate::Journal::drive_and_stay) or [`note`](crate::Journal::note).
/// What must not be done in it is the same as in [`OnProgress`].
pub type OnFatal = Arc<dyn Fn(&Fatal) + Send + Sync>;

/// How to open a journal.
#[derive(Clone)]
pub struct Options {
    /// When records are made durable at first; see [`crate::Journal::set_policy`].
    pub policy: Policy,
    /// The version of the state machine whose records these are. Files of a later one are refused.
    pub state_version: u32,
    /// Written into a new directory. An old one keeps its own.
    pub identity: Identity,
    /// Sizes of files and buffers.
    pub sizes: Sizes,
    /// Called when `written`, `synced` or the room advanced. It must be quick: it runs between two batches. See [`OnProgress`] for
    /// where it runs and what must not be done in it.
    pub progress: OnProgress,
    /// Called when the journal stopped for good. The caller ends the process with the reason. See [`OnFatal`].
    pub fatal: OnFatal,
    /// Where the marks of files come from. Unguessable in production, so that no client can write a payload that
    /// looks like a batch; fixed in a simulation.
    pub seed: u64,
    /// Deliberate mistakes, for the crate's own tests: there are none to be had outside of them.
    #[doc(hidden)]
    pub faults: Faults,
}

impl Options {
    /// The defaults: synced always, sizes for a real disk, an unguessable seed, callbacks that do nothing.
    #[must_use]
    pub fn new(state_version: u32, identity: Identity) -> Self {
        Self {
            policy: Policy::Always,
            state_version,
            identity,
            sizes: Sizes::default(),
            progress: Arc::new(|_| {}),
            fatal: Arc::new(|_| {}),
            seed: std::hash::RandomState::new().build_hasher().finish(),
            faults: Faults::default(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("policy", &self.policy)
            .field("state_version", &self.state_version)
            .field("identity", &self.identity)
            .field("sizes", &self.sizes)
            .finish_non_exhaustive()
    }
}
