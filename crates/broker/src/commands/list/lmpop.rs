//! `LMPOP numkeys key [key ...] <LEFT | RIGHT> [COUNT count]`: take several elements from the first list that has some.

use super::grammar::{ENDS, counted_keys, end, optional_count};
use crate::args::Args;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::error::Error;
use crate::op::{Op, PopReply};

pub(super) const COMMAND: Command = Command {
    name: "LMPOP",
    group: Family::List,
    summary: "Takes elements from the first of several lists that has any.",
    since: "7.0.0",
    complexity: "O(K+N) for K keys and N elements",
    arity: Arity::AtLeast(4),
    flags: Flags::WRITE.with(Flags::MOVABLE_KEYS),
    keys: &[KeySpec::counted(1, touch::TAKE)],
    args: &[
        Arg::integer("numkeys"),
        Arg::key("key").many(),
        Arg::one_of("where", ENDS),
        Arg::integer("count").after("COUNT").optional(),
    ],
    example: "
        ann  RPUSH mail one two three
        ann: 3
        ann  LMPOP 2 urgent mail RIGHT COUNT 2
        ann: [mail, [three, two]]
        ann  LMPOP 1 urgent LEFT
        ann: nil[]
    ",
    run: Run::Write(|args, _| parse(args)),
    ..Command::BASE
};

fn parse<'a>(args: &mut Args<'a>) -> Result<Op<'a>, Error> {
    let keys = counted_keys(args)?;
    let end = end(args)?;
    let count = optional_count(args)?;
    Ok(Op::ListPopFirst { keys, end, count, reply: PopReply::KeyAndElements })
}
