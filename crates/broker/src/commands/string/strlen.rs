//! `STRLEN key`: how long a value is.

use rbq_resp::Sink;

use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};

pub(super) const COMMAND: Command = Command {
    name: "STRLEN",
    group: Family::String,
    summary: "Returns the length of a string value in bytes.",
    since: "2.2.0",
    arity: Arity::Exactly(2),
    flags: Flags::READONLY.with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::PEEK)],
    args: &[Arg::key("key")],
    example: "
        ann  SET name ann
        ann: +OK
        ann  STRLEN name
        ann: 3
        ann  STRLEN missing
        ann: 0
    ",
    run: Run::Read(|args, view, reply| {
        let length = view.string(args.key()?)?.map_or(0, |string| string.len());
        reply.integer(length as i64);
        Ok(())
    }),
    ..Command::BASE
};
