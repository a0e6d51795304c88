//! Numbered slots that never move.
//!
//! Slots come in chunks that are never reallocated, so growing costs one chunk and never a copy of everything. A value goes
//! into the lowest chunk that has room, and chunks without any value give their memory back, all but the lowest of them:
//!
//! ```text
//!   peak      ████ ████ ████ ████ ████ ████        slots() 24
//!   drained   ·█·· ···· ··█·                       slots() 12: the chunks at the end are gone
//!   goes on   ████ █··· ··█·                       the low ones fill again, the high ones drain and go
//! ```
//!
//! So memory, and what a walk over all slots costs, follows the values there are and not the most there ever were, save where
//! a few that stay hold their chunks: a value cannot be moved, its number is a cursor's.

use std::ops::Range;

use super::bits::Bits;

/// Slots a chunk. Few, so that a value that stays holds little, and an almost empty database is small; many enough that what is kept
/// of each chunk, 32 bytes, is a byte a slot.
pub(super) const CHUNK_SLOTS: usize = 32;

/// A list of chunks that was longer is made no shorter than this.
const CHUNKS_MIN: usize = 64;

#[derive(Debug)]
enum Slot<T> {
    Taken(T),
    Free { next: u8 },
}

/// End of a chunk's list of free slots.
const NONE: u8 = u8::MAX;

#[derive(Debug)]
struct Chunk<T> {
    /// As many as were used since it last gave its memory back.
    slots: Vec<Slot<T>>,
    free: u8,
    taken: u8,
}

/// A growing and shrinking array of slots.
#[derive(Debug)]
pub(super) struct Slab<T> {
    /// The last one holds memory.
    chunks: Vec<Chunk<T>>,
    /// Chunks that hold memory.
    held: Bits,
    /// Chunks with room for another one.
    roomy: Bits,
    /// The chunk that came to be empty last and still holds memory, so that a value that comes and goes changes none of all this.
    /// Invariant: without a value only this one holds memory.
    spare: Option<usize>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), held: Bits::default(), roomy: Bits::default(), spare: None }
    }
}

impl<T> Slab<T> {
    /// Every taken slot's number is below this.
    pub(super) fn slots(&self) -> u32 {
        self.chunks.len().checked_sub(1).map_or(0, |last| self.stretch_of(last).end)
    }

    /// Puts `value` into a free slot.
    pub(super) fn insert(&mut self, value: T) -> u32 {
        let at = self.roomy.first_from(0).unwrap_or_else(|| self.add_chunk());
        let chunk = &mut self.chunks[at];
        if chunk.slots.is_empty() {
            chunk.slots.reserve_exact(CHUNK_SLOTS);
            self.held.insert(at);
        }
        let place = match chunk.free {
            NONE => {
                chunk.slots.push(Slot::Taken(value));
                chunk.slots.len() - 1
            }
            free => {
                let slot = &mut chunk.slots[usize::from(free)];
                let Slot::Free { next } = *slot else { unreachable!("a slot on the free list is free") };
                *slot = Slot::Taken(value);
                chunk.free = next;
                usize::from(free)
            }
        };
        chunk.taken += 1;
        if usize::from(chunk.taken) == CHUNK_SLOTS {
            self.roomy.remove(at);
        }
        u32::try_from(at * CHUNK_SLOTS + place).expect("there are fewer chunks than that")
    }

    /// Takes the value out of a taken slot.
    pub(super) fn remove(&mut self, slot: u32) -> T {
        let (at, place) = place(slot);
        let chunk = &mut self.chunks[at];
        let taken = std::mem::replace(&mut chunk.slots[place], Slot::Free { next: chunk.free });
        let Slot::Taken(value) = taken else { panic!("slot {slot} was removed twice") };
        chunk.free = place as u8;
        if usize::from(chunk.taken) == CHUNK_SLOTS {
            self.roomy.insert(at);
        }
        chunk.taken -= 1;
        if chunk.taken == 0 && self.spare != Some(at) {
            self.change_spare(at);
        }
        value
    }

