//! Going over pending entries in order of their IDs, to look or to change.

use super::{Chunk, Hold, Pending, Places};
use crate::id::StreamId;

/// What a walk does with the entry it is shown.
pub(crate) enum Step {
    Keep,
    /// Replace owner, time and count; the ID stays.
    Put(Hold),
    Remove,
    /// End the walk before this entry.
    Stop,
}

/// Which entries a walk shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk {
    pub(crate) from: StreamId,
    pub(crate) owner: Option<u32>,
    /// The walk ends after this many, without looking for more.
    pub(crate) at_most: u64,
}

impl Pending {
    /// Shows entries in order of their IDs and does with each what `visit` says. Returns where it was stopped.
    pub(crate) fn walk(&mut self, mut walk: Walk, mut visit: impl FnMut(Hold) -> Step) -> Option<StreamId> {
        let mut slot = self.directory.floor_or_front(walk.from);
        let mut stopped = None;
        while stopped.is_none()
            && walk.at_most > 0
            && let Some(run) = self.directory.get(slot)
        {
            if let Some(chunk) = run.chunk.as_ref().filter(|_| run.may_have(walk.owner)) {
                let places = chunk.places(walk.from);
                stopped = self.walk_chunk(slot, places, &mut walk, &mut visit);
                self.tidy(slot);
            }
            slot += 1;
        }
        self.directory.settle();
        stopped
    }

    fn walk_chunk(
        &mut self,
        slot: usize,
        places: Places,
        walk: &mut Walk,
        visit: &mut impl FnMut(Hold) -> Step,
    ) -> Option<StreamId> {
        for at in places {
            let before = self.record_at(slot, at);
            if walk.owner.is_some_and(|owner| owner != before.owner) {
                continue;
            }
            match visit(self.hold(&before)) {
                Step::Keep => {}
                Step::Stop => return Some(before.id),
                Step::Put(hold) => {
                    self.forget_aside(&before);
                    let record = self.record(&hold);
                    self.edit(slot, |chunk| chunk.set(at, record));
                    self.note_change(slot, &record);
                }
                Step::Remove => {
                    self.forget_aside(&before);
                    self.edit(slot, |chunk| chunk.clear(at));
                    self.len -= 1;
                    self.directory.get_mut(slot).expect("it is being walked").stale += 1;
                }
            }
            walk.at_most -= 1;
            if walk.at_most == 0 {
                break;
            }
        }
        None
    }

    /// Entries from `from` on, of one owner where given.
    pub(crate) fn iter(&self, from: StreamId, owner: Option<u32>) -> PendingIter<'_> {
        let slot = self.directory.floor_or_front(from);
        PendingIter { pending: self, slot, chunk: None, from, owner }
    }
}

/// Entries in order of their IDs.
#[derive(Clone, Debug)]
pub(crate) struct PendingIter<'a> {
    pending: &'a Pending,
    slot: usize,
    chunk: Option<(&'a Chunk, Places)>,
    from: StreamId,
    owner: Option<u32>,
}

impl Iterator for PendingIter<'_> {
    type Item = Hold;

    fn next(&mut self) -> Option<Hold> {
        loop {
            if let Some((chunk, places)) = &mut self.chunk {
                for at in places {
                    let record = chunk.record(at);
                    if self.owner.is_none_or(|owner| owner == record.owner) {
                        return Some(self.pending.hold(&record));
                    }
                }
                self.chunk = None;
            }
            let run = self.pending.directory.get(self.slot)?;
            self.slot += 1;
            if let Some(chunk) = run.chunk.as_deref().filter(|_| run.may_have(self.owner)) {
                self.chunk = Some((chunk, chunk.places(self.from)));
            }
        }
    }
}
