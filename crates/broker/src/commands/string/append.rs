//! `APPEND key value`: more behind what is there.

use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::op::Op;

pub(super) const COMMAND: Command = Command {
    name: "APPEND",
    group: Family::String,
    summary: "Appends to the value of a key. Creates the key if it doesn't exist.",
    since: "2.0.0",
    complexity: "O(1). The amortized time complexity is O(1) assuming the appended value is small and the already present value is of any size, since the room behind it doubles on every reallocation.",
    arity: Arity::Exactly(3),
    flags: Flags::WRITE.with(Flags::DENY_OOM).with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::INSERT)],
    args: &[Arg::key("key"), Arg::string("value")],
    example: "
        ann  APPEND log one
        ann: 3
        ann  APPEND log \",two\"
        ann: 7
        ann  GET log
        ann: \"one,two\"
    ",
    run: Run::Write(|args, _| Ok(Op::StringAppend { key: args.key()?, value: args.bytes()? })),
    ..Command::BASE
};
