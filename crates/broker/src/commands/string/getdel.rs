//! `GETDEL key`: a value, once.

use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::op::Op;

pub(super) const COMMAND: Command = Command {
    name: "GETDEL",
    group: Family::String,
    summary: "Returns the string value of a key and deletes the key.",
    since: "6.2.0",
    arity: Arity::Exactly(2),
    flags: Flags::WRITE.with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::TAKE)],
    args: &[Arg::key("key")],
    example: "
        ann  SET token abc
        ann: +OK
        ann  GETDEL token
        ann: abc
        ann  GETDEL token
        ann: nil
    ",
    run: Run::Write(|args, _| Ok(Op::StringTake { key: args.key()? })),
    ..Command::BASE
};
