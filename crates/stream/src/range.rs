//! Reading entries in order, and keeping what was read while the stream goes on changing.
//!
//! [`Range`] and [`RangeRev`] borrow the stream. A [`Slice`] owns the blocks it shows, by sharing them: a write to one
//! of them copies it first, so the slice stays as it was and can be encoded without holding anything.

use std::iter::FusedIterator;

use crate::block::Cursor;
use crate::directory::Directory;
use crate::entries::{BlockRun, Entries};
use crate::entry::EntryRef;
use crate::id::StreamId;

/// Live entries between two IDs, oldest first.
#[derive(Clone, Debug)]
pub struct Range<'a> {
    directory: &'a Directory<BlockRun>,
    cursor: Option<Cursor<'a>>,
    slot: usize,
    from: StreamId,
    to: StreamId,
}

impl<'a> Range<'a> {
    fn new(directory: &'a Directory<BlockRun>, from: StreamId, to: StreamId) -> Self {
        Self { directory, cursor: None, slot: directory.floor_or_front(from), from, to }
    }
}

impl<'a> Iterator for Range<'a> {
    type Item = EntryRef<'a>;

    fn next(&mut self) -> Option<EntryRef<'a>> {
        loop {
            let Some(cursor) = &mut self.cursor else {
                let run = self.directory.get(self.slot).filter(|run| run.first_id() <= self.to)?;
                self.slot += 1;
                self.cursor = run.block().map(|block| block.cursor_near(self.from));
                continue;
            };
            match cursor.step_live() {
                Some(raw) if raw.id < self.from => {}
                Some(raw) if raw.id <= self.to => return Some(cursor.entry(&raw)),
                Some(_) => {
                    self.slot = usize::MAX;
                    self.cursor = None;
                    return None;
                }
                None => self.cursor = None,
            }
        }
    }
}

impl FusedIterator for Range<'_> {}

/// Live entries between two IDs, newest first.
#[derive(Clone, Debug)]
pub struct RangeRev<'a> {
    directory: &'a Directory<BlockRun>,
    /// The block being read, and where in it the entries lie that are still to come.
    cursor: Option<Cursor<'a>>,
    places: Vec<(u32, StreamId)>,
    /// Slots below this one are still to come.
    slots: usize,
    from: StreamId,
    to: StreamId,
}

impl<'a> RangeRev<'a> {
    fn new(directory: &'a Directory<BlockRun>, from: StreamId, to: StreamId) -> Self {
        let slots = directory.floor(to).map_or(0, |slot| slot + 1);
        Self { directory, cursor: None, places: Vec::new(), slots, from, to }
    }

    /// Blocks read forwards only, so the places of a block's entries are noted first and then taken from the end.
    fn load(&mut self) -> Option<()> {
        while self.places.is_empty() {
            self.slots = self.slots.checked_sub(1)?;
            let Some(block) = self.directory.get(self.slots).and_then(BlockRun::block) else {
                continue;
            };
            if block.last() < self.from {
                self.slots = 0;
                return None;
            }
            let mut cursor = block.cursor_near(self.from);
            while let Some(raw) = cursor.step_live().filter(|raw| raw.id <= self.to) {
                if raw.id >= self.from {
                    self.places.push(raw.place());
                }
            }
            self.cursor = Some(cursor);
        }
        Some(())
    }
}

impl<'a> Iterator for RangeRev<'a> {
    type Item = EntryRef<'a>;

    fn next(&mut self) -> Option<EntryRef<'a>> {
        self.load()?;
        let (at, prev) = self.places.pop()?;
        Some(self.cursor.as_ref()?.entry_at(at, prev))
    }
}

impl FusedIterator for RangeRev<'_> {}

/// Which way a [`Slice`] reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    Forward,
    /// Newest first.
    Backward,
}

