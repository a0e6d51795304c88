//! Everything that must hold between two operations, checked the slow way.

use crate::List;
use crate::block::Body;
use crate::encoding::listpack_size;
use crate::entry;
use crate::packed::{Packed, listpack_of};

impl List {
    /// Panics unless every invariant holds.
    pub(crate) fn audit(&self) {
        let (mut len, mut allocated, mut listpack) = (0, self.spare_bytes(), 0);
        let (mut live, mut large) = (0, 0);
        let mut past = None;
        for (i, block) in self.blocks.iter().enumerate() {
            let is_end = i == 0 || i + 1 == self.blocks.len();
            assert!(block.count() > 0, "block {i} is empty");
            assert!(past.is_none_or(|past| past == block.first), "block {i} follows the one before");
            past = Some(block.past());
            len += block.count();
            allocated += block.body.allocated();
            match &block.body {
                Body::Packed(packed) => {
                    assert!(is_end || !packed.is_open(), "block {i} in the middle is open");
                    assert!(packed.capacity() <= 2 * self.block_bytes(), "block {i} is too big");
                    audit_entries(packed);
                    live += packed.live_len();
                    listpack += packed.listpack();
                }
                Body::Large(bytes) => {
                    assert!(self.is_large(bytes.len()), "block {i} holds a short element alone");
                    listpack += listpack_size(bytes);
                    large += 1;
                }
            }
        }
        // No sequence of operations leaves crumbs: many blocks, or much room, for few elements.
        let full = self.block_bytes();
        let row = self.blocks.len();
        assert!(row <= 2 * large + 3 * live / full + 4, "{row} blocks, {large} large, {live} live");
        let bound = 3 * live + 64 * large + 6 * full;
        let packed = self.blocks.iter().map(|block| match &block.body {
            Body::Packed(packed) => packed.capacity(),
            Body::Large(_) => 0,
        });
        assert!(packed.sum::<usize>() <= bound, "room for {live} live bytes");
        assert_eq!(self.len, len);
        assert_eq!(self.allocated, allocated, "the count of allocated bytes");
        assert_eq!(self.listpack, listpack, "the count of listpack bytes");
        assert!(self.memory_bytes() >= allocated + self.blocks.len() * size_of::<crate::block::Block>());
    }
}

fn audit_entries(packed: &Packed) {
    let mut rest = packed.live();
    let mut count = 0;
    while !rest.is_empty() {
        let (payload, size) = entry::first_checked(rest).expect("a sound entry");
        assert_eq!(entry::first(rest), (payload, size));
        assert_eq!(entry::last(&rest[..size]), (payload, size));
        rest = &rest[size..];
        count += 1;
    }
    assert_eq!(packed.count(), count);
    assert_eq!(packed.listpack(), listpack_of(packed.live()));
}
