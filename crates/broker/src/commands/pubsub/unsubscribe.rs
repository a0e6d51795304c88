//! `UNSUBSCRIBE [channel [channel ...]]`, `PUNSUBSCRIBE` and `SUNSUBSCRIBE`: listen no longer.
//!
//! Without names all subscriptions of that kind end, each told by itself. A client that had none is told so too, with
//! a null in place of a name, because it waits for an answer.

use super::subscribe::SHARD_CHANNELS;
use super::{Kind, LISTENING, confirm};
use crate::args::Args;
use crate::broker::Turn;
use crate::command::{Arg, Command, Run};
use crate::error::Error;
use crate::output::Reply;

pub(super) const UNSUBSCRIBE: Command = Command {
    name: "UNSUBSCRIBE",
    summary: "Stops listening to messages posted to channels.",
    complexity: "O(N) where N is the number of channels to unsubscribe.",
    args: &[Arg::string("channel").optional().many()],
    example: "
        ann  SUBSCRIBE news sport
        ann: [subscribe, news, 1]
        ann: [subscribe, sport, 2]
        ann  UNSUBSCRIBE news
        ann: [unsubscribe, news, 1]
        ann  UNSUBSCRIBE
        ann: [unsubscribe, sport, 0]
        ann  UNSUBSCRIBE
        ann: [unsubscribe, nil, 0]
    ",
    run: Run::Act(|turn, args, reply| unsubscribe(turn, args, reply, Kind::Channel)),
    ..LISTENING
};

pub(super) const PUNSUBSCRIBE: Command = Command {
    name: "PUNSUBSCRIBE",
    summary: "Stops listening to messages published to channels that match one or more patterns.",
    complexity: "O(N) where N is the number of patterns to unsubscribe.",
    args: &[Arg::pattern("pattern").optional().many()],
    example: "
        ann  PSUBSCRIBE news.*
        ann: [psubscribe, \"news.*\", 1]
        ann  PUNSUBSCRIBE
        ann: [punsubscribe, \"news.*\", 0]
    ",
    run: Run::Act(|turn, args, reply| unsubscribe(turn, args, reply, Kind::Pattern)),
    ..LISTENING
};

pub(super) const SUNSUBSCRIBE: Command = Command {
    name: "SUNSUBSCRIBE",
    summary: "Stops listening to messages posted to shard channels.",
    since: "7.0.0",
    complexity: "O(N) where N is the number of shard channels to unsubscribe.",
    keys: SHARD_CHANNELS,
    args: &[Arg::string("shardchannel").optional().many()],
    example: "
        ann  SSUBSCRIBE orders
        ann: [ssubscribe, orders, 1]
        ann  SUNSUBSCRIBE orders
        ann: [sunsubscribe, orders, 0]
    ",
    run: Run::Act(|turn, args, reply| unsubscribe(turn, args, reply, Kind::ShardChannel)),
    ..LISTENING
};

fn unsubscribe(turn: &mut Turn<'_>, args: &mut Args<'_>, reply: &mut Reply<'_>, kind: Kind) -> Result<(), Error> {
    if !args.is_empty() {
        for name in args.rest() {
            leave(turn, reply, kind, &name);
        }
        return Ok(());
    }
    let names = names(turn, kind);
    for name in &names {
        leave(turn, reply, kind, name);
    }
    if names.is_empty() {
        confirm(turn, reply, kind, word(kind), None);
    }
    Ok(())
}

fn leave(turn: &mut Turn<'_>, reply: &mut Reply<'_>, kind: Kind, name: &[u8]) {
    let client = turn.client;
    let pubsub = &mut turn.broker.pubsub;
    let was_there = match kind {
        Kind::Channel => pubsub.unsubscribe(client, name),
        Kind::Pattern => pubsub.punsubscribe(client, name),
        Kind::ShardChannel => pubsub.sunsubscribe(client, name),
    };
    if was_there {
        *turn.session_mut().subscriptions.of(kind) -= 1;
    }
    confirm(turn, reply, kind, word(kind), Some(name));
}

fn names(turn: &Turn<'_>, kind: Kind) -> Vec<Vec<u8>> {
    let pubsub = &turn.broker.pubsub;
    match kind {
        Kind::Channel => pubsub.channels_of(turn.client).map(<[u8]>::to_vec).collect(),
        Kind::Pattern => pubsub.patterns_of(turn.client).map(<[u8]>::to_vec).collect(),
        Kind::ShardChannel => pubsub.shard_channels_of(turn.client).map(<[u8]>::to_vec).collect(),
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Channel => "unsubscribe",
        Kind::Pattern => "punsubscribe",
        Kind::ShardChannel => "sunsubscribe",
    }
}
