//! A radix trie over bytes: which of the stored keys start a text, or occur in it, at the cost of that text.
//!
//! ```text
//!            (root)
//!            /    \
//!        "news."  "user:"           a node's label is all the bytes up to the next branch or value
//!        /    \        \
//!     "eu"●   "us"●    "4"●         ● holds a value
//!                        \
//!                        "2"●       along("user:42") meets the values of "user:4" and "user:42"
//! ```
//!
//! Invariant: every node but the root holds a value or at least two children, so a trie of n keys has at most 2n nodes
//! and nothing is left of a key that was removed.
//!
//! A walk never looks at keys that differ from the text: that is what makes a publish independent of how many patterns
//! there are. A hash table for each length of key would do too, but hashes the text once for each length in use and
//! cannot stop early.

use smallvec::SmallVec;

use crate::arena::{Arena, Id};

/// How many values [`Trie::within`] may meet before it allocates.
const MET_INLINE: usize = 32;

#[derive(Clone, Debug)]
struct Node<V> {
    label: Box<[u8]>,
    /// Ordered by the first byte of their labels.
    children: Vec<Child>,
    value: Option<V>,
}

#[derive(Clone, Copy, Debug)]
struct Child {
    first: u8,
    node: Id,
}

impl<V> Node<V> {
    fn leaf(label: &[u8]) -> Self {
        Self { label: label.into(), children: Vec::new(), value: None }
    }

    fn position(&self, first: u8) -> Result<usize, usize> {
        self.children.binary_search_by_key(&first, |child| child.first)
    }
}

/// A map from byte strings to values.
#[derive(Clone, Debug)]
pub(crate) struct Trie<V> {
    nodes: Arena<Node<V>>,
    root: Id,
    label_bytes: usize,
}

impl<V: Default> Trie<V> {
    pub(crate) fn new() -> Self {
        let mut nodes = Arena::new();
        let root = nodes.insert(Node::leaf(b""));
        Self { nodes, root, label_bytes: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        let root = self.nodes.at(self.root);
        root.value.is_none() && root.children.is_empty()
    }

    /// The value of a key, created if it is not there.
    pub(crate) fn entry(&mut self, key: &[u8]) -> &mut V {
        let mut at = self.root;
        let mut rest = key;
        while let Some(&first) = rest.first() {
            match self.nodes.at(at).position(first) {
                Ok(position) => {
                    let (node, shared) = self.enter(at, position, rest);
                    at = node;
                    rest = &rest[shared..];
                }
                Err(position) => {
                    let node = self.nodes.insert(Node::leaf(rest));
                    self.label_bytes += rest.len();
                    self.nodes.at_mut(at).children.insert(position, Child { first, node });
                    at = node;
                    break;
                }
            }
        }
        self.nodes.at_mut(at).value.get_or_insert_default()
    }

    pub(crate) fn find_mut(&mut self, key: &[u8]) -> Option<&mut V> {
        let (_, node) = self.locate(key)?;
        self.nodes.at_mut(node).value.as_mut()
    }

    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<V> {
        let (parent, node) = self.locate(key)?;
        let value = self.nodes.at_mut(node).value.take()?;
        if node == self.root {
            return Some(value);
        }
        if self.nodes.at(node).children.is_empty() {
            let leaf = self.nodes.remove(node);
            self.label_bytes -= leaf.label.len();
            let siblings = &mut self.nodes.at_mut(parent).children;
            siblings.retain(|child| child.node != node);
            siblings.shrink_to(siblings.len().next_power_of_two());
            self.join(parent);
        } else {
            self.join(node);
        }
        Some(value)
    }

    /// Meets the value of every key that `text` starts with, shortest key first.
    pub(crate) fn along<'t>(&'t self, text: impl Iterator<Item = u8>, mut meet: impl FnMut(&'t V)) {
        self.descend(text, |_, value| meet(value));
    }

    /// Meets the value of every key that occurs in `text`, once, however often it occurs. Costs the text's length times
    /// the length of the longest key.
    pub(crate) fn within<'t>(&'t self, text: &[u8], mut meet: impl FnMut(&'t V)) {
        if let Some(value) = &self.nodes.at(self.root).value {
            meet(value);
        }
        let mut met: SmallVec<[Id; MET_INLINE]> = SmallVec::new();
        for start in 0..text.len() {
            self.descend(text[start..].iter().copied(), |node, _| {
                if node != self.root {
                    met.push(node);
                }
            });
        }
        met.sort_unstable();
        met.dedup();
        for node in met {
            meet(self.nodes.at(node).value.as_ref().expect("only nodes with a value are met"));
        }
    }

    /// Heap bytes of the trie itself, not counting what its values own.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.nodes.memory_bytes() + self.label_bytes + self.nodes.len() * size_of::<Child>()
    }

