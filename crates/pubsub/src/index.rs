//! Finds the patterns that may match a channel without looking at the others.
//!
//! Three necessary conditions sort a pattern away, each in a trie: what its channels start with, what they end with, and
//! the longest literal in between.
//!
//! ```text
//!   bucket ──prefix──► bucket ──suffix──► bucket ──middle──► bucket
//!
//!   tenant-7:*            "tenant-7:"     ""          ""            `tenant-N:*` differ in their prefix,
//!   *:user-42             ""              ":user-42"  ""            `*:user-N` in their suffix,
//!   job:*:user-42:*       "job:"          ""          ":user-42:"   `job:*:user-N:*` in the middle
//! ```
//!
//! A bucket is a plain list while it is short, and turns into a trie of buckets, by the next condition, when it grows
//! past [`LISTED_MAX`]: a server with a handful of patterns has a handful of bytes here, and a pattern alone on its
//! prefix needs no suffix trie. What a publish visits follows from the channel's bytes: at most one bucket for each of
//! its starts, in it one for each of its ends, in it one for each literal it holds; never more buckets than there are.
//!
//! **What stays linear:** patterns alike in all three. They share the last bucket, and all of it is run: `[ab]*`,
//! `?[0-9]`, `??` (nothing literal), `*a*user-7*` against `*b*user-7*` (told apart by the shorter middle), or middles
//! that differ only before their last [`MIDDLE_BYTES_MAX`] bytes. Patterns that cannot match at all, like `[]`, are not
//! in the index.
//!
//! An index holds no names: it numbers patterns as their register does and asks for a name where it needs one. Nothing
//! here keeps order either; candidates carry their birth, and who publishes sorts the few that match.

use std::mem;

use smallvec::SmallVec;

use crate::arena::{Id, KEPT_SLOTS};
use crate::glob::{Anchors, Shape};
use crate::trie::Trie;

/// Patterns a bucket holds as a list. Running so few costs about as much as walking a trie would.
const LISTED_MAX: usize = 8;

/// The most bytes of a middle literal that are looked at, the last ones: names go from the general to the particular.
/// It bounds the search for middles to this times the channel's length.
const MIDDLE_BYTES_MAX: usize = 64;

/// The condition that a bucket sorts by when it splits.
#[derive(Clone, Copy, Debug)]
enum Level {
    Prefix,
    Suffix,
    Middle,
    /// No condition is left; the bucket stays a list.
    Last,
}

impl Level {
    fn next(self) -> Self {
        match self {
            Level::Prefix => Level::Suffix,
            Level::Suffix => Level::Middle,
            Level::Middle | Level::Last => Level::Last,
        }
    }
}

/// A pattern's place in the tries. The suffix is kept back to front, as it is walked.
struct Keys {
    prefix: Vec<u8>,
    suffix: Vec<u8>,
    middle: Vec<u8>,
}

impl Keys {
    /// `None` for a pattern that matches nothing.
    fn of(pattern: &[u8]) -> Option<Self> {
        let Anchors { prefix, mut suffix, mut middle, shape, .. } = Anchors::of(pattern);
        suffix.reverse();
        middle.drain(..middle.len().saturating_sub(MIDDLE_BYTES_MAX));
        (shape != Shape::Never).then_some(Self { prefix, suffix, middle })
    }

    fn at(&self, level: Level) -> &[u8] {
        match level {
            Level::Prefix => &self.prefix,
            Level::Suffix => &self.suffix,
            Level::Middle => &self.middle,
            Level::Last => unreachable!("the last bucket does not split"),
        }
    }
}

#[derive(Clone, Debug)]
enum Bucket {
    Listed(SmallVec<[Id; 4]>),
    Split(Box<Trie<Bucket>>),
}

impl Default for Bucket {
    fn default() -> Self {
        Bucket::Listed(SmallVec::new())
    }
}

impl Bucket {
    fn is_empty(&self) -> bool {
        match self {
            Bucket::Listed(patterns) => patterns.is_empty(),
            Bucket::Split(trie) => trie.is_empty(),
        }
    }

    /// Heap bytes of this bucket, without those of the buckets in it.
    fn memory_bytes(&self) -> usize {
        match self {
            Bucket::Listed(patterns) if patterns.spilled() => patterns.capacity() * size_of::<Id>(),
            Bucket::Listed(_) => 0,
            Bucket::Split(trie) => size_of::<Trie<Bucket>>() + trie.memory_bytes(),
        }
    }
}

/// What is kept for each pattern, by its number.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    birth: u64,
    /// Where in its bucket's list it stands, so that it leaves a long list without a search.
    position: u32,
}

/// The patterns of a register, findable by the channels they match.
#[derive(Clone, Debug, Default)]
pub(crate) struct PatternIndex {
    root: Bucket,
    places: Places,
    births: u64,
}

#[derive(Clone, Debug, Default)]
struct Places {
    of: Vec<Place>,
    bucket_bytes: usize,
}

