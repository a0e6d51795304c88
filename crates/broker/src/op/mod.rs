//! Ops: the only way durable state changes.
//!
//! A write command is parsed into an [`Op`] without a look at any state; [`apply`](crate::apply::apply) is the one
//! function that changes state, and it gets the op, the stamp it was submitted with, and nothing else. So the same
//! ops give the same state on any machine: that is what the log replays, what a replica follows, and what a
//! simulation can check. Whatever depends on configuration, layout or chance (a default, an approximate trim) is
//! resolved into the op before it is applied.
//!
//! Kinds are numbered in ranges per type: 0x01xx keys, 0x02xx strings, 0x03xx lists, 0x04xx streams. A number is
//! never reused; an unknown number is refused, never skipped.

pub mod wire;

mod choices;
mod keys;
mod show;
mod streams;
#[cfg(test)]
mod tests;

pub use choices::*;
pub use keys::Reach;
use rbq_resp::Bulk;
use rbq_stream::{BlockLimits, IdmpLimits, NewId, RefPolicy, StreamId};
use show::Show as _;
pub use show::Shown;
pub use streams::*;
use wire::{DecodeError, Field, Input};

use crate::command::EmptyReply;
use crate::many::Many;

/// The version of what ops, and the snapshots that they lead to, mean. What a later one wrote is refused, by a start and by every tool.
pub const STATE_VERSION: u32 = 1;

/// What every op is stamped with when it is submitted, and again carries in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The database it was issued in.
    pub db: u8,
    /// Wall-clock milliseconds, frozen for the command (and for a whole EXEC).
    pub now_ms: u64,
}

impl<'a> Field<'a> for Stamp {
    fn encode(&self, out: &mut Vec<u8>) {
        self.db.encode(out);
        self.now_ms.encode(out);
    }
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        Ok(Self { db: u8::decode(input)?, now_ms: u64::decode(input)? })
    }
}

macro_rules! ops {
    ($( $(#[$doc:meta])* $number:literal $name:ident { $( $(#[$fdoc:meta])* $field:ident : $type:ty ),* $(,)? } )*) => {
        /// One change of durable state. See the module's header.
        #[derive(Debug, Clone)]
        pub enum Op<'a> { $( $(#[$doc])* $name { $( $(#[$fdoc])* $field: $type ),* } ),* }

        impl<'a> Op<'a> {
            /// Every kind's number and name, in order.
            pub const KINDS: &'static [(u16, &'static str)] = &[ $( ($number, stringify!($name)) ),* ];

            /// The number of this op's kind.
            pub fn number(&self) -> u16 {
                match self { $( Self::$name { .. } => $number ),* }
            }

            /// The name of this op's kind.
            pub fn name(&self) -> &'static str {
                match self { $( Self::$name { .. } => stringify!($name) ),* }
            }

            /// The fields that were given, in order, for people and programs to read.
            pub fn fields(&self) -> Vec<(&'static str, Shown)> {
                let fields = match self {
                    $( Self::$name { $( $field ),* } => vec![ $( (stringify!($field), $field.show()) ),* ], )*
                };
                fields.into_iter().filter_map(|(name, shown)| Some((name, shown?))).collect()
            }
        }

        impl<'a> Field<'a> for Op<'a> {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.number().to_le_bytes());
                match self { $( Self::$name { $( $field ),* } => { $( $field.encode(out); )* } ),* }
            }
            fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
                let number = u16::from_le_bytes([input.byte()?, input.byte()?]);
                match number {
                    $( $number => Ok(Self::$name { $( $field: Field::decode(input)? ),* }), )*
                    other => Err(DecodeError::Kind(other)),
                }
            }
        }
    };
}

