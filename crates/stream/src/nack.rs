//! Handing entries back (Redis 8.8: `XNACK`): they stay pending, nobody's, first in line for whoever claims.

use crate::claim::Absent;
use crate::deliver::DELIVERIES_MAX;
use crate::group::GroupMut;
use crate::id::StreamId;
use crate::pending::Hold;

/// What handing back says about the delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nack {
    /// It did not count: one delivery less.
    Silent,
    /// It failed: the count stays.
    Fail,
    /// It can never succeed: the count becomes [`DELIVERIES_MAX`].
    Fatal,
}

impl GroupMut<'_> {
    /// Hands the pending entry `id` back; it goes to the end of the queue, even if it was in it. `count` overrides what
    /// `nack` makes of the delivery count.
    ///
    /// An ID that is not pending is made so where `absent` says so and the entry exists, with a count of 0 or as said.
    /// Returns whether the entry is now handed back.
    pub fn nack(&mut self, id: StreamId, nack: Nack, count: Option<u64>, absent: Absent) -> bool {
        let deliveries = match self.group.pending.get(id) {
            Some(hold) => hold.deliveries,
            None if absent == Absent::Create && self.entries.contains(id) => 0,
            None => return false,
        };
        let deliveries = match (count, nack) {
            (Some(count), _) => count.min(DELIVERIES_MAX),
            (None, Nack::Silent) => deliveries.saturating_sub(1),
            (None, Nack::Fail) => deliveries,
            (None, Nack::Fatal) => DELIVERIES_MAX,
        };
        self.group.assign(Hold { id, owner: None, delivered_ms: 0, deliveries });
        true
    }
}
