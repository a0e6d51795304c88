//! `SETRANGE key offset value`: a part of a value, written over what is there.

use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::error::Error;
use crate::op::Op;

pub(super) const COMMAND: Command = Command {
    name: "SETRANGE",
    group: Family::String,
    summary: "Overwrites a part of a string value, with zero bytes before it where there was nothing.",
    since: "2.2.0",
    complexity: "O(1), not counting the time taken to copy the new string in place. Usually, this string is very small so the amortized complexity is O(1). Otherwise, complexity is O(M) with M being the length of the value argument.",
    arity: Arity::Exactly(4),
    flags: Flags::WRITE.with(Flags::DENY_OOM),
    keys: &[KeySpec::one(1, touch::UPDATE)],
    args: &[Arg::key("key"), Arg::integer("offset"), Arg::string("value")],
    example: "
        ann  SET greeting \"Hello World\"
        ann: +OK
        ann  SETRANGE greeting 6 Redis
        ann: 11
        ann  GET greeting
        ann: \"Hello Redis\"
    ",
    run: Run::Write(|args, _| {
        let key = args.key()?;
        let offset = u64::try_from(args.integer()?).map_err(|_| Error::Fixed("ERR offset is out of range"))?;
        Ok(Op::StringSetRange { key, offset, value: args.bytes()? })
    }),
    ..Command::BASE
};
