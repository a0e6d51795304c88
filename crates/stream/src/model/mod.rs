//! The stream against the plainest stream one can write: random calls on both, and everything that can be seen compared
//! after each.
//!
//! It stands inside the crate, so that it can also look at what cannot be seen: see [`crate::audit`].

mod naive;
mod ops;

use ops::{World, ops};
use proptest::prelude::*;

use crate::block::BlockLimits;

fn limits() -> impl Strategy<Value = BlockLimits> {
    prop_oneof![
        (1u32..6).prop_map(|max_entries| BlockLimits { max_entries, max_bytes: 4096 }),
        Just(BlockLimits { max_entries: 0, max_bytes: 80 }),
        Just(BlockLimits::default()),
        Just(BlockLimits { max_entries: 0, max_bytes: 0 }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_shrink_iters: 4000, ..ProptestConfig::default() })]

    #[test]
    fn every_call_answers_as_the_plain_stream_does(limits in limits(), ops in ops()) {
        let mut world = World::new(limits);
        for op in ops {
            world.play(op);
        }
        world.compare_oldest();
        world.compare();
    }
}
