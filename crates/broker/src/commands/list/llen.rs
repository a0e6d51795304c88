//! `LLEN key`: how many elements a list has.

use rbq_resp::Sink;

use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};

pub(super) const COMMAND: Command = Command {
    name: "LLEN",
    group: Family::List,
    summary: "Counts the elements of a list.",
    since: "1.0.0",
    arity: Arity::Exactly(2),
    flags: Flags::READONLY.with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::PEEK)],
    args: &[Arg::key("key")],
    example: "
        ann  RPUSH mail one two
        ann: 2
        ann  LLEN mail
        ann: 2
    ",
    run: Run::Read(|args, view, reply| {
        let length = view.list(args.key()?)?.map_or(0, |list| list.len());
        reply.integer(length as i64);
        Ok(())
    }),
    ..Command::BASE
};