    fn descend<'t>(&'t self, mut text: impl Iterator<Item = u8>, mut meet: impl FnMut(Id, &'t V)) {
        let mut at = self.root;
        loop {
            let node = self.nodes.at(at);
            if let Some(value) = &node.value {
                meet(at, value);
            }
            let Some(first) = text.next() else { return };
            let Ok(position) = node.position(first) else {
                return;
            };
            at = node.children[position].node;
            for &byte in &self.nodes.at(at).label[1..] {
                if text.next() != Some(byte) {
                    return;
                }
            }
        }
    }

    /// The node of a key and that node's parent (for the root, itself).
    fn locate(&self, key: &[u8]) -> Option<(Id, Id)> {
        let (mut parent, mut at) = (self.root, self.root);
        let mut rest = key;
        while let Some(&first) = rest.first() {
            let node = self.nodes.at(at);
            (parent, at) = (at, node.children[node.position(first).ok()?].node);
            rest = rest.strip_prefix(&*self.nodes.at(at).label)?;
        }
        Some((parent, at))
    }

    /// Steps to a child as far as its label agrees with `rest`, cutting the label in two where it stops agreeing.
    /// Returns the node reached and how many bytes agreed.
    fn enter(&mut self, parent: Id, position: usize, rest: &[u8]) -> (Id, usize) {
        let below = self.nodes.at(parent).children[position].node;
        let label = &self.nodes.at(below).label;
        let shared = label.iter().zip(rest).take_while(|(ours, theirs)| ours == theirs).count();
        if shared == label.len() {
            return (below, shared);
        }
        let mut above = Node::leaf(&label[..shared]);
        let lower: Box<[u8]> = label[shared..].into();
        above.children.push(Child { first: lower[0], node: below });
        self.nodes.at_mut(below).label = lower;
        let above = self.nodes.insert(above);
        self.nodes.at_mut(parent).children[position].node = above;
        (above, shared)
    }

    /// Restores the invariant at a node that lost its value or a child: left with one child alone, it becomes that child.
    fn join(&mut self, id: Id) {
        let node = self.nodes.at(id);
        let [only] = node.children[..] else { return };
        if id == self.root || node.value.is_some() {
            return;
        }
        let below = self.nodes.remove(only.node);
        let node = self.nodes.at_mut(id);
        node.label = [&*node.label, &*below.label].concat().into();
        node.children = below.children;
        node.value = below.value;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    impl<V: Default> Trie<V> {
        pub(crate) fn values(&self) -> Vec<&V> {
            let mut values = Vec::new();
            let mut open = vec![self.root];
            while let Some(id) = open.pop() {
                let node = self.nodes.at(id);
                values.extend(&node.value);
                open.extend(node.children.iter().map(|child| child.node));
            }
            values
        }

        /// Every node is reachable, ordered, and needed.
        fn check(&self) {
            let mut reached = 0;
            let mut label_bytes = 0;
            let mut open = vec![self.root];
            while let Some(id) = open.pop() {
                let node = self.nodes.at(id);
                reached += 1;
                label_bytes += node.label.len();
                assert!(node.children.is_sorted_by(|a, b| a.first < b.first));
                assert!(id == self.root || node.value.is_some() || node.children.len() >= 2);
                for child in &node.children {
                    assert_eq!(self.nodes.at(child.node).label.first(), Some(&child.first));
                    open.push(child.node);
                }
            }
            assert_eq!(reached, self.nodes.len());
            assert_eq!(label_bytes, self.label_bytes);
        }
    }

    fn key() -> impl Strategy<Value = Vec<u8>> {
        vec(select(b"aaab\x00\xff".to_vec()), 0..6)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_trie_is_a_map_that_also_answers_along_and_within(
            steps in vec((key(), any::<bool>()), 0..60),
            text in vec(select(b"aaab\x00\xff".to_vec()), 0..12),
        ) {
            let mut trie: Trie<u32> = Trie::new();
            let mut model: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
            for (number, (key, insert)) in (1..).zip(steps) {
                if insert {
                    *trie.entry(&key) = number;
                    model.insert(key, number);
                } else {
                    prop_assert_eq!(trie.find_mut(&key).copied(), model.get(&key).copied());
                    prop_assert_eq!(trie.remove(&key), model.remove(&key));
                }
                trie.check();
            }
            prop_assert_eq!(trie.is_empty(), model.is_empty());

            let mut along = Vec::new();
            trie.along(text.iter().copied(), |&value| along.push(value));
            let starts: Vec<u32> =
                (0..=text.len()).filter_map(|end| model.get(&text[..end]).copied()).collect();
            prop_assert_eq!(along, starts, "shortest key first");

            let mut within = Vec::new();
            trie.within(&text, |&value| within.push(value));
            within.sort_unstable();
            let occurs = |key: &[u8]| key.is_empty() || text.windows(key.len()).any(|window| window == key);
            let mut occurring: Vec<u32> =
                model.iter().filter(|(key, _)| occurs(key)).map(|(_, &value)| value).collect();
            occurring.sort_unstable();
            prop_assert_eq!(within, occurring, "each once");
        }
    }
}
