//! The list: a row of blocks, pushed and popped at both ends.

use crate::block::{Block, Body};
use crate::element::{Element, End};
use crate::encoding::{LISTPACK_BYTES_EMPTY, RedisEncoding, listpack_size};
use crate::entry;
use crate::packed::{BUFFER_BYTES_MIN, size_class};
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::fmt;

/// Bytes of a full block, unless [`List::with_block_bytes`] chose otherwise.
///
/// A middle edit rewrites one block and a copy of a list copies the two at its ends, which wants it small; the
/// handle of a block costs 56 bytes, and a snapshot or a big reply pays once per block, which wants it large.
/// At 8 KiB, Redis's own node size, the handle is 0.7 % of the block.
pub const BLOCK_BYTES: usize = 8192;

/// Elements of at least this many bytes keep a buffer of their own, unless [`List::with_block_bytes`] chose
/// otherwise: copying them into a block would cost more than sharing them saves.
pub const LARGE: usize = BLOCK_BYTES;

/// Smallest and largest block: an entry's length must fit two bytes, an offset in a block of twice the size 16 bits.
const BLOCK_BYTES_RANGE: std::ops::RangeInclusive<usize> = BUFFER_BYTES_MIN..=16 * 1024;

/// A double-ended queue of byte strings, packed many to a block.
///
/// ```text
///   head                                                                     tail
///   ┌───────┬─────────┬─────────┬───────────┬─────────┬─────────┬─────────────┐
///   │ open  │ sealed  │ sealed  │   large   │ sealed  │ sealed  │    open     │   handles, 56 bytes each
///   └───┬───┴────┬────┴────┬────┴─────┬─────┴────┬────┴────┬────┴──────┬──────┘
///       ▼        ▼         ▼          ▼          ▼         ▼           ▼
///    8 KiB     8 KiB     8 KiB     one element 8 KiB     8 KiB     8 KiB, growing
/// ```
///
/// Pushing and popping at either end is O(1) and, while a queue neither grows nor shrinks, allocates nothing: the
/// block emptied last is kept for the next one to be filled. Finding an index is a binary search among blocks
/// and a walk inside one. Cloning copies handles and at most the two open blocks.
///
/// Short lists stay small: the first element takes a buffer of 64 bytes, which doubles as it fills.
pub struct List {
    /// No block is empty; only the first and the last may be open.
    pub(crate) blocks: VecDeque<Block>,
    pub(crate) len: usize,
    /// Bytes of all buffers, the spare one too.
    pub(crate) allocated: usize,
    /// Sum of the elements' listpack sizes, without a listpack's frame.
    pub(crate) listpack: usize,
    /// A buffer without a block, for the next block that needs one.
    pub(crate) spare: Option<BytesMut>,
    block_bytes: u16,
    pub(crate) encoding: RedisEncoding,
}

impl List {
    /// An empty list. Allocates nothing until the first push.
    pub fn new() -> Self {
        Self::with_block_bytes(BLOCK_BYTES)
    }

    /// An empty list whose full blocks take `block_bytes`, and whose elements of that length or more keep a
    /// buffer of their own. Clamped to 64 bytes .. 16 KiB and rounded up to what an allocator hands out.
    /// Nothing a reader can see depends on it.
    pub fn with_block_bytes(block_bytes: usize) -> Self {
        List {
            blocks: VecDeque::new(),
            len: 0,
            allocated: 0,
            listpack: 0,
            spare: None,
            block_bytes: size_class(block_bytes.clamp(*BLOCK_BYTES_RANGE.start(), *BLOCK_BYTES_RANGE.end())) as u16,
            encoding: RedisEncoding::Listpack,
        }
    }

    /// How many elements there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds `element` at `end`. O(1).
    #[inline]
    pub fn push(&mut self, end: End, element: &[u8]) {
        self.encoding = self.encoding.grown(self.listpack_bytes(), element.len());
        self.push_unjudged(end, element);
    }

    /// Adds elements at `end` one after the other, so the last one given ends up outermost. The
    /// [encoding](Self::redis_encoding) is judged once for all of them, as Redis does for one command.
    pub fn push_all<'a, I>(&mut self, end: End, elements: I)
    where
        I: IntoIterator<Item = &'a [u8], IntoIter: Clone>,
    {
        let elements = elements.into_iter();
        let added = elements.clone().map(<[u8]>::len).sum();
        self.encoding = self.encoding.grown(self.listpack_bytes(), added);
        for element in elements {
            self.push_unjudged(end, element);
        }
    }

    /// Adds `element` at `end`, keeping the buffer instead of copying it when the element is [large](LARGE).
    /// A buffer that is a part of a bigger one keeps all of that alive.
    pub fn push_shared(&mut self, end: End, element: Bytes) {
        self.encoding = self.encoding.grown(self.listpack_bytes(), element.len());
        if self.is_large(element.len()) {
            self.push_large(end, element);
        } else {
            self.push_packed(end, &element);
        }
    }

    /// Adds an element taken from a list, sharing it when it is large.
    pub fn push_element(&mut self, end: End, element: Element<'_>) {
        match element {
            Element::Slice(bytes) => self.push(end, bytes),
            Element::Shared(bytes) => self.push_shared(end, bytes.clone()),
        }
    }

    #[inline]
    fn push_unjudged(&mut self, end: End, element: &[u8]) {
        if self.is_large(element.len()) {
            self.push_large(end, Bytes::copy_from_slice(element));
        } else {
            self.push_packed(end, element);
        }
    }

    /// Bytes of a full block.
    #[inline]
    pub(crate) fn block_bytes(&self) -> usize {
        usize::from(self.block_bytes)
    }

