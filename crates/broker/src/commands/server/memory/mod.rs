//! `MEMORY`: where memory goes.

mod doctor;
mod stats;
mod usage;

use rbq_resp::Sink;

use super::super::help;
use crate::broker::Action;
use crate::command::{Arity, Command, Family, Run};

pub(super) const COMMAND: Command = Command {
    name: "MEMORY",
    group: Family::Server,
    summary: "A container for memory diagnostics commands.",
    since: "4.0.0",
    complexity: "Depends on subcommand.",
    arity: Arity::AtLeast(2),
    subcommands: &[&doctor::COMMAND, &HELP, &MALLOC_STATS, &PURGE, &stats::COMMAND, &usage::COMMAND],
    ..Command::BASE
};

const LOOKING: Command = Command {
    group: Family::Server,
    since: "4.0.0",
    arity: Arity::Exactly(2),
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    ..Command::BASE
};

const MALLOC_STATS: Command = Command {
    name: "MALLOC-STATS",
    summary: "Returns the allocator statistics.",
    complexity: "Depends on how much memory is allocated, could be slow",
    example: "
        ann  MEMORY MALLOC-STATS
        ann: \"Stats not supported for the current allocator\"
    ",
    run: Run::Act(|turn, _, reply| {
        let told = turn.broker.facts.info.iter().find(|(section, _)| section == "malloc-stats");
        let text = told.map_or("Stats not supported for the current allocator", |(_, text)| text);
        reply.verbatim("txt", text.as_bytes());
        Ok(())
    }),
    ..LOOKING
};

const PURGE: Command = Command {
    name: "PURGE",
    summary: "Asks the allocator to release memory.",
    complexity: "Depends on how much memory is allocated, could be slow",
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    example: "
        ann  MEMORY PURGE
        ann: +OK
    ",
    run: Run::Act(|turn, _, reply| {
        turn.broker.ask(Action::PurgeMemory);
        reply.status("OK");
        Ok(())
    }),
    ..LOOKING
};

const HELP: Command = Command {
    group: Family::Server,
    since: "4.0.0",
    example: "
        ann  MEMORY HELP
        ann: [+\"MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\", <rest>]
    ",
    run: Run::Act(|turn, _, reply| help::answer(turn, reply, LINES)),
    ..help::BASE
};

const LINES: &[&str] = &[
    "DOCTOR",
    "    Return memory problems reports.",
    "MALLOC-STATS",
    "    Return internal statistics report from the memory allocator.",
    "PURGE",
    "    Attempt to purge dirty pages for reclamation by the allocator.",
    "STATS",
    "    Return information about the memory usage of the server.",
    "USAGE <key> [SAMPLES <count>]",
    "    Return memory in bytes used by <key> and its value. Nested values are",
    "    sampled up to <count> times (default: 5, 0 means sample all).",
];
