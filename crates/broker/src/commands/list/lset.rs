//! `LSET key index element`: replace an element.

use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::op::Op;

pub(super) const COMMAND: Command = Command {
    name: "LSET",
    group: Family::List,
    summary: "Replaces one element of a list by its position.",
    since: "1.0.0",
    complexity: "O(N) for N elements between it and the nearer end",
    arity: Arity::Exactly(4),
    flags: Flags::WRITE.with(Flags::DENY_OOM),
    keys: &[KeySpec::one(1, touch::UPDATE)],
    args: &[Arg::key("key"), Arg::integer("index"), Arg::string("element")],
    example: "
        ann  RPUSH mail one two
        ann: 2
        ann  LSET mail -1 three
        ann: +OK
        ann  LSET mail 7 four
        ann: -ERR index out of range
    ",
    run: Run::Write(|args, _| Ok(Op::ListSet { key: args.key()?, index: args.bytes()?, element: args.bulk()? })),
    ..Command::BASE
};
