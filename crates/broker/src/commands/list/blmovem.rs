//! `BLMOVEM source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout [<COUNT count | EXACTLY exactly> <OBO | BULK>]`: move
//! several elements from list to list, or wait until there are some, or enough.

use super::super::timeout;
use super::blmove::blocking;
use super::grammar::{ENDS, HOW_MANY, end, how_many};
use crate::command::{Arg, Arity, Command, EmptyReply, Family, Flags, KeySpec, Run, touch};
use crate::op::Op;

pub(super) const COMMAND: Command = Command {
    name: "BLMOVEM",
    group: Family::List,
    summary: "Moves several elements from list to list, or waits until there are some, or enough.",
    since: "8.10.0",
    complexity: "O(N) for N elements moved",
    arity: Arity::AtLeast(6),
    flags: Flags::WRITE.with(Flags::DENY_OOM).with(Flags::BLOCKING),
    keys: &[KeySpec::one(1, touch::TAKE), KeySpec::one(2, touch::INSERT)],
    args: &[
        Arg::key("source"),
        Arg::key("destination"),
        Arg::one_of("wherefrom", ENDS),
        Arg::one_of("whereto", ENDS),
        Arg::double("timeout"),
        Arg::block("how-many", HOW_MANY).optional(),
    ],
    example: "
        ann  BLMOVEM mail pairs LEFT RIGHT 0 EXACTLY 2 BULK
        bob  RPUSH mail one
        bob: 1
        bob  RPUSH mail two
        bob: 2
        ann: [one, two]
    ",
    run: Run::Block(|args, _| {
        let (from, to) = (args.key()?, args.key()?);
        let (from_end, to_end) = (end(args)?, end(args)?);
        let timeout_us = timeout::seconds(args.bytes()?)?;
        let (count, amount, order) = how_many(args)?;
        Ok(blocking(
            Op::ListMoveMany { from, to, from_end, to_end, count, amount, order },
            from,
            timeout_us,
            EmptyReply::NullArray,
        ))
    }),
    ..Command::BASE
};
