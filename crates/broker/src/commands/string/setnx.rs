//! `SETNX key value`: a value, if there is none.

use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run};
use crate::op::{Op, SetDeadline, SetReply, SetWhen};

pub(super) const COMMAND: Command = Command {
    name: "SETNX",
    group: Family::String,
    summary: "Sets the string value of a key only when the key doesn't exist.",
    since: "1.0.0",
    arity: Arity::Exactly(3),
    flags: Flags::WRITE.with(Flags::DENY_OOM).with(Flags::FAST),
    keys: &[KeySpec::one(1, &["OW", "insert"])],
    args: &[Arg::key("key"), Arg::string("value")],
    deprecated: Some(("2.6.12", "`SET` with the `NX` argument")),
    example: "
        ann  SETNX name ann
        ann: 1
        ann  SETNX name bob
        ann: 0
    ",
    run: Run::Write(|args, _| {
        let (key, value) = (args.key()?, args.bulk()?);
        let (when, deadline) = (SetWhen::Missing, SetDeadline::Clear);
        Ok(Op::StringSet { key, value, when, deadline, reply: SetReply::Integer })
    }),
    ..Command::BASE
};
