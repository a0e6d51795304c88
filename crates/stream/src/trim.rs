//! Taking the oldest entries off.
//!
//! Trimming is exact here: how many, or up to which ID. Redis's approximate form drops whole nodes only, so what it does
//! depends on where nodes end; [`Stream::approximate`] turns it into an exact bound *before* anything is logged, and the
//! log then means the same on any machine.
//!
//! ```text
//!   nodes      [ 100 ][ 100 ][ 100 ][ 37 ]     at most ~ 200:  drop while 200 remain  →  everything before node 2
//!                                ▲
//!                             bound: IDs before this node's first
//! ```

use crate::block::BlockLimits;
use crate::entries::Tombstone;
use crate::id::StreamId;
use crate::pending::PendingIter;
use crate::refs::RefPolicy;
use crate::stream::Stream;

/// What to trim, or the exact bound to trim to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trim {
    /// Leave at most this many entries.
    MaxLen(u64),
    /// Leave no entry before this ID.
    MinId(StreamId),
}

impl Trim {
    /// Entries to keep, and below which ID they may go, if not all.
    const fn parts(self) -> (u64, Option<StreamId>) {
        match self {
            Self::MaxLen(len) => (len, None),
            Self::MinId(id) => (0, Some(id)),
        }
    }
}

/// An entry that will be appended before the trim.
#[derive(Clone, Copy, Debug)]
pub struct Arriving {
    /// Its ID.
    pub id: StreamId,
    /// Bytes of its names and values.
    pub payload: usize,
    /// The limits of the block it goes to.
    pub limits: BlockLimits,
}

/// How many entries an approximate trim takes at most when the client does not say (Redis: a hundred nodes, and sane
/// values where a node has no limit or a huge one).
#[must_use]
pub fn default_trim_limit(limits: BlockLimits) -> u64 {
    match u64::from(limits.max_entries) * 100 {
        0 => 10_000,
        limit => limit.min(1_000_000),
    }
}

/// A node as an approximate trim sees it.
struct Node {
    first: StreamId,
    last: StreamId,
    live: u64,
}

impl Stream {
    /// The exact bound that does what Redis does for an approximate trim: `limit` entries at most (0: no limit), counting
    /// an entry that is about to be appended. `None` when nothing would go.
    ///
    /// With [`RefPolicy::Keep`] whole nodes go. With the other policies Redis looks at each entry anyway and trims
    /// exactly, up to the node where the limit ends it.
    pub fn approximate(
        &mut self,
        trim: Trim,
        limit: u64,
        policy: RefPolicy,
        arriving: Option<Arriving>,
    ) -> Option<Trim> {
        let mut len = self.entries.len() + u64::from(arriving.is_some());
        let mut taken = 0;
        for at in 0.. {
            let Some(node) = self.node(at, arriving) else { break };
            let enough = matches!(trim, Trim::MaxLen(max) if len <= max);
            if !enough && limit > 0 && taken + node.live > limit {
                return (taken > 0).then_some(Trim::MinId(node.first));
            }
            let whole = match trim {
                Trim::MaxLen(max) => len - node.live >= max,
                Trim::MinId(id) => node.last < id,
            };
            if enough || !whole {
                return match policy {
                    RefPolicy::Keep => (taken > 0).then_some(Trim::MinId(node.first)),
                    RefPolicy::Drop | RefPolicy::Acked => Some(trim),
                };
            }
            let going = match policy {
                RefPolicy::Keep | RefPolicy::Drop => node.live,
                RefPolicy::Acked => self.unreferenced(&node),
            };
            taken += going;
            len -= going;
        }
        match policy {
            RefPolicy::Keep => (taken > 0).then_some(Trim::MaxLen(0)),
            RefPolicy::Drop | RefPolicy::Acked => Some(trim),
        }
    }

