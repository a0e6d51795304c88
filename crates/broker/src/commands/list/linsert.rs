//! `LINSERT key <BEFORE | AFTER> pivot element`: add beside an element.

use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::error::Error;
use crate::op::{Op, Place};

pub(super) const COMMAND: Command = Command {
    name: "LINSERT",
    group: Family::List,
    summary: "Adds an element beside another one.",
    since: "2.2.0",
    complexity: "O(N) for N elements before the pivot",
    arity: Arity::Exactly(5),
    flags: Flags::WRITE.with(Flags::DENY_OOM),
    keys: &[KeySpec::one(1, touch::INSERT)],
    args: &[
        Arg::key("key"),
        Arg::one_of("where", &[Arg::word("before", "BEFORE"), Arg::word("after", "AFTER")]),
        Arg::string("pivot"),
        Arg::string("element"),
    ],
    example: "
        ann  RPUSH mail one three
        ann: 2
        ann  LINSERT mail BEFORE three two
        ann: 3
        ann  LINSERT mail AFTER nine ten
        ann: -1
    ",
    run: Run::Write(|args, _| {
        let key = args.key()?;
        let place = if args.keyword("BEFORE") {
            Place::Before
        } else if args.keyword("AFTER") {
            Place::After
        } else {
            return Err(Error::Syntax);
        };
        Ok(Op::ListInsert { key, place, pivot: args.bytes()?, element: args.bulk()? })
    }),
    ..Command::BASE
};
