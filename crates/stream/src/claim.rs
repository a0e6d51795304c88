//! Taking over what somebody else has not acknowledged.
//!
//! ```text
//!   pending   2-0 bob   3-0 nobody   5-0 ann   8-0 bob          claim 3-0 5-0 for cat
//!                          │            │
//!                          └─────┬──────┘
//!                                ▼
//!                       cat, now, once more
//! ```
//!
//! Three ways: by ID (`claim`), by a sweep over the IDs with a cursor (`autoclaim`), and longest idle first (`claim_idle`,
//! which begins with what was handed back). The first two drop what they meet that was deleted from the stream; the third
//! passes over it, as Redis does.

use std::iter;

use crate::consumer::ConsumerId;
use crate::deliver::{DELIVERIES_MAX, Existing, Take, once_more};
use crate::entry::EntryRef;
use crate::group::{GroupMut, is_idle};
use crate::id::StreamId;
use crate::pending::{Hold, Step, Walk};

/// An entry that changes its owner.
#[derive(Clone, Copy, Debug)]
pub struct ClaimedEntry<'a> {
    /// The entry.
    pub entry: EntryRef<'a>,
    /// Milliseconds since it was delivered before; since time 0 when it had been handed back.
    pub idle_ms: u64,
    /// How often it had been delivered before.
    pub deliveries: u64,
}

/// Whether claiming counts as a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// One more delivery.
    Bump,
    /// The count stays (`JUSTID`).
    Keep,
    /// The count becomes this (`RETRYCOUNT`).
    Set(u64),
}

/// What to do with an ID that is not pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Pass over it.
    Skip,
    /// Make it pending when the entry exists (`FORCE`).
    Create,
}

/// How [`GroupMut::claim`] claims.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// Who claims.
    pub consumer: ConsumerId,
    /// Pass over what was delivered less than this long ago; not asked of what nobody owns.
    pub min_idle_ms: u64,
    /// The delivery time to note; not in the future.
    pub delivered_ms: u64,
    /// What becomes of the delivery count.
    pub count: Count,
    /// What to do with IDs that are not pending.
    pub absent: Absent,
}

/// What became of one claimed ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// It has its new owner.
    Yes,
    /// It was pending but deleted from the stream, and is pending no more.
    Dropped,
    /// Nothing changed.
    No,
}

/// How [`GroupMut::autoclaim`] claims.
#[derive(Clone, Copy, Debug)]
pub struct AutoClaim {
    /// Who claims.
    pub consumer: ConsumerId,
    /// Pass over what was delivered less than this long ago.
    pub min_idle_ms: u64,
    /// Where to begin.
    pub start: StreamId,
    /// At most this many are claimed and dropped together; ten times as many are looked at.
    pub limit: u64,
    /// What becomes of the delivery count.
    pub count: Count,
}

/// What an [`AutoClaim`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AutoClaimed {
    /// Where to begin next; `0-0` when the end was reached.
    pub next: StreamId,
    /// How many changed their owner.
    pub claimed: u64,
    /// What was pending but deleted from the stream, and is pending no more.
    pub dropped: Vec<StreamId>,
}

/// Entries looked at for each that may be claimed (Redis's `attempts_factor`).
const ATTEMPTS_PER_CLAIM: u64 = 10;

