//! `BLPOP key [key ...] timeout` and `BRPOP`: take from the first list that has something, or wait for one.

use super::super::timeout;
use crate::args::Args;
use crate::command::{
    Arg, Arity, Attempt, Blocking, Command, EmptyReply, Family, Flags, KeySpec, Patience, Run, touch,
};
use crate::error::Error;
use crate::op::{End, Op, PopReply};
use crate::waiters::Class;

pub(super) const BLPOP: Command = Command {
    name: "BLPOP",
    group: Family::List,
    summary: "Takes the first element of the first list that has one, or waits for it.",
    since: "2.0.0",
    complexity: "O(K) for K keys",
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.with(Flags::BLOCKING),
    keys: &[KeySpec::rest_but_last(1, touch::TAKE)],
    args: &[Arg::key("key").many(), Arg::double("timeout")],
    history: &[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")],
    example: "
        ann  BLPOP mail 0
        bob  RPUSH mail one
        bob: 1
        ann: [mail, one]
    ",
    run: Run::Block(|args, _| parse(args, End::Head)),
    ..Command::BASE
};

pub(super) const BRPOP: Command = Command {
    name: "BRPOP",
    summary: "Takes the last element of the first list that has one, or waits for it.",
    example: "
        ann  BRPOP urgent mail 5
        at 5s
        ann: nil[]
    ",
    run: Run::Block(|args, _| parse(args, End::Tail)),
    ..BLPOP
};

fn parse<'a>(args: &mut Args<'a>, end: End) -> Result<Blocking<'a>, Error> {
    let keys = args.take(args.left() - 1)?;
    let timeout_us = timeout::seconds(args.bytes()?)?;
    Ok(Blocking {
        attempt: Attempt::Write(Op::ListPopFirst { keys, end, count: 1, reply: PopReply::KeyAndElement }),
        keys: keys.iter().map(|key| key.as_slice()).collect(),
        class: Some(Class::List),
        timeout_us,
        on_denied: EmptyReply::NullArray,
        on_timeout: EmptyReply::NullArray,
        patience: Patience::Waits,
    })
}
