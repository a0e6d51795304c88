//! Publish and subscribe: messages to whoever listens at this moment.

mod introspect;
mod publish;
mod subscribe;
mod unsubscribe;

use crate::broker::Turn;
use crate::command::{Command, Family, Flags};
use crate::output::{Gate, Reply};
use crate::session::{ReplyMode, Subscriptions};
use rbq_resp::{Encoder, Sink};

pub(super) const COMMANDS: &[&Command] = &[
    &subscribe::PSUBSCRIBE,
    &publish::PUBLISH,
    &introspect::COMMAND,
    &unsubscribe::PUNSUBSCRIBE,
    &publish::SPUBLISH,
    &subscribe::SSUBSCRIBE,
    &subscribe::SUBSCRIBE,
    &unsubscribe::SUNSUBSCRIBE,
    &unsubscribe::UNSUBSCRIBE,
];

/// What subscribing and unsubscribing have in common. Their answers are messages themselves, one for each name, so
/// they are allowed in subscribed mode.
const LISTENING: Command = Command {
    group: Family::PubSub,
    since: "2.0.0",
    flags: Flags::PUBSUB
        .with(Flags::NO_SCRIPT)
        .with(Flags::LOADING)
        .with(Flags::STALE)
        .with(Flags::SUBSCRIBED)
        .with(Flags::UNGATED),
    ..Command::BASE
};

/// What a name is the name of.
#[derive(Clone, Copy)]
enum Kind {
    Channel,
    Pattern,
    ShardChannel,
}

/// Tells a client of one subscription made or ended, and how many it has now: channels and patterns together, shard
/// channels by themselves.
fn confirm(turn: &mut Turn<'_>, reply: &mut Reply<'_>, kind: Kind, word: &str, name: Option<&[u8]>) {
    let session = turn.session();
    let subscriptions = session.subscriptions;
    let count = match kind {
        Kind::Channel | Kind::Pattern => subscriptions.channels + subscriptions.patterns,
        Kind::ShardChannel => subscriptions.shard_channels,
    };
    match session.reply_mode {
        ReplyMode::On => write(reply, word, name, count),
        // CLIENT REPLY silences replies, and this is a push: it takes the way of other people's messages.
        ReplyMode::Off | ReplyMode::Skip | ReplyMode::SkipNext => {
            let (client, proto) = (turn.client, session.proto);
            let mail = turn.broker.mail();
            let envelope = mail.envelope(|out| write(&mut Encoder::new(out, proto), word, name, count));
            mail.send(client, &envelope, Gate::OPEN);
        }
    }
}

fn write(sink: &mut impl Sink, word: &str, name: Option<&[u8]>, count: usize) {
    sink.push(3);
    sink.bulk(word.as_bytes());
    match name {
        Some(name) => sink.bulk(name),
        None => sink.null(),
    }
    sink.integer(count as i64);
}

impl Subscriptions {
    fn of(&mut self, kind: Kind) -> &mut usize {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::ShardChannel => &mut self.shard_channels,
        }
    }
}
