//! `PING [message]`: whether anybody is there.
//!
//! A RESP2 client in subscribed mode reads messages only, so there the answer has a message's shape.

use rbq_resp::Sink;

use crate::command::{Arg, Arity, Command, Family, Flags, Run};
use crate::error::Error;

pub(super) const COMMAND: Command = Command {
    name: "PING",
    group: Family::Connection,
    summary: "Returns the server's liveliness response.",
    arity: Arity::AtLeast(1),
    flags: Flags::FAST.with(Flags::SUBSCRIBED).with(Flags::UNGATED),
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    args: &[Arg::string("message").optional()],
    example: "
        ann  PING
        ann: +PONG
        ann  PING hello
        ann: hello
        ann  SUBSCRIBE news
        ann: [subscribe, news, 1]
        ann  PING
        ann: [pong, \"\"]
    ",
    run: Run::Act(|turn, args, reply| {
        let message = args.optional();
        if !args.is_empty() {
            return Err(Error::Arity("ping"));
        }
        match message {
            message if turn.session().in_subscribed_mode() => {
                reply.array(2);
                reply.bulk(b"pong");
                reply.bulk(message.unwrap_or_default());
            }
            Some(message) => reply.bulk(message),
            None => reply.status("PONG"),
        }
        Ok(())
    }),
    ..Command::BASE
};
