//! `COPY source destination [DB destination-db] [REPLACE]`: a value once more, with its time to live.

use crate::args::Args;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, Submit, touch};
use crate::error::Error;
use crate::op::{OnExisting, Op};

pub(super) const COMMAND: Command = Command {
    name: "COPY",
    group: Family::Generic,
    summary: "Copies the value of a key to a new key.",
    since: "6.2.0",
    complexity: "O(N) worst case for collections, where N is the number of nested items. O(1) for string values.",
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.with(Flags::DENY_OOM),
    keys: &[KeySpec::one(1, touch::READ), KeySpec::one(2, touch::OVERWRITE)],
    args: &[
        Arg::key("source"),
        Arg::key("destination"),
        Arg::integer("destination-db").after("DB").optional(),
        Arg::word("replace", "REPLACE").optional(),
    ],
    example: "
        ann  RPUSH mail one two
        ann: 2
        ann  COPY mail archive
        ann: 1
        ann  COPY mail archive
        ann: 0
        ann  COPY mail archive REPLACE
        ann: 1
    ",
    run: Run::Write(parse),
    ..Command::BASE
};

fn parse<'a>(args: &mut Args<'a>, submit: &Submit<'_>) -> Result<Op<'a>, Error> {
    let (from, to) = (args.key()?, args.key()?);
    let (mut to_db, mut exists) = (submit.stamp.db, OnExisting::Refuse);
    while !args.is_empty() {
        if args.keyword("REPLACE") {
            exists = OnExisting::Replace;
        } else if args.left() >= 2 && args.keyword("DB") {
            to_db = submit.db(args.db()?)?;
        } else {
            return Err(Error::Syntax);
        }
    }
    if to_db == submit.stamp.db && from == to {
        return Err(Error::SameObject);
    }
    Ok(Op::KeyCopy { from, to, to_db, exists })
}
