//! `MOVE key db`: a key into another database, unless one of that name is there.

use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::error::Error;
use crate::op::Op;

pub(super) const COMMAND: Command = Command {
    name: "MOVE",
    group: Family::Generic,
    summary: "Moves a key to another database.",
    since: "1.0.0",
    arity: Arity::Exactly(3),
    flags: Flags::WRITE.with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::ACCESS_UPDATE)],
    args: &[Arg::key("key"), Arg::integer("db")],
    example: "
        ann  SET a 1
        ann: +OK
        ann  MOVE a 3
        ann: 1
        ann  MOVE a 3
        ann: 0
        ann  MOVE a 0
        ann: -ERR source and destination objects are the same
    ",
    run: Run::Write(|args, submit| {
        let key = args.key()?;
        let to_db = submit.db(args.db()?)?;
        if to_db == submit.stamp.db {
            return Err(Error::SameObject);
        }
        Ok(Op::KeyMove { key, to_db })
    }),
    ..Command::BASE
};
