//! What is read back from the log is what was submitted, to the last field.
//!
//! A field that is not written is found out by nobody who compares ops of the log with each other, and seldom by whoever
//! compares the states that they lead to: most of what is played leaves it at the value that a reader makes up as well. So
//! here no field of any kind has that value, and what is compared is the op as it was before it was written.

use std::borrow::Cow;

use rbq_resp::{Bulk, OwnedRequest};
use rbq_stream::{Absent, BlockLimits, Count, IdmpLimits, NewId, RefPolicy, StreamId, Trim};

use super::wire::{Field, Input};
use super::*;

const KEY: &[u8] = b"key";
const GROUP: &[u8] = b"group";
const NAME: &[u8] = b"name";
const VALUE: Bulk<'static> = Bulk::Slice(b"value");
const ID: StreamId = StreamId::new(5, 6);
const IDMP: IdmpLimits = IdmpLimits { duration_s: 7, max_iids: 8 };

fn on_keys(many: Many<'_>) -> Vec<Op<'_>> {
    vec![
        Op::KeyDelete { keys: many },
        Op::KeyExpire { key: KEY, deadline_ms: 1 },
        Op::KeyDeadline { key: KEY, deadline_ms: -1, when: DeadlineWhen::SomeEarlier },
        Op::KeyPersist { key: KEY },
        Op::KeyRename { from: KEY, to: NAME, exists: OnExisting::Refuse, reply: RenameReply::Integer },
        Op::KeyCopy { from: KEY, to: NAME, to_db: 1, exists: OnExisting::Refuse },
        Op::KeyMove { key: KEY, to_db: 1 },
        Op::Flush { scope: FlushScope::All },
        Op::SwapDb { first: 1, second: 2 },
    ]
}

fn on_strings(many: Many<'_>) -> Vec<Op<'_>> {
    let (when, deadline) = (SetWhen::Equals(b"old"), SetDeadline::At(u64::MAX));
    vec![
        Op::StringSet { key: KEY, value: VALUE, when, deadline, reply: SetReply::Old },
        Op::StringSetMany { pairs: many, when: SetManyWhen::AllExist, deadline, reply: SetManyReply::Integer },
        Op::StringTake { key: KEY },
        Op::StringDeadline { key: KEY, deadline },
        Op::StringAppend { key: KEY, value: b"more" },
        Op::StringSetRange { key: KEY, offset: 1, value: b"more" },
        Op::StringAdd { key: KEY, delta: i64::MIN },
        Op::StringAddFloat { key: KEY, delta: b"0.5" },
        Op::StringDeleteIf { key: KEY, when },
    ]
}

fn on_lists(many: Many<'_>) -> Vec<Op<'_>> {
    let (end, count, sorted) = (End::Tail, 3, vec![Cow::Borrowed(b"one".as_slice()), Cow::Borrowed(b"")]);
    let (amount, order) = (MoveAmount::Exactly, MoveOrder::Bulk);
    vec![
        Op::ListPush { key: KEY, end, when: PushWhen::Exists, elements: many },
        Op::ListPop { key: KEY, end, count: Some(0) },
        Op::ListPopFirst { keys: many, end, count, reply: PopReply::KeyAndElements },
        Op::ListMove { from: KEY, to: NAME, from_end: end, to_end: end },
        Op::ListMoveMany { from: KEY, to: NAME, from_end: end, to_end: end, count, amount, order },
        Op::ListInsert { key: KEY, place: Place::After, pivot: b"pivot", element: VALUE },
        Op::ListSet { key: KEY, index: b"-1", element: VALUE },
        Op::ListRemove { key: KEY, count: -2, element: b"element" },
        Op::ListTrim { key: KEY, start: -3, stop: -2 },
        Op::ListStore { key: KEY, elements: Values(sorted) },
    ]
}

fn on_streams(many: Many<'_>) -> Vec<Op<'_>> {
    let (trim, policy) = (Some(Trimming::Exact(Trim::MinId(ID))), RefPolicy::Acked);
    vec![
        Op::StreamAppend {
            key: KEY,
            id: NewId::Exact(ID),
            fields: many,
            missing: OnMissing::Refuse,
            limits: BlockLimits { max_entries: 9, max_bytes: 10 },
            trim,
            policy,
            once: Some(Once { pid: b"producer", iid: Some(b"") }),
            idmp: IDMP,
        },
        Op::StreamTrim { key: KEY, trim, policy },
        Op::StreamDelete { key: KEY, ids: many },
        Op::StreamDeleteWith { key: KEY, policy, ids: many },
        Op::StreamAckDelete { key: KEY, group: GROUP, policy, ids: many },
        Op::StreamSetId { key: KEY, id: ID, added: Some(0), max_deleted: Some(StreamId::new(1, 2)) },
        Op::StreamConfigure { key: KEY, duration_s: Some(0), max_iids: Some(0) },
        Op::StreamRecordSent { key: KEY, pid: b"producer", iid: b"sent", id: ID },
    ]
}

fn on_groups(many: Many<'_>) -> Vec<Op<'_>> {
    let (key, group, consumer, start, ids) = (KEY, GROUP, NAME, b"$".as_slice(), Ids::from_slice(&[ID, ID]));
    let terms = ClaimTerms {
        min_idle_ms: 1,
        delivered_ms: Some(0),
        count: Count::Set(0),
        absent: Absent::Create,
        last_id: Some(ID),
    };
    vec![
        Op::GroupCreate { key, group, start, missing: OnMissing::Refuse, entries_read: Some(0), idmp: IDMP },
        Op::GroupSetId { key, group, start, entries_read: Some(0) },
        Op::GroupDestroy { key, group },
        Op::ConsumerCreate { key, group, consumer },
        Op::ConsumerDelete { key, group, consumer },
        Op::GroupDeliver {
            group,
            consumer,
            keys: many,
            cursors: Cursors::from_slice(&[Cursor::New, Cursor::After(ID)]),
            limits: ReadLimits { count: 1, max_count: Some(0), max_bytes: Some(0) },
            claim_ms: Some(0),
            no_ack: true,
        },
        Op::Ack { key, group, ids: many },
        Op::Claim { key, group, consumer, ids: ids.clone(), terms, reply: ClaimReply::Ids },
        Op::AutoClaim { key, group, consumer, min_idle_ms: 1, start: ID, count: 2, reply: ClaimReply::Ids },
        Op::Nack { key, group, mode: NackMode::Fatal, ids, count: Some(0), force: true },
    ]
}

/// The fields of an op that hold what a reader makes of nothing but zeros, with these values.
fn at_zero(op: &Op<'_>) -> Vec<String> {
    let zeros = [op.number().to_le_bytes().as_slice(), &[0; 64]].concat();
    let zero = format!("{:#?}", Op::decode(&mut Input::new(&zeros)).expect("zeros are an op of every kind"));
    let set = format!("{op:#?}");
    let is_field = |line: &&str| line.contains(": ") && line.ends_with(',');
    let left = set.lines().filter(is_field).filter(|line| zero.lines().any(|other| other == *line));
    left.map(|line| line.trim().to_owned()).collect()
}

fn assert_survives(op: &Op<'_>) {
    let mut bytes = Vec::new();
    op.encode(&mut bytes);
    let read = Op::from_record(&bytes).expect("it was just written");
    assert_eq!(format!("{read:?}"), format!("{op:?}"));
}

#[test]
fn every_field_of_every_kind_is_read_back_as_it_was_submitted() {
    let words = OwnedRequest::from_args(["one", "", "three"]);
    let many = Many::of(words.view());
    let ops = [on_keys(many), on_strings(many), on_lists(many), on_streams(many), on_groups(many)].concat();
    let kinds: Vec<(u16, &str)> = ops.iter().map(|op| (op.number(), op.name())).collect();
    assert_eq!(kinds, Op::KINDS, "one of each");
    for op in &ops {
        assert!(at_zero(op).is_empty(), "{} would not show that it loses {:?}", op.name(), at_zero(op));
        assert_survives(op);
    }
}

#[test]
fn every_form_of_a_field_is_read_back_as_it_was_submitted() {
    let key = KEY;
    for when in [
        SetWhen::Always,
        SetWhen::Missing,
        SetWhen::Exists,
        SetWhen::Equals(b"x"),
        SetWhen::Differs(b"x"),
        SetWhen::DigestEquals(b"x"),
        SetWhen::DigestDiffers(b"x"),
    ] {
        assert_survives(&Op::StringDeleteIf { key, when });
    }
    for deadline in [SetDeadline::Clear, SetDeadline::Keep, SetDeadline::At(0)] {
        assert_survives(&Op::StringDeadline { key, deadline });
    }
    for (from_end, to_end) in [(End::Head, End::Tail), (End::Tail, End::Head)] {
        assert_survives(&Op::ListMove { from: key, to: key, from_end, to_end });
    }
    for place in [Place::Before, Place::After] {
        assert_survives(&Op::ListInsert { key, place, pivot: b"x", element: VALUE });
    }
    for trim in [None, Some(Trimming::Exact(Trim::MaxLen(0))), Some(Trimming::Exact(Trim::MinId(ID)))] {
        for policy in [RefPolicy::Keep, RefPolicy::Drop, RefPolicy::Acked] {
            assert_survives(&Op::StreamTrim { key, trim, policy });
        }
    }
    let words = OwnedRequest::from_args(["name", "value"]);
    let (fields, limits) = (Many::of(words.view()), BlockLimits::default());
    let (missing, trim, policy) = (OnMissing::Create, None, RefPolicy::Keep);
    for id in [NewId::Auto, NewId::AutoSeq(7), NewId::Exact(ID)] {
        for once in [None, Some(Once { pid: b"x", iid: None }), Some(Once { pid: b"x", iid: Some(b"y") })] {
            assert_survives(&Op::StreamAppend { key, id, fields, missing, limits, trim, policy, once, idmp: IDMP });
        }
    }
    for (count, absent) in [(Count::Bump, Absent::Create), (Count::Keep, Absent::Skip), (Count::Set(7), Absent::Skip)] {
        let terms = ClaimTerms { min_idle_ms: 0, delivered_ms: None, count, absent, last_id: None };
        let (group, consumer, ids) = (GROUP, NAME, Ids::from_slice(&[ID]));
        assert_survives(&Op::Claim { key, group, consumer, ids, terms, reply: ClaimReply::Entries });
    }
}
