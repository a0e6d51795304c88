//! `TIME`: the server's clock, in seconds and the microseconds beyond them.

use rbq_resp::Sink;

use crate::command::{Arity, Command, Family, Flags, Run};

pub(super) const COMMAND: Command = Command {
    name: "TIME",
    group: Family::Server,
    summary: "Returns the server time.",
    since: "2.6.0",
    arity: Arity::Exactly(1),
    flags: Flags::LOADING.with(Flags::STALE).with(Flags::FAST).with(Flags::UNGATED),
    tips: &["nondeterministic_output"],
    example: "
        ann  TIME
        ann: [<text>, <text>]
    ",
    run: Run::Act(|turn, _, reply| {
        let now_us = turn.now.unix_us;
        reply.array(2);
        reply.bulk((now_us / 1_000_000).to_string().as_bytes());
        reply.bulk((now_us % 1_000_000).to_string().as_bytes());
        Ok(())
    }),
    ..Command::BASE
};
