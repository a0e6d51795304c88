//! `MONITOR`: every request of every client, as it runs. What steers the server and what is secret is not shown.

use rbq_resp::Sink;

use crate::command::{Arity, Command, Family, Flags, Run};
use crate::error::Error;

pub(super) const COMMAND: Command = Command {
    name: "MONITOR",
    group: Family::Server,
    summary: "Listens for all requests received by the server in real-time.",
    arity: Arity::Exactly(1),
    flags: Flags::ADMIN.with(Flags::NO_SCRIPT).with(Flags::LOADING).with(Flags::STALE).with(Flags::UNGATED),
    example: "
        eve  MONITOR
        eve: +OK
        ann  RPUSH mail \"one two\"
        ann: 1
        eve: <has \" [0 127.0.0.1:\" \"] \\\"RPUSH\\\" \\\"mail\\\" \\\"one two\\\"\">
    ",
    run: Run::Act(|turn, _, reply| {
        if turn.in_exec() {
            return Err(Error::Fixed("ERR MONITOR isn't allowed for DENY BLOCKING client"));
        }
        let client = turn.client;
        // A client that monitors already gets no answer, as in Redis.
        if !turn.session().monitor {
            turn.session_mut().monitor = true;
            turn.broker.monitors.push(client);
            reply.status("OK");
        }
        Ok(())
    }),
    ..Command::BASE
};
