//! `GET key`: a value.

use rbq_resp::Sink;

use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};

pub(super) const COMMAND: Command = Command {
    name: "GET",
    group: Family::String,
    summary: "Returns the string value of a key.",
    since: "1.0.0",
    arity: Arity::Exactly(2),
    flags: Flags::READONLY.with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::READ)],
    args: &[Arg::key("key")],
    example: "
        ann  SET name ann
        ann: +OK
        ann  GET name
        ann: ann
        ann  GET missing
        ann: nil
    ",
    run: Run::Read(|args, view, reply| {
        match view.string(args.key()?)? {
            Some(string) => string.reply(reply),
            None => reply.null(),
        }
        Ok(())
    }),
    ..Command::BASE
};
