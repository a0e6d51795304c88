//! `SUBSCRIBE channel [channel ...]`, `PSUBSCRIBE` and `SSUBSCRIBE`: begin to listen.

use super::{Kind, LISTENING, confirm};
use crate::args::Args;
use crate::broker::Turn;
use crate::command::{Arg, Arity, Begin, Command, Find, Flags, KeySpec, Run};
use crate::error::Error;
use crate::output::Reply;

pub(super) const SUBSCRIBE: Command = Command {
    name: "SUBSCRIBE",
    summary: "Listens for messages published to channels.",
    complexity: "O(N) where N is the number of channels to subscribe to.",
    arity: Arity::AtLeast(2),
    flags: LISTENING.flags.with(Flags::DENY_OOM),
    args: &[Arg::string("channel").many()],
    history: &[("6.2.0", "`RESET` can be called to exit the subscribed state.")],
    example: "
        ann  SUBSCRIBE news sport
        ann: [subscribe, news, 1]
        ann: [subscribe, sport, 2]
        bob  PUBLISH news hello
        bob: 1
        ann: [message, news, hello]
    ",
    run: Run::Act(|turn, args, reply| subscribe(turn, args, reply, Kind::Channel)),
    ..LISTENING
};

pub(super) const PSUBSCRIBE: Command = Command {
    name: "PSUBSCRIBE",
    summary: "Listens for messages published to channels that match one or more patterns.",
    complexity: "O(N) where N is the number of patterns to subscribe to.",
    args: &[Arg::pattern("pattern").many()],
    example: "
        ann  PSUBSCRIBE news.*
        ann: [psubscribe, \"news.*\", 1]
        bob  PUBLISH news.tech hello
        bob: 1
        ann: [pmessage, \"news.*\", news.tech, hello]
    ",
    run: Run::Act(|turn, args, reply| subscribe(turn, args, reply, Kind::Pattern)),
    ..SUBSCRIBE
};

pub(super) const SSUBSCRIBE: Command = Command {
    name: "SSUBSCRIBE",
    summary: "Listens for messages published to shard channels.",
    since: "7.0.0",
    complexity: "O(N) where N is the number of shard channels to subscribe to.",
    keys: SHARD_CHANNELS,
    args: &[Arg::string("shardchannel").many()],
    history: &[],
    example: "
        ann  SSUBSCRIBE orders
        ann: [ssubscribe, orders, 1]
        bob  SPUBLISH orders hello
        bob: 1
        ann: [smessage, orders, hello]
    ",
    run: Run::Act(|turn, args, reply| subscribe(turn, args, reply, Kind::ShardChannel)),
    ..SUBSCRIBE
};

/// Shard channels are routed as keys are, and are none.
pub(super) const SHARD_CHANNELS: &[KeySpec] =
    &[KeySpec { flags: &["not_key"], begin: Begin::Index(1), find: Find::Range { last: -1, step: 1, limit: 0 } }];

fn subscribe(turn: &mut Turn<'_>, args: &mut Args<'_>, reply: &mut Reply<'_>, kind: Kind) -> Result<(), Error> {
    for name in args.rest() {
        let client = turn.client;
        let pubsub = &mut turn.broker.pubsub;
        let (word, is_new) = match kind {
            Kind::Channel => ("subscribe", pubsub.subscribe(client, &name)),
            Kind::Pattern => ("psubscribe", pubsub.psubscribe(client, &name)),
            Kind::ShardChannel => ("ssubscribe", pubsub.ssubscribe(client, &name)),
        };
        if is_new {
            *turn.session_mut().subscriptions.of(kind) += 1;
        }
        confirm(turn, reply, kind, word, Some(&name));
    }
    Ok(())
}
