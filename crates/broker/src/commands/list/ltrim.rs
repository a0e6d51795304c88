//! `LTRIM key start stop`: keep only a stretch of a list.

use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::op::Op;

pub(super) const COMMAND: Command = Command {
    name: "LTRIM",
    group: Family::List,
    summary: "Keeps a stretch of a list and removes the rest.",
    since: "1.0.0",
    complexity: "O(N) for N elements removed",
    arity: Arity::Exactly(4),
    flags: Flags::WRITE,
    keys: &[KeySpec::one(1, touch::DELETE)],
    args: &[Arg::key("key"), Arg::integer("start"), Arg::integer("stop")],
    example: "
        ann  RPUSH mail one two three
        ann: 3
        ann  LTRIM mail 1 -1
        ann: +OK
        ann  LRANGE mail 0 -1
        ann: [two, three]
    ",
    run: Run::Write(|args, _| Ok(Op::ListTrim { key: args.key()?, start: args.integer()?, stop: args.integer()? })),
    ..Command::BASE
};