impl PatternIndex {
    /// Adds a pattern under a number that is not in use. `name_of` gives the bytes of any number in use, also of this.
    pub(crate) fn insert<'n>(&mut self, id: Id, name_of: impl Fn(Id) -> &'n [u8]) {
        if self.places.of.len() <= id.index() {
            self.places.of.resize(id.index() + 1, Place::default());
        }
        self.births += 1;
        self.places.of[id.index()].birth = self.births;
        if let Some(keys) = Keys::of(name_of(id)) {
            self.places.insert(&mut self.root, Level::Prefix, id, &keys, &name_of);
        }
    }

    /// Removes a pattern, given its number and bytes.
    pub(crate) fn remove(&mut self, id: Id, name: &[u8]) {
        if let Some(keys) = Keys::of(name) {
            self.places.remove(&mut self.root, Level::Prefix, id, &keys);
        }
        if self.root.is_empty() && self.places.of.capacity() > KEPT_SLOTS {
            self.places.of = Vec::new();
        }
    }

    /// Shows every pattern that may match, once, in no particular order.
    pub(crate) fn candidates(&self, channel: &[u8], mut show: impl FnMut(Id)) {
        search(&self.root, Level::Prefix, channel, &mut show);
    }

    /// A number that grows from each pattern to the next one inserted.
    pub(crate) fn birth(&self, id: Id) -> u64 {
        self.places.of[id.index()].birth
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.places.of.capacity() * size_of::<Place>() + self.places.bucket_bytes
    }
}

fn search(bucket: &Bucket, level: Level, channel: &[u8], show: &mut impl FnMut(Id)) {
    let trie = match bucket {
        Bucket::Listed(patterns) => return patterns.iter().copied().for_each(show),
        Bucket::Split(trie) => trie,
    };
    let meet = |bucket: &Bucket| search(bucket, level.next(), channel, show);
    match level {
        Level::Prefix => trie.along(channel.iter().copied(), meet),
        Level::Suffix => trie.along(channel.iter().rev().copied(), meet),
        Level::Middle => trie.within(channel, meet),
        Level::Last => unreachable!("the last bucket does not split"),
    }
}

