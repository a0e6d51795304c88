//! `PERSIST key`: a key that had an end no longer has one.

use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::op::Op;

pub(super) const COMMAND: Command = Command {
    name: "PERSIST",
    group: Family::Generic,
    summary: "Removes the time to live of a key.",
    since: "2.2.0",
    arity: Arity::Exactly(2),
    flags: Flags::WRITE.with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::UPDATE)],
    args: &[Arg::key("key")],
    example: "
        ann  SET a 1 EX 10
        ann: +OK
        ann  PERSIST a
        ann: 1
        ann  TTL a
        ann: -1
        ann  PERSIST a
        ann: 0
    ",
    run: Run::Write(|args, _| Ok(Op::KeyPersist { key: args.key()? })),
    ..Command::BASE
};
