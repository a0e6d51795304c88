//! `XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]`: take over what has been idle for long, a few
//! at a time.

use super::grammar::range_start;
use crate::args::Args;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::error::Error;
use crate::op::{ClaimReply, Op};

/// Without COUNT.
const COUNT_DEFAULT: u64 = 100;
/// Ten times as many entries are looked at as may be claimed, and that must fit 64 bits with room to spare.
const COUNT_MAX: u64 = i64::MAX as u64 / 128;

pub(super) const COMMAND: Command = Command {
    name: "XAUTOCLAIM",
    group: Family::Stream,
    summary: "Takes over pending entries that have been idle for long, a few at a time.",
    since: "6.2.0",
    complexity: "O(N) for N entries looked at",
    arity: Arity::AtLeast(6),
    flags: Flags::WRITE.with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::DELETE)],
    tips: &["nondeterministic_output"],
    args: &[
        Arg::key("key"),
        Arg::string("group"),
        Arg::string("consumer"),
        Arg::string("min-idle-time"),
        Arg::string("start"),
        Arg::integer("count").after("COUNT").optional(),
        Arg::word("justid", "JUSTID").optional(),
    ],
    history: &[(
        "7.0.0",
        "Added an element to the reply array, containing deleted entries the command cleared from the PEL",
    )],
    example: "
        ann  XADD orders 1-1 item book
        ann: \"1-1\"
        ann  XGROUP CREATE orders billing 0
        ann: +OK
        ann  XREADGROUP GROUP billing bob STREAMS orders >
        ann: [[orders, [[\"1-1\", [item, book]]]]]
        ann  XAUTOCLAIM orders billing cat 0 0
        ann: [\"0-0\", [[\"1-1\", [item, book]]], []]
    ",
    run: Run::Write(|args, _| parse(args)),
    ..Command::BASE
};

fn parse<'a>(args: &mut Args<'a>) -> Result<Op<'a>, Error> {
    let (key, group, consumer) = (args.key()?, args.bytes()?, args.bytes()?);
    let min_idle = args.integer_or(Error::Fixed("ERR Invalid min-idle-time argument for XAUTOCLAIM"))?;
    let start = range_start(args.bytes()?)?;
    let (mut count, mut reply) = (COUNT_DEFAULT, ClaimReply::Entries);
    while !args.is_empty() {
        if args.left() > 1 && args.keyword("COUNT") {
            let error = Error::Fixed("ERR COUNT must be > 0");
            let value = args.integer_or(error.clone())?;
            count = u64::try_from(value).ok().filter(|count| (1..=COUNT_MAX).contains(count)).ok_or(error)?;
        } else if args.keyword("JUSTID") {
            reply = ClaimReply::Ids;
        } else {
            return Err(Error::Syntax);
        }
    }
    Ok(Op::AutoClaim { key, group, consumer, min_idle_ms: min_idle.max(0) as u64, start, count, reply })
}
