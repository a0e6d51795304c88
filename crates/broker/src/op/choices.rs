//! The small choices that ops carry.

use std::borrow::Cow;

pub use rbq_listqueue::{End, Place};

use super::wire::{DecodeError, Field, Input, choice, put_bytes, put_varint};

choice! {
    /// Whether a push needs the list to exist.
    PushWhen { /// LPUSH, RPUSH.
        Always = 0, /// LPUSHX, RPUSHX.
        Exists = 1 }
}
choice! {
    /// The condition of an EXPIRE.
    DeadlineWhen { /// None.
        Always = 0, /// NX: only without a deadline.
        None = 1, /// XX: only with one.
        Some = 2, /// GT: only if later; no deadline counts as never.
        Later = 3, /// LT: only if earlier.
        Earlier = 4, /// XX GT.
        SomeLater = 5, /// XX LT.
        SomeEarlier = 6 }
}
choice! {
    /// What happens when the destination exists.
    OnExisting { /// It is replaced.
        Replace = 0, /// Nothing is done.
        Refuse = 1 }
}
choice! {
    /// RENAME answers OK, RENAMENX 1 or 0.
    RenameReply { /// `OK`.
        Status = 0, /// 1 or 0.
        Integer = 1 }
}
choice! {
    /// Which databases are flushed.
    FlushScope { /// The one of the stamp.
        Selected = 0, /// Every one.
        All = 1 }
}
choice! {
    /// The shape of a pop's answer.
    PopReply { /// BLPOP: `[key, element]`.
        KeyAndElement = 0, /// LMPOP: `[key, [element …]]`.
        KeyAndElements = 1 }
}
choice! {
    /// Whether LMOVEM moves fewer than asked.
    MoveAmount { /// COUNT.
        UpTo = 0, /// EXACTLY.
        Exactly = 1 }
}
choice! {
    /// The order in which LMOVEM moves.
    MoveOrder { /// OBO: each element popped, then pushed.
        OneByOne = 0, /// BULK: the block keeps its order.
        Bulk = 1 }
}
choice! {
    /// The condition of an MSET.
    SetManyWhen { /// None.
        Always = 0, /// MSETNX, MSETEX NX: only if none of the keys exists.
        NoneExists = 1, /// MSETEX XX: only if all of them exist.
        AllExist = 2 }
}
choice! {
    /// MSET answers OK, MSETNX and MSETEX 1 or 0.
    SetManyReply { /// `OK`.
        Status = 0, /// 1 or 0.
        Integer = 1 }
}
choice! {
    /// What SET answers.
    SetReply { /// SET: OK or nil.
        Status = 0, /// SETNX: 1 or 0.
        Integer = 1, /// SET … GET, GETSET: the old value or nil.
        Old = 2 }
}

/// The condition of a SET or DELEX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetWhen<'a> {
    /// None.
    Always,
    /// NX.
    Missing,
    /// XX.
    Exists,
    /// IFEQ.
    Equals(&'a [u8]),
    /// IFNE.
    Differs(&'a [u8]),
    /// IFDEQ: the value's XXH3 digest in hexadecimal, as it was written. It stays a text because whether it is one at
    /// all is asked only once there is a value to compare it with.
    DigestEquals(&'a [u8]),
    /// IFDNE.
    DigestDiffers(&'a [u8]),
}

impl<'a> Field<'a> for SetWhen<'a> {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Always => out.push(0),
            Self::Missing => out.push(1),
            Self::Exists => out.push(2),
            Self::Equals(value) => {
                out.push(3);
                put_bytes(out, value);
            }
            Self::Differs(value) => {
                out.push(4);
                put_bytes(out, value);
            }
            Self::DigestEquals(digest) => {
                out.push(5);
                put_bytes(out, digest);
            }
            Self::DigestDiffers(digest) => {
                out.push(6);
                put_bytes(out, digest);
            }
        }
    }

    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        Ok(match input.byte()? {
            0 => Self::Always,
            1 => Self::Missing,
            2 => Self::Exists,
            3 => Self::Equals(input.bytes()?),
            4 => Self::Differs(input.bytes()?),
            5 => Self::DigestEquals(input.bytes()?),
            6 => Self::DigestDiffers(input.bytes()?),
            other => return Err(DecodeError::Choice(other)),
        })
    }
}

/// What a SET or GETEX does to the key's deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetDeadline {
    /// Plain SET, GETEX PERSIST: none afterwards.
    Clear,
    /// KEEPTTL.
    Keep,
    /// EX, PX, EXAT, PXAT, in Unix milliseconds.
    At(u64),
}

impl<'a> Field<'a> for SetDeadline {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Clear => out.push(0),
            Self::Keep => out.push(1),
            Self::At(deadline_ms) => {
                out.push(2);
                put_varint(out, *deadline_ms);
            }
        }
    }

    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        Ok(match input.byte()? {
            0 => Self::Clear,
            1 => Self::Keep,
            2 => Self::At(input.varint()?),
            other => return Err(DecodeError::Choice(other)),
        })
    }
}

impl<'a> Field<'a> for End {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(match self {
            Self::Head => 0,
            Self::Tail => 1,
        });
    }
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        match input.byte()? {
            0 => Ok(Self::Head),
            1 => Ok(Self::Tail),
            other => Err(DecodeError::Choice(other)),
        }
    }
}

impl<'a> Field<'a> for Place {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(match self {
            Self::Before => 0,
            Self::After => 1,
        });
    }
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        match input.byte()? {
            0 => Ok(Self::Before),
            1 => Ok(Self::After),
            other => Err(DecodeError::Choice(other)),
        }
    }
}

/// Values that were computed rather than received (the result of a SORT), so they are owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values<'a>(pub Vec<Cow<'a, [u8]>>);

impl<'a> Field<'a> for Values<'a> {
    fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.0.len() as u64);
        for value in &self.0 {
            put_bytes(out, value);
        }
    }
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        let count = input.varint()?;
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(Cow::Borrowed(input.bytes()?));
        }
        Ok(Self(values))
    }
}