    /// The value in this slot.
    pub(super) fn get(&self, slot: u32) -> Option<&T> {
        let (at, place) = place(slot);
        match self.chunks.get(at)?.slots.get(place)? {
            Slot::Taken(value) => Some(value),
            Slot::Free { .. } => None,
        }
    }

    /// The value in this slot.
    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        let (at, place) = place(slot);
        match self.chunks.get_mut(at)?.slots.get_mut(place)? {
            Slot::Taken(value) => Some(value),
            Slot::Free { .. } => None,
        }
    }

    /// The next slots, from `from` on, of a chunk that holds memory; none if no chunk from there on does. Any of them may be
    /// free. Chunks that hold none, however many, are passed over in one step.
    pub(super) fn stretch(&self, from: u32) -> Option<Range<u32>> {
        let at = self.held.first_from(place(from).0)?;
        let stretch = self.stretch_of(at);
        if from < stretch.end {
            return Some(from.max(stretch.start)..stretch.end);
        }
        Some(self.stretch_of(self.held.first_from(at + 1)?))
    }

    /// The values in order of their slots, from the one in `from` on.
    pub(super) fn iter_from(&self, from: u32) -> impl Iterator<Item = &T> {
        let stretches = std::iter::successors(self.stretch(from), |stretch| self.stretch(stretch.end));
        stretches.flatten().filter_map(|slot| self.get(slot))
    }

    fn stretch_of(&self, at: usize) -> Range<u32> {
        let start = (at * CHUNK_SLOTS) as u32;
        start..start + self.chunks[at].slots.len() as u32
    }

    /// Adds a chunk at the end.
    fn add_chunk(&mut self) -> usize {
        let at = self.chunks.len();
        assert!(at < u32::MAX as usize / CHUNK_SLOTS, "a database holds fewer than 2^32 keys");
        self.chunks.push(Chunk { slots: Vec::new(), free: NONE, taken: 0 });
        self.roomy.insert(at);
        at
    }

    /// Of two chunks without a value the lower one keeps its memory: it is the next to get one.
    fn change_spare(&mut self, emptied: usize) {
        let other = self.spare.filter(|&spare| self.chunks[spare].taken == 0);
        self.spare = Some(other.map_or(emptied, |other| other.min(emptied)));
        if let Some(other) = other {
            self.give_back(other.max(emptied));
        }
    }

    /// Lets go of a chunk's memory, and of the chunks at the end that hold none.
    fn give_back(&mut self, at: usize) {
        self.chunks[at] = Chunk { slots: Vec::new(), free: NONE, taken: 0 };
        self.held.remove(at);
        while self.chunks.pop_if(|last| last.slots.is_empty()).is_some() {
            self.roomy.remove(self.chunks.len());
        }
        if self.chunks.capacity() > CHUNKS_MIN && self.chunks.len() < self.chunks.capacity() / 4 {
            self.chunks.shrink_to(CHUNKS_MIN.max(self.chunks.len() * 2));
        }
    }
}

