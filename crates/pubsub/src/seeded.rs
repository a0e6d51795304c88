//! Hashing that an outsider cannot steer, from a seed the caller gives.
//!
//! Channel names come from strangers, who could choose them to collide and so turn each lookup into a scan. SipHash
//! with a key they do not know prevents that; the faster hashes do not promise it when their constants are public.
//! Nothing is drawn at random here: the program above chooses the seed, once.

use std::hash::BuildHasher;

use siphasher::sip::SipHasher13;

/// Makes hashers that all carry the same key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seeded {
    seed: u64,
}

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed }
    }
}

impl BuildHasher for Seeded {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.seed, !self.seed.rotate_left(32))
    }
}
