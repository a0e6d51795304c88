//! `SLOWLOG`: what took long, newest first.

use rbq_resp::Sink;

use super::super::help;
use crate::command::{Arg, Arity, Command, Family, Flags, Run};
use crate::error::Error;
use crate::output::Reply;
use crate::slowlog::Slow;

pub(super) const COMMAND: Command = Command {
    name: "SLOWLOG",
    group: Family::Server,
    summary: "A container for slow log commands.",
    since: "2.2.12",
    complexity: "Depends on subcommand.",
    arity: Arity::AtLeast(2),
    subcommands: &[&GET, &HELP, &LEN, &RESET],
    ..Command::BASE
};

const ADMIN: Command = Command {
    group: Family::Server,
    since: "2.2.12",
    flags: Flags::ADMIN.with(Flags::LOADING).with(Flags::STALE).with(Flags::UNGATED),
    ..Command::BASE
};

/// Entries shown when no number is given.
const SHOWN_BY_DEFAULT: usize = 10;

const GET: Command = Command {
    name: "GET",
    summary: "Returns the slow log's entries.",
    complexity: "O(N) where N is the number of entries returned",
    arity: Arity::AtLeast(2),
    tips: &["request_policy:all_nodes", "nondeterministic_output"],
    args: &[Arg::integer("count").optional()],
    history: &[
        ("4.0.0", "Added client IP address, port and name to the reply."),
        ("8.10.0", "Added original command argument count to the reply."),
    ],
    example: "
        ann  CONFIG SET slowlog-log-slower-than 0
        ann: +OK
        ann  RPUSH mail one
        ann: 1
        ann  SLOWLOG GET 1
        ann: [[<int>, <int>, <int>, [RPUSH, mail, one], <addr>, \"\", 3]]
    ",
    run: Run::Act(|turn, args, reply| {
        if args.left() > 1 {
            return Err(help::wrong_arguments(turn, args));
        }
        let wanted = match args.is_empty() {
            true => SHOWN_BY_DEFAULT,
            false => count(args.integer_or(BAD_COUNT)?)?,
        };
        let entries = turn.broker.slowlog.entries();
        reply.array(wanted.min(entries.len()));
        entries.take(wanted).for_each(|slow| describe(slow, reply));
        Ok(())
    }),
    ..ADMIN
};

const BAD_COUNT: Error = Error::Fixed("ERR count should be greater than or equal to -1");

fn count(count: i64) -> Result<usize, Error> {
    match count {
        -1 => Ok(usize::MAX),
        count => usize::try_from(count).map_err(|_| BAD_COUNT),
    }
}

fn describe(slow: &Slow, reply: &mut Reply<'_>) {
    reply.array(7);
    reply.integer(slow.id as i64);
    reply.integer(slow.at_s as i64);
    reply.integer(slow.usec as i64);
    reply.array(slow.args.len());
    slow.args.iter().for_each(|arg| reply.bulk(arg));
    reply.bulk(slow.addr.as_bytes());
    reply.bulk(&slow.name);
    reply.integer(slow.args_len as i64);
}

const LEN: Command = Command {
    name: "LEN",
    summary: "Returns the number of entries in the slow log.",
    arity: Arity::Exactly(2),
    tips: &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
    example: "
        ann  SLOWLOG LEN
        ann: 0
    ",
    run: Run::Act(|turn, _, reply| {
        reply.integer(turn.broker.slowlog.entries().len() as i64);
        Ok(())
    }),
    ..ADMIN
};

const RESET: Command = Command {
    name: "RESET",
    summary: "Clears all entries from the slow log.",
    complexity: "O(N) where N is the number of entries in the slowlog",
    arity: Arity::Exactly(2),
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    example: "
        ann  SLOWLOG RESET
        ann: +OK
    ",
    run: Run::Act(|turn, _, reply| {
        turn.broker.slowlog.reset();
        reply.status("OK");
        Ok(())
    }),
    ..ADMIN
};

const HELP: Command = Command {
    group: Family::Server,
    since: "6.2.0",
    example: "
        ann  SLOWLOG HELP
        ann: [+\"SLOWLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\", <rest>]
    ",
    run: Run::Act(|turn, _, reply| {
        help::answer(
            turn,
            reply,
            &[
                "GET [<count>]",
                "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
                "    Entries are made of:",
                "    id, timestamp, time in microseconds, arguments array, client IP and port,",
                "    client name, arguments count",
                "LEN",
                "    Return the length of the slowlog.",
                "RESET",
                "    Reset the slowlog.",
            ],
        )
    }),
    ..help::BASE
};
