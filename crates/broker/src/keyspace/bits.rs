//! A set of small numbers that says at once which of its numbers is the next one.
//!
//! ```text
//!   level 1   0 1 0 0 …                  one bit for each word below that is not zero
//!               │
//!   level 0   0000…  0010…  0000…  …     one bit for each number
//! ```
//!
//! One word of 64 bits a step, up and down again: four levels are enough for 16 million numbers. A set of numbers below 64 is one
//! word. It never shrinks: a bit for each number that ever was is next to nothing.

const BITS: usize = u64::BITS as usize;

/// A set of numbers.
#[derive(Debug, Default)]
pub(super) struct Bits {
    /// Invariant: a bit of a level is set exactly when the word below it is not zero, and the last level has one word.
    levels: Vec<Vec<u64>>,
}

impl Bits {
    /// Adds a number.
    pub(super) fn insert(&mut self, number: usize) {
        if self.levels.first().is_none_or(|words| words.len() <= number / BITS) {
            self.reach(number);
        }
        let mut at = number;
        for words in &mut self.levels {
            let word = &mut words[at / BITS];
            let was = std::mem::replace(word, *word | 1 << (at % BITS));
            if was != 0 {
                return;
            }
            at /= BITS;
        }
    }

    /// Removes a number, if it is in the set.
    pub(super) fn remove(&mut self, number: usize) {
        let mut at = number;
        for words in &mut self.levels {
            let Some(word) = words.get_mut(at / BITS) else { return };
            *word &= !(1 << (at % BITS));
            if *word != 0 {
                return;
            }
            at /= BITS;
        }
    }

    /// The least number that is not below `from`.
    #[inline]
    pub(super) fn first_from(&self, from: usize) -> Option<usize> {
        let mut at = from;
        for (level, words) in self.levels.iter().enumerate() {
            let rest = words.get(at / BITS)? & (u64::MAX << (at % BITS));
            if rest != 0 {
                let found = at / BITS * BITS + rest.trailing_zeros() as usize;
                let below = self.levels[..level].iter().rev();
                return Some(below.fold(found, |word, words| word * BITS + words[word].trailing_zeros() as usize));
            }
            at = at / BITS + 1;
        }
        None
    }

    /// Makes every level long enough for `number`, and a level more where the last one is no longer one word.
    #[cold]
    fn reach(&mut self, number: usize) {
        let mut words = number / BITS + 1;
        for level in 0.. {
            if level == self.levels.len() {
                let below = level.checked_sub(1).and_then(|below| self.levels[below].first());
                let is_used = below.is_some_and(|word| *word != 0);
                self.levels.push(vec![u64::from(is_used)]);
            }
            let has = self.levels[level].len();
            self.levels[level].resize(has.max(words), 0);
            if self.levels[level].len() == 1 {
                return;
            }
            words = words.div_ceil(BITS);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::Bits;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn it_is_a_set_that_knows_the_next_number(
            steps in prop::collection::vec((any::<bool>(), prop_oneof![0..100usize, 0..5000usize, 0..300_000usize]), 0..200),
        ) {
            let (mut bits, mut model) = (Bits::default(), BTreeSet::new());
            for (is_added, number) in steps {
                if is_added {
                    bits.insert(number);
                    model.insert(number);
                } else {
                    // Mostly one that is there.
                    let number = model.range(number..).next().copied().unwrap_or(number);
                    bits.remove(number);
                    model.remove(&number);
                }
                for from in [0, number, number + 1, number / 2, number * 2] {
                    prop_assert_eq!(bits.first_from(from), model.range(from..).next().copied(), "from {}", from);
                }
            }
            let mut walked = Vec::new();
            while let Some(next) = bits.first_from(walked.last().map_or(0, |last| last + 1)) {
                walked.push(next);
            }
            prop_assert!(walked.into_iter().eq(model));
        }
    }
}
