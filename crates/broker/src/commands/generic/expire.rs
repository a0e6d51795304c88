//! `EXPIRE key seconds [NX | XX | GT | LT]`, `PEXPIRE`, `EXPIREAT`, `PEXPIREAT`: when a key ends.
//!
//! The op always holds a moment, so that it means the same whenever it is applied.

use crate::args::Args;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, Submit, touch};
use crate::error::Error;
use crate::op::{DeadlineWhen, Op};

/// What an expiry is counted in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Milliseconds,
}

/// What an expiry is counted from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Since {
    Now,
    Epoch,
}

const CONDITION: Arg = Arg::one_of(
    "condition",
    &[Arg::word("nx", "NX"), Arg::word("xx", "XX"), Arg::word("gt", "GT"), Arg::word("lt", "LT")],
)
.optional()
.since("7.0.0");

pub(super) const EXPIRE: Command = Command {
    name: "EXPIRE",
    group: Family::Generic,
    summary: "Sets the time to live of a key in seconds.",
    since: "1.0.0",
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::UPDATE)],
    args: &[Arg::key("key"), Arg::integer("seconds"), CONDITION],
    history: &[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")],
    example: "
        ann  SET a 1
        ann: +OK
        ann  EXPIRE a 10
        ann: 1
        ann  EXPIRE a 20 NX
        ann: 0
        ann  TTL a
        ann: 10
        at 10s
        ann  EXISTS a
        ann: 0
    ",
    run: Run::Write(|args, submit| parse(args, submit, Unit::Seconds, Since::Now)),
    ..Command::BASE
};

pub(super) const PEXPIRE: Command = Command {
    name: "PEXPIRE",
    summary: "Sets the time to live of a key in milliseconds.",
    since: "2.6.0",
    args: &[Arg::key("key"), Arg::integer("milliseconds"), CONDITION],
    example: "
        ann  SET a 1
        ann: +OK
        ann  PEXPIRE a 1500
        ann: 1
        ann  PTTL a
        ann: 1500
    ",
    run: Run::Write(|args, submit| parse(args, submit, Unit::Milliseconds, Since::Now)),
    ..EXPIRE
};

pub(super) const EXPIREAT: Command = Command {
    name: "EXPIREAT",
    summary: "Sets the moment at which a key ends as a Unix timestamp.",
    since: "1.2.0",
    args: &[Arg::key("key"), Arg::unix_time("unix-time-seconds"), CONDITION],
    example: "
        ann  SET a 1
        ann: +OK
        ann  EXPIREAT a 33177117420
        ann: 1
        ann  EXPIRETIME a
        ann: 33177117420
        ann  EXPIREAT a 1
        ann: 1
        ann  EXISTS a
        ann: 0
    ",
    run: Run::Write(|args, submit| parse(args, submit, Unit::Seconds, Since::Epoch)),
    ..EXPIRE
};

pub(super) const PEXPIREAT: Command = Command {
    name: "PEXPIREAT",
    summary: "Sets the moment at which a key ends as a Unix timestamp in milliseconds.",
    since: "2.6.0",
    args: &[Arg::key("key"), Arg::unix_time("unix-time-milliseconds"), CONDITION],
    example: "
        ann  SET a 1
        ann: +OK
        ann  PEXPIREAT a 33177117420123
        ann: 1
        ann  PEXPIRETIME a
        ann: 33177117420123
    ",
    run: Run::Write(|args, submit| parse(args, submit, Unit::Milliseconds, Since::Epoch)),
    ..EXPIRE
};

fn parse<'a>(args: &mut Args<'a>, submit: &Submit<'_>, unit: Unit, since: Since) -> Result<Op<'a>, Error> {
    let key = args.key()?;
    let amount = args.bulk()?;
    let when = condition(args)?;
    let amount = crate::number::parse_i64(&amount).ok_or(Error::NotInteger)?;
    let amount_ms = match unit {
        Unit::Milliseconds => Some(amount),
        Unit::Seconds => amount.checked_mul(1000),
    };
    let since_ms = match since {
        Since::Now => submit.stamp.now_ms as i64,
        Since::Epoch => 0,
    };
    let deadline_ms = amount_ms.and_then(|ms| ms.checked_add(since_ms));
    let deadline_ms = deadline_ms.ok_or_else(|| Error::invalid_expire(submit.name()))?;
    Ok(Op::KeyDeadline { key, deadline_ms, when })
}

/// Any number of NX, XX, GT and LT, as long as they can be together.
fn condition(args: &mut Args<'_>) -> Result<DeadlineWhen, Error> {
    let (mut none, mut some, mut later, mut earlier) = (false, false, false, false);
    while let Some(word) = args.peek() {
        if args.keyword("NX") {
            none = true;
        } else if args.keyword("XX") {
            some = true;
        } else if args.keyword("GT") {
            later = true;
        } else if args.keyword("LT") {
            earlier = true;
        } else {
            return Err(Error::err(format_args!("Unsupported option {}", String::from_utf8_lossy(word))));
        }
    }
    Ok(match (none, some, later, earlier) {
        (true, some, later, earlier) if some || later || earlier => {
            return Err(Error::Fixed("ERR NX and XX, GT or LT options at the same time are not compatible"));
        }
        (_, _, true, true) => {
            return Err(Error::Fixed("ERR GT and LT options at the same time are not compatible"));
        }
        (true, ..) => DeadlineWhen::None,
        (_, true, true, _) => DeadlineWhen::SomeLater,
        (_, true, _, true) => DeadlineWhen::SomeEarlier,
        (_, true, ..) => DeadlineWhen::Some,
        (_, _, true, _) => DeadlineWhen::Later,
        (_, _, _, true) => DeadlineWhen::Earlier,
        _ => DeadlineWhen::Always,
    })
}
