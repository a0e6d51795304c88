//! What ops on streams carry.

use rbq_stream::{Absent, BlockLimits, Count, IdmpLimits, NewId, RefPolicy, StreamId, Trim};
use smallvec::SmallVec;

use super::wire::{DecodeError, Field, Input, choice, put_bytes, put_varint};

choice! {
    /// What happens when the stream does not exist.
    OnMissing { /// It is made.
        Create = 0, /// Nothing is done.
        Refuse = 1 }
}
choice! {
    /// Whether claimed entries are answered whole or by their IDs.
    ClaimReply { /// With their fields.
        Entries = 0, /// JUSTID.
        Ids = 1 }
}
choice! {
    /// How an entry is handed back.
    NackMode { /// One delivery less.
        Silent = 0, /// The count stays.
        Fail = 1, /// The count becomes the greatest.
        Fatal = 2 }
}

/// Stream IDs; a few of them need no allocation.
pub type Ids = SmallVec<[StreamId; 4]>;

impl<'a> Field<'a> for StreamId {
    fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.ms);
        put_varint(out, self.seq);
    }
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        Ok(Self { ms: input.varint()?, seq: input.varint()? })
    }
}

impl<'a> Field<'a> for Ids {
    fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.len() as u64);
        self.iter().for_each(|id| id.encode(out));
    }
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        let count = input.varint()?;
        let mut ids = Self::new();
        for _ in 0..count {
            ids.push(StreamId::decode(input)?);
        }
        Ok(ids)
    }
}

impl<'a> Field<'a> for NewId {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Auto => out.push(0),
            Self::AutoSeq(ms) => {
                out.push(1);
                put_varint(out, *ms);
            }
            Self::Exact(id) => {
                out.push(2);
                id.encode(out);
            }
        }
    }
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        Ok(match input.byte()? {
            0 => Self::Auto,
            1 => Self::AutoSeq(input.varint()?),
            2 => Self::Exact(StreamId::decode(input)?),
            other => return Err(DecodeError::Choice(other)),
        })
    }
}

/// How far a stream is trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trimming {
    /// Exactly so far.
    Exact(Trim),
    /// As far as whole blocks allow, and at most this many entries (0: no limit). Depends on the block layout, so it
    /// is resolved into an exact bound before the op is applied or logged.
    Approximate(Trim, u64),
}

impl<'a> Field<'a> for Trimming {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Exact(Trim::MaxLen(len)) => {
                out.push(0);
                put_varint(out, *len);
            }
            Self::Exact(Trim::MinId(id)) => {
                out.push(1);
                id.encode(out);
            }
            Self::Approximate(..) => panic!("an approximate trim is resolved before it is logged"),
        }
    }
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        Ok(Self::Exact(match input.byte()? {
            0 => Trim::MaxLen(input.varint()?),
            1 => Trim::MinId(StreamId::decode(input)?),
            other => return Err(DecodeError::Choice(other)),
        }))
    }
}

impl<'a> Field<'a> for RefPolicy {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(match self {
            Self::Keep => 0,
            Self::Drop => 1,
            Self::Acked => 2,
        });
    }
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        Ok(match input.byte()? {
            0 => Self::Keep,
            1 => Self::Drop,
            2 => Self::Acked,
            other => return Err(DecodeError::Choice(other)),
        })
    }
}

impl<'a> Field<'a> for BlockLimits {
    fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, u64::from(self.max_entries));
        put_varint(out, u64::from(self.max_bytes));
    }
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        Ok(Self { max_entries: narrow(input)?, max_bytes: narrow(input)? })
    }
}

impl<'a> Field<'a> for IdmpLimits {
    fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, u64::from(self.duration_s));
        put_varint(out, u64::from(self.max_iids));
    }
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        Ok(Self { duration_s: narrow(input)?, max_iids: narrow(input)? })
    }
}

fn narrow(input: &mut Input<'_>) -> Result<u32, DecodeError> {
    u32::try_from(input.varint()?).map_err(|_| DecodeError::Length)
}

/// A producer's name for what it sends, so that sending it again adds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Once<'a> {
    /// The producer.
    pub pid: &'a [u8],
    /// Its ID for the entry; none: made from the fields.
    pub iid: Option<&'a [u8]>,
}

impl<'a> Field<'a> for Once<'a> {
    fn encode(&self, out: &mut Vec<u8>) {
        put_bytes(out, self.pid);
        self.iid.encode(out);
    }
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        Ok(Self { pid: input.bytes()?, iid: Option::decode(input)? })
    }
}

/// What XREADGROUP reads of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// `>`: what nobody was given yet.
    New,
    /// The consumer's own pending entries after this ID.
    After(StreamId),
}

/// One cursor per stream.
pub type Cursors = SmallVec<[Cursor; 2]>;

impl<'a> Field<'a> for Cursors {
    fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.len() as u64);
        for cursor in self {
            match cursor {
                Cursor::New => None,
                Cursor::After(id) => Some(*id),
            }
            .encode(out);
        }
    }
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        let count = input.varint()?;
        let mut cursors = Self::new();
        for _ in 0..count {
            cursors.push(Option::decode(input)?.map_or(Cursor::New, Cursor::After));
        }
        Ok(cursors)
    }
}

/// How much one read takes, over all its streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadLimits {
    /// COUNT: entries per stream; 0 for no limit.
    pub count: u64,
    /// MAXCOUNT: entries in all.
    pub max_count: Option<u64>,
    /// MAXSIZE: bytes in all, at least one entry.
    pub max_bytes: Option<u64>,
}

impl<'a> Field<'a> for ReadLimits {
    fn encode(&self, out: &mut Vec<u8>) {
        self.count.encode(out);
        self.max_count.encode(out);
        self.max_bytes.encode(out);
    }
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        Ok(Self { count: u64::decode(input)?, max_count: Option::decode(input)?, max_bytes: Option::decode(input)? })
    }
}

/// XCLAIM's options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimTerms {
    /// Pass over what was delivered less than this long ago.
    pub min_idle_ms: u64,
    /// The delivery time to note; none: the stamp's.
    pub delivered_ms: Option<u64>,
    /// What becomes of the delivery count.
    pub count: Count,
    /// FORCE.
    pub absent: Absent,
    /// LASTID.
    pub last_id: Option<StreamId>,
}

impl<'a> Field<'a> for ClaimTerms {
    fn encode(&self, out: &mut Vec<u8>) {
        self.min_idle_ms.encode(out);
        self.delivered_ms.encode(out);
        self.count.encode(out);
        self.absent.encode(out);
        self.last_id.encode(out);
    }
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            min_idle_ms: u64::decode(input)?,
            delivered_ms: Option::decode(input)?,
            count: Count::decode(input)?,
            absent: Absent::decode(input)?,
            last_id: Option::decode(input)?,
        })
    }
}

impl<'a> Field<'a> for Count {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Bump => out.push(0),
            Self::Keep => out.push(1),
            Self::Set(count) => {
                out.push(2);
                put_varint(out, *count);
            }
        }
    }
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        Ok(match input.byte()? {
            0 => Self::Bump,
            1 => Self::Keep,
            2 => Self::Set(input.varint()?),
            other => return Err(DecodeError::Choice(other)),
        })
    }
}

impl<'a> Field<'a> for Absent {
    fn encode(&self, out: &mut Vec<u8>) {
        (*self == Self::Create).encode(out);
    }
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        Ok(if bool::decode(input)? { Self::Create } else { Self::Skip })
    }
}
