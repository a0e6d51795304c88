//! `OBJECT ENCODING | FREQ | IDLETIME | REFCOUNT key`: how a value is kept.
//!
//! Nothing here says how rbq keeps it: ENCODING answers what Redis would, because clients and tests ask for it by name.

use rbq_resp::Sink;

use super::super::help;
use crate::args::Args;
use crate::broker::View;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::error::Error;
use crate::keyspace::Entry;
use crate::output::Reply;

pub(super) const COMMAND: Command = Command {
    name: "OBJECT",
    group: Family::Generic,
    summary: "A container for commands that look into values.",
    since: "2.2.3",
    complexity: "Depends on subcommand.",
    arity: Arity::AtLeast(2),
    subcommands: &[&ENCODING, &FREQ, &HELP, &IDLETIME, &REFCOUNT],
    ..Command::BASE
};

const ENCODING: Command = Command {
    name: "ENCODING",
    group: Family::Generic,
    summary: "Returns the encoding that Redis would keep a value in.",
    since: "2.2.3",
    arity: Arity::Exactly(3),
    flags: Flags::READONLY,
    tips: &["nondeterministic_output"],
    keys: &[KeySpec::one(2, touch::PEEK)],
    args: &[Arg::key("key")],
    example: "
        ann  SET n 12
        ann: +OK
        ann  OBJECT ENCODING n
        ann: int
        ann  APPEND n x
        ann: 3
        ann  OBJECT ENCODING n
        ann: raw
        ann  OBJECT ENCODING missing
        ann: nil
    ",
    run: Run::Read(|args, view, reply| {
        tell(args, view, reply, |entry, _, reply| {
            reply.bulk(entry.value.kind().encoding().as_bytes());
            Ok(())
        })
    }),
    ..Command::BASE
};

const FREQ: Command = Command {
    name: "FREQ",
    summary: "Returns how often a key is used, under a policy of eviction that counts it. There is none.",
    since: "4.0.0",
    example: "
        ann  SET a 1
        ann: +OK
        ann  OBJECT FREQ a
        ann: <has \"An LFU maxmemory policy is not selected\">
    ",
    run: Run::Read(|args, view, reply| {
        tell(args, view, reply, |_, _, _| {
            Err(Error::Fixed(
                "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
                 switching between policies at runtime LRU and LFU data will take some time to adjust.",
            ))
        })
    }),
    ..ENCODING
};

const IDLETIME: Command = Command {
    name: "IDLETIME",
    summary: "Returns for how many seconds a key was not used.",
    example: "
        ann  SET a 1
        ann: +OK
        at 90s
        ann  OBJECT IDLETIME a
        ann: 90
    ",
    run: Run::Read(|args, view, reply| {
        tell(args, view, reply, |entry, now_ms, reply| {
            let idle_s = (now_ms / 1000).saturating_sub(u64::from(entry.used_s.get()));
            reply.integer(idle_s as i64);
            Ok(())
        })
    }),
    ..ENCODING
};

const REFCOUNT: Command = Command {
    name: "REFCOUNT",
    summary: "Returns how many names a value has: one.",
    example: "
        ann  SET a 1
        ann: +OK
        ann  OBJECT REFCOUNT a
        ann: 1
    ",
    run: Run::Read(|args, view, reply| {
        tell(args, view, reply, |_, _, reply| {
            reply.integer(1);
            Ok(())
        })
    }),
    ..ENCODING
};

const HELP: Command = Command {
    group: Family::Generic,
    since: "6.2.0",
    example: "
        ann  OBJECT HELP
        ann: [+\"OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\", <rest>]
    ",
    run: Run::Act(|turn, _, reply| {
        help::answer(
            turn,
            reply,
            &[
                "ENCODING <key>",
                "    Tell which encoding Redis would keep the value of <key> in.",
                "FREQ <key>",
                "    Tell how often <key> is used. Only under an LFU policy, of which there is none.",
                "IDLETIME <key>",
                "    Tell for how many seconds <key> was neither read nor written.",
                "REFCOUNT <key>",
                "    Tell how many names the value of <key> has.",
            ],
        )
    }),
    ..help::BASE
};

/// Looks at a key without counting that as a use, and says nil if it is not there.
fn tell(
    args: &mut Args<'_>,
    view: &mut View<'_>,
    reply: &mut Reply<'_>,
    say: impl FnOnce(&Entry, u64, &mut Reply<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    match view.peek(args.key()?) {
        Some(entry) => say(entry, view.stamp.now_ms, reply),
        None => {
            reply.null();
            Ok(())
        }
    }
}
