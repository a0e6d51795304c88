//! `XLEN key`: how many entries a stream has.

use rbq_resp::Sink;

use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};

pub(super) const COMMAND: Command = Command {
    name: "XLEN",
    group: Family::Stream,
    summary: "Counts the entries of a stream.",
    since: "5.0.0",
    arity: Arity::Exactly(2),
    flags: Flags::READONLY.with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::PEEK)],
    args: &[Arg::key("key")],
    example: "
        ann  XADD orders 1-1 item book
        ann: \"1-1\"
        ann  XLEN orders
        ann: 1
    ",
    run: Run::Read(|args, view, reply| {
        let length = view.stream(args.key()?)?.map_or(0, |stream| stream.entries().len());
        reply.integer(length as i64);
        Ok(())
    }),
    ..Command::BASE
};
