//! `XRANGE key start end [COUNT count]` and `XREVRANGE key end start [COUNT count]`: a stretch of a stream.

use rbq_resp::Sink;
use rbq_stream::Order;

use super::grammar::{range_end, range_start};
use super::lazy::Stretch;
use crate::args::Args;
use crate::broker::View;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::error::Error;
use crate::output::Reply;

pub(super) const XRANGE: Command = Command {
    name: "XRANGE",
    group: Family::Stream,
    summary: "Shows entries between two IDs, oldest first.",
    since: "5.0.0",
    complexity: "O(N) for N entries shown",
    arity: Arity::AtLeast(4),
    flags: Flags::READONLY,
    keys: &[KeySpec::one(1, touch::READ)],
    args: &[Arg::key("key"), Arg::string("start"), Arg::string("end"), Arg::integer("count").after("COUNT").optional()],
    history: &[("6.2.0", "Added exclusive ranges.")],
    example: "
        ann  XADD orders 1-1 item book
        ann: \"1-1\"
        ann  XADD orders 2-1 item pen
        ann: \"2-1\"
        ann  XRANGE orders (1-1 +
        ann: [[\"2-1\", [item, pen]]]
    ",
    run: Run::Read(|args, view, reply| run(args, view, reply, Order::Forward)),
    ..Command::BASE
};

pub(super) const XREVRANGE: Command = Command {
    name: "XREVRANGE",
    summary: "Shows entries between two IDs, newest first.",
    args: &[Arg::key("key"), Arg::string("end"), Arg::string("start"), Arg::integer("count").after("COUNT").optional()],
    example: "
        ann  XADD orders 1-1 item book
        ann: \"1-1\"
        ann  XADD orders 2-1 item pen
        ann: \"2-1\"
        ann  XREVRANGE orders + - COUNT 1
        ann: [[\"2-1\", [item, pen]]]
    ",
    run: Run::Read(|args, view, reply| run(args, view, reply, Order::Backward)),
    ..XRANGE
};

fn run(args: &mut Args<'_>, view: &mut View<'_>, reply: &mut Reply<'_>, order: Order) -> Result<(), Error> {
    let key = args.key()?;
    let (first, second) = (args.bytes()?, args.bytes()?);
    let (start, end) = match order {
        Order::Forward => (first, second),
        Order::Backward => (second, first),
    };
    let (from, to) = (range_start(start)?, range_end(end)?);
    let mut count = None;
    while !args.is_empty() {
        if !args.keyword("COUNT") || args.is_empty() {
            return Err(Error::Syntax);
        }
        count = Some(args.integer()?.max(0));
    }
    let Some(stream) = view.stream(key)? else {
        reply.array(0);
        return Ok(());
    };
    if count == Some(0) {
        reply.null_array();
        return Ok(());
    }
    let limit = count.map_or(usize::MAX, |count| count as usize);
    Stretch { from, to, order, limit }.reply(stream.entries(), reply);
    Ok(())
}