    #[inline]
    pub(crate) fn is_large(&self, len: usize) -> bool {
        len >= self.block_bytes()
    }

    #[inline]
    fn push_packed(&mut self, end: End, element: &[u8]) {
        let listpack = listpack_size(element);
        if !self.try_push(end, element, listpack) {
            self.make_room(end, entry::size(element.len()));
            let pushed = self.try_push(end, element, listpack);
            assert!(pushed, "make_room leaves an open block with room at the end");
        }
        self.len += 1;
        self.listpack += listpack;
    }

    #[inline]
    pub(crate) fn end_mut(&mut self, end: End) -> Option<&mut Block> {
        match end {
            End::Head => self.blocks.front_mut(),
            End::Tail => self.blocks.back_mut(),
        }
    }

    #[inline]
    fn try_push(&mut self, end: End, element: &[u8], listpack: usize) -> bool {
        let Some(block) = self.end_mut(end) else {
            return false;
        };
        let Body::Packed(packed) = &mut block.body else {
            return false;
        };
        let pushed = packed.try_push(end, element, listpack);
        if pushed && end == End::Head {
            block.first -= 1;
        }
        pushed
    }

    fn push_large(&mut self, end: End, element: Bytes) {
        self.len += 1;
        self.listpack += listpack_size(&element);
        self.allocated += element.len();
        self.add_block(end, Body::Large(element));
    }

    /// Hands the element at `end` to `look`, where it lies, and drops it. `None` when the list is empty. O(1); copies
    /// and allocates nothing.
    #[inline]
    pub fn pop_with<R>(&mut self, end: End, look: impl FnOnce(Element<'_>) -> R) -> Option<R> {
        let block = self.end_mut(end)?;
        let (result, listpack, left) = match &mut block.body {
            Body::Packed(packed) => {
                let payload = packed.peek(end);
                let (len, listpack) = (payload.len(), listpack_size(payload));
                let result = look(Element::Slice(payload));
                packed.drop_end(end, len, listpack);
                (result, listpack, packed.count())
            }
            Body::Large(bytes) => (look(Element::Shared(bytes)), listpack_size(bytes), 0),
        };
        if end == End::Head {
            block.first += 1;
        }
        self.len -= 1;
        self.listpack -= listpack;
        if left == 0 {
            self.drop_block(end);
        } else {
            self.shrink_lone_block();
        }
        self.encoding = self.encoding.shrunk(self.listpack_bytes());
        Some(result)
    }

    /// Takes the element at `end`: a large one with its buffer, a packed one as a copy.
    pub fn pop(&mut self, end: End) -> Option<Bytes> {
        self.pop_with(end, |element| element.to_bytes())
    }

    /// The element at `end`.
    #[inline]
    pub fn peek(&self, end: End) -> Option<Element<'_>> {
        let block = match end {
            End::Head => self.blocks.front(),
            End::Tail => self.blocks.back(),
        };
        block.map(|block| block.body.peek(end))
    }

    /// Moves the element at `from` to the other end and shows it. `None` when the list is empty.
    pub fn rotate(&mut self, from: End) -> Option<Element<'_>> {
        if self.len > 1 {
            let encoding = self.encoding;
            // What is popped must live somewhere while the list is written; most elements fit here.
            let mut short = [0; 256];
            let taken = self.pop_with(from, |element| match short.get_mut(..element.len()) {
                Some(copy) => {
                    copy.copy_from_slice(&element);
                    Err(element.len())
                }
                None => Ok(element.to_bytes()),
            })?;
            match taken {
                Ok(bytes) => self.push_shared(from.opposite(), bytes),
                Err(len) => self.push(from.opposite(), &short[..len]),
            }
            self.encoding = encoding;
        }
        self.peek(from.opposite())
    }

    /// Bytes allocated for this list: buffers with their unused room, handles, and the struct itself. O(1).
    /// A buffer shared with a clone or a slice counts in full in each; the 32 bytes that the first sharing of a buffer
    /// takes for its count of owners are left out.
    pub fn memory_bytes(&self) -> usize {
        size_of::<List>() + self.blocks.capacity() * size_of::<Block>() + self.allocated
    }

    /// Bytes that one Redis listpack with these elements would take, its frame included. O(1), exact.
    #[inline]
    pub fn listpack_bytes(&self) -> usize {
        self.listpack + LISTPACK_BYTES_EMPTY
    }

    /// What Redis would call the representation of this list. It depends on the list's history, not only on
    /// its elements: see [`RedisEncoding`].
    pub fn redis_encoding(&self) -> RedisEncoding {
        self.encoding
    }
}

impl Default for List {
    fn default() -> Self {
        Self::new()
    }
}

impl List {
    /// A clone that takes memory of its own at once, and not only when one of the two is changed: where what is counted is what
    /// both will need once they come back from a disk.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        let mut own = self.clone();
        own.blocks.iter_mut().for_each(|block| block.body.unshare());
        own
    }
}

impl Clone for List {
    /// Shares every block but the two at the ends, which are copied.
    fn clone(&self) -> Self {
        let blocks: VecDeque<Block> = self.blocks.clone();
        let allocated = blocks.iter().map(|block| block.body.allocated()).sum();
        List { blocks, spare: None, allocated, ..*self }
    }
}

impl PartialEq for List {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl Eq for List {}

impl<T: AsRef<[u8]>> FromIterator<T> for List {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        let mut list = List::new();
        for element in elements {
            list.push(End::Tail, element.as_ref());
        }
        list
    }
}

impl fmt::Debug for List {
    /// Sizes, not contents: a list may be huge and private.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List")
            .field("len", &self.len)
            .field("blocks", &self.blocks.len())
            .field("memory_bytes", &self.memory_bytes())
            .finish()
    }
}
