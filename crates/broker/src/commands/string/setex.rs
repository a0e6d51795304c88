//! `SETEX key seconds value` and `PSETEX`: a value that ends.

use super::lifetime::{self, Clock};
use crate::args::Args;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, Submit, touch};
use crate::error::Error;
use crate::op::{Op, SetDeadline, SetReply, SetWhen};

pub(super) const SETEX: Command = Command {
    name: "SETEX",
    group: Family::String,
    summary: "Sets the string value of a key and its time to live in seconds.",
    since: "2.0.0",
    arity: Arity::Exactly(4),
    flags: Flags::WRITE.with(Flags::DENY_OOM),
    keys: &[KeySpec::one(1, touch::OVERWRITE)],
    args: &[Arg::key("key"), Arg::integer("seconds"), Arg::string("value")],
    deprecated: Some(("2.6.12", "`SET` with the `EX` argument")),
    example: "
        ann  SETEX code 60 1234
        ann: +OK
        ann  TTL code
        ann: 60
    ",
    run: Run::Write(|args, submit| parse(args, submit, Clock::Ex)),
    ..Command::BASE
};

pub(super) const PSETEX: Command = Command {
    name: "PSETEX",
    summary: "Sets the string value of a key and its time to live in milliseconds.",
    since: "2.6.0",
    args: &[Arg::key("key"), Arg::integer("milliseconds"), Arg::string("value")],
    deprecated: Some(("2.6.12", "`SET` with the `PX` argument")),
    example: "
        ann  PSETEX code 1500 1234
        ann: +OK
        ann  PTTL code
        ann: 1500
    ",
    run: Run::Write(|args, submit| parse(args, submit, Clock::Px)),
    ..SETEX
};

fn parse<'a>(args: &mut Args<'a>, submit: &Submit<'_>, clock: Clock) -> Result<Op<'a>, Error> {
    let (key, amount, value) = (args.key()?, args.bytes()?, args.bulk()?);
    let deadline_ms = lifetime::deadline_ms(clock, amount, submit.name(), submit.stamp.now_ms)?;
    let (when, deadline) = (SetWhen::Always, SetDeadline::At(deadline_ms));
    Ok(Op::StringSet { key, value, when, deadline, reply: SetReply::Status })
}
