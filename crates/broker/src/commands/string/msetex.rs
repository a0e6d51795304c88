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

#[cfg(test)]
mod tests {
    use crate::testing::play;

    #[test]
    fn all_keys_are_set_or_none() {
        insta::assert_snapshot!(play("
            ann  MSETEX 2 a 1 b 2 XX
            ann  MSETEX 2 a 1 b 2 NX PX 1500
            ann  PTTL b
            ann  MSETEX 2 b 3 c 4 NX
            ann  MSETEX 2 b 3 c 4 XX
            ann  MSETEX 1 b 5 KEEPTTL
            ann  PTTL b
            ann  MSETEX 1 b 6
            ann  PTTL b
            ann  MGET a b c
        "), @r#"
        ann: 0
        ann: 1
        ann: 1500
        ann: 0
        ann: 0
        ann: 1
        ann: 1500
        ann: 1
        ann: -1
        ann: ["1", "6", nil]
        "#);
    }

    #[test]
    fn mistakes_are_told_as_redis_tells_them() {
        insta::assert_snapshot!(play("
            ann  MSETEX 0 a 1
            ann  MSETEX x a 1
            ann  MSETEX 2147483648 a 1
            ann  MSETEX 2 a 1
            ann  MSETEX 2 a 1 b 2 c
            ann  MSETEX 1 a 1 NX XX
            ann  MSETEX 1 a 1 EX 1 KEEPTTL
            ann  MSETEX 1 a 1 EX 0
            ann  MSETEX 1 a 1 EX x
            ann  MSETEX 1 a
            ann  EXISTS a
        "), @r"
        ann: -ERR invalid numkeys value
        ann: -ERR invalid numkeys value
        ann: -ERR invalid numkeys value
        ann: -ERR wrong number of key-value pairs
        ann: -ERR syntax error
        ann: -ERR syntax error
        ann: -ERR syntax error
        ann: -ERR invalid expire time in 'msetex' command
        ann: -ERR value is not an integer or out of range
        ann: -ERR wrong number of arguments for 'msetex' command
        ann: 0
        ");
    }
}
