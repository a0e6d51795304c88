//! `XCFGSET key [IDMP-DURATION idmp-duration] [IDMP-MAXSIZE idmp-maxsize]`: how much a stream remembers of producers.

use crate::args::Args;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::error::Error;
use crate::op::Op;

const DURATION_S_MAX: i64 = 86_400;
const MAXSIZE_MAX: i64 = 10_000;

pub(super) const COMMAND: Command = Command {
    name: "XCFGSET",
    group: Family::Stream,
    summary: "Sets the idempotency parameters of a stream; a change forgets what it remembers of producers.",
    since: "8.6.0",
    arity: Arity::AtLeast(2),
    flags: Flags::WRITE.with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::UPDATE)],
    args: &[
        Arg::key("key"),
        Arg::integer("idmp-duration").after("IDMP-DURATION").optional(),
        Arg::integer("idmp-maxsize").after("IDMP-MAXSIZE").optional(),
    ],
    example: "
        ann  XADD orders 1-1 item book
        ann: \"1-1\"
        ann  XCFGSET orders IDMP-DURATION 300 IDMP-MAXSIZE 1000
        ann: +OK
    ",
    run: Run::Write(|args, _| parse(args)),
    ..Command::BASE
};

fn parse<'a>(args: &mut Args<'a>) -> Result<Op<'a>, Error> {
    let key = args.key()?;
    let (mut duration_s, mut max_iids) = (None, None);
    if args.is_empty() {
        return Err(Error::Fixed("ERR At least one parameter must be specified"));
    }
    while !args.is_empty() {
        if args.left() > 1 && args.keyword("IDMP-DURATION") {
            if duration_s.is_some() {
                return Err(Error::Fixed("ERR IDMP-DURATION specified multiple times"));
            }
            let error = "ERR IDMP-DURATION must be between 1 and 86400 seconds";
            duration_s = Some(within(args, DURATION_S_MAX, error)?);
        } else if args.left() > 1 && args.keyword("IDMP-MAXSIZE") {
            if max_iids.is_some() {
                return Err(Error::Fixed("ERR IDMP-MAXSIZE specified multiple times"));
            }
            let error = "ERR IDMP-MAXSIZE must be between 1 and 10000 entries";
            max_iids = Some(within(args, MAXSIZE_MAX, error)?);
        } else {
            return Err(Error::Syntax);
        }
    }
    Ok(Op::StreamConfigure { key, duration_s, max_iids })
}

fn within(args: &mut Args<'_>, max: i64, error: &'static str) -> Result<u64, Error> {
    let value = args.integer()?;
    if (1..=max).contains(&value) { Ok(value as u64) } else { Err(Error::Fixed(error)) }
}
