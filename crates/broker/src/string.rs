//! A string value: a counter, a short text, a buffer that grows, or a large body shared with whoever reads it.
//!
//! The four forms differ in cost only. A number is kept as one so that INCR neither parses nor formats; a body of
//! 16 KiB or more stays in the buffer it arrived in, and a GET shares it.

use bytes::Bytes;
use rbq_resp::Bulk;

use crate::number;
use crate::value::Kind;

/// From this size on a value stays in the shared buffer it arrived in.
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
    /// Bytes that were appended to or written into.
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

    /// The bytes as a buffer that can be written into; the value counts as raw from here on.
    pub fn growing(&mut self) -> &mut Vec<u8> {
        if !matches!(self, Self::Growing(_)) {
            let bytes = self.bytes(&mut itoa::Buffer::new()).to_vec();
            *self = Self::Growing(bytes);
        }
        match self {
            Self::Growing(bytes) => bytes,
            _ => unreachable!("it was made growing just above"),
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
