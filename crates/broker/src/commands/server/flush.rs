//! `FLUSHALL [ASYNC | SYNC]` and `FLUSHDB`: forget every key.
//!
//! Both modes are the same here: the databases are exchanged for empty ones at once, and what was in them is dropped
//! on another thread.

use crate::args::Args;
use crate::command::{Arg, Arity, Command, Family, Flags, Run};
use crate::error::Error;
use crate::op::{FlushScope, Op};

pub(super) const FLUSHALL: Command = Command {
    name: "FLUSHALL",
    group: Family::Server,
    summary: "Removes all keys from all databases.",
    complexity: "O(N) where N is the total number of keys in all databases",
    arity: Arity::AtLeast(1),
    flags: Flags::WRITE,
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    acl: &["keyspace", "dangerous"],
    args: &[Arg::one_of(
        "flush-type",
        &[Arg::word("async", "ASYNC").since("4.0.0"), Arg::word("sync", "SYNC").since("6.2.0")],
    )
    .optional()],
    history: &[
        ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
        ("6.2.0", "Added the `SYNC` flushing mode modifier."),
    ],
    example: "
        ann  RPUSH mail one
        ann: 1
        bob  SELECT 1
        bob: +OK
        bob  FLUSHALL
        bob: +OK
        ann  LLEN mail
        ann: 0
    ",
    run: Run::Write(|args, _| parse(args, FlushScope::All)),
    ..Command::BASE
};

pub(super) const FLUSHDB: Command = Command {
    name: "FLUSHDB",
    summary: "Removes all keys from the current database.",
    complexity: "O(N) where N is the number of keys in the selected database",
    example: "
        ann  RPUSH mail one
        ann: 1
        ann  FLUSHDB ASYNC
        ann: +OK
        ann  DBSIZE
        ann: 0
    ",
    run: Run::Write(|args, _| parse(args, FlushScope::Selected)),
    ..FLUSHALL
};

fn parse<'a>(args: &mut Args<'a>, scope: FlushScope) -> Result<Op<'a>, Error> {
    if !args.keyword("ASYNC") {
        args.keyword("SYNC");
    }
    args.end()?;
    Ok(Op::Flush { scope })
}
