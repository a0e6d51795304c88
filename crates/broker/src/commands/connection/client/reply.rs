//! `CLIENT REPLY <ON | OFF | SKIP>`: for clients that do not read answers.

use rbq_resp::Sink;

use super::OWN;
use crate::command::{Arg, Arity, Command, Run};
use crate::error::Error;
use crate::session::ReplyMode;

pub(super) const COMMAND: Command = Command {
    name: "REPLY",
    summary: "Instructs the server whether to reply to commands.",
    since: "3.2.0",
    arity: Arity::Exactly(3),
    args: &[Arg::one_of("action", &[Arg::word("on", "ON"), Arg::word("off", "OFF"), Arg::word("skip", "SKIP")])],
    example: "
        ann  CLIENT REPLY OFF
        ann  RPUSH mail one
        ann  CLIENT REPLY ON
        ann: +OK
        ann  LLEN mail
        ann: 1
    ",
    run: Run::Act(|turn, args, reply| {
        let session = turn.session_mut();
        if args.keyword("ON") {
            session.reply_mode = ReplyMode::On;
            reply.status("OK");
        } else if args.keyword("OFF") {
            session.reply_mode = ReplyMode::Off;
        } else if args.keyword("SKIP") {
            if session.reply_mode != ReplyMode::Off {
                session.reply_mode = ReplyMode::SkipNext;
            }
        } else {
            return Err(Error::Syntax);
        }
        Ok(())
    }),
    ..OWN
};
