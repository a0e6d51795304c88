//! `DEL key [key ...]` and `UNLINK`: forget keys.
//!
//! The two differ in name and flags only: a large value is always dropped on another thread.

use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::op::Op;

pub(super) const DEL: Command = Command {
    name: "DEL",
    group: Family::Generic,
    summary: "Deletes one or more keys.",
    since: "1.0.0",
    complexity: "O(N) where N is the number of keys that will be removed. A large value is freed by another thread.",
    arity: Arity::AtLeast(2),
    flags: Flags::WRITE,
    tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
    keys: &[KeySpec::rest(1, touch::REMOVE)],
    args: &[Arg::key("key").many()],
    example: "
        ann  MSET a 1 b 2
        ann: +OK
        ann  DEL a b c
        ann: 2
        ann  EXISTS a b
        ann: 0
    ",
    run: Run::Write(|args, _| Ok(Op::KeyDelete { keys: args.rest() })),
    ..Command::BASE
};

pub(super) const UNLINK: Command = Command {
    name: "UNLINK",
    summary: "Deletes one or more keys and frees their values in the background.",
    since: "4.0.0",
    complexity: "O(1) for each key removed regardless of its size. The memory is freed by another thread.",
    flags: Flags::WRITE.with(Flags::FAST),
    example: "
        ann  RPUSH mail one two three
        ann: 3
        ann  UNLINK mail
        ann: 1
    ",
    ..DEL
};
