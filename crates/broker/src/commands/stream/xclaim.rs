//! `XCLAIM key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-milliseconds] [RETRYCOUNT count] [FORCE]
//! [JUSTID] [LASTID lastid]`: take over pending entries by their IDs.

use rbq_stream::{Absent, Count, StreamId};

use super::grammar::id;
use crate::args::Args;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::error::Error;
use crate::op::{ClaimReply, ClaimTerms, Ids, Op};
use crate::streams::no_group;
use crate::value::Value;

pub(super) const COMMAND: Command = Command {
    name: "XCLAIM",
    group: Family::Stream,
    summary: "Takes over pending entries by their IDs.",
    since: "5.0.0",
    complexity: "O(log N) for each ID, N entries pending",
    arity: Arity::AtLeast(6),
    flags: Flags::WRITE.with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::UPDATE)],
    tips: &["nondeterministic_output"],
    args: &[
        Arg::key("key"),
        Arg::string("group"),
        Arg::string("consumer"),
        Arg::string("min-idle-time"),
        Arg::string("id").many(),
        Arg::integer("ms").after("IDLE").optional(),
        Arg::unix_time("unix-time-milliseconds").after("TIME").optional(),
        Arg::integer("count").after("RETRYCOUNT").optional(),
        Arg::word("force", "FORCE").optional(),
        Arg::word("justid", "JUSTID").optional(),
        Arg::string("lastid").after("LASTID").optional(),
    ],
    example: "
        ann  XADD orders 1-1 item book
        ann: \"1-1\"
        ann  XGROUP CREATE orders billing 0
        ann: +OK
        ann  XREADGROUP GROUP billing bob STREAMS orders >
        ann: [[orders, [[\"1-1\", [item, book]]]]]
        ann  XCLAIM orders billing cat 0 1-1
        ann: [[\"1-1\", [item, book]]]
    ",
    run: Run::Derive(|args, view, _| {
        // Whether the group is there is judged before the options are.
        let (key, group) = (args.key()?, args.bytes()?);
        let exists = match view.peek(key).map(|entry| &entry.value) {
            None => false,
            Some(Value::Stream(stream)) => stream.group(group).is_some(),
            Some(_) => return Err(Error::WrongType),
        };
        if !exists {
            return Err(no_group(key, group));
        }
        parse(args, key, group, view.stamp.now_ms).map(Some)
    }),
    ..Command::BASE
};

fn parse<'a>(args: &mut Args<'a>, key: &'a [u8], group: &'a [u8], now_ms: u64) -> Result<Op<'a>, Error> {
    let consumer = args.bytes()?;
    let min_idle = args.integer_or(Error::Fixed("ERR Invalid min-idle-time argument for XCLAIM"))?;
    let mut ids = Ids::new();
    while let Some(id) = args.peek().and_then(|text| StreamId::parse(text, 0)) {
        ids.push(id);
        args.bytes()?;
    }
    let mut reply = ClaimReply::Entries;
    let mut terms = ClaimTerms {
        min_idle_ms: min_idle.max(0) as u64,
        delivered_ms: None,
        count: Count::Bump,
        absent: Absent::Skip,
        last_id: None,
    };
    let mut retries = None;
    while !args.is_empty() {
        if args.keyword("FORCE") {
            terms.absent = Absent::Create;
        } else if args.keyword("JUSTID") {
            reply = ClaimReply::Ids;
        } else if args.left() > 1 && args.keyword("IDLE") {
            let idle = args.integer_or(Error::Fixed("ERR Invalid IDLE option argument for XCLAIM"))?;
            terms.delivered_ms = Some(delivered((now_ms as i64).saturating_sub(idle), now_ms));
        } else if args.left() > 1 && args.keyword("TIME") {
            let time = args.integer_or(Error::Fixed("ERR Invalid TIME option argument for XCLAIM"))?;
            terms.delivered_ms = Some(delivered(time, now_ms));
        } else if args.left() > 1 && args.keyword("RETRYCOUNT") {
            let count = args.integer_or(Error::Fixed("ERR Invalid RETRYCOUNT option argument for XCLAIM"))?;
            // A negative count is as none.
            retries = u64::try_from(count).ok();
        } else if args.left() > 1 && args.keyword("LASTID") {
            terms.last_id = Some(id(args.bytes()?)?);
        } else {
            let word = String::from_utf8_lossy(args.bytes()?).into_owned();
            return Err(Error::err(format_args!("Unrecognized XCLAIM option '{word}'")));
        }
    }
    terms.count = match (retries, reply) {
        (Some(count), _) => Count::Set(count),
        (None, ClaimReply::Ids) => Count::Keep,
        (None, ClaimReply::Entries) => Count::Bump,
    };
    Ok(Op::Claim { key, group, consumer, ids, terms, reply })
}

/// A delivery time outside of what has been is now.
fn delivered(time_ms: i64, now_ms: u64) -> u64 {
    u64::try_from(time_ms).ok().filter(|time_ms| *time_ms <= now_ms).unwrap_or(now_ms)
}
