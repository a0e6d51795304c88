//! `SWAPDB index1 index2`: exchanges two databases under the clients that selected them.

use crate::command::{Arg, Arity, Command, Family, Flags, Run};
use crate::error::Error;
use crate::op::Op;

pub(super) const COMMAND: Command = Command {
    name: "SWAPDB",
    group: Family::Server,
    summary: "Swaps two databases.",
    since: "4.0.0",
    complexity: "O(N) where N is the count of clients watching or blocking on keys from both databases.",
    arity: Arity::Exactly(3),
    flags: Flags::WRITE.with(Flags::FAST),
    acl: &["keyspace", "dangerous"],
    args: &[Arg::integer("index1"), Arg::integer("index2")],
    example: "
        ann  RPUSH mail one
        ann: 1
        bob  SELECT 1
        bob: +OK
        bob  SWAPDB 0 1
        bob: +OK
        bob  LLEN mail
        bob: 1
    ",
    run: Run::Write(|args, submit| {
        let first = args.integer_or(Error::Fixed("ERR invalid first DB index"))?;
        let second = args.integer_or(Error::Fixed("ERR invalid second DB index"))?;
        Ok(Op::SwapDb { first: submit.db(first)?, second: submit.db(second)? })
    }),
    ..Command::BASE
};
