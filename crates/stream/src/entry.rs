//! One entry as a reader sees it: its ID, and its fields where they lie in the block.

use std::iter::FusedIterator;

use crate::id::StreamId;
use crate::varint::Reader;

/// An entry of a stream, borrowed from its block.
#[derive(Clone, Copy, Debug)]
pub struct EntryRef<'a> {
    /// The entry's ID.
    pub id: StreamId,
    /// Names and values, in the order they were added.
    pub fields: Fields<'a>,
}

/// The fields of one entry: an iterator over `(name, value)` that knows its length.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    /// The names of the block's first entry, when this entry repeats them.
    names: Option<Reader<'a>>,
    body: Reader<'a>,
    left: usize,
}

impl<'a> Fields<'a> {
    /// Fields whose names are the block's.
    pub(crate) fn with_names(names: Reader<'a>, count: usize, body: &'a [u8]) -> Self {
        Self { names: Some(names), body: Reader::new(body, 0), left: count }
    }

    /// Fields that bring their own names, and their number.
    pub(crate) fn with_own_names(body: &'a [u8]) -> Option<Self> {
        let mut body = Reader::new(body, 0);
        let left = usize::try_from(body.varint()?).ok()?;
        Some(Self { names: None, body, left })
    }

    pub(crate) fn step(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let name = match &mut self.names {
            Some(names) => names.bytes()?,
            None => self.body.bytes()?,
        };
        // The last value ends where the entry ends, so its length is not written.
        let value = if self.left == 1 { self.body.rest() } else { self.body.bytes()? };
        self.left -= 1;
        Some((name, value))
    }

    /// Whether what was not yet read is well-formed, for bytes that come from outside.
    pub(crate) fn is_sound(mut self) -> bool {
        while self.left > 0 {
            if self.step().is_none() {
                return false;
            }
        }
        self.body.is_at_end()
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        Some(self.step().expect("a block holds whole fields"))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Fields<'_> {}
impl FusedIterator for Fields<'_> {}
