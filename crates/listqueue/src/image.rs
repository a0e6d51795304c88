//! Blocks in and out: a list is saved and loaded block by block, no element encoded anew.
//!
//! The bytes of a packed block are its entries as the `entry` module draws them, and nothing else; those of a large
//! block are the element. Whoever stores them keeps kind, count and length beside. Loading trusts none of it: every
//! entry is checked to its last byte before the block joins the list.

use crate::block::Body;
use crate::element::End;
use crate::encoding::{RedisEncoding, listpack_size};
use crate::entry;
use crate::list::List;
use crate::packed::Packed;
use bytes::Bytes;
use std::error::Error;
use std::fmt;

/// The longest packed block a list ever holds, and so the longest that is accepted: 32 KiB.
pub const PACKED_BYTES_MAX: usize = 32 * 1024;

/// How a block's bytes are to be read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BlockKind {
    /// Entries side by side.
    Packed,
    /// One element, bare.
    Large,
}

/// A block as it is written out.
#[derive(Clone, Copy, Debug)]
pub struct BlockRef<'a> {
    kind: BlockKind,
    count: usize,
    content: Content<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Content<'a> {
    Borrowed(&'a [u8]),
    Shared(&'a Bytes),
}

impl<'a> BlockRef<'a> {
    /// A block as it was read back. Nothing is checked yet.
    pub fn new(kind: BlockKind, count: usize, bytes: &'a [u8]) -> Self {
        BlockRef { kind, count, content: Content::Borrowed(bytes) }
    }

    /// As [`new`](Self::new), in a buffer that a large element may keep without a copy.
    pub fn new_shared(kind: BlockKind, count: usize, bytes: &'a Bytes) -> Self {
        BlockRef { kind, count, content: Content::Shared(bytes) }
    }

    pub(crate) fn of(body: &'a Body) -> Self {
        match body {
            Body::Packed(packed) => BlockRef::new(BlockKind::Packed, packed.count(), packed.live()),
            Body::Large(bytes) => BlockRef::new_shared(BlockKind::Large, 1, bytes),
        }
    }

    /// How to read [`bytes`](Self::bytes).
    pub fn kind(&self) -> BlockKind {
        self.kind
    }

    /// How many elements the block holds.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The live bytes, without the unused room around them.
    pub fn bytes(&self) -> &'a [u8] {
        match self.content {
            Content::Borrowed(bytes) => bytes,
            Content::Shared(bytes) => bytes,
        }
    }
}

/// Why a stored block was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Corrupt {
    /// A packed block without any entry.
    Empty,
    /// A packed block of more than [`PACKED_BYTES_MAX`] bytes.
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// No whole entry stands where one should.
    Entry {
        /// The offset in the block's bytes.
        at: usize,
    },
    /// The block holds another number of elements than was said.
    Count {
        /// The number that was said.
        declared: usize,
        /// The number found.
        found: usize,
    },
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Corrupt::Empty => write!(f, "list block without an entry"),
            Corrupt::TooLong { bytes } => {
                write!(f, "list block of {bytes} bytes, more than {PACKED_BYTES_MAX}")
            }
            Corrupt::Entry { at } => write!(f, "list block with a malformed entry at byte {at}"),
            Corrupt::Count { declared, found } => {
                write!(f, "list block with {found} elements where {declared} were announced")
            }
        }
    }
}

impl Error for Corrupt {}

impl List {
    /// The blocks from head to tail. See also [`Slice::blocks`](crate::Slice::blocks), for a list that changes
    /// meanwhile.
    pub fn blocks(&self) -> impl Iterator<Item = BlockRef<'_>> {
        self.blocks.iter().map(|block| BlockRef::of(&block.body))
    }

    /// A list of stored blocks. Refuses whatever this crate could not have written; memory taken is bounded by
    /// the bytes given.
    ///
    /// # Errors
    /// [`Corrupt`] for the first block that is not sound.
    pub fn from_blocks<'a>(blocks: impl IntoIterator<Item = BlockRef<'a>>) -> Result<List, Corrupt> {
        let mut builder = ListBuilder::new();
        for block in blocks {
            builder.push(block)?;
        }
        Ok(builder.finish())
    }
}

/// Loads a list block by block, for a reader that does not have them all at once.
#[derive(Debug, Default)]
pub struct ListBuilder {
    list: List,
}

impl ListBuilder {
    /// Starts with an empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a block at the tail.
    ///
    /// # Errors
    /// [`Corrupt`] when the block is not sound; the list is then as it was before.
    pub fn push(&mut self, block: BlockRef<'_>) -> Result<(), Corrupt> {
        match block.kind {
            BlockKind::Packed => self.push_packed(block.count, block.bytes()),
            BlockKind::Large if block.count != 1 => Err(Corrupt::Count { declared: block.count, found: 1 }),
            BlockKind::Large => {
                match block.content {
                    Content::Borrowed(bytes) => self.list.push(End::Tail, bytes),
                    Content::Shared(bytes) => self.list.push_shared(End::Tail, bytes.clone()),
                }
                Ok(())
            }
        }
    }

    fn push_packed(&mut self, declared: usize, entries: &[u8]) -> Result<(), Corrupt> {
        if entries.is_empty() {
            return Err(Corrupt::Empty);
        }
        if entries.len() > PACKED_BYTES_MAX {
            return Err(Corrupt::TooLong { bytes: entries.len() });
        }
        let (mut at, mut found, mut listpack, mut longest) = (0, 0, 0, 0);
        while at < entries.len() {
            let (payload, size) = entry::first_checked(&entries[at..]).ok_or(Corrupt::Entry { at })?;
            at += size;
            found += 1;
            listpack += listpack_size(payload);
            longest = longest.max(payload.len());
        }
        if found != declared {
            return Err(Corrupt::Count { declared, found });
        }
        // Small blocks in a row, or ones cut by another measure, are packed anew.
        let full = self.list.block_bytes();
        let after_packed = matches!(self.list.blocks.back(), Some(block) if matches!(block.body, Body::Packed(_)));
        if entries.len() > 2 * full || longest >= full || (after_packed && entries.len() <= full / 2) {
            let mut rest = entries;
            while !rest.is_empty() {
                let (payload, size) = entry::first(rest);
                self.list.push(End::Tail, payload);
                rest = &rest[size..];
            }
        } else {
            self.list.append_block(Packed::sealed(entries, found, listpack));
        }
        Ok(())
    }

    /// The list.
    pub fn finish(self) -> List {
        let mut list = self.list;
        list.encoding = RedisEncoding::of(list.listpack_bytes());
        list
    }
}

impl List {
    fn append_block(&mut self, packed: Packed) {
        self.len += packed.count();
        self.listpack += packed.listpack();
        self.allocated += packed.capacity();
        self.add_block(End::Tail, Body::Packed(packed));
    }
}
