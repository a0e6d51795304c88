//! `CLIENT ID`: the number of this connection, never given twice.

use rbq_resp::Sink;

use super::OWN;
use crate::command::{Arity, Command, Run};

pub(super) const COMMAND: Command = Command {
    name: "ID",
    summary: "Returns the unique client ID of the connection.",
    since: "5.0.0",
    arity: Arity::Exactly(2),
    example: "
        ann  CLIENT ID
        ann: <int>
    ",
    run: Run::Act(|turn, _, reply| {
        reply.integer(turn.client.id as i64);
        Ok(())
    }),
    ..OWN
};
