//! `XINFO`: what there is to know about a stream, its groups and their consumers.

use rbq_resp::Sink;
use rbq_stream::{Consumer, ConsumerId, Group, PendingFilter, Stream};

use super::super::help;
use super::grammar::wrong_arguments;
use crate::args::Args;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::error::Error;
use crate::output::Reply;
use crate::streams::{no_such_group, reply_entry, reply_id};

/// Entries that FULL shows without COUNT.
const FULL_COUNT_DEFAULT: usize = 10;

pub(super) const COMMAND: Command = Command {
    name: "XINFO",
    group: Family::Stream,
    summary: "What there is to know about streams.",
    since: "5.0.0",
    complexity: "Depends on subcommand.",
    arity: Arity::AtLeast(2),
    subcommands: &[&CONSUMERS, &GROUPS, &HELP, &STREAM],
    ..Command::BASE
};

const STREAM: Command = Command {
    name: "STREAM",
    group: Family::Stream,
    summary: "Shows a stream's length, IDs, first and last entry, or all of it.",
    since: "5.0.0",
    arity: Arity::AtLeast(3),
    flags: Flags::READONLY,
    keys: &[KeySpec::one(2, touch::READ)],
    args: &[
        Arg::key("key"),
        Arg::block("full-block", &[Arg::word("full", "FULL"), Arg::integer("count").after("COUNT").optional()])
            .optional(),
    ],
    history: &[
        ("6.0.0", "Added the `FULL` modifier."),
        (
            "7.0.0",
            "Added the `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag` fields",
        ),
        ("7.2.0", "Added the `active-time` field, and changed the meaning of `seen-time`."),
        (
            "8.6.0",
            "Added the `idmp-duration`, `idmp-maxsize`, `pids-tracked`, `iids-tracked`, `iids-added` and `iids-duplicates` fields for IDMP tracking.",
        ),
        ("8.8.0", "Added the `nacked-count` field to consumer groups in `FULL` output."),
    ],
    example: "
        ann  XADD orders 1-1 item book
        ann: \"1-1\"
        ann  XINFO STREAM orders
        ann: [length, 1, <rest>]
    ",
    run: Run::Read(|args, view, reply| {
        let key = args.key()?;
        let stream = view.stream(key)?.ok_or(Error::NoSuchKey)?;
        match full_count(args)? {
            None => short(stream, view.stamp.now_ms, reply),
            Some(count) => in_full(stream, count, view.stamp.now_ms, reply),
        }
        Ok(())
    }),
    ..Command::BASE
};

