//! A block in its place in the row: many elements packed side by side, or one large element alone.

use crate::element::{Element, End};
use crate::encoding::listpack_size;
use crate::packed::Packed;
use bytes::Bytes;
use std::ops::Range;

/// A block in its place in a list.
#[derive(Clone)]
pub(crate) struct Block {
    /// The ordinal of this block's first element. Ordinals rise by one per element along the list and do not
    /// change when elements come and go at the ends, so an index is found by binary search.
    pub(crate) first: i64,
    pub(crate) body: Body,
}

#[derive(Clone)]
pub(crate) enum Body {
    Packed(Packed),
    Large(Bytes),
}

impl Block {
    #[inline]
    pub(crate) fn count(&self) -> usize {
        self.body.count()
    }

    /// The ordinal just past this block's last element.
    pub(crate) fn past(&self) -> i64 {
        self.first + self.count() as i64
    }
}

impl Body {
    #[inline]
    pub(crate) fn count(&self) -> usize {
        match self {
            Body::Packed(packed) => packed.count(),
            Body::Large(_) => 1,
        }
    }

    /// Bytes of the buffer behind this block.
    pub(crate) fn allocated(&self) -> usize {
        match self {
            Body::Packed(packed) => packed.capacity(),
            Body::Large(bytes) => bytes.len(),
        }
    }

    pub(crate) fn listpack(&self) -> usize {
        match self {
            Body::Packed(packed) => packed.listpack(),
            Body::Large(bytes) => listpack_size(bytes),
        }
    }

    /// Bytes of the entries, or of the one large element.
    pub(crate) fn live_len(&self) -> usize {
        match self {
            Body::Packed(packed) => packed.live_len(),
            Body::Large(bytes) => bytes.len(),
        }
    }

    #[inline]
    pub(crate) fn peek(&self, end: End) -> Element<'_> {
        match self {
            Body::Packed(packed) => Element::Slice(packed.peek(end)),
            Body::Large(bytes) => Element::Shared(bytes),
        }
    }

    pub(crate) fn element(&self, index: usize) -> Element<'_> {
        match self {
            Body::Packed(packed) => Element::Slice(packed.element(index)),
            Body::Large(bytes) => Element::Shared(bytes),
        }
    }

    /// The elements of `range` as a block that shares or copies, never one that can be written.
    pub(crate) fn window(&self, range: Range<usize>) -> Body {
        match self {
            Body::Packed(packed) => Body::Packed(packed.window(range)),
            Body::Large(bytes) => Body::Large(bytes.clone()),
        }
    }

    /// Shares no buffer with anybody from here on.
    pub(crate) fn unshare(&mut self) {
        match self {
            Body::Packed(packed) => packed.unshare(),
            Body::Large(bytes) => *bytes = Bytes::copy_from_slice(bytes),
        }
    }

    /// A block without elements or buffer, standing in for one that was taken out.
    pub(crate) fn hole() -> Body {
        Body::Packed(Packed::without_buffer())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_small_beside_what_it_points_to() {
        assert!(size_of::<Block>() <= 56, "{}", size_of::<Block>());
    }
}
