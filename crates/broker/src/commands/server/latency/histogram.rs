//! `LATENCY HISTOGRAM [command [command ...]]`: how many calls took at most so long.

use rbq_resp::Sink;

use super::ADMIN;
use crate::catalog::{Known, catalog};
use crate::command::{Arg, Arity, Command, Run};
use crate::many::Many;
use crate::output::Reply;
use crate::stats::{CommandStats, Histogram};

pub(super) const COMMAND: Command = Command {
    name: "HISTOGRAM",
    summary: "Returns the cumulative distribution of latencies of a subset or all commands.",
    since: "7.0.0",
    complexity: "O(N) where N is the number of commands with latency information being retrieved.",
    arity: Arity::AtLeast(2),
    args: &[Arg::string("command").optional().many()],
    example: "
        ann  PING
        ann: +PONG
        ann  LATENCY HISTOGRAM ping
        ann: [ping, [calls, 1, histogram_usec, [1, 1]]]
        ann  LATENCY HISTOGRAM nosuch
        ann: []
    ",
    run: Run::Act(|turn, args, reply| {
        let stats = &turn.broker.stats.commands;
        let measured: Vec<(&Known, &CommandStats, &Histogram)> = wanted(args.rest())
            .into_iter()
            .filter_map(|known| {
                let stats = &stats[known.number];
                Some((known, stats, stats.latency.as_deref()?))
            })
            .collect();
        reply.map(measured.len());
        for (known, stats, latency) in measured {
            reply.bulk(known.full_name.as_bytes());
            reply.map(2);
            reply.bulk(b"calls");
            reply.integer(stats.calls as i64);
            reply.bulk(b"histogram_usec");
            describe(latency, reply);
        }
        Ok(())
    }),
    ..ADMIN
};

/// These commands, or all; a container stands for its subcommands.
fn wanted(names: Many<'_>) -> Vec<&'static Known> {
    if names.is_empty() {
        return catalog().all().iter().collect();
    }
    let mut wanted = Vec::new();
    for known in names.iter().filter_map(|name| catalog().find_full(&name)) {
        wanted.push(known);
        wanted.extend(catalog().subcommands(known));
    }
    wanted
}

/// The bounds double from one microsecond on; they are Redis's own, whose units are powers of two nanoseconds. Bounds
/// between which nothing happened are left out.
fn describe(latency: &Histogram, reply: &mut Reply<'_>) {
    let total = latency.len();
    let mut steps: Vec<(u64, u64)> = Vec::new();
    let mut seen = 0;
    for octave in 0.. {
        let bound = ((1024u64 << octave) + (8 << octave) - 1) / 1000;
        let count = latency.up_to(bound);
        if count > seen {
            steps.push((bound, count));
            seen = count;
        }
        if seen == total || octave == LAST_OCTAVE {
            break;
        }
    }
    reply.map(steps.len());
    for (bound, count) in steps {
        reply.integer(bound as i64);
        reply.integer(count as i64);
    }
}

/// About an hour, beyond the longest duration a [`Histogram`] tells from others.
const LAST_OCTAVE: u32 = 32;
