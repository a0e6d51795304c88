//! A string value: a counter, a short text, a buffer that grows, or a large body shared with whoever reads it.
//!
//! The four forms differ in cost only. A number is kept as one so that INCR neither parses nor formats; a body of
//! 16 KiB or more is shared, wherever it came from: a GET and a snapshot copy nothing of it, and it stays in the buffer it
//! arrived in. A change to it copies it if somebody else has it at that moment, and otherwise works in place.

use bytes::Bytes;
use rbq_resp::Bulk;

use crate::number;
use crate::value::Kind;

/// From this size on a value is shared with whoever reads it.
const SHARED_BYTES_MIN: usize = 16 * 1024;
/// Up to this size Redis reports `embstr`.
const EMBEDDED_BYTES_MAX: usize = 44;

/// The value of a string key.
#[derive(Debug, Clone)]
pub enum Str {
    /// A canonical 64-bit integer.
    Integer(i64),
    /// Bytes that were set as a whole.
    Fixed(Box<[u8]>),
    /// Bytes that were appended to or written into, and are not many.
    Growing(Vec<u8>),
    /// A large body.
    Shared(Bytes),
}

impl Str {
    /// The value a SET stores.
    pub fn new(value: Bulk<'_>) -> Self {
        if let Some(integer) = number::parse_i64(&value) {
            return Self::Integer(integer);
        }
        match value {
            Bulk::Shared(bytes) if bytes.len() >= SHARED_BYTES_MIN => Self::Shared(bytes.clone()),
            _ if value.len() >= SHARED_BYTES_MIN => Self::Shared(Bytes::copy_from_slice(&value)),
            _ => Self::Fixed(value.as_slice().into()),
        }
    }

    /// The bytes, formatted into `digits` if they are a number.
    pub fn bytes<'a>(&'a self, digits: &'a mut itoa::Buffer) -> &'a [u8] {
        match self {
            Self::Integer(integer) => digits.format(*integer).as_bytes(),
            Self::Fixed(bytes) => bytes,
            Self::Growing(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.bytes(&mut itoa::Buffer::new()).len()
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Changes the bytes; the value counts as raw from here on.
    pub fn edit(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = match std::mem::replace(self, Self::Integer(0)) {
            Self::Integer(integer) => itoa::Buffer::new().format(integer).into(),
            Self::Fixed(bytes) => bytes.into_vec(),
            Self::Growing(bytes) => bytes,
            // The buffer itself, room at its end included, unless somebody else has it too.
            Self::Shared(bytes) => bytes.into(),
        };
        change(&mut bytes);
        *self = if bytes.len() >= SHARED_BYTES_MIN { Self::Shared(bytes.into()) } else { Self::Growing(bytes) };
    }

    /// Another one that shares nothing with it.
    pub fn duplicate(&self) -> Self {
        match self {
            Self::Shared(bytes) => Self::Shared(Bytes::copy_from_slice(bytes)),
            other => other.clone(),
        }
    }

    /// The value as an integer, if it is one.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(integer) => Some(*integer),
            other => number::parse_i64(other.bytes(&mut itoa::Buffer::new())),
        }
    }

    /// Writes the value as a bulk reply.
    pub fn reply(&self, sink: &mut impl rbq_resp::Sink) {
        match self {
            Self::Shared(bytes) => sink.bulk_shared(bytes),
            other => sink.bulk(other.bytes(&mut itoa::Buffer::new())),
        }
    }
}

impl Kind for Str {
    fn type_name(&self) -> &'static str {
        "string"
    }

    fn encoding(&self) -> &'static str {
        match self {
            Self::Integer(_) => "int",
            Self::Fixed(bytes) if bytes.len() <= EMBEDDED_BYTES_MAX => "embstr",
            _ => "raw",
        }
    }

    fn memory_bytes(&self) -> usize {
        match self {
            Self::Integer(_) => 0,
            Self::Fixed(bytes) => bytes.len(),
            Self::Growing(bytes) => bytes.capacity(),
            Self::Shared(bytes) => bytes.len(),
        }
    }

    fn digest(&self, feed: &mut dyn FnMut(&[u8])) {
        feed(self.bytes(&mut itoa::Buffer::new()));
    }
}

/// How many digits a digest has.
pub const DIGEST_DIGITS: usize = 16;

/// The digest that SET IFDEQ, DELEX and DIGEST speak of: XXH3, 64 bits, in lower-case hexadecimal.
pub fn digest_hex(bytes: &[u8]) -> String {
    format!("{:0width$x}", xxhash_rust::xxh3::xxh3_64(bytes), width = DIGEST_DIGITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(string: &Str) -> *const u8 {
        match string {
            Str::Shared(bytes) => bytes.as_ptr(),
            other => panic!("not shared: {other:?}"),
        }
    }

    /// What a snapshot or a log brings back is a slice, whatever its size.
    #[test]
    fn a_large_body_is_shared_wherever_it_came_from() {
        let string = Str::new(Bulk::Slice(&[b'x'; SHARED_BYTES_MIN]));
        assert_eq!(place(&string.clone()), place(&string));
        assert!(matches!(Str::new(Bulk::Slice(&[b'x'; SHARED_BYTES_MIN - 1])), Str::Fixed(_)));
    }

    #[test]
    fn what_grew_large_is_shared_too_and_changed_in_place_while_nobody_else_has_it() {
        let mut string = Str::new(Bulk::Slice(b"17"));
        string.edit(|bytes| bytes.resize(SHARED_BYTES_MIN, b'x'));
        string.edit(|bytes| bytes.reserve(100));
        let (at, image) = (place(&string), string.clone());
        string.edit(|bytes| bytes.extend_from_slice(b"yz"));
        assert_ne!(place(&string), at, "the image keeps what it shows");
        assert_eq!(image.len(), SHARED_BYTES_MIN);
        drop(image);

        string.edit(|bytes| bytes.reserve(100));
        let at = place(&string);
        string.edit(|bytes| bytes.extend_from_slice(b"!"));
        assert_eq!(place(&string), at, "there was room for it");
        let bytes = string.bytes(&mut itoa::Buffer::new()).to_vec();
        assert!(bytes.starts_with(b"17") && bytes.ends_with(b"xyz!"));
    }
}
