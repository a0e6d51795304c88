//! `MSETEX numkeys key value [key value ...] [NX | XX] [EX seconds | PX milliseconds | EXAT time | PXAT time | KEEPTTL]`:
//! several values at once, with one end.

use super::lifetime::{EX, EXAT, Lifetime, PX, PXAT};
use crate::args::Args;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, Submit, touch};
use crate::error::Error;
use crate::op::{Op, SetManyReply, SetManyWhen};

pub(super) const COMMAND: Command = Command {
    name: "MSETEX",
    group: Family::String,
    summary: "Sets the string values of several keys and one time to live for all of them.",
    since: "8.4.0",
    complexity: "O(N) where N is the number of keys to set.",
    arity: Arity::AtLeast(4),
    flags: Flags::WRITE.with(Flags::DENY_OOM).with(Flags::MOVABLE_KEYS),
    tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
    keys: &[KeySpec::counted_pairs(1, touch::OVERWRITE)],
    args: &[
        Arg::integer("numkeys"),
        Arg::block("data", &[Arg::key("key"), Arg::string("value")]).many(),
        Arg::one_of("condition", &[Arg::word("nx", "NX"), Arg::word("xx", "XX")]).optional(),
        Arg::one_of("expiration", &[EX, PX, EXAT, PXAT, Arg::word("keepttl", "KEEPTTL")]).optional(),
    ],
    example: "
        ann  MSETEX 2 a 1 b 2 EX 60
        ann: 1
        ann  TTL b
        ann: 60
        ann  MSETEX 2 b 3 c 4 NX
        ann: 0
    ",
    run: Run::Write(parse),
    ..Command::BASE
};

fn parse<'a>(args: &mut Args<'a>, submit: &Submit<'_>) -> Result<Op<'a>, Error> {
    let invalid = Error::Fixed("ERR invalid numkeys value");
    let count = i32::try_from(args.integer_or(invalid.clone())?).ok().filter(|count| *count > 0).ok_or(invalid)?;
    let values = count as usize * 2;
    if args.left() < values {
        return Err(Error::Fixed("ERR wrong number of key-value pairs"));
    }
    let pairs = args.take(values)?;
    let (mut when, mut lifetime) = (SetManyWhen::Always, Lifetime::Unsaid);
    while !args.is_empty() {
        if when != SetManyWhen::AllExist && args.keyword("NX") {
            when = SetManyWhen::NoneExists;
        } else if when != SetManyWhen::NoneExists && args.keyword("XX") {
            when = SetManyWhen::AllExist;
        } else if !lifetime.take(args)? && !lifetime.take_word(args, "KEEPTTL", Lifetime::Keep)? {
            return Err(Error::Syntax);
        }
    }
    let deadline = lifetime.deadline(submit.name(), submit.stamp.now_ms)?;
    Ok(Op::StringSetMany { pairs, when, deadline, reply: SetManyReply::Integer })
}
