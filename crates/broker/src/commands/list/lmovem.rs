//! `LMOVEM source destination <LEFT | RIGHT> <LEFT | RIGHT> [<COUNT count | EXACTLY exactly> <OBO | BULK>]`: move several
//! elements from list to list.

use super::grammar::{ENDS, HOW_MANY, end, how_many};
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::op::Op;

pub(super) const COMMAND: Command = Command {
    name: "LMOVEM",
    group: Family::List,
    summary: "Moves up to, or exactly, so many elements from list to list.",
    since: "8.10.0",
    complexity: "O(N) for N elements moved",
    arity: Arity::AtLeast(5),
    flags: Flags::WRITE.with(Flags::DENY_OOM),
    keys: &[KeySpec::one(1, touch::TAKE), KeySpec::one(2, touch::INSERT)],
    args: &[
        Arg::key("source"),
        Arg::key("destination"),
        Arg::one_of("wherefrom", ENDS),
        Arg::one_of("whereto", ENDS),
        Arg::block("how-many", HOW_MANY).optional(),
    ],
    example: "
        ann  RPUSH mail 1 2 3 4
        ann: 4
        ann  LMOVEM mail processing LEFT RIGHT COUNT 3 BULK
        ann: [\"1\", \"2\", \"3\"]
        ann  LMOVEM mail processing LEFT RIGHT EXACTLY 2 BULK
        ann: nil[]
    ",
    run: Run::Write(|args, _| {
        let (from, to) = (args.key()?, args.key()?);
        let (from_end, to_end) = (end(args)?, end(args)?);
        let (count, amount, order) = how_many(args)?;
        Ok(Op::ListMoveMany { from, to, from_end, to_end, count, amount, order })
    }),
    ..Command::BASE
};