    /// The block in some slot of the directory, as it will be once the arriving entry is there. An empty node stands for
    /// a vacancy.
    fn node(&self, slot: usize, arriving: Option<Arriving>) -> Option<Node> {
        let slots = self.entries.directory.slots();
        let joins = |arriving: &Arriving| self.entries.back_has_room(arriving.payload, arriving.limits);
        let Some(run) = self.entries.directory.get(slot) else {
            let alone = arriving.filter(|arriving| slot == slots && !joins(arriving))?;
            return Some(Node { first: alone.id, last: alone.id, live: 1 });
        };
        let first = run.first_id();
        let Some(block) = run.block() else { return Some(Node { first, last: StreamId::MIN, live: 0 }) };
        let node = Node { first, last: block.last(), live: u64::from(block.live()) };
        match arriving.filter(|arriving| slot + 1 == slots && joins(arriving)) {
            Some(arriving) => Some(Node { last: arriving.id, live: node.live + 1, ..node }),
            None => Some(node),
        }
    }

    fn unreferenced(&mut self, node: &Node) -> u64 {
        let Some(least) = self.groups.least_read() else {
            return node.live;
        };
        let range = self.entries.range(node.first, node.last.min(least));
        let mut references = References::new(self.groups.by_name.values().map(|group| &group.pending), node.first);
        range.filter(|entry| !references.have(entry.id)).count() as u64
    }

    /// Trims to an exact bound. Returns how many entries went.
    ///
    /// With [`RefPolicy::Acked`] entries that some group still needs are passed over, so more may remain than the bound
    /// says; the newer ones behind them still go, as far as the bound asks for it.
    pub fn trim(&mut self, trim: Trim, policy: RefPolicy) -> u64 {
        let (keep, below) = trim.parts();
        match policy {
            RefPolicy::Keep => self.entries.trim_front(keep, below),
            RefPolicy::Drop => self.trim_dropping(keep, below),
            RefPolicy::Acked => self.trim_acked(keep, below),
        }
    }

    fn trim_dropping(&mut self, keep: u64, below: Option<StreamId>) -> u64 {
        if self.groups.by_name.values().any(|group| group.pending_len() > 0) {
            let excess = usize::try_from(self.entries.len().saturating_sub(keep)).unwrap_or(usize::MAX);
            let going = self.entries.range(StreamId::MIN, StreamId::MAX).take(excess);
            for entry in going.take_while(|entry| is_below(entry.id, below)) {
                self.groups.release(entry.id);
            }
        }
        self.entries.trim_front(keep, below)
    }

    fn trim_acked(&mut self, keep: u64, below: Option<StreamId>) -> u64 {
        let Some(least) = self.groups.least_read() else {
            return self.entries.trim_front(keep, below);
        };
        let excess = usize::try_from(self.entries.len().saturating_sub(keep)).unwrap_or(usize::MAX);
        let pendings = self.groups.by_name.values().map(|group| &group.pending);
        let mut references = References::new(pendings, StreamId::MIN);
        // Nobody has everything after the least advanced group, so the walk ends there.
        let read_by_all = self.entries.range(StreamId::MIN, least).take_while(|entry| is_below(entry.id, below));
        let free: Vec<_> = read_by_all.map(|entry| entry.id).filter(|id| !references.have(*id)).take(excess).collect();
        for &id in &free {
            self.entries.delete(id, Tombstone::Silent);
        }
        free.len() as u64
    }
}

/// Whether an ID lies below a bound, if there is one: the greatest ID lies below no other.
pub(crate) fn is_below(id: StreamId, below: Option<StreamId>) -> bool {
    below.is_none_or(|below| id < below)
}

/// The pending entries of several groups, asked for ascending IDs.
struct References<'a> {
    groups: Vec<(PendingIter<'a>, Option<StreamId>)>,
}

impl<'a> References<'a> {
    fn new(groups: impl Iterator<Item = &'a crate::pending::Pending>, from: StreamId) -> Self {
        let groups = groups.filter(|pending| pending.len() > 0).map(|pending| {
            let mut iter = pending.iter(from, None);
            let next = iter.next().map(|hold| hold.id);
            (iter, next)
        });
        Self { groups: groups.collect() }
    }

    /// Whether any group has `id` pending.
    fn have(&mut self, id: StreamId) -> bool {
        self.groups.iter_mut().any(|(iter, next)| {
            while next.is_some_and(|next| next < id) {
                *next = iter.next().map(|hold| hold.id);
            }
            *next == Some(id)
        })
    }
}
