//! `LREM key count element`: remove elements by value.

use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::op::Op;

pub(super) const COMMAND: Command = Command {
    name: "LREM",
    group: Family::List,
    summary: "Removes elements that equal a value.",
    since: "1.0.0",
    complexity: "O(N) for a list of N elements",
    arity: Arity::Exactly(4),
    flags: Flags::WRITE,
    keys: &[KeySpec::one(1, touch::DELETE)],
    args: &[Arg::key("key"), Arg::integer("count"), Arg::string("element")],
    example: "
        ann  RPUSH mail one two one
        ann: 3
        ann  LREM mail -1 one
        ann: 1
        ann  LRANGE mail 0 -1
        ann: [one, two]
    ",
    run: Run::Write(|args, _| Ok(Op::ListRemove { key: args.key()?, count: args.integer()?, element: args.bytes()? })),
    ..Command::BASE
};