impl GroupMut<'_> {
    /// Raises the last delivered ID to `id` if it is greater (`LASTID`). Says whether it was.
    pub fn raise_last_delivered(&mut self, id: StreamId) -> bool {
        if id <= self.group.last_delivered {
            return false;
        }
        self.reach.moved(self.group.last_delivered, id);
        self.group.last_delivered = id;
        self.group.count_lag(self.entries);
        true
    }

    /// Claims the pending entry `id`. `visit` is shown it when it is claimed.
    pub fn claim(&mut self, id: StreamId, claim: &Claim, now_ms: u64, visit: impl FnOnce(ClaimedEntry<'_>)) -> Claimed {
        let hold = self.group.pending.get(id);
        let Some(entry) = self.entries.get(id) else {
            return if self.group.release(id) { Claimed::Dropped } else { Claimed::No };
        };
        let hold = match hold {
            Some(hold) if hold.owner.is_some() && !is_idle(&hold, claim.min_idle_ms, now_ms) => {
                return Claimed::No;
            }
            Some(hold) => hold,
            None if claim.absent == Absent::Skip => return Claimed::No,
            // Made pending as if delivered once, now.
            None => Hold { id, owner: None, delivered_ms: now_ms, deliveries: 1 },
        };
        visit(ClaimedEntry { entry, idle_ms: now_ms.saturating_sub(hold.delivered_ms), deliveries: hold.deliveries });
        let deliveries = count(hold.deliveries, claim.count);
        let owner = Some(claim.consumer.0);
        self.group.assign(Hold { id, owner, delivered_ms: claim.delivered_ms, deliveries });
        self.group.consumers.at_mut(claim.consumer).active_ms = Some(now_ms);
        Claimed::Yes
    }

    /// Sweeps over the pending entries from a cursor on and claims what is idle. `visit` is shown what is claimed.
    pub fn autoclaim(
        &mut self,
        claim: &AutoClaim,
        now_ms: u64,
        mut visit: impl FnMut(ClaimedEntry<'_>),
    ) -> AutoClaimed {
        let mut done = AutoClaimed::default();
        let mut left = claim.limit;
        let mut attempts = claim.limit.saturating_mul(ATTEMPTS_PER_CLAIM);
        let mut existing = Existing::new(self.entries);
        let mut released = Vec::new();
        let stopped = self.group.pending.walk(Walk { from: claim.start, owner: None, at_most: u64::MAX }, |hold| {
            if left == 0 || attempts == 0 {
                return Step::Stop;
            }
            attempts -= 1;
            let Some(entry) = existing.get(hold.id) else {
                left -= 1;
                done.dropped.push(hold.id);
                released.push(hold);
                return Step::Remove;
            };
            if !is_idle(&hold, claim.min_idle_ms, now_ms) {
                return Step::Keep;
            }
            left -= 1;
            done.claimed += 1;
            let idle_ms = now_ms.saturating_sub(hold.delivered_ms);
            visit(ClaimedEntry { entry, idle_ms, deliveries: hold.deliveries });
            released.push(hold);
            Step::Put(Hold {
                owner: Some(claim.consumer.0),
                delivered_ms: now_ms,
                deliveries: count(hold.deliveries, claim.count),
                ..hold
            })
        });
        for hold in &released {
            self.group.count_released(hold);
        }
        let consumer = self.group.consumers.at_mut(claim.consumer);
        consumer.pending += done.claimed;
        if done.claimed > 0 {
            consumer.active_ms = Some(now_ms);
        }
        done.next = stopped.unwrap_or(StreamId::MIN);
        done
    }

    /// Claims what has been idle for `min_idle_ms`: what was handed back, in that order, then the longest idle first; at
    /// most `limit`, as long as `visit` takes them. Returns how many.
    ///
    /// With nothing to claim this is one comparison.
    pub fn claim_idle(
        &mut self,
        consumer: ConsumerId,
        min_idle_ms: u64,
        limit: usize,
        now_ms: u64,
        mut visit: impl FnMut(ClaimedEntry<'_>) -> Take,
    ) -> u64 {
        let Some(until_ms) = now_ms.checked_sub(min_idle_ms) else {
            return 0;
        };
        let owned = self.group.pending.has_delivered_until(until_ms);
        if !owned && self.group.nacked_len() == 0 {
            return 0;
        }
        let pending = &self.group.pending;
        let handed_back = pending.nacked_ids().filter_map(|id| pending.get(id));
        // Made only when it comes to them.
        let owned = iter::once(owned).filter(|owned| *owned).flat_map(|_| pending.oldest_first(until_ms));
        let mut claimed = Vec::new();
        for hold in handed_back.chain(owned) {
            if claimed.len() == limit {
                break;
            }
            let Some(entry) = self.entries.get(hold.id) else {
                continue;
            };
            let idle_ms = now_ms.saturating_sub(hold.delivered_ms);
            if visit(ClaimedEntry { entry, idle_ms, deliveries: hold.deliveries }) == Take::Stop {
                break;
            }
            claimed.push(hold);
        }
        for hold in &claimed {
            let deliveries = once_more(hold.deliveries);
            self.group.assign(Hold { owner: Some(consumer.0), delivered_ms: now_ms, deliveries, ..*hold });
        }
        if !claimed.is_empty() {
            self.group.consumers.at_mut(consumer).active_ms = Some(now_ms);
        }
        claimed.len() as u64
    }

    /// When the first entry that [`claim_idle`](Self::claim_idle) could take was delivered: add the idle time asked for to
    /// know when to look again. 0 when something was handed back, `None` when nothing is pending that exists.
    pub fn oldest_claimable_ms(&mut self) -> Option<u64> {
        let entries = self.entries;
        if self.group.nacked().any(|id| entries.contains(id)) {
            return Some(0);
        }
        if !self.group.pending.has_delivered_until(u64::MAX) {
            return None;
        }
        let mut oldest = self.group.pending.oldest_first(u64::MAX);
        oldest.find(|hold| entries.contains(hold.id)).map(|hold| hold.delivered_ms)
    }
}

fn count(deliveries: u64, count: Count) -> u64 {
    match count {
        Count::Bump => once_more(deliveries),
        Count::Keep => deliveries,
        Count::Set(count) => count.min(DELIVERIES_MAX),
    }
}
