//! `XPENDING key group [[IDLE min-idle-time] start end count [consumer]]`: what was delivered and not acknowledged.

use rbq_resp::Sink;
use rbq_stream::{Group, PendingFilter};

use super::grammar::{range_end, range_start};
use crate::args::Args;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::error::Error;
use crate::output::Reply;
use crate::streams::{no_group, reply_id};

/// The command, key, group, start, end, count.
const ARGS_MIN: usize = 6;
/// The command, key, group, IDLE and its value, start, end, count, consumer.
const ARGS_MAX: usize = 9;

pub(super) const COMMAND: Command = Command {
    name: "XPENDING",
    group: Family::Stream,
    summary: "Shows what was delivered to a group and not acknowledged.",
    since: "5.0.0",
    complexity: "O(N) for N entries shown; the summary O(C) for C consumers",
    arity: Arity::AtLeast(3),
    flags: Flags::READONLY,
    keys: &[KeySpec::one(1, touch::READ)],
    tips: &["nondeterministic_output"],
    args: &[
        Arg::key("key"),
        Arg::string("group"),
        Arg::block(
            "filters",
            &[
                Arg::integer("min-idle-time").after("IDLE").optional().since("6.2.0"),
                Arg::string("start"),
                Arg::string("end"),
                Arg::integer("count"),
                Arg::string("consumer").optional(),
            ],
        )
        .optional(),
    ],
    history: &[("6.2.0", "Added the `IDLE` option and exclusive range intervals.")],
    example: "
        ann  XADD orders 1-1 item book
        ann: \"1-1\"
        ann  XGROUP CREATE orders billing 0
        ann: +OK
        ann  XREADGROUP GROUP billing bob STREAMS orders >
        ann: [[orders, [[\"1-1\", [item, book]]]]]
        ann  XPENDING orders billing
        ann: [1, \"1-1\", \"1-1\", [[bob, \"1\"]]]
        ann  XPENDING orders billing - + 10
        ann: [[\"1-1\", bob, 0, 1]]
    ",
    run: Run::Read(|args, view, reply| {
        let (key, group) = (args.key()?, args.bytes()?);
        let wanted = if args.is_empty() { None } else { Some(Wanted::parse(args)?) };
        let stream = view.stream(key)?;
        let found = stream.and_then(|stream| stream.group(group)).ok_or_else(|| no_group(key, group))?;
        match wanted {
            None => summary(found, reply),
            Some(wanted) => wanted.reply(found, view.stamp.now_ms, reply),
        }
        Ok(())
    }),
    ..Command::BASE
};

fn summary(group: &Group, reply: &mut Reply<'_>) {
    let pending = group.pending_summary();
    reply.array(4);
    reply.integer(pending.len as i64);
    let Some((first, last)) = pending.ends else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    reply_id(first, reply);
    reply_id(last, reply);
    let owners = || group.consumers().filter(|(_, consumer)| consumer.pending() > 0);
    reply.array(owners().count());
    for (_, consumer) in owners() {
        reply.array(2);
        reply.bulk(consumer.name());
        reply.bulk(itoa::Buffer::new().format(consumer.pending()).as_bytes());
    }
}

/// The extended form's filter.
struct Wanted<'a> {
    filter: PendingFilter,
    count: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Wanted<'a> {
    fn parse(args: &mut Args<'a>) -> Result<Self, Error> {
        let mut filter = PendingFilter::default();
        // Redis counts arguments in all; without IDLE two more than it needs are let through and ignored.
        if !(ARGS_MIN..=ARGS_MAX).contains(&args.request().len()) {
            return Err(Error::Syntax);
        }
        if args.keyword("IDLE") {
            filter.min_idle_ms = args.integer()?.max(0) as u64;
            if args.left() < 3 {
                return Err(Error::Syntax);
            }
        }
        let (start, end) = (args.bytes()?, args.bytes()?);
        let count = args.integer()?.max(0) as usize;
        filter.from = range_start(start)?;
        filter.to = range_end(end)?;
        Ok(Self { filter, count, consumer: args.optional() })
    }

    fn reply(mut self, group: &Group, now_ms: u64, reply: &mut Reply<'_>) {
        if let Some(name) = self.consumer {
            let Some(consumer) = group.consumer_id(name) else {
                reply.array(0);
                return;
            };
            self.filter.consumer = Some(consumer);
        }
        let entries: Vec<_> = group.pending(self.filter, now_ms).take(self.count).collect();
        reply.array(entries.len());
        for entry in entries {
            reply.array(4);
            reply_id(entry.id, reply);
            reply.bulk(entry.consumer.unwrap_or(b""));
            reply.integer(entry.idle_ms(now_ms).map_or(-1, |idle_ms| idle_ms as i64));
            reply.integer(entry.deliveries as i64);
        }
    }
}