/// Entries as they were when the slice was taken, whatever happens to the stream since.
#[derive(Clone, Debug)]
pub struct Slice {
    directory: Directory<BlockRun>,
    from: StreamId,
    to: StreamId,
    order: Order,
    limit: usize,
}

impl Slice {
    /// The entries.
    #[must_use]
    pub fn iter(&self) -> SliceIter<'_> {
        let range = match self.order {
            Order::Forward => SliceRange::Forward(Range::new(&self.directory, self.from, self.to)),
            Order::Backward => SliceRange::Backward(RangeRev::new(&self.directory, self.from, self.to)),
        };
        SliceIter { range, left: self.limit }
    }

    /// Blocks shared with the stream.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.directory.occupied()
    }
}

impl<'a> IntoIterator for &'a Slice {
    type Item = EntryRef<'a>;
    type IntoIter = SliceIter<'a>;

    fn into_iter(self) -> SliceIter<'a> {
        self.iter()
    }
}

/// The entries of a [`Slice`].
#[derive(Clone, Debug)]
pub struct SliceIter<'a> {
    range: SliceRange<'a>,
    left: usize,
}

#[derive(Clone, Debug)]
enum SliceRange<'a> {
    Forward(Range<'a>),
    Backward(RangeRev<'a>),
}

impl<'a> Iterator for SliceIter<'a> {
    type Item = EntryRef<'a>;

    fn next(&mut self) -> Option<EntryRef<'a>> {
        self.left = self.left.checked_sub(1)?;
        match &mut self.range {
            SliceRange::Forward(range) => range.next(),
            SliceRange::Backward(range) => range.next(),
        }
    }
}

impl Entries {
    /// Live entries from `from` to `to`, both included, oldest first. Limit it with [`Iterator::take`].
    #[must_use]
    pub fn range(&self, from: StreamId, to: StreamId) -> Range<'_> {
        Range::new(&self.directory, from, to)
    }

    /// Live entries from `to` down to `from`, both included, newest first.
    #[must_use]
    pub fn range_rev(&self, from: StreamId, to: StreamId) -> RangeRev<'_> {
        RangeRev::new(&self.directory, from, to)
    }

    /// Live entries with IDs greater than `id`, oldest first.
    #[must_use]
    pub fn after(&self, id: StreamId) -> Range<'_> {
        match id.next() {
            Some(from) => self.range(from, StreamId::MAX),
            None => Range { slot: usize::MAX, ..self.range(StreamId::MAX, StreamId::MAX) },
        }
    }

    /// The same entries to keep: at most `limit` of those between `from` and `to`, in `order`.
    ///
    /// Takes time for the blocks shown, not for their entries, and shares the blocks with the stream.
    #[must_use]
    pub fn slice(&self, from: StreamId, to: StreamId, order: Order, limit: usize) -> Slice {
        let mut directory = Directory::default();
        if limit > 0 && from <= to && !self.is_empty() {
            let front = self.directory.floor_or_front(from);
            let slots = self.directory.floor(to).map_or(0, |slot| slot + 1);
            let (front, slots) = match order {
                Order::Forward => (front, self.covering(front..slots, limit)),
                Order::Backward => (slots - self.covering((front..slots).rev(), limit), slots),
            };
            let slots = if order == Order::Forward { front + slots } else { slots };
            for slot in front..slots {
                if let Some(run) = self.directory.get(slot).filter(|run| run.block().is_some()) {
                    directory.push_back(run.clone());
                }
            }
        }
        Slice { directory, from, to, order, limit }
    }

    /// How many of these slots it takes to be sure of `limit` entries; the first may show next to nothing of its own.
    fn covering(&self, slots: impl Iterator<Item = usize>, limit: usize) -> usize {
        let (mut taken, mut sure) = (0, 0);
        for slot in slots {
            taken += 1;
            if taken > 1 {
                sure += self.directory.get(slot).map_or(0, |run| run.live() as usize);
            }
            if sure >= limit {
                break;
            }
        }
        taken
    }
}
