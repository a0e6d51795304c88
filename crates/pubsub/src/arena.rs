//! Slots that keep their number while they live, and chains through them.
//!
//! Everything in this crate is linked by [`Id`]s, four bytes each, instead of pointers: a subscription sits in two
//! ordered lists at once (its channel's and its subscriber's) and must leave both in constant time, wherever in them
//! it stands. Freed slots are reused, last freed first, so the same operations always give the same numbers.
//!
//! An arena that empties gives its memory back once it is worth giving: a broker that was once full of subscribers
//! does not stay big for ever.

use std::mem;
use std::num::NonZeroU32;

/// Slots kept when everything leaves, so that one subscriber coming and going does not allocate each time.
pub(crate) const KEPT_SLOTS: usize = 64;

/// The number of an occupied slot. `Option<Id>` is four bytes too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(NonZeroU32);

impl Id {
    /// The position of this slot counted from zero, for tables kept beside an arena.
    pub(crate) fn index(self) -> usize {
        self.0.get() as usize - 1
    }

    fn at(index: usize) -> Self {
        let number = u32::try_from(index + 1).expect("an arena holds fewer than 2^32 slots");
        Self(NonZeroU32::new(number).expect("index + 1 is at least 1"))
    }
}

#[derive(Clone, Debug)]
enum Slot<T> {
    Used(T),
    Free { next: Option<Id> },
}

/// A growing set of slots addressed by [`Id`].
#[derive(Clone, Debug)]
pub(crate) struct Arena<T> {
    slots: Vec<Slot<T>>,
    free: Option<Id>,
    used: usize,
}

impl<T> Arena<T> {
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), free: None, used: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.used
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.used == 0
    }

    pub(crate) fn insert(&mut self, value: T) -> Id {
        self.used += 1;
        let Some(id) = self.free else {
            self.slots.push(Slot::Used(value));
            return Id::at(self.slots.len() - 1);
        };
        match mem::replace(&mut self.slots[id.index()], Slot::Used(value)) {
            Slot::Free { next } => self.free = next,
            Slot::Used(_) => unreachable!("the free list names free slots only"),
        }
        id
    }

    pub(crate) fn remove(&mut self, id: Id) -> T {
        let slot = Slot::Free { next: self.free };
        let Slot::Used(value) = mem::replace(&mut self.slots[id.index()], slot) else {
            unreachable!("an id outlived its slot")
        };
        self.free = Some(id);
        self.used -= 1;
        if self.used == 0 {
            self.free = None;
            self.slots.clear();
            self.slots.shrink_to(KEPT_SLOTS);
        }
        value
    }

    pub(crate) fn at(&self, id: Id) -> &T {
        match &self.slots[id.index()] {
            Slot::Used(value) => value,
            Slot::Free { .. } => unreachable!("an id outlived its slot"),
        }
    }

    pub(crate) fn at_mut(&mut self, id: Id) -> &mut T {
        match &mut self.slots[id.index()] {
            Slot::Used(value) => value,
            Slot::Free { .. } => unreachable!("an id outlived its slot"),
        }
    }

    /// Heap bytes held by the slots themselves, free ones included.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot<T>>()
    }
}

/// A slot's neighbours in one chain.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Links {
    prev: Option<Id>,
    next: Option<Id>,
}

impl Links {
    pub(crate) fn next(self) -> Option<Id> {
        self.next
    }
}

/// A chain a slot of type `T` can be part of: which of its links belong to it.
///
/// The implementors are empty types, so that a chain costs its two ends and a count, and linking through the wrong
/// pair of links does not compile.
pub(crate) trait Chained<T> {
    fn links(slot: &T) -> &Links;
    fn links_mut(slot: &mut T) -> &mut Links;
}

/// An ordered list threaded through the slots of an arena: push and unlink in constant time, order kept.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Chain {
    head: Option<Id>,
    tail: Option<Id>,
    len: u32,
}

impl Chain {
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    pub(crate) fn push<C: Chained<T>, T>(&mut self, slots: &mut Arena<T>, id: Id) {
        *C::links_mut(slots.at_mut(id)) = Links { prev: self.tail, next: None };
        match self.tail {
            Some(tail) => C::links_mut(slots.at_mut(tail)).next = Some(id),
            None => self.head = Some(id),
        }
        self.tail = Some(id);
        self.len += 1;
    }

    pub(crate) fn unlink<C: Chained<T>, T>(&mut self, slots: &mut Arena<T>, id: Id) {
        let Links { prev, next } = mem::take(C::links_mut(slots.at_mut(id)));
        match prev {
            Some(prev) => C::links_mut(slots.at_mut(prev)).next = next,
            None => self.head = next,
        }
        match next {
            Some(next) => C::links_mut(slots.at_mut(next)).prev = prev,
            None => self.tail = prev,
        }
        self.len -= 1;
    }

    pub(crate) fn first(&self) -> Option<Id> {
        self.head
    }

    /// The chain's slots, first pushed first.
    pub(crate) fn iter<'a, C: Chained<T>, T>(
        &self,
        slots: &'a Arena<T>,
    ) -> impl Iterator<Item = (Id, &'a T)> + use<'a, C, T> {
        let mut next = self.head;
        std::iter::from_fn(move || {
            let id = next?;
            let slot = slots.at(id);
            next = C::links(slot).next;
            Some((id, slot))
        })
    }
}
