//! `LPUSHX key element [element ...]` and `RPUSHX`: push, but only onto a list that already exists.

use super::lpush;
use crate::args::Args;
use crate::command::{Command, Run};
use crate::error::Error;
use crate::op::{End, Op, PushWhen};

pub(super) const LPUSHX: Command = Command {
    name: "LPUSHX",
    summary: "Adds elements at the head of a list that exists.",
    since: "2.2.0",
    history: &[("4.0.0", "Accepts multiple `element` arguments.")],
    example: "
        ann  LPUSHX timeline:b hi
        ann: 0
        ann  LPUSH timeline:b hi
        ann: 1
        ann  LPUSHX timeline:b there
        ann: 2
    ",
    run: Run::Write(|args, _| parse(args, End::Head)),
    ..lpush::LPUSH
};

pub(super) const RPUSHX: Command = Command {
    name: "RPUSHX",
    summary: "Adds elements at the tail of a list that exists.",
    example: "
        ann  RPUSHX timeline:b hi
        ann: 0
    ",
    run: Run::Write(|args, _| parse(args, End::Tail)),
    ..LPUSHX
};

fn parse<'a>(args: &mut Args<'a>, end: End) -> Result<Op<'a>, Error> {
    let key = args.key()?;
    Ok(Op::ListPush { key, end, when: PushWhen::Exists, elements: args.rest() })
}
