//! `INCR key`, `DECR key`, `INCRBY key increment`, `DECRBY key decrement`: counters.

use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::error::Error;
use crate::op::Op;

pub(super) const INCR: Command = Command {
    name: "INCR",
    group: Family::String,
    summary: "Increments a counter by one. A key that doesn't exist counts as 0.",
    since: "1.0.0",
    arity: Arity::Exactly(2),
    flags: Flags::WRITE.with(Flags::DENY_OOM).with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::ACCESS_UPDATE)],
    args: &[Arg::key("key")],
    example: "
        ann  INCR visits
        ann: 1
        ann  INCR visits
        ann: 2
    ",
    run: Run::Write(|args, _| Ok(Op::StringAdd { key: args.key()?, delta: 1 })),
    ..Command::BASE
};

pub(super) const DECR: Command = Command {
    name: "DECR",
    summary: "Decrements a counter by one. A key that doesn't exist counts as 0.",
    example: "
        ann  SET stock 10
        ann: +OK
        ann  DECR stock
        ann: 9
    ",
    run: Run::Write(|args, _| Ok(Op::StringAdd { key: args.key()?, delta: -1 })),
    ..INCR
};

pub(super) const INCRBY: Command = Command {
    name: "INCRBY",
    summary: "Increments a counter by an integer. A key that doesn't exist counts as 0.",
    arity: Arity::Exactly(3),
    args: &[Arg::key("key"), Arg::integer("increment")],
    example: "
        ann  INCRBY visits 10
        ann: 10
        ann  INCRBY visits -3
        ann: 7
    ",
    run: Run::Write(|args, _| Ok(Op::StringAdd { key: args.key()?, delta: args.integer()? })),
    ..INCR
};

pub(super) const DECRBY: Command = Command {
    name: "DECRBY",
    summary: "Decrements a counter by an integer. A key that doesn't exist counts as 0.",
    args: &[Arg::key("key"), Arg::integer("decrement")],
    example: "
        ann  SET stock 10
        ann: +OK
        ann  DECRBY stock 3
        ann: 7
    ",
    run: Run::Write(|args, _| {
        let key = args.key()?;
        let delta = args.integer()?.checked_neg().ok_or(Error::Fixed("ERR decrement would overflow"))?;
        Ok(Op::StringAdd { key, delta })
    }),
    ..INCRBY
};
