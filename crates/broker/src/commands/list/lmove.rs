//! `LMOVE source destination <LEFT | RIGHT> <LEFT | RIGHT>` and `RPOPLPUSH`: move one element from list to list.

use super::grammar::{ENDS, end};
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::op::{End, Op};

pub(super) const LMOVE: Command = Command {
    name: "LMOVE",
    group: Family::List,
    summary: "Moves an element from one end of a list to an end of another.",
    since: "6.2.0",
    complexity: "O(1)",
    arity: Arity::Exactly(5),
    flags: Flags::WRITE.with(Flags::DENY_OOM),
    keys: &[KeySpec::one(1, touch::TAKE), KeySpec::one(2, touch::INSERT)],
    args: &[Arg::key("source"), Arg::key("destination"), Arg::one_of("wherefrom", ENDS), Arg::one_of("whereto", ENDS)],
    example: "
        ann  RPUSH mail one two
        ann: 2
        ann  LMOVE mail processing LEFT RIGHT
        ann: one
        ann  LRANGE processing 0 -1
        ann: [one]
    ",
    run: Run::Write(|args, _| {
        let (from, to) = (args.key()?, args.key()?);
        Ok(Op::ListMove { from, to, from_end: end(args)?, to_end: end(args)? })
    }),
    ..Command::BASE
};

pub(super) const RPOPLPUSH: Command = Command {
    name: "RPOPLPUSH",
    summary: "Moves the last element of a list to the head of another.",
    since: "1.2.0",
    arity: Arity::Exactly(3),
    args: &[Arg::key("source"), Arg::key("destination")],
    deprecated: Some(("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments")),
    example: "
        ann  RPUSH clist a b c
        ann: 3
        ann  RPOPLPUSH clist clist
        ann: c
        ann  LRANGE clist 0 -1
        ann: [c, a, b]
    ",
    run: Run::Write(|args, _| {
        Ok(Op::ListMove { from: args.key()?, to: args.key()?, from_end: End::Tail, to_end: End::Head })
    }),
    ..LMOVE
};
