//! `LPUSH key element [element ...]` and `RPUSH`: add to a list, made if it is not there.

use crate::args::Args;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::error::Error;
use crate::op::{End, Op, PushWhen};

pub(super) const LPUSH: Command = Command {
    name: "LPUSH",
    group: Family::List,
    summary: "Adds elements at the head of a list, which is made if need be.",
    since: "1.0.0",
    complexity: "O(1) for each element",
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.with(Flags::DENY_OOM).with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::INSERT)],
    args: &[Arg::key("key"), Arg::string("element").many()],
    history: &[("2.4.0", "Accepts multiple `element` arguments.")],
    example: "
        ann  LPUSH mail one two
        ann: 2
        ann  LRANGE mail 0 -1
        ann: [two, one]
    ",
    run: Run::Write(|args, _| parse(args, End::Head)),
    ..Command::BASE
};

pub(super) const RPUSH: Command = Command {
    name: "RPUSH",
    summary: "Adds elements at the tail of a list, which is made if need be.",
    example: "
        ann  RPUSH mail one two
        ann: 2
        ann  LRANGE mail 0 -1
        ann: [one, two]
    ",
    run: Run::Write(|args, _| parse(args, End::Tail)),
    ..LPUSH
};

fn parse<'a>(args: &mut Args<'a>, end: End) -> Result<Op<'a>, Error> {
    let key = args.key()?;
    Ok(Op::ListPush { key, end, when: PushWhen::Always, elements: args.rest() })
}
