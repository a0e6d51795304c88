//! `XNACK key group <SILENT | FAIL | FATAL> IDS numids id [id ...] [RETRYCOUNT count] [FORCE]`: hand entries back.

use super::grammar::{IDS, id};
use crate::args::Args;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::error::Error;
use crate::op::{Ids, NackMode, Op};

pub(super) const COMMAND: Command = Command {
    name: "XNACK",
    group: Family::Stream,
    summary: "Hands pending entries back to the group, for any consumer to claim.",
    since: "8.8.0",
    complexity: "O(1) for each ID",
    arity: Arity::AtLeast(7),
    flags: Flags::WRITE.with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::UPDATE)],
    args: &[
        Arg::key("key"),
        Arg::string("group"),
        Arg::one_of("mode", &[Arg::word("silent", "SILENT"), Arg::word("fail", "FAIL"), Arg::word("fatal", "FATAL")]),
        Arg::block("ids", IDS).after("IDS"),
        Arg::integer("count").after("RETRYCOUNT").optional(),
        Arg::word("force", "FORCE").optional(),
    ],
    example: "
        ann  XADD orders 1-1 item book
        ann: \"1-1\"
        ann  XGROUP CREATE orders billing 0
        ann: +OK
        ann  XREADGROUP GROUP billing bob STREAMS orders >
        ann: [[orders, [[\"1-1\", [item, book]]]]]
        ann  XNACK orders billing FAIL IDS 1 1-1
        ann: 1
        ann  XPENDING orders billing - + 10
        ann: [[\"1-1\", \"\", -1, 1]]
    ",
    run: Run::Write(|args, _| parse(args)),
    ..Command::BASE
};

fn parse<'a>(args: &mut Args<'a>) -> Result<Op<'a>, Error> {
    let (key, group) = (args.key()?, args.bytes()?);
    let mode = if args.keyword("SILENT") {
        NackMode::Silent
    } else if args.keyword("FAIL") {
        NackMode::Fail
    } else if args.keyword("FATAL") {
        NackMode::Fatal
    } else {
        return Err(Error::Fixed("ERR mode must be SILENT, FAIL, or FATAL"));
    };
    let (mut ids, mut count, mut force) = (None, None, false);
    while !args.is_empty() {
        if args.left() > 1 && args.keyword("IDS") {
            ids = Some(counted(args)?);
        } else if args.left() > 1 && args.keyword("RETRYCOUNT") {
            let value = args.integer()?;
            let error = Error::Fixed("ERR Invalid RETRYCOUNT value, must be >= 0");
            count = Some(u64::try_from(value).map_err(|_| error)?);
        } else if args.keyword("FORCE") {
            force = true;
        } else if ids.is_none() {
            return Err(Error::Fixed("ERR expected IDS keyword"));
        } else {
            let word = String::from_utf8_lossy(args.bytes()?).into_owned();
            return Err(Error::err(format_args!("Unrecognized XNACK option '{word}'")));
        }
    }
    let ids = ids.ok_or(Error::Fixed("ERR expected IDS keyword"))?;
    Ok(Op::Nack { key, group, mode, ids, count, force })
}

fn counted(args: &mut Args<'_>) -> Result<Ids, Error> {
    let error = Error::Fixed("ERR numids must be a positive integer");
    let count = args.integer_or(error.clone())?;
    let count = usize::try_from(count).ok().filter(|count| (1..=i32::MAX as usize).contains(count)).ok_or(error)?;
    if count > args.left() {
        return Err(Error::Fixed("ERR number of IDs doesn't match numids"));
    }
    args.take(count)?.iter().map(|text| id(&text)).collect()
}
