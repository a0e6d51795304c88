//! A sorted row of runs, each holding the items from its first ID up to the next run's.
//!
//! Blocks of entries and chunks of pending entries are both kept in one. A run that loses its last item in the middle
//! of the row is not taken out at once, which would shift half the row; it stays behind as a vacancy:
//!
//! ```text
//!   first    10      25      31      40      58
//!          ┌─────┐ ┌─────┐ ┌ ─ ─ ┐ ┌─────┐ ┌─────┐
//!          │ ··· │ │ ··· │   vacant │ ··· │ │ ··· │
//!          └─────┘ └─────┘ └ ─ ─ ┘ └─────┘ └─────┘
//! ```
//!
//! A vacancy keeps its first ID, so the binary search needs no special case. Vacancies are closed when they outnumber
//! the rest; a removal costs constant time on average.
//!
//! Invariants: firsts ascend strictly; after [`settle`](Directory::settle) neither end is vacant.

use std::collections::VecDeque;

use crate::id::StreamId;

/// What a [`Directory`] needs to know of its elements.
pub(crate) trait Run {
    /// Not after any item of the run, and after every item of the run before.
    fn first(&self) -> StreamId;
    /// Whether the run holds nothing any more.
    fn is_vacant(&self) -> bool;
}

/// Below this many vacancies closing them is not worth the walk.
const VACANCIES_MIN: usize = 16;

#[derive(Clone, Debug)]
pub(crate) struct Directory<R> {
    runs: VecDeque<R>,
    vacant: usize,
}

impl<R> Default for Directory<R> {
    fn default() -> Self {
        Self { runs: VecDeque::new(), vacant: 0 }
    }
}

impl<R: Run> Directory<R> {
    /// The last run that begins at or before `id`, vacant or not.
    #[inline]
    pub(crate) fn floor(&self, id: StreamId) -> Option<usize> {
        self.runs.partition_point(|run| run.first() <= id).checked_sub(1)
    }

    /// Where a walk upwards from `id` begins.
    pub(crate) fn floor_or_front(&self, id: StreamId) -> usize {
        self.floor(id).unwrap_or(0)
    }

    pub(crate) fn get(&self, at: usize) -> Option<&R> {
        self.runs.get(at)
    }

    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut R> {
        self.runs.get_mut(at)
    }

    pub(crate) fn front(&self) -> Option<&R> {
        self.runs.front()
    }

    pub(crate) fn back(&self) -> Option<&R> {
        self.runs.back()
    }

    pub(crate) fn back_mut(&mut self) -> Option<&mut R> {
        self.runs.back_mut()
    }

    /// Slots, vacant ones included.
    pub(crate) fn slots(&self) -> usize {
        self.runs.len()
    }

    /// Runs that hold something.
    pub(crate) fn occupied(&self) -> usize {
        self.runs.len() - self.vacant
    }

    /// Bytes the row itself takes.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.runs.capacity() * size_of::<R>()
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &R> {
        self.runs.iter().filter(|run| !run.is_vacant())
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut R> {
        self.runs.iter_mut().filter(|run| !run.is_vacant())
    }

    /// Runs that hold something, with their slots.
    pub(crate) fn iter_slots(&self) -> impl Iterator<Item = (usize, &R)> {
        self.runs.iter().enumerate().filter(|(_, run)| !run.is_vacant())
    }

    pub(crate) fn push_back(&mut self, run: R) {
        debug_assert!(self.runs.back().is_none_or(|last| last.first() < run.first()), "runs ascend");
        self.runs.push_back(run);
    }

    pub(crate) fn pop_front(&mut self) -> Option<R> {
        let run = self.runs.pop_front();
        self.settle();
        run
    }

    pub(crate) fn insert(&mut self, at: usize, run: R) {
        self.runs.insert(at, run);
    }

    /// Takes out a run that is not vacant, and closes the gap.
    pub(crate) fn remove(&mut self, at: usize) -> Option<R> {
        self.runs.remove(at)
    }

    /// Says that the run in some slot has just become vacant. [`settle`](Self::settle) must follow before anybody relies
    /// on the ends; in between, indices stay good.
    pub(crate) fn note_vacant(&mut self) {
        self.vacant += 1;
    }

    /// Says that a vacant slot holds something again.
    pub(crate) fn note_occupied(&mut self) {
        self.vacant -= 1;
    }

    /// Drops vacancies at both ends, and all of them once they outnumber the rest.
    pub(crate) fn settle(&mut self) {
        if self.vacant == 0 {
            return;
        }
        while self.runs.front().is_some_and(Run::is_vacant) {
            self.runs.pop_front();
            self.vacant -= 1;
        }
        while self.runs.back().is_some_and(Run::is_vacant) {
            self.runs.pop_back();
            self.vacant -= 1;
        }
        if self.vacant >= VACANCIES_MIN && self.vacant > self.occupied() {
            self.runs.retain(|run| !run.is_vacant());
            self.vacant = 0;
        }
        if self.runs.capacity() > 64 && self.runs.len() * 4 < self.runs.capacity() {
            self.runs.shrink_to(self.runs.len() * 2);
        }
    }
}

#[cfg(test)]
impl<R: Run> Directory<R> {
    /// # Panics
    /// When an invariant does not hold.
    pub(crate) fn audit(&self) {
        assert!(self.runs.iter().is_sorted_by(|a, b| a.first() < b.first()), "firsts ascend");
        assert_eq!(self.runs.iter().filter(|run| run.is_vacant()).count(), self.vacant);
        assert!(self.front().is_none_or(|run| !run.is_vacant()) && self.back().is_none_or(|run| !run.is_vacant()));
    }
}
