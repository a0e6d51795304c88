//! `LATENCY`: spikes above `latency-monitor-threshold`, and how long each command takes.

mod doctor;
mod graph;
mod histogram;

use rbq_resp::Sink;

use super::super::help;
use crate::command::{Arg, Arity, Command, Family, Flags, Run};

pub(super) const COMMAND: Command = Command {
    name: "LATENCY",
    group: Family::Server,
    summary: "A container for latency diagnostics commands.",
    since: "2.8.13",
    complexity: "Depends on subcommand.",
    arity: Arity::AtLeast(2),
    subcommands: &[&doctor::COMMAND, &graph::COMMAND, &HELP, &histogram::COMMAND, &HISTORY, &LATEST, &RESET],
    ..Command::BASE
};

const ADMIN: Command = Command {
    group: Family::Server,
    since: "2.8.13",
    arity: Arity::Exactly(2),
    flags: Flags::ADMIN.with(Flags::NO_SCRIPT).with(Flags::LOADING).with(Flags::STALE).with(Flags::UNGATED),
    tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
    ..Command::BASE
};

const LATEST: Command = Command {
    name: "LATEST",
    summary: "Returns the latest latency samples for all events.",
    example: "
        ann  LATENCY LATEST
        ann: []
    ",
    run: Run::Act(|turn, _, reply| {
        let events: Vec<_> = turn.broker.latency.events().collect();
        reply.array(events.len());
        for (name, spikes) in events {
            let (at_s, ms) = spikes.samples.back().copied().unwrap_or_default();
            reply.array(4);
            reply.bulk(name.as_bytes());
            reply.integer(at_s as i64);
            reply.integer(ms as i64);
            reply.integer(spikes.max_ms as i64);
        }
        Ok(())
    }),
    ..ADMIN
};

const HISTORY: Command = Command {
    name: "HISTORY",
    summary: "Returns timestamp-latency samples for an event.",
    arity: Arity::Exactly(3),
    args: &[Arg::string("event")],
    example: "
        ann  LATENCY HISTORY command
        ann: []
    ",
    run: Run::Act(|turn, args, reply| {
        let name = args.bytes()?;
        let Some(spikes) = turn.broker.latency.event(name) else {
            reply.array(0);
            return Ok(());
        };
        reply.array(spikes.samples.len());
        for (at_s, ms) in &spikes.samples {
            reply.array(2);
            reply.integer(*at_s as i64);
            reply.integer(*ms as i64);
        }
        Ok(())
    }),
    ..ADMIN
};

const RESET: Command = Command {
    name: "RESET",
    summary: "Resets the latency data for one or more events.",
    arity: Arity::AtLeast(2),
    tips: &["request_policy:all_nodes", "response_policy:agg_sum"],
    args: &[Arg::string("event").optional().many()],
    example: "
        ann  LATENCY RESET
        ann: 0
    ",
    run: Run::Act(|turn, args, reply| {
        let events: Vec<_> = args.rest().iter().map(|event| event.as_slice()).collect();
        reply.integer(turn.broker.latency.reset(&events) as i64);
        Ok(())
    }),
    ..ADMIN
};

const HELP: Command = Command {
    group: Family::Server,
    since: "2.8.13",
    example: "
        ann  LATENCY HELP
        ann: [+\"LATENCY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\", <rest>]
    ",
    run: Run::Act(|turn, _, reply| help::answer(turn, reply, LINES)),
    ..help::BASE
};

const LINES: &[&str] = &[
    "DOCTOR",
    "    Return a human readable latency analysis report.",
    "GRAPH <event>",
    "    Return an ASCII latency graph for the <event> class.",
    "HISTORY <event>",
    "    Return time-latency samples for the <event> class.",
    "LATEST",
    "    Return the latest latency samples for all events.",
    "RESET [<event> ...]",
    "    Reset latency data of one or more <event> classes.",
    "    (default: reset all data for all event classes)",
    "HISTOGRAM [COMMAND ...]",
    "    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.",
    "    If no commands are specified then all histograms are replied.",
];