const GROUPS: Command = Command {
    name: "GROUPS",
    group: Family::Stream,
    summary: "Lists a stream's groups with their progress and lag.",
    since: "5.0.0",
    arity: Arity::Exactly(3),
    flags: Flags::READONLY,
    keys: &[KeySpec::one(2, touch::READ)],
    args: &[Arg::key("key")],
    history: &[("7.0.0", "Added the `entries-read` and `lag` fields")],
    example: "
        ann  XGROUP CREATE orders billing $ MKSTREAM
        ann: +OK
        ann  XINFO GROUPS orders
        ann: [[name, billing, consumers, 0, pending, 0, last-delivered-id, \"0-0\", entries-read, nil, lag, 0]]
    ",
    run: Run::Read(|args, view, reply| {
        let stream = view.stream(args.key()?)?.ok_or(Error::NoSuchKey)?;
        reply.array(stream.groups_len());
        for (name, group) in stream.groups() {
            reply.map(6);
            reply.bulk(b"name");
            reply.bulk(name);
            number("consumers", group.consumers_len() as u64, reply);
            number("pending", group.pending_len(), reply);
            progress(stream, group, reply);
        }
        Ok(())
    }),
    ..Command::BASE
};

const CONSUMERS: Command = Command {
    name: "CONSUMERS",
    group: Family::Stream,
    summary: "Lists a group's consumers with what they have pending.",
    since: "5.0.0",
    arity: Arity::Exactly(4),
    flags: Flags::READONLY,
    keys: &[KeySpec::one(2, touch::READ)],
    tips: &["nondeterministic_output"],
    args: &[Arg::key("key"), Arg::string("group")],
    history: &[("7.2.0", "Added the `inactive` field, and changed the meaning of `idle`.")],
    example: "
        ann  XGROUP CREATE orders billing $ MKSTREAM
        ann: +OK
        ann  XGROUP CREATECONSUMER orders billing bob
        ann: 1
        ann  XINFO CONSUMERS orders billing
        ann: [[name, bob, pending, 0, idle, 0, inactive, -1]]
    ",
    run: Run::Read(|args, view, reply| {
        let (key, name) = (args.key()?, args.bytes()?);
        let stream = view.stream(key)?.ok_or(Error::NoSuchKey)?;
        let group = stream.group(name).ok_or_else(|| no_such_group(key, name))?;
        let now_ms = view.stamp.now_ms;
        reply.array(group.consumers_len());
        for (_, consumer) in group.consumers() {
            reply.map(4);
            reply.bulk(b"name");
            reply.bulk(consumer.name());
            number("pending", consumer.pending(), reply);
            number("idle", now_ms.saturating_sub(consumer.seen_ms()), reply);
            reply.bulk(b"inactive");
            reply.integer(consumer.active_ms().map_or(-1, |at_ms| now_ms.saturating_sub(at_ms) as i64));
        }
        Ok(())
    }),
    ..Command::BASE
};

const HELP: Command = Command {
    group: Family::Stream,
    example: "
        ann  XINFO HELP
        ann: [+\"XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\", <rest>]
    ",
    run: Run::Act(|turn, _, reply| {
        help::answer(
            turn,
            reply,
            &[
                "CONSUMERS <key> <groupname>",
                "    Show consumers of <groupname>.",
                "GROUPS <key>",
                "    Show the stream consumer groups.",
                "STREAM <key> [FULL [COUNT <count>]",
                "    Show information about the stream.",
            ],
        )
    }),
    ..help::BASE
};

/// `FULL [COUNT count]`; a count of zero shows all.
fn full_count(args: &mut Args<'_>) -> Result<Option<usize>, Error> {
    if args.is_empty() {
        return Ok(None);
    }
    let unknown = wrong_arguments(args, "XINFO");
    if !args.keyword("FULL") {
        return Err(unknown);
    }
    if args.is_empty() {
        return Ok(Some(FULL_COUNT_DEFAULT));
    }
    if args.left() != 2 || !args.keyword("COUNT") {
        return Err(unknown);
    }
    Ok(Some(match args.integer()? {
        0 => usize::MAX,
        count => usize::try_from(count).unwrap_or(FULL_COUNT_DEFAULT),
    }))
}

fn number(name: &str, value: u64, reply: &mut Reply<'_>) {
    reply.bulk(name.as_bytes());
    reply.integer(value as i64);
}

fn optional(name: &str, value: Option<u64>, reply: &mut Reply<'_>) {
    reply.bulk(name.as_bytes());
    match value {
        Some(value) => reply.integer(value as i64),
        None => reply.null(),
    }
}

/// Where a group stands.
fn progress(stream: &Stream, group: &Group, reply: &mut Reply<'_>) {
    reply.bulk(b"last-delivered-id");
    reply_id(group.last_delivered(), reply);
    optional("entries-read", group.entries_read(), reply);
    number("lag", group.lag(stream.entries()), reply);
}

/// What both forms begin with: thirteen fields.
fn common(stream: &Stream, now_ms: u64, reply: &mut Reply<'_>) {
    let (entries, idmp) = (stream.entries(), stream.idmp_stats(now_ms));
    number("length", entries.len(), reply);
    number("radix-tree-keys", entries.blocks() as u64, reply);
    number("radix-tree-nodes", entries.blocks() as u64 + 1, reply);
    for (name, id) in [("last-generated-id", entries.last_id()), ("max-deleted-entry-id", entries.max_deleted_id())] {
        reply.bulk(name.as_bytes());
        reply_id(id, reply);
    }
    number("entries-added", entries.added(), reply);
    reply.bulk(b"recorded-first-entry-id");
    reply_id(entries.first_id(), reply);
    number("idmp-duration", u64::from(idmp.limits.duration_s), reply);
    number("idmp-maxsize", u64::from(idmp.limits.max_iids), reply);
    number("pids-tracked", idmp.pids_tracked, reply);
    number("iids-tracked", idmp.iids_tracked, reply);
    number("iids-added", idmp.iids_added, reply);
    number("iids-duplicates", idmp.iids_duplicates, reply);
}

fn short(stream: &Stream, now_ms: u64, reply: &mut Reply<'_>) {
    reply.map(16);
    common(stream, now_ms, reply);
    number("groups", stream.groups_len() as u64, reply);
    for (name, entry) in [("first-entry", stream.entries().first()), ("last-entry", stream.entries().newest())] {
        reply.bulk(name.as_bytes());
        match entry {
            Some(entry) => reply_entry(&entry, reply),
            None => reply.null(),
        }
    }
}

fn in_full(stream: &Stream, count: usize, now_ms: u64, reply: &mut Reply<'_>) {
    reply.map(15);
    common(stream, now_ms, reply);
    reply.bulk(b"entries");
    let entries = || stream.entries().range(rbq_stream::StreamId::MIN, rbq_stream::StreamId::MAX).take(count);
    reply.array((stream.entries().len() as usize).min(count));
    entries().for_each(|entry| reply_entry(&entry, reply));
    reply.bulk(b"groups");
    reply.array(stream.groups_len());
    for (name, group) in stream.groups() {
        reply.map(8);
        reply.bulk(b"name");
        reply.bulk(name);
        progress(stream, group, reply);
        number("pel-count", group.pending_len(), reply);
        number("nacked-count", group.nacked_len(), reply);
        reply.bulk(b"pending");
        let pending: Vec<_> = group.pending(PendingFilter::default(), now_ms).take(count).collect();
        reply.array(pending.len());
        for entry in pending {
            reply.array(4);
            reply_id(entry.id, reply);
            reply.bulk(entry.consumer.unwrap_or(b""));
            reply.integer(entry.delivered_ms as i64);
            reply.integer(entry.deliveries as i64);
        }
        reply.bulk(b"consumers");
        reply.array(group.consumers_len());
        for (id, consumer) in group.consumers() {
            consumer_in_full(group, id, consumer, count, now_ms, reply);
        }
    }
}

fn consumer_in_full(
    group: &Group,
    id: ConsumerId,
    consumer: &Consumer,
    count: usize,
    now_ms: u64,
    reply: &mut Reply<'_>,
) {
    reply.map(5);
    reply.bulk(b"name");
    reply.bulk(consumer.name());
    number("seen-time", consumer.seen_ms(), reply);
    reply.bulk(b"active-time");
    reply.integer(consumer.active_ms().map_or(-1, |at_ms| at_ms as i64));
    number("pel-count", consumer.pending(), reply);
    reply.bulk(b"pending");
    let filter = PendingFilter { consumer: Some(id), ..PendingFilter::default() };
    let pending: Vec<_> = group.pending(filter, now_ms).take(count).collect();
    reply.array(pending.len());
    for entry in pending {
        reply.array(3);
        reply_id(entry.id, reply);
        reply.integer(entry.delivered_ms as i64);
        reply.integer(entry.deliveries as i64);
    }
}
