//! `MGET key [key ...]`: several values at once.

use rbq_resp::Sink;

use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::value::Value;

pub(super) const COMMAND: Command = Command {
    name: "MGET",
    group: Family::String,
    summary: "Returns the string values of several keys.",
    since: "1.0.0",
    complexity: "O(N) where N is the number of keys to retrieve.",
    arity: Arity::AtLeast(2),
    flags: Flags::READONLY.with(Flags::FAST),
    tips: &["request_policy:multi_shard"],
    keys: &[KeySpec::rest(1, touch::READ)],
    args: &[Arg::key("key").many()],
    example: "
        ann  MSET a 1 b 2
        ann: +OK
        ann  MGET a missing b
        ann: [\"1\", nil, \"2\"]
    ",
    run: Run::Read(|args, view, reply| {
        let keys = args.rest();
        reply.array(keys.len());
        for key in keys {
            match view.entry(&key).map(|entry| &entry.value) {
                Some(Value::String(string)) => string.reply(reply),
                _ => reply.null(),
            }
        }
        Ok(())
    }),
    ..Command::BASE
};
