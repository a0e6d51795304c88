//! `CLIENT PAUSE timeout [WRITE | ALL]` and `CLIENT UNPAUSE`: nobody is served for a while.
//!
//! Of several pauses the longest and the strictest hold together.

use rbq_resp::Sink;

use super::super::super::{help, timeout};
use super::ADMIN;
use crate::broker::Pause;
use crate::command::{Arg, Arity, Command, Run};
use crate::error::Error;

pub(super) const PAUSE: Command = Command {
    name: "PAUSE",
    summary: "Suspends commands processing.",
    since: "3.0.0",
    arity: Arity::AtLeast(3),
    args: &[
        Arg::integer("timeout"),
        Arg::one_of("mode", &[Arg::word("write", "WRITE"), Arg::word("all", "ALL")]).optional().since("6.2.0"),
    ],
    history: &[("6.2.0", "`CLIENT PAUSE WRITE` mode added along with the `mode` option.")],
    example: "
        ann  CLIENT PAUSE 60000 WRITE
        ann: +OK
        bob  RPUSH mail one
        cat  LLEN mail
        cat: 0
        at 60s
        bob: 1
    ",
    run: Run::Act(|turn, args, reply| {
        if args.left() > 2 {
            return Err(help::wrong_arguments(turn, args));
        }
        let timeout = args.bytes()?;
        let all = match args.peek() {
            None => true,
            Some(mode) if mode.eq_ignore_ascii_case(b"ALL") => true,
            Some(mode) if mode.eq_ignore_ascii_case(b"WRITE") => false,
            Some(_) => return Err(Error::Fixed("ERR CLIENT PAUSE mode must be WRITE or ALL")),
        };
        let timeout_us = timeout::milliseconds(timeout)?.unwrap_or(0);
        let until_us = turn.now.monotonic_us.saturating_add(timeout_us);
        let pause = turn.broker.pause.get_or_insert(Pause { until_us, all });
        pause.until_us = pause.until_us.max(until_us);
        pause.all |= all;
        reply.status("OK");
        Ok(())
    }),
    ..ADMIN
};

pub(super) const UNPAUSE: Command = Command {
    name: "UNPAUSE",
    summary: "Resumes processing commands from paused clients.",
    since: "6.2.0",
    complexity: "O(N) Where N is the number of paused clients",
    arity: Arity::Exactly(2),
    example: "
        ann  CLIENT PAUSE 60000 WRITE
        ann: +OK
        bob  RPUSH mail one
        ann  CLIENT UNPAUSE
        ann: +OK
        bob: 1
    ",
    run: Run::Act(|turn, _, reply| {
        turn.broker.resume(turn.now);
        reply.status("OK");
        Ok(())
    }),
    ..ADMIN
};