/// The chunk of a slot, and its place in there.
fn place(slot: u32) -> (usize, usize) {
    (slot as usize / CHUNK_SLOTS, slot as usize % CHUNK_SLOTS)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    impl<T> Slab<T> {
        fn chunks_held(&self) -> usize {
            self.chunks.iter().filter(|chunk| chunk.slots.capacity() > 0).count()
        }
    }

    #[test]
    fn a_slot_keeps_its_number_while_others_come_and_go() {
        let mut slab = Slab::default();
        let numbers: Vec<u32> = (0..1000).map(|value| slab.insert(value)).collect();
        for &slot in numbers.iter().step_by(2) {
            slab.remove(slot);
        }
        for value in 1000..1500 {
            slab.insert(value);
        }
        for &slot in numbers.iter().skip(1).step_by(2) {
            assert_eq!(slab.get(slot), Some(&(slot as i32)));
        }
        assert_eq!(slab.slots(), 1000, "freed slots are reused before new ones are made");
    }

    #[test]
    fn after_a_peak_what_comes_goes_low_and_the_end_goes() {
        let mut slab = Slab::default();
        let numbers: Vec<u32> = (0..10_000).map(|value| slab.insert(value)).collect();
        let stays = [5, 7000, 9999];
        numbers.iter().filter(|slot| !stays.contains(*slot)).for_each(|&slot| _ = slab.remove(slot));
        assert_eq!((slab.slots(), slab.chunks_held()), (10_000, 3 + 1), "and one to spare");
        slab.remove(9999);
        assert_eq!((slab.slots(), slab.chunks_held()), (7008, 2 + 1));
        for value in 0..100 {
            assert!(slab.insert(value) < 128);
        }
        slab.remove(7000);
        // The last chunk without a value is the one to spare.
        assert_eq!((slab.slots(), slab.chunks_held()), (7008, 5));
        slab.remove(100);
        slab.remove(99);
        slab.remove(98);
        slab.remove(97);
        slab.remove(96);
        assert_eq!((slab.slots(), slab.chunks_held()), (101, 4));
        assert_eq!(slab.chunks.capacity(), CHUNKS_MIN, "neither does the list of chunks hold what it did");
        let left: Vec<u32> = (0..slab.slots()).filter(|slot| slab.get(*slot).is_some()).collect();
        left.iter().for_each(|&slot| _ = slab.remove(slot));
        assert_eq!((slab.chunks.len(), slab.chunks_held()), (1, 1));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// Grows and shrinks in turn: by how much, and which of the values goes each time.
        #[test]
        fn it_is_a_map_from_the_numbers_it_gave(
            turns in prop::collection::vec((0..400usize, 0..400usize, any::<usize>(), 0..7usize), 1..8),
        ) {
            let (mut slab, mut model) = (Slab::default(), BTreeMap::new());
            let mut value = 0;
            for (more, fewer, start, stride) in turns {
                for _ in 0..more {
                    let slot = slab.insert(value);
                    let below = slot / 32 * 32;
                    prop_assert_eq!(model.range(..below).count(), below as usize, "lower chunks are full");
                    prop_assert_eq!(model.insert(slot, value), None);
                    value += 1;
                }
                let mut nth = start;
                for _ in 0..fewer.min(model.len()) {
                    nth = nth.wrapping_add(stride) % model.len();
                    let slot = *model.keys().nth(nth).expect("it is below the number there is");
                    prop_assert_eq!(Some(slab.remove(slot)), model.remove(&slot));
                }
                prop_assert!(model.keys().all(|slot| *slot < slab.slots()));
                prop_assert!(slab.chunks.last().is_none_or(|last| !last.slots.is_empty()), "the end holds memory");
                let mut used: Vec<u32> = model.keys().map(|slot| slot / 32).collect();
                used.dedup();
                prop_assert!((used.len()..=used.len() + 1).contains(&slab.chunks_held()));
                for from in [0, 1, 31, 32, 33, 200, slab.slots(), u32::MAX] {
                    prop_assert!(slab.iter_from(from).eq(model.range(from..).map(|(_, value)| value)));
                    match slab.stretch(from) {
                        Some(stretch) => {
                            prop_assert!(from <= stretch.start && !stretch.is_empty());
                            prop_assert_eq!(model.range(from..stretch.start).next(), None);
                        }
                        None => prop_assert_eq!(model.range(from..).next(), None),
                    }
                }
                for slot in 0..slab.slots() + 100 {
                    prop_assert_eq!(slab.get(slot), model.get(&slot));
                    prop_assert_eq!(slab.get_mut(slot).copied(), model.get(&slot).copied());
                }
            }
        }
    }
}
