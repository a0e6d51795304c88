//! Numbered slots that never move.
//!
//! Slots come in chunks that are never reallocated, so growing costs one chunk and never a copy of everything.
//! Freed slots are reused, last freed first, so that the numbers stay dense.

/// Slots a chunk. Small enough that an almost empty database is small, large enough that the chunk list is.
const CHUNK_SLOTS: usize = 128;

#[derive(Debug)]
enum Slot<T> {
    Taken(T),
    Free { next: u32 },
}

/// End of the list of free slots.
const NONE: u32 = u32::MAX;

/// A growing array of slots.
#[derive(Debug)]
pub(super) struct Slab<T> {
    chunks: Vec<Vec<Slot<T>>>,
    free: u32,
    slots: u32,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), free: NONE, slots: 0 }
    }
}

impl<T> Slab<T> {
    /// Slots ever made: every taken slot's number is below this.
    pub(super) fn slots(&self) -> u32 {
        self.slots
    }

    /// Puts `value` into a free slot.
    pub(super) fn insert(&mut self, value: T) -> u32 {
        if self.free != NONE {
            let slot = self.free;
            let place = self.place_mut(slot);
            let Slot::Free { next } = *place else { unreachable!("a slot on the free list is free") };
            *place = Slot::Taken(value);
            self.free = next;
            return slot;
        }
        let slot = self.slots;
        assert!(slot < NONE, "a database holds at most 2^32-1 keys");
        if (slot as usize).is_multiple_of(CHUNK_SLOTS) {
            self.chunks.push(Vec::with_capacity(CHUNK_SLOTS));
        }
        self.chunks.last_mut().expect("a chunk was made for the first slot").push(Slot::Taken(value));
        self.slots += 1;
        slot
    }

    /// Takes the value out of a taken slot.
    pub(super) fn remove(&mut self, slot: u32) -> T {
        let next = self.free;
        let taken = std::mem::replace(self.place_mut(slot), Slot::Free { next });
        self.free = slot;
        match taken {
            Slot::Taken(value) => value,
            Slot::Free { .. } => panic!("slot {slot} was removed twice"),
        }
    }

    /// The value in this slot.
    pub(super) fn get(&self, slot: u32) -> Option<&T> {
        match self.chunks.get(slot as usize / CHUNK_SLOTS)?.get(slot as usize % CHUNK_SLOTS)? {
            Slot::Taken(value) => Some(value),
            Slot::Free { .. } => None,
        }
    }

    /// The value in this slot.
    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        match self.chunks.get_mut(slot as usize / CHUNK_SLOTS)?.get_mut(slot as usize % CHUNK_SLOTS)? {
            Slot::Taken(value) => Some(value),
            Slot::Free { .. } => None,
        }
    }

    fn place_mut(&mut self, slot: u32) -> &mut Slot<T> {
        &mut self.chunks[slot as usize / CHUNK_SLOTS][slot as usize % CHUNK_SLOTS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
