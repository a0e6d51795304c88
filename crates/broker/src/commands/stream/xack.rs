//! `XACK key group id [id ...]` and `XACKDEL key group [KEEPREF | DELREF | ACKED] IDS numids id [id ...]`: say that entries
//! were dealt with.

use super::grammar::{IDS, POLICIES};
use super::xdel::policy_and_ids;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::op::Op;

pub(super) const XACK: Command = Command {
    name: "XACK",
    group: Family::Stream,
    summary: "Acknowledges entries that were dealt with.",
    since: "5.0.0",
    complexity: "O(1) for each ID",
    arity: Arity::AtLeast(4),
    flags: Flags::WRITE.with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::UPDATE)],
    args: &[Arg::key("key"), Arg::string("group"), Arg::string("id").many()],
    example: "
        ann  XADD orders 1-1 item book
        ann: \"1-1\"
        ann  XGROUP CREATE orders billing 0
        ann: +OK
        ann  XREADGROUP GROUP billing bob STREAMS orders >
        ann: [[orders, [[\"1-1\", [item, book]]]]]
        ann  XACK orders billing 1-1
        ann: 1
    ",
    run: Run::Write(|args, _| Ok(Op::Ack { key: args.key()?, group: args.bytes()?, ids: args.rest() })),
    ..Command::BASE
};

pub(super) const XACKDEL: Command = Command {
    name: "XACKDEL",
    summary: "Acknowledges entries and deletes them, minding other groups.",
    since: "8.2.0",
    arity: Arity::AtLeast(6),
    args: &[
        Arg::key("key"),
        Arg::string("group"),
        Arg::one_of("condition", POLICIES).optional(),
        Arg::block("ids", IDS).after("IDS"),
    ],
    example: "
        ann  XADD orders 1-1 item book
        ann: \"1-1\"
        ann  XGROUP CREATE orders billing 0
        ann: +OK
        ann  XREADGROUP GROUP billing bob STREAMS orders >
        ann: [[orders, [[\"1-1\", [item, book]]]]]
        ann  XACKDEL orders billing IDS 1 1-1
        ann: [1]
        ann  XLEN orders
        ann: 0
    ",
    run: Run::Write(|args, _| {
        let (key, group) = (args.key()?, args.bytes()?);
        let (policy, ids) = policy_and_ids(args)?;
        Ok(Op::StreamAckDelete { key, group, policy, ids })
    }),
    ..XACK
};
