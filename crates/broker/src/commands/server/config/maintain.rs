//! `CONFIG RESETSTAT` and `CONFIG REWRITE`.

use rbq_resp::Sink;

use super::ADMIN;
use crate::command::{Arity, Command, Run};
use crate::error::Error;

pub(super) const RESETSTAT: Command = Command {
    name: "RESETSTAT",
    summary: "Resets the server's statistics.",
    arity: Arity::Exactly(2),
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    example: "
        ann  CONFIG RESETSTAT
        ann: +OK
    ",
    run: Run::Act(|turn, _, reply| {
        turn.broker.stats.reset();
        reply.status("OK");
        Ok(())
    }),
    ..ADMIN
};

pub(super) const REWRITE: Command = Command {
    name: "REWRITE",
    summary: "Persists the effective configuration to file.",
    since: "2.8.0",
    arity: Arity::Exactly(2),
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    example: "
        ann  CONFIG REWRITE
        ann: -ERR The server is running without a config file
    ",
    run: Run::Act(|turn, _, _| {
        if turn.broker.facts.config_file.is_empty() {
            return Err(Error::Fixed("ERR The server is running without a config file"));
        }
        if turn.in_exec() {
            return Err(Error::Fixed(
                "ERR CONFIG REWRITE waits for the disk, so it cannot be run inside a transaction",
            ));
        }
        let ticket = turn.park_until_done();
        turn.broker.want_rewrite(turn.client, ticket);
        Ok(())
    }),
    ..ADMIN
};
