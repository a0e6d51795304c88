//! `BLMPOP timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]`: take several elements from the first list that
//! has some, or wait for one.

use super::super::timeout;
use super::grammar::{ENDS, counted_keys, end, optional_count};
use crate::args::Args;
use crate::command::{
    Arg, Arity, Attempt, Blocking, Command, EmptyReply, Family, Flags, KeySpec, Patience, Run, touch,
};
use crate::error::Error;
use crate::op::{Op, PopReply};
use crate::waiters::Class;

pub(super) const COMMAND: Command = Command {
    name: "BLMPOP",
    group: Family::List,
    summary: "Takes elements from the first of several lists that has any, or waits for one.",
    since: "7.0.0",
    complexity: "O(K+N) for K keys and N elements",
    arity: Arity::AtLeast(5),
    flags: Flags::WRITE.with(Flags::BLOCKING).with(Flags::MOVABLE_KEYS),
    keys: &[KeySpec::counted(2, touch::TAKE)],
    args: &[
        Arg::double("timeout"),
        Arg::integer("numkeys"),
        Arg::key("key").many(),
        Arg::one_of("where", ENDS),
        Arg::integer("count").after("COUNT").optional(),
    ],
    example: "
        ann  BLMPOP 0 2 urgent mail LEFT COUNT 10
        bob  RPUSH mail one two
        bob: 2
        ann: [mail, [one, two]]
    ",
    run: Run::Block(|args, _| parse(args)),
    ..Command::BASE
};

fn parse<'a>(args: &mut Args<'a>) -> Result<Blocking<'a>, Error> {
    // The timeout stands first and is judged last.
    let timeout = args.bytes()?;
    let keys = counted_keys(args)?;
    let end = end(args)?;
    let count = optional_count(args)?;
    let timeout_us = timeout::seconds(timeout)?;
    Ok(Blocking {
        attempt: Attempt::Write(Op::ListPopFirst { keys, end, count, reply: PopReply::KeyAndElements }),
        keys: keys.iter().map(|key| key.as_slice()).collect(),
        class: Some(Class::List),
        timeout_us,
        on_denied: EmptyReply::NullArray,
        on_timeout: EmptyReply::NullArray,
        patience: Patience::Waits,
    })
}
