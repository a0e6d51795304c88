//! `EXISTS key [key ...]` and `TOUCH`: how many of these keys are there, counted as often as they are named.

use rbq_resp::Sink;

use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};

pub(super) const EXISTS: Command = Command {
    name: "EXISTS",
    group: Family::Generic,
    summary: "Tells how many of the named keys exist.",
    since: "1.0.0",
    complexity: "O(N) where N is the number of keys to check.",
    arity: Arity::AtLeast(2),
    flags: Flags::READONLY.with(Flags::FAST),
    tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
    keys: &[KeySpec::rest(1, touch::PEEK)],
    args: &[Arg::key("key").many()],
    history: &[("3.0.3", "Accepts multiple `key` arguments.")],
    example: "
        ann  SET a 1
        ann: +OK
        ann  EXISTS a missing a
        ann: 2
    ",
    run: Run::Read(|args, view, reply| {
        let count = args.rest().iter().filter(|key| view.probe(key).is_some()).count();
        reply.integer(count as i64);
        Ok(())
    }),
    ..Command::BASE
};

pub(super) const TOUCH: Command = Command {
    name: "TOUCH",
    summary: "Counts the keys that exist and marks them as just used.",
    since: "3.2.1",
    complexity: "O(N) where N is the number of keys that will be touched.",
    history: &[],
    example: "
        ann  SET a 1
        ann: +OK
        at 30s
        ann  OBJECT IDLETIME a
        ann: 30
        ann  TOUCH a missing
        ann: 1
        ann  OBJECT IDLETIME a
        ann: 0
    ",
    // Marks them for a client in CLIENT NO-TOUCH mode too: it is what the command is for.
    run: Run::Read(|args, view, reply| {
        let touched = args.rest().iter().filter(|key| view.probe(key).inspect(|entry| view.touch(entry)).is_some());
        reply.integer(touched.count() as i64);
        Ok(())
    }),
    ..EXISTS
};
