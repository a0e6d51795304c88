//! `QUIT`: a last answer, then the connection is closed.

use rbq_resp::Sink;

use super::HANDSHAKE;
use crate::broker::Flow;
use crate::command::{Arity, Command, Family, Flags, Run};

pub(super) const COMMAND: Command = Command {
    name: "QUIT",
    group: Family::Connection,
    summary: "Closes the connection.",
    arity: Arity::AtLeast(1),
    flags: HANDSHAKE.with(Flags::IMMEDIATE).with(Flags::SUBSCRIBED),
    deprecated: Some(("7.2.0", "just closing the connection")),
    example: "
        ann  QUIT
        ann: +OK
        ann: <closed>
    ",
    run: Run::Act(|turn, _, reply| {
        reply.status("OK");
        turn.flow = Flow::Close;
        Ok(())
    }),
    ..Command::BASE
};
