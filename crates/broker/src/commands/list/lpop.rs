//! `LPOP key [count]` and `RPOP`: take from one end of a list.

use crate::args::Args;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, Submit, touch};
use crate::error::Error;
use crate::op::{End, Op};

pub(super) const LPOP: Command = Command {
    name: "LPOP",
    group: Family::List,
    summary: "Takes elements from the head of a list.",
    since: "1.0.0",
    complexity: "O(N) for N elements taken",
    arity: Arity::AtLeast(2),
    flags: Flags::WRITE.with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::TAKE)],
    args: &[Arg::key("key"), Arg::integer("count").optional().since("6.2.0")],
    history: &[("6.2.0", "Added the `count` argument.")],
    example: "
        ann  RPUSH mail one two three
        ann: 3
        ann  LPOP mail
        ann: one
        ann  LPOP mail 5
        ann: [two, three]
        ann  LPOP mail
        ann: nil
    ",
    run: Run::Write(|args, submit| parse(args, submit, End::Head)),
    ..Command::BASE
};

pub(super) const RPOP: Command = Command {
    name: "RPOP",
    summary: "Takes elements from the tail of a list.",
    example: "
        ann  RPUSH mail one two three
        ann: 3
        ann  RPOP mail 2
        ann: [three, two]
    ",
    run: Run::Write(|args, submit| parse(args, submit, End::Tail)),
    ..LPOP
};

fn parse<'a>(args: &mut Args<'a>, submit: &Submit<'_>, end: End) -> Result<Op<'a>, Error> {
    let key = args.key()?;
    if args.left() > 1 {
        return Err(Error::Arity(submit.name()));
    }
    let count = if args.is_empty() { None } else { Some(args.count()?) };
    Ok(Op::ListPop { key, end, count })
}
