//! `ECHO message`: gives back what it was given.

use rbq_resp::Sink;

use crate::command::{Arg, Arity, Command, Family, Flags, Run};

pub(super) const COMMAND: Command = Command {
    name: "ECHO",
    group: Family::Connection,
    summary: "Returns the given string.",
    arity: Arity::Exactly(2),
    flags: Flags::LOADING.with(Flags::STALE).with(Flags::FAST).with(Flags::UNGATED),
    args: &[Arg::string("message")],
    example: "
        ann  ECHO hello
        ann: hello
    ",
    run: Run::Act(|_, args, reply| {
        reply.bulk(args.bytes()?);
        Ok(())
    }),
    ..Command::BASE
};
