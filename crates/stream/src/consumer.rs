//! The consumers of one group: a table by name, and a small number for each that pending entries refer to.
//!
//! Numbers of deleted consumers are given out again, smallest first, so the same calls give the same numbers everywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A consumer of a group, good until it is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerId(pub(crate) u32);

/// One consumer.
#[derive(Clone, Debug)]
pub struct Consumer {
    name: Arc<[u8]>,
    pub(crate) seen_ms: u64,
    pub(crate) active_ms: Option<u64>,
    pub(crate) pending: u64,
}

impl Consumer {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Entries it was given and has not acknowledged.
    #[must_use]
    pub const fn pending(&self) -> u64 {
        self.pending
    }

    /// When it last tried to read or claim, in Unix milliseconds.
    #[must_use]
    pub const fn seen_ms(&self) -> u64 {
        self.seen_ms
    }

    /// When it last got something by reading or claiming; `None` when it never did.
    #[must_use]
    pub const fn active_ms(&self) -> Option<u64> {
        self.active_ms
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Consumers {
    by_name: BTreeMap<Arc<[u8]>, u32>,
    slots: Vec<Option<Consumer>>,
    free: BTreeSet<u32>,
    name_bytes: usize,
}

impl Consumers {
    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Numbers in use are below this.
    pub(crate) fn slots(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn id(&self, name: &[u8]) -> Option<ConsumerId> {
        self.by_name.get(name).copied().map(ConsumerId)
    }

    /// Makes a consumer that does not exist yet.
    pub(crate) fn create(&mut self, name: &[u8], now_ms: u64) -> ConsumerId {
        let name: Arc<[u8]> = name.into();
        let consumer = Consumer { name: Arc::clone(&name), seen_ms: now_ms, active_ms: None, pending: 0 };
        self.name_bytes += name.len();
        let id = match self.free.pop_first() {
            Some(id) => {
                self.slots[id as usize] = Some(consumer);
                id
            }
            None => {
                self.slots.push(Some(consumer));
                (self.slots.len() - 1) as u32
            }
        };
        self.by_name.insert(name, id);
        ConsumerId(id)
    }

    pub(crate) fn delete(&mut self, id: ConsumerId) {
        let consumer = self.slots[id.0 as usize].take().expect("a consumer's number is good while it lives");
        self.name_bytes -= consumer.name.len();
        self.by_name.remove(&consumer.name);
        self.free.insert(id.0);
        while self.slots.last().is_some_and(Option::is_none) {
            self.slots.pop();
            self.free.remove(&(self.slots.len() as u32));
        }
    }

    pub(crate) fn get(&self, id: u32) -> Option<&Consumer> {
        self.slots.get(id as usize)?.as_ref()
    }

    pub(crate) fn at(&self, id: ConsumerId) -> &Consumer {
        self.get(id.0).expect("a consumer's number is good while it lives")
    }

    pub(crate) fn at_mut(&mut self, id: ConsumerId) -> &mut Consumer {
        self.slots[id.0 as usize].as_mut().expect("a consumer's number is good while it lives")
    }

    /// Consumers by name.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (ConsumerId, &Consumer)> + DoubleEndedIterator {
        self.by_name.values().map(|&id| (ConsumerId(id), self.at(ConsumerId(id))))
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        // A tree's node is about two thirds full; names sit behind two counters, shared by tree and slot.
        let tree = self.by_name.len() * size_of::<(Arc<[u8]>, u32)>() * 3 / 2;
        let names = self.name_bytes + self.by_name.len() * 2 * size_of::<usize>();
        tree + names + self.slots.capacity() * size_of::<Option<Consumer>>() + self.free.len() * size_of::<u32>() * 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_given_out_again_smallest_first() {
        let mut consumers = Consumers::default();
        let ids: Vec<_> = [&b"a"[..], b"b", b"c", b"d"].iter().map(|name| consumers.create(name, 0)).collect();
        consumers.delete(ids[2]);
        consumers.delete(ids[0]);
        assert_eq!(consumers.create(b"e", 0).0, 0);
        assert_eq!(consumers.create(b"f", 0).0, 2);
        assert_eq!(consumers.create(b"g", 0).0, 4);
        let names: Vec<_> = consumers.iter().map(|(_, consumer)| consumer.name().to_vec()).collect();
        assert_eq!(names, [b"b", b"d", b"e", b"f", b"g"]);
    }

    #[test]
    fn the_table_shrinks_with_its_last_consumers() {
        let mut consumers = Consumers::default();
        let ids: Vec<_> = [&b"a"[..], b"b", b"c"].iter().map(|name| consumers.create(name, 0)).collect();
        consumers.delete(ids[1]);
        consumers.delete(ids[2]);
        assert_eq!(consumers.slots.len(), 1);
        assert_eq!(consumers.create(b"d", 0).0, 1);
    }
}
