//! A stream of numbers from a seed: marks for files, and the dice of the simulation.
//!
//! SplitMix64 (Steele, Lea and Flood, 2014): a full period, so no mark comes twice in one run; over runs, the seed
//! makes a repetition as unlikely as that of any 64-bit random number.

/// A stream of numbers.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A mark for a file: never 0.
    pub(crate) fn mark(&mut self) -> u64 {
        self.next().max(1)
    }
}

#[cfg(any(test, feature = "sim"))]
impl Chance {
    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}
