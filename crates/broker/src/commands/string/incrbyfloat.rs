//! `INCRBYFLOAT key increment`: counters with fractions.
//!
//! Whether the increment is a number is asked when it is applied: a value of the wrong type is the greater mistake.

use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::op::Op;

pub(super) const COMMAND: Command = Command {
    name: "INCRBYFLOAT",
    group: Family::String,
    summary: "Increments a number by a fraction. A key that doesn't exist counts as 0.",
    since: "2.6.0",
    arity: Arity::Exactly(3),
    flags: Flags::WRITE.with(Flags::DENY_OOM).with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::ACCESS_UPDATE)],
    args: &[Arg::key("key"), Arg::double("increment")],
    example: "
        ann  SET total 10.50
        ann: +OK
        ann  INCRBYFLOAT total 0.1
        ann: \"10.6\"
        ann  INCRBYFLOAT total -5
        ann: \"5.6\"
    ",
    run: Run::Write(|args, _| Ok(Op::StringAddFloat { key: args.key()?, delta: args.bytes()? })),
    ..Command::BASE
};
