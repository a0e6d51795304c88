//! `RESET`: as if the connection had just been made.

use rbq_resp::Sink;

use super::HANDSHAKE;
use crate::command::{Arity, Command, Family, Flags, Run};

pub(super) const COMMAND: Command = Command {
    name: "RESET",
    group: Family::Connection,
    summary: "Resets the connection.",
    since: "6.2.0",
    arity: Arity::Exactly(1),
    flags: HANDSHAKE.with(Flags::IMMEDIATE).with(Flags::SUBSCRIBED),
    example: "
        ann  SELECT 3
        ann: +OK
        ann  MULTI
        ann: +OK
        ann  RESET
        ann: +RESET
        ann  EXEC
        ann: -ERR EXEC without MULTI
    ",
    run: Run::Act(|turn, _, reply| {
        turn.broker.reset_session(turn.client);
        reply.speak(turn.session().proto);
        reply.status("RESET");
        Ok(())
    }),
    ..Command::BASE
};
