//! `PUBSUB`: who listens to what.

use rbq_resp::Sink;

use super::super::help;
use crate::args::Args;
use crate::broker::Turn;
use crate::command::{Arg, Arity, Command, Family, Flags, Run};
use crate::error::Error;
use crate::output::Reply;

pub(super) const COMMAND: Command = Command {
    name: "PUBSUB",
    group: Family::PubSub,
    summary: "A container for Pub/Sub commands.",
    since: "2.8.0",
    complexity: "Depends on subcommand.",
    arity: Arity::AtLeast(2),
    subcommands: &[&CHANNELS, &HELP, &NUMPAT, &NUMSUB, &SHARDCHANNELS, &SHARDNUMSUB],
    ..Command::BASE
};

const LOOKING: Command = Command {
    group: Family::PubSub,
    since: "2.8.0",
    flags: Flags::PUBSUB.with(Flags::LOADING).with(Flags::STALE).with(Flags::UNGATED),
    ..Command::BASE
};

const CHANNELS: Command = Command {
    name: "CHANNELS",
    summary: "Returns the active channels.",
    complexity: "O(N) where N is the number of active channels, and assuming constant time pattern matching (relatively short channels and patterns)",
    arity: Arity::AtLeast(2),
    args: &[Arg::pattern("pattern").optional()],
    example: "
        ann  SUBSCRIBE news.tech sport
        ann: [subscribe, news.tech, 1]
        ann: [subscribe, sport, 2]
        bob  PUBSUB CHANNELS
        bob: [news.tech, sport]
        bob  PUBSUB CHANNELS news.*
        bob: [news.tech]
    ",
    run: Run::Act(|turn, args, reply| {
        let pattern = only_pattern(turn, args)?;
        names(turn.broker.pubsub.channels(pattern).collect(), reply)
    }),
    ..LOOKING
};

const SHARDCHANNELS: Command = Command {
    name: "SHARDCHANNELS",
    summary: "Returns the active shard channels.",
    since: "7.0.0",
    complexity: "O(N) where N is the number of active shard channels, and assuming constant time pattern matching (relatively short shard channels).",
    example: "
        ann  SSUBSCRIBE orders
        ann: [ssubscribe, orders, 1]
        bob  PUBSUB SHARDCHANNELS
        bob: [orders]
    ",
    run: Run::Act(|turn, args, reply| {
        let pattern = only_pattern(turn, args)?;
        names(turn.broker.pubsub.shard_channels(pattern).collect(), reply)
    }),
    ..CHANNELS
};

const NUMPAT: Command = Command {
    name: "NUMPAT",
    summary: "Returns a count of unique pattern subscriptions.",
    arity: Arity::Exactly(2),
    example: "
        ann  PSUBSCRIBE news.* sport.*
        ann: [psubscribe, \"news.*\", 1]
        ann: [psubscribe, \"sport.*\", 2]
        bob  PSUBSCRIBE news.*
        bob: [psubscribe, \"news.*\", 1]
        cat  PUBSUB NUMPAT
        cat: 2
    ",
    run: Run::Act(|turn, _, reply| {
        reply.integer(turn.broker.pubsub.pattern_count() as i64);
        Ok(())
    }),
    ..LOOKING
};

const NUMSUB: Command = Command {
    name: "NUMSUB",
    summary: "Returns a count of subscribers to channels.",
    complexity: "O(N) for the NUMSUB subcommand, where N is the number of requested channels",
    arity: Arity::AtLeast(2),
    args: &[Arg::string("channel").optional().many()],
    example: "
        ann  SUBSCRIBE news
        ann: [subscribe, news, 1]
        bob  PUBSUB NUMSUB news sport
        bob: [news, 1, sport, 0]
    ",
    run: Run::Act(|turn, args, reply| count_each(args, reply, |channel| turn.broker.pubsub.subscribers(channel))),
    ..LOOKING
};

const SHARDNUMSUB: Command = Command {
    name: "SHARDNUMSUB",
    summary: "Returns the count of subscribers of shard channels.",
    since: "7.0.0",
    complexity: "O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels",
    args: &[Arg::string("shardchannel").optional().many()],
    example: "
        ann  SSUBSCRIBE orders
        ann: [ssubscribe, orders, 1]
        bob  PUBSUB SHARDNUMSUB orders
        bob: [orders, 1]
    ",
    run: Run::Act(|turn, args, reply| count_each(args, reply, |channel| turn.broker.pubsub.shard_subscribers(channel))),
    ..NUMSUB
};

const HELP: Command = Command {
    group: Family::PubSub,
    since: "6.2.0",
    example: "
        ann  PUBSUB HELP
        ann: [+\"PUBSUB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\", <rest>]
    ",
    run: Run::Act(|turn, _, reply| {
        help::answer(
            turn,
            reply,
            &[
                "CHANNELS [<pattern>]",
                "    Return the currently active channels matching a <pattern> (default: '*').",
                "NUMPAT",
                "    Return number of subscriptions to patterns.",
                "NUMSUB [<channel> ...]",
                "    Return the number of subscribers for the specified channels, excluding",
                "    pattern subscriptions(default: no channels).",
                "SHARDCHANNELS [<pattern>]",
                "    Return the currently active shard level channels matching a <pattern> (default: '*').",
                "SHARDNUMSUB [<shardchannel> ...]",
                "    Return the number of subscribers for the specified shard level channel(s)",
            ],
        )
    }),
    ..help::BASE
};

fn only_pattern<'a>(turn: &Turn<'_>, args: &mut Args<'a>) -> Result<Option<&'a [u8]>, Error> {
    let pattern = args.optional();
    if args.is_empty() { Ok(pattern) } else { Err(help::wrong_arguments(turn, args)) }
}

fn names(names: Vec<&[u8]>, reply: &mut Reply<'_>) -> Result<(), Error> {
    reply.array(names.len());
    names.iter().for_each(|name| reply.bulk(name));
    Ok(())
}

fn count_each(args: &mut Args<'_>, reply: &mut Reply<'_>, subscribers: impl Fn(&[u8]) -> usize) -> Result<(), Error> {
    let channels = args.rest();
    reply.array(channels.len() * 2);
    for channel in channels {
        reply.bulk(&channel);
        reply.integer(subscribers(&channel) as i64);
    }
    Ok(())
}
