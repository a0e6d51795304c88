//! `MSET key value [key value ...]` and `MSETNX`: several values at once.

use crate::args::Args;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, Submit, touch};
use crate::error::Error;
use crate::op::{Op, SetDeadline, SetManyReply, SetManyWhen};

const ARGS: &[Arg] = &[Arg::block("data", &[Arg::key("key"), Arg::string("value")]).many()];

pub(super) const MSET: Command = Command {
    name: "MSET",
    group: Family::String,
    summary: "Sets the string values of several keys.",
    since: "1.0.1",
    complexity: "O(N) where N is the number of keys to set.",
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.with(Flags::DENY_OOM),
    tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
    keys: &[KeySpec::pairs(1, touch::OVERWRITE)],
    args: ARGS,
    example: "
        ann  MSET a 1 b 2
        ann: +OK
        ann  MGET a b
        ann: [\"1\", \"2\"]
    ",
    run: Run::Write(|args, submit| parse(args, submit, SetManyWhen::Always, SetManyReply::Status)),
    ..Command::BASE
};

pub(super) const MSETNX: Command = Command {
    name: "MSETNX",
    summary: "Sets the string values of several keys only when none of them exists.",
    tips: &[],
    keys: &[KeySpec::pairs(1, &["OW", "insert"])],
    example: "
        ann  MSETNX a 1 b 2
        ann: 1
        ann  MSETNX b 3 c 4
        ann: 0
        ann  EXISTS c
        ann: 0
    ",
    run: Run::Write(|args, submit| parse(args, submit, SetManyWhen::NoneExists, SetManyReply::Integer)),
    ..MSET
};

fn parse<'a>(
    args: &mut Args<'a>,
    submit: &Submit<'_>,
    when: SetManyWhen,
    reply: SetManyReply,
) -> Result<Op<'a>, Error> {
    if !args.left().is_multiple_of(2) {
        return Err(Error::Arity(submit.name()));
    }
    Ok(Op::StringSetMany { pairs: args.rest(), when, deadline: SetDeadline::Clear, reply })
}
