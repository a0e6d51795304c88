//! `TTL key`, `PTTL`, `EXPIRETIME`, `PEXPIRETIME`: when a key ends.

use rbq_resp::Sink;

use crate::args::Args;
use crate::broker::View;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::error::Error;
use crate::output::Reply;

/// The answer for a key that does not exist.
const MISSING: i64 = -2;
/// The answer for a key that never ends.
const NEVER: i64 = -1;

pub(super) const TTL: Command = Command {
    name: "TTL",
    group: Family::Generic,
    summary: "Returns the time to live of a key in seconds.",
    since: "1.0.0",
    arity: Arity::Exactly(2),
    flags: Flags::READONLY.with(Flags::FAST),
    tips: &["nondeterministic_output"],
    keys: &[KeySpec::one(1, touch::READ)],
    args: &[Arg::key("key")],
    history: &[("2.8.0", "Added the -2 reply.")],
    example: "
        ann  SET a 1
        ann: +OK
        ann  TTL a
        ann: -1
        ann  EXPIRE a 10
        ann: 1
        ann  TTL a
        ann: 10
        ann  TTL missing
        ann: -2
    ",
    run: Run::Read(|args, view, reply| {
        tell(args, view, reply, |deadline_ms, now_ms| rounded(left(deadline_ms, now_ms)))
    }),
    ..Command::BASE
};

pub(super) const PTTL: Command = Command {
    name: "PTTL",
    summary: "Returns the time to live of a key in milliseconds.",
    since: "2.6.0",
    example: "
        ann  SET a 1 PX 1500
        ann: +OK
        ann  PTTL a
        ann: 1500
    ",
    run: Run::Read(|args, view, reply| tell(args, view, reply, left)),
    ..TTL
};

pub(super) const EXPIRETIME: Command = Command {
    name: "EXPIRETIME",
    summary: "Returns the moment at which a key ends as a Unix timestamp.",
    since: "7.0.0",
    tips: &[],
    history: &[],
    example: "
        ann  SET a 1 EXAT 33177117420
        ann: +OK
        ann  EXPIRETIME a
        ann: 33177117420
    ",
    run: Run::Read(|args, view, reply| tell(args, view, reply, |deadline_ms, _| rounded(deadline_ms))),
    ..TTL
};

pub(super) const PEXPIRETIME: Command = Command {
    name: "PEXPIRETIME",
    summary: "Returns the moment at which a key ends as a Unix timestamp in milliseconds.",
    example: "
        ann  SET a 1 EXAT 33177117420
        ann: +OK
        ann  PEXPIRETIME a
        ann: 33177117420000
    ",
    run: Run::Read(|args, view, reply| tell(args, view, reply, |deadline_ms, _| deadline_ms)),
    ..EXPIRETIME
};

fn tell(
    args: &mut Args<'_>,
    view: &mut View<'_>,
    reply: &mut Reply<'_>,
    say: impl FnOnce(u64, u64) -> u64,
) -> Result<(), Error> {
    reply.integer(match view.probe(args.key()?).map(|entry| entry.deadline_ms()) {
        None => MISSING,
        Some(None) => NEVER,
        Some(Some(deadline_ms)) => say(deadline_ms, view.stamp.now_ms) as i64,
    });
    Ok(())
}

fn left(deadline_ms: u64, now_ms: u64) -> u64 {
    deadline_ms.saturating_sub(now_ms)
}

/// In seconds, to the nearest.
fn rounded(ms: u64) -> u64 {
    (ms + 500) / 1000
}