ops! {
    /// DEL, UNLINK: answers how many existed.
    0x0101 KeyDelete { /// Whose values are dropped.
        keys: Many<'a> }
    /// A key whose time has come. Answers nothing; changes nothing if the deadline was moved meanwhile.
    0x0102 KeyExpire { /// The key.
        key: &'a [u8], /// The deadline that was seen, in Unix milliseconds.
        deadline_ms: u64 }
    /// EXPIRE and its family: answers 1 or 0.
    0x0103 KeyDeadline { /// The key.
        key: &'a [u8], /// The new deadline in Unix milliseconds; in the past deletes.
        deadline_ms: i64, /// NX, XX, GT, LT.
        when: DeadlineWhen }
    /// PERSIST: answers 1 or 0.
    0x0104 KeyPersist { /// The key.
        key: &'a [u8] }
    /// RENAME and RENAMENX.
    0x0105 KeyRename { /// The key as it was.
        from: &'a [u8], /// The key as it will be.
        to: &'a [u8], /// Whether an existing `to` is replaced.
        exists: OnExisting, /// Which of the two answers.
        reply: RenameReply }
    /// COPY: answers 1 or 0.
    0x0106 KeyCopy { /// The original.
        from: &'a [u8], /// The copy.
        to: &'a [u8], /// The copy's database.
        to_db: u8, /// Whether an existing `to` is replaced.
        exists: OnExisting }
    /// MOVE: answers 1 or 0.
    0x0107 KeyMove { /// The key.
        key: &'a [u8], /// Where it goes.
        to_db: u8 }
    /// FLUSHDB (this database) and FLUSHALL (every one).
    0x0108 Flush { /// Which.
        scope: FlushScope }
    /// SWAPDB.
    0x0109 SwapDb { /// One.
        first: u8, /// The other.
        second: u8 }

    /// SET, SETNX, SETEX, PSETEX, GETSET.
    0x0201 StringSet { /// The key.
        key: &'a [u8], /// Its new value.
        value: Bulk<'a>, /// Under which condition.
        when: SetWhen<'a>, /// What becomes of the deadline.
        deadline: SetDeadline, /// What is answered.
        reply: SetReply }
    /// MSET, MSETNX, MSETEX: all pairs of key and value or none.
    0x0202 StringSetMany { /// key, value, key, value …
        pairs: Many<'a>, /// Under which condition.
        when: SetManyWhen, /// What becomes of every key's deadline.
        deadline: SetDeadline, /// What is answered.
        reply: SetManyReply }
    /// GETDEL.
    0x0203 StringTake { /// The key.
        key: &'a [u8] }
    /// GETEX with an option that changes the deadline.
    0x0204 StringDeadline { /// The key.
        key: &'a [u8], /// What becomes of the deadline.
        deadline: SetDeadline }
    /// APPEND: answers the new length.
    0x0205 StringAppend { /// The key.
        key: &'a [u8], /// What is appended.
        value: &'a [u8] }
    /// SETRANGE: answers the new length.
    0x0206 StringSetRange { /// The key.
        key: &'a [u8], /// Where to write, zero-filled up to there.
        offset: u64, /// What.
        value: &'a [u8] }
    /// INCR, DECR, INCRBY, DECRBY.
    0x0207 StringAdd { /// The key.
        key: &'a [u8], /// How much.
        delta: i64 }
    /// INCRBYFLOAT.
    0x0208 StringAddFloat { /// The key.
        key: &'a [u8], /// How much, as it was written.
        delta: &'a [u8] }
    /// DELEX with a condition: answers 1 or 0.
    0x0209 StringDeleteIf { /// The key.
        key: &'a [u8], /// Under which condition.
        when: SetWhen<'a> }

    /// LPUSH, RPUSH and their X forms: answers the new length.
    0x0301 ListPush { /// The list.
        key: &'a [u8], /// At which end.
        end: End, /// Whether the list must exist.
        when: PushWhen, /// In order of pushing.
        elements: Many<'a> }
    /// LPOP, RPOP.
    0x0302 ListPop { /// The list.
        key: &'a [u8], /// From which end.
        end: End, /// How many; none answers one bulk rather than an array.
        count: Option<u64> }
    /// BLPOP, BRPOP, LMPOP, BLMPOP: the first of the keys that has elements.
    0x0303 ListPopFirst { /// Tried in order.
        keys: Many<'a>, /// From which end.
        end: End, /// How many at most.
        count: u64, /// The shape of the answer.
        reply: PopReply }
    /// LMOVE, RPOPLPUSH and their blocking forms: answers the element.
    0x0304 ListMove { /// Where from.
        from: &'a [u8], /// Where to.
        to: &'a [u8], /// Popped here.
        from_end: End, /// Pushed here.
        to_end: End }
    /// LMOVEM and BLMOVEM: answers the elements in destination order.
    0x0305 ListMoveMany { /// Where from.
        from: &'a [u8], /// Where to.
        to: &'a [u8], /// Popped here.
        from_end: End, /// Pushed here.
        to_end: End, /// How many.
        count: u64, /// Whether fewer will do.
        amount: MoveAmount, /// One by one, or as a block that keeps its order.
        order: MoveOrder }
    /// LINSERT: answers the new length, -1 without the pivot, 0 without the list.
    0x0306 ListInsert { /// The list.
        key: &'a [u8], /// Before or after.
        place: Place, /// Beside which element.
        pivot: &'a [u8], /// What.
        element: Bulk<'a> }
    /// LSET.
    0x0307 ListSet { /// The list.
        key: &'a [u8], /// Which element, negative from the tail, as it was sent: judged only where there is a list.
        index: &'a [u8], /// Its new value.
        element: Bulk<'a> }
    /// LREM: answers how many.
    0x0308 ListRemove { /// The list.
        key: &'a [u8], /// How many, and from which end.
        count: i64, /// Equal to this.
        element: &'a [u8] }
    /// LTRIM.
    0x0309 ListTrim { /// The list.
        key: &'a [u8], /// First kept.
        start: i64, /// Last kept.
        stop: i64 }
    /// SORT … STORE: replaces the destination; answers how many.
    0x030a ListStore { /// The destination.
        key: &'a [u8], /// The sorted elements; none deletes the destination.
        elements: Values<'a> }

    /// XADD: answers the ID.
    0x0401 StreamAppend { /// The stream.
        key: &'a [u8], /// The entry's ID, or how it is made.
        id: NewId, /// name, value, name, value …
        fields: Many<'a>, /// Whether the stream is made.
        missing: OnMissing, /// Where blocks end.
        limits: BlockLimits, /// How far it is trimmed afterwards.
        trim: Option<Trimming>, /// What happens to references to what is trimmed.
        policy: RefPolicy, /// IDMP.
        once: Option<Once<'a>>, /// What a new stream remembers of producers.
        idmp: IdmpLimits }
    /// XTRIM: answers how many.
    0x0402 StreamTrim { /// The stream.
        key: &'a [u8], /// How far.
        trim: Option<Trimming>, /// What happens to references.
        policy: RefPolicy }
    /// XDEL: answers how many.
    0x0403 StreamDelete { /// The stream.
        key: &'a [u8], /// Which entries, as they were sent: what is no ID is an error only where there is something to look it up in.
        ids: Many<'a> }
    /// XDELEX: answers an outcome for each.
    0x0404 StreamDeleteWith { /// The stream.
        key: &'a [u8], /// What happens to references.
        policy: RefPolicy, /// Which entries, as they were sent: what is no ID is an error only where there is something to look it up in.
        ids: Many<'a> }
    /// XACKDEL: answers an outcome for each.
    0x0405 StreamAckDelete { /// The stream.
        key: &'a [u8], /// The group.
        group: &'a [u8], /// What happens to references of other groups.
        policy: RefPolicy, /// Which entries, as they were sent: what is no ID is an error only where there is something to look it up in.
        ids: Many<'a> }
    /// XSETID.
    0x0406 StreamSetId { /// The stream.
        key: &'a [u8], /// The last ID.
        id: StreamId, /// ENTRIESADDED.
        added: Option<u64>, /// MAXDELETEDID.
        max_deleted: Option<StreamId> }
    /// XCFGSET.
    0x0407 StreamConfigure { /// The stream.
        key: &'a [u8], /// IDMP-DURATION, in seconds.
        duration_s: Option<u64>, /// IDMP-MAXSIZE.
        max_iids: Option<u64> }
    /// XIDMPRECORD.
    0x0408 StreamRecordSent { /// The stream.
        key: &'a [u8], /// The producer.
        pid: &'a [u8], /// Its ID for the entry.
        iid: &'a [u8], /// The entry.
        id: StreamId }
    /// XGROUP CREATE.
    0x0411 GroupCreate { /// The stream.
        key: &'a [u8], /// The group.
        group: &'a [u8], /// Where it starts: `$` or an ID, as it was sent. What is no ID is an error only where there is a stream.
        start: &'a [u8], /// MKSTREAM.
        missing: OnMissing, /// ENTRIESREAD.
        entries_read: Option<u64>, /// What a new stream remembers of producers.
        idmp: IdmpLimits }
    /// XGROUP SETID.
    0x0412 GroupSetId { /// The stream.
        key: &'a [u8], /// The group.
        group: &'a [u8], /// Where it goes on, likewise.
        start: &'a [u8], /// ENTRIESREAD.
        entries_read: Option<u64> }
    /// XGROUP DESTROY: answers 1 or 0.
    0x0413 GroupDestroy { /// The stream.
        key: &'a [u8], /// The group.
        group: &'a [u8] }
    /// XGROUP CREATECONSUMER: answers 1 or 0.
    0x0414 ConsumerCreate { /// The stream.
        key: &'a [u8], /// The group.
        group: &'a [u8], /// The consumer.
        consumer: &'a [u8] }
    /// XGROUP DELCONSUMER: answers how many entries it had pending.
    0x0415 ConsumerDelete { /// The stream.
        key: &'a [u8], /// The group.
        group: &'a [u8], /// The consumer.
        consumer: &'a [u8] }
    /// XREADGROUP.
    0x0421 GroupDeliver { /// The group, of each stream.
        group: &'a [u8], /// Who reads.
        consumer: &'a [u8], /// The streams.
        keys: Many<'a>, /// What of each.
        cursors: Cursors, /// How much.
        limits: ReadLimits, /// CLAIM: idle milliseconds from which others' entries are taken first.
        claim_ms: Option<u64>, /// NOACK.
        no_ack: bool }
    /// XACK: answers how many.
    0x0422 Ack { /// The stream.
        key: &'a [u8], /// The group.
        group: &'a [u8], /// Which entries, as they were sent: what is no ID is an error only where there is something to look it up in.
        ids: Many<'a> }
    /// XCLAIM.
    0x0423 Claim { /// The stream.
        key: &'a [u8], /// The group.
        group: &'a [u8], /// Who claims.
        consumer: &'a [u8], /// Which entries.
        ids: Ids, /// On which terms.
        terms: ClaimTerms, /// The shape of the answer.
        reply: ClaimReply }
    /// XAUTOCLAIM.
    0x0424 AutoClaim { /// The stream.
        key: &'a [u8], /// The group.
        group: &'a [u8], /// Who claims.
        consumer: &'a [u8], /// Pass over what was delivered less than this long ago.
        min_idle_ms: u64, /// Where to begin.
        start: StreamId, /// How many at most.
        count: u64, /// The shape of the answer.
        reply: ClaimReply }
    /// XNACK: answers how many.
    0x0425 Nack { /// The stream.
        key: &'a [u8], /// The group.
        group: &'a [u8], /// What becomes of the delivery count.
        mode: NackMode, /// Which entries.
        ids: Ids, /// RETRYCOUNT.
        count: Option<u64>, /// FORCE.
        force: bool }
}

impl<'a> Op<'a> {
    /// What the command answers when this op found nothing to take.
    pub fn empty_reply(&self) -> EmptyReply {
        match self {
            Op::ListMove { .. } => EmptyReply::Null,
            _ => EmptyReply::NullArray,
        }
    }

    /// Reads exactly one op that fills `bytes`.
    pub fn from_record(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut input = Input::new(bytes);
        let op = Self::decode(&mut input)?;
        match input.rest().len() {
            0 => Ok(op),
            left => Err(DecodeError::Trailing(left)),
        }
    }
}