impl Places {
    fn insert<'n>(
        &mut self,
        bucket: &mut Bucket,
        level: Level,
        id: Id,
        keys: &Keys,
        name_of: &impl Fn(Id) -> &'n [u8],
    ) {
        self.bucket_bytes -= bucket.memory_bytes();
        match bucket {
            Bucket::Listed(patterns) if patterns.len() < LISTED_MAX || matches!(level, Level::Last) => {
                self.of[id.index()].position = u32::try_from(patterns.len()).expect("no more patterns than numbers");
                patterns.push(id);
            }
            Bucket::Listed(patterns) => {
                let patterns = mem::take(patterns);
                *bucket = Bucket::Split(Box::new(Trie::new()));
                // The bytes of the emptied bucket, which the calls below take off again.
                self.bucket_bytes += bucket.memory_bytes();
                for &moved in &patterns {
                    let keys = Keys::of(name_of(moved)).expect("only patterns that may match are listed");
                    self.insert(bucket, level, moved, &keys, name_of);
                }
                self.insert(bucket, level, id, keys, name_of);
                return;
            }
            Bucket::Split(trie) => self.insert(trie.entry(keys.at(level)), level.next(), id, keys, name_of),
        }
        self.bucket_bytes += bucket.memory_bytes();
    }

    fn remove(&mut self, bucket: &mut Bucket, level: Level, id: Id, keys: &Keys) {
        self.bucket_bytes -= bucket.memory_bytes();
        match bucket {
            Bucket::Listed(patterns) => {
                let position = self.of[id.index()].position;
                let removed = patterns.swap_remove(position as usize);
                assert_eq!(removed, id, "a pattern stands where its place says");
                if let Some(moved) = patterns.get(position as usize) {
                    self.of[moved.index()].position = position;
                }
                if patterns.spilled() && patterns.len() < patterns.capacity() / 4 {
                    patterns.shrink_to_fit();
                }
            }
            Bucket::Split(trie) => {
                let key = keys.at(level);
                let inner = trie.find_mut(key).expect("a pattern in a split bucket is under its key");
                self.remove(inner, level.next(), id, keys);
                if inner.is_empty() {
                    trie.remove(key);
                }
                if trie.is_empty() {
                    *bucket = Bucket::default();
                }
            }
        }
        self.bucket_bytes += bucket.memory_bytes();
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::arena::Arena;
    use crate::glob::matches;

    /// An index with the names that its register would hold.
    #[derive(Default)]
    struct Indexed {
        index: PatternIndex,
        names: Arena<Vec<u8>>,
    }

    impl Default for Arena<Vec<u8>> {
        fn default() -> Self {
            Arena::new()
        }
    }

    impl Indexed {
        fn insert(&mut self, pattern: &[u8]) -> Id {
            let id = self.names.insert(pattern.to_vec());
            self.index.insert(id, |id| self.names.at(id));
            id
        }

        fn remove(&mut self, id: Id) {
            let name = self.names.remove(id);
            self.index.remove(id, &name);
        }

        fn candidates(&self, channel: &str) -> Vec<Id> {
            let mut candidates = Vec::new();
            self.index.candidates(channel.as_bytes(), |id| candidates.push(id));
            candidates.sort_unstable();
            candidates
        }

        fn of_each(pattern: impl Fn(usize) -> String) -> Self {
            let mut indexed = Self::default();
            for n in 0..100_000 {
                indexed.insert(pattern(n).as_bytes());
            }
            indexed
        }
    }

    fn deep_bytes(bucket: &Bucket) -> usize {
        let inner = match bucket {
            Bucket::Listed(_) => 0,
            Bucket::Split(trie) => trie.values().into_iter().map(deep_bytes).sum(),
        };
        bucket.memory_bytes() + inner
    }

    /// Three prefixes, suffixes and middles among hundreds of patterns: every level splits, the last lists grow.
    fn pattern() -> impl Strategy<Value = String> {
        let literal = || select(vec!["", "", "a", "ab"]);
        let wild = || select(vec!["*", "*?", "?*", "[ab]*", "*[^c]", "[]"]);
        (literal(), wild(), literal(), wild(), literal())
            .prop_map(|(prefix, one, middle, other, suffix)| [prefix, one, middle, other, suffix].concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_matching_pattern_is_missed_and_none_is_shown_twice(
            steps in vec((pattern(), 0..100_usize), 0..300),
            channel in "[abc]{0,8}",
        ) {
            let mut indexed = Indexed::default();
            let mut live: Vec<Id> = Vec::new();
            for (pattern, chance) in steps {
                if chance < 30 && !live.is_empty() {
                    indexed.remove(live.swap_remove(chance % live.len()));
                } else {
                    live.push(indexed.insert(pattern.as_bytes()));
                }
            }
            prop_assert_eq!(indexed.index.places.bucket_bytes, deep_bytes(&indexed.index.root));
            let shown = indexed.candidates(&channel);
            prop_assert!(shown.is_sorted_by(|a, b| a < b), "each once");
            for id in &live {
                let name = indexed.names.at(*id);
                prop_assert!(!matches(name, channel.as_bytes()) || shown.contains(id));
            }

            live.into_iter().for_each(|id| indexed.remove(id));
            prop_assert!(matches!(&indexed.index.root, Bucket::Listed(patterns) if patterns.is_empty()));
            prop_assert_eq!(indexed.index.places.bucket_bytes, 0);
        }
    }

    #[test]
    fn only_the_matching_one_of_100_000_prefixes_is_run() {
        let indexed = Indexed::of_each(|n| format!("user:{n}:*"));
        assert_eq!(indexed.candidates("user:4711:login").len(), 1);
        assert_eq!(indexed.candidates("user:x:login").len(), 0);
    }

    #[test]
    fn only_the_matching_one_of_100_000_suffixes_is_run() {
        let indexed = Indexed::of_each(|n| format!("*:user-{n}"));
        assert_eq!(indexed.candidates("login:eu:user-4711").len(), 1);
        let behind_wildcards = Indexed::of_each(|n| format!("[a-z]?:{n}"));
        assert_eq!(behind_wildcards.candidates("eu:4711").len(), 1);
    }

    #[test]
    fn only_the_matching_one_of_100_000_middles_is_run() {
        let indexed = Indexed::of_each(|n| format!("job:*:user-{n}:*.done"));
        assert_eq!(indexed.candidates("job:17:user-4711:mail.done").len(), 1);
    }

    #[test]
    fn each_condition_narrows_what_the_others_leave() {
        let indexed = Indexed::of_each(|n| format!("{}:*:{}:*:{}", n % 50, n / 50 % 50, n / 2500));
        assert_eq!(indexed.candidates("7:x:49:y:39").len(), 1);
    }

    #[test]
    fn long_middles_are_told_apart_by_their_last_bytes() {
        let common = "n".repeat(MIDDLE_BYTES_MAX);
        let indexed = Indexed::of_each(|n| format!("*{common}:{n}:*"));
        assert_eq!(indexed.candidates(&format!("{common}:4711:x")).len(), 1);
    }

    #[test]
    fn patterns_alike_in_all_literals_are_all_run_as_the_header_says() {
        let mut indexed = Indexed::default();
        for n in 0..100_u8 {
            indexed.insert(format!("*[{}{}]*", char::from(n / 10 + b'a'), char::from(n % 10 + b'A')).as_bytes());
        }
        assert_eq!(indexed.candidates("x").len(), 100);
    }

    #[test]
    fn patterns_that_match_nothing_are_never_run() {
        let indexed = Indexed::of_each(|n| format!("*[]{n}"));
        assert_eq!(indexed.candidates("[]1").len(), 0);
        assert_eq!(indexed.index.places.bucket_bytes, 0);
    }
}
