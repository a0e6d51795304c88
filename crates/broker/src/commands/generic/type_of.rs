//! `TYPE key`: what a key holds.

use rbq_resp::Sink;

use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};

pub(super) const COMMAND: Command = Command {
    name: "TYPE",
    group: Family::Generic,
    summary: "Tells the type of the value under a key.",
    since: "1.0.0",
    arity: Arity::Exactly(2),
    flags: Flags::READONLY.with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::PEEK)],
    args: &[Arg::key("key")],
    example: "
        ann  SET a 1
        ann: +OK
        ann  RPUSH mail one
        ann: 1
        ann  TYPE a
        ann: +string
        ann  TYPE mail
        ann: +list
        ann  TYPE missing
        ann: +none
    ",
    run: Run::Read(|args, view, reply| {
        reply.status(view.probe(args.key()?).map_or("none", |entry| entry.value.kind().type_name()));
        Ok(())
    }),
    ..Command::BASE
};
