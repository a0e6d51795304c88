//! How an op's fields are written into a log record and read back.
//!
//! Varints (LEB128) for numbers and lengths, bytes as they are. A reader never trusts a length: every read is
//! bounded by what is there, and a record that does not end where it should is refused.

use rbq_resp::Bulk;
use thiserror::Error;

/// Why a record is not an op of this version.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The record ends inside a field.
    #[error("the record ends inside a field")]
    Truncated,
    /// A length or number that cannot be.
    #[error("a length or number out of range")]
    Length,
    /// A choice that this version does not know.
    #[error("unknown choice {0} for a field")]
    Choice(u8),
    /// An op that this version does not know: refused, never skipped.
    #[error("unknown op kind {0:#06x}")]
    Kind(u16),
    /// The record goes on after its op.
    #[error("{0} bytes after the end of the op")]
    Trailing(usize),
}

/// A cursor over the bytes of a record.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    /// Reads from the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// Exactly `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(DecodeError::Truncated)?;
        self.bytes = rest;
        Ok(taken)
    }

    /// One byte.
    pub fn byte(&mut self) -> Result<u8, DecodeError> {
        Ok(self.take(1)?[0])
    }

    /// A LEB128 number.
    pub fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(DecodeError::Length);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::Length)
    }

    /// A length and that many bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = usize::try_from(self.varint()?).map_err(|_| DecodeError::Length)?;
        self.take(length)
    }
}

/// Numbers below this take eight bytes at most, which fit into a word.
const WORD_MAX: u64 = 1 << 56;

/// Appends a LEB128 number: nearly always one that takes a byte.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, value: u64) {
    if value < 0x80 { out.push(value as u8) } else { put_long_varint(out, value) }
}

#[inline(never)]
fn put_long_varint(out: &mut Vec<u8>, value: u64) {
    if value >= WORD_MAX {
        return put_by_byte(out, value);
    }
    let (word, length) = varint_word(value);
    let start = out.len();
    out.extend_from_slice(&word.to_le_bytes());
    out.truncate(start + length);
}

fn put_by_byte(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A LEB128 number below [`WORD_MAX`] as a word, and how many of its bytes it takes. Byte by byte it would cost more than all else
/// in a record's header.
#[inline]
pub(crate) fn varint_word(value: u64) -> (u64, usize) {
    let bits = u64::BITS - (value | 1).leading_zeros();
    let length = bits.div_ceil(7) as usize;
    let halves = value & 0x0fff_ffff | (value & 0x00ff_ffff_f000_0000) << 4;
    let quarters = halves & 0x0000_3fff_0000_3fff | (halves & 0x0fff_c000_0fff_c000) << 2;
    let spread = quarters & 0x007f_007f_007f_007f | (quarters & 0x3f80_3f80_3f80_3f80) << 1;
    let goes_on = 0x0080_8080_8080_8080 & ((1 << (8 * (length - 1))) - 1);
    (spread | goes_on, length)
}

/// Appends a length and the bytes.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Something an op is made of.
pub trait Field<'a>: Sized {
    /// Appends this field to a record.
    fn encode(&self, out: &mut Vec<u8>);
    /// Reads this field from a record.
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError>;
}

impl<'a> Field<'a> for &'a [u8] {
    fn encode(&self, out: &mut Vec<u8>) {
        put_bytes(out, self);
    }
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        input.bytes()
    }
}

impl<'a> Field<'a> for Bulk<'a> {
    fn encode(&self, out: &mut Vec<u8>) {
        put_bytes(out, self);
    }
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        input.bytes().map(Bulk::Slice)
    }
}

impl<'a> Field<'a> for u64 {
    fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, *self);
    }
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        input.varint()
    }
}

impl<'a> Field<'a> for u8 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        input.byte()
    }
}

/// Signed numbers are zigzag-coded, so that small negative ones stay small.
impl<'a> Field<'a> for i64 {
    fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, ((self << 1) ^ (self >> 63)) as u64);
    }
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        let raw = input.varint()?;
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }
}

impl<'a> Field<'a> for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        match input.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(DecodeError::Choice(other)),
        }
    }
}

impl<'a, T: Field<'a>> Field<'a> for Option<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.is_some().encode(out);
        if let Some(value) = self {
            value.encode(out);
        }
    }
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        Ok(if bool::decode(input)? { Some(T::decode(input)?) } else { None })
    }
}

/// Declares a field that is one of a few named choices, written as its number.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $( $(#[$vdoc:meta])* $variant:ident = $number:literal ),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum $name { $( $(#[$vdoc])* $variant = $number ),* }

        impl $crate::op::show::Show for $name {
            fn show(&self) -> Option<$crate::op::Shown> {
                let name = match self { $( Self::$variant => stringify!($variant) ),* };
                Some($crate::op::Shown::Word(name.into()))
            }
        }

        impl<'a> $crate::op::wire::Field<'a> for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                out.push(*self as u8);
            }
            fn decode(input: &mut $crate::op::wire::Input<'a>) -> Result<Self, $crate::op::wire::DecodeError> {
                match input.byte()? {
                    $( $number => Ok(Self::$variant), )*
                    other => Err($crate::op::wire::DecodeError::Choice(other)),
                }
            }
        }
    };
}
pub(crate) use choice;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_the_round_trip() {
        for value in (0..64).flat_map(|bits| [(1 << bits) - 1, 1 << bits, u64::MAX >> bits]) {
            let (mut out, mut by_byte) = (Vec::new(), Vec::new());
            put_varint(&mut out, value);
            put_by_byte(&mut by_byte, value);
            assert_eq!(out, by_byte, "{value}");
            assert_eq!(Input::new(&out).varint(), Ok(value));
        }
        for value in [0, -1, 1, i64::MIN, i64::MAX] {
            let mut out = Vec::new();
            value.encode(&mut out);
            assert_eq!(i64::decode(&mut Input::new(&out)), Ok(value));
        }
    }

    #[test]
    fn a_number_of_too_many_bits_is_refused() {
        assert_eq!(Input::new(&[0xff; 10]).varint(), Err(DecodeError::Length));
        assert_eq!(Input::new(&[0xff; 3]).varint(), Err(DecodeError::Truncated));
    }
}
