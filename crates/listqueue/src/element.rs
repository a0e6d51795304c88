//! A borrowed element, and the small words of the interface.

use bytes::Bytes;
use std::ops::Deref;

/// One end of a list.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum End {
    /// Index 0; Redis's `LEFT`.
    Head,
    /// Index -1; Redis's `RIGHT`.
    Tail,
}

impl End {
    /// The other end.
    #[must_use]
    pub const fn opposite(self) -> End {
        match self {
            End::Head => End::Tail,
            End::Tail => End::Head,
        }
    }
}

/// On which side of the pivot [`List::insert`](crate::List::insert) puts the new element.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Place {
    /// Nearer the head than the pivot.
    Before,
    /// Nearer the tail than the pivot.
    After,
}

/// An element where it lies.
#[derive(Clone, Copy, Debug)]
pub enum Element<'a> {
    /// Packed in a block with others.
    Slice(&'a [u8]),
    /// Large enough to keep a buffer of its own, which may be shared without copying.
    Shared(&'a Bytes),
}

impl<'a> Element<'a> {
    /// The bytes, for as long as the list itself is borrowed.
    #[inline]
    pub fn as_slice(self) -> &'a [u8] {
        match self {
            Element::Slice(bytes) => bytes,
            Element::Shared(bytes) => bytes,
        }
    }

    /// The element as a value of its own: a large one shares its buffer, a packed one is copied.
    pub fn to_bytes(self) -> Bytes {
        match self {
            Element::Slice(bytes) => Bytes::copy_from_slice(bytes),
            Element::Shared(bytes) => bytes.clone(),
        }
    }
}

impl Deref for Element<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for Element<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl<T: AsRef<[u8]> + ?Sized> PartialEq<T> for Element<'_> {
    fn eq(&self, other: &T) -> bool {
        **self == *other.as_ref()
    }
}
