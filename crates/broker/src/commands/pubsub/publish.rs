//! `PUBLISH channel message` and `SPUBLISH shardchannel message`: to whoever listens now; the answer says how many.

use rbq_resp::Sink;

use crate::command::{Arg, Arity, Begin, Command, Family, Find, Flags, KeySpec, Run};

const FLAGS: Flags = Flags::PUBSUB
    .with(Flags::LOADING)
    .with(Flags::STALE)
    .with(Flags::FAST)
    .with(Flags::MAY_REPLICATE)
    .with(Flags::UNGATED);

pub(super) const PUBLISH: Command = Command {
    name: "PUBLISH",
    group: Family::PubSub,
    summary: "Posts a message to a channel.",
    since: "2.0.0",
    complexity: "O(N+M) where N is the number of clients subscribed to the receiving channel and M is the total number of subscribed patterns (by any client).",
    arity: Arity::Exactly(3),
    flags: FLAGS,
    args: &[Arg::string("channel"), Arg::string("message")],
    example: "
        ann  SUBSCRIBE news
        ann: [subscribe, news, 1]
        bob  PUBLISH news hello
        bob: 1
        ann: [message, news, hello]
        bob  PUBLISH sport hello
        bob: 0
    ",
    run: Run::Act(|turn, args, reply| {
        let (channel, message) = (args.bytes()?, args.bytes()?);
        let gate = turn.broker.gate_to_publish(turn.client);
        reply.integer(turn.broker.publish(channel, message, gate) as i64);
        Ok(())
    }),
    ..Command::BASE
};

pub(super) const SPUBLISH: Command = Command {
    name: "SPUBLISH",
    summary: "Posts a message to a shard channel.",
    since: "7.0.0",
    complexity: "O(N) where N is the number of clients subscribed to the receiving shard channel.",
    keys: &[KeySpec { flags: &["not_key"], begin: Begin::Index(1), find: Find::Range { last: 0, step: 1, limit: 0 } }],
    args: &[Arg::string("shardchannel"), Arg::string("message")],
    example: "
        ann  SSUBSCRIBE orders
        ann: [ssubscribe, orders, 1]
        bob  SPUBLISH orders hello
        bob: 1
        ann: [smessage, orders, hello]
    ",
    run: Run::Act(|turn, args, reply| {
        let (channel, message) = (args.bytes()?, args.bytes()?);
        let gate = turn.broker.gate_to_publish(turn.client);
        reply.integer(turn.broker.publish_shard(channel, message, gate) as i64);
        Ok(())
    }),
    ..PUBLISH
};
