//! `WAIT numreplicas timeout` and `WAITAOF numlocal numreplicas timeout`: how far a connection's writes have come.
//!
//! A standalone server has no replicas, so nobody ever acknowledges anything: whoever asks for an acknowledgement waits
//! until the time is up. For the local disk nobody waits here: the answer of WAITAOF is held back until all that was
//! logged before it is synced.

use super::super::timeout;
use crate::args::Args;
use crate::command::{Arg, Arity, Attempt, Blocking, Command, EmptyReply, Family, Flags, Patience, Run};
use crate::error::Error;

pub(super) const WAIT: Command = Command {
    name: "WAIT",
    group: Family::Generic,
    summary: "Waits until the connection's writes have reached a number of replicas.",
    since: "3.0.0",
    arity: Arity::Exactly(3),
    flags: Flags::BLOCKING,
    tips: &["request_policy:all_shards", "response_policy:agg_min"],
    acl: &["connection"],
    args: &[Arg::integer("numreplicas"), Arg::integer("timeout")],
    example: "
        ann  SET a 1
        ann: +OK
        ann  WAIT 0 1000
        ann: 0
        ann  WAIT 1 1000
        at 1s
        ann: 0
    ",
    run: Run::Block(|args, _| {
        let replicas = args.integer()?;
        let timeout_us = timeout::milliseconds(args.bytes()?)?;
        Ok(blocking(replicas, timeout_us, EmptyReply::Integer(0)))
    }),
    ..Command::BASE
};

pub(super) const WAITAOF: Command = Command {
    name: "WAITAOF",
    summary: "Waits until the connection's writes are on the disks of the server itself and of a number of replicas.",
    since: "7.2.0",
    arity: Arity::Exactly(4),
    flags: Flags::BLOCKING.with(Flags::SYNCED),
    args: &[Arg::integer("numlocal"), Arg::integer("numreplicas"), Arg::integer("timeout")],
    example: "
        ann  WAITAOF 0 1 1000
        at 1s
        ann: [0, 0]
    ",
    run: Run::Block(|args, submit| parse_waitaof(args, submit.settings.appendonly.0 && !submit.is_leaving)),
    ..WAIT
};

fn parse_waitaof<'a>(args: &mut Args<'a>, has_log: bool) -> Result<Blocking<'a>, Error> {
    let local = args.integer()?;
    if !(0..=1).contains(&local) {
        return Err(Error::Fixed("ERR value is out of range, value must between 0 and 1"));
    }
    let replicas = args.count()?;
    let timeout_us = timeout::milliseconds(args.bytes()?)?;
    if local == 1 && !has_log {
        return Err(Error::Fixed("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."));
    }
    Ok(blocking(replicas as i64, timeout_us, EmptyReply::Integers(i64::from(has_log), 0)))
}

fn blocking<'a>(replicas: i64, timeout_us: Option<u64>, nobody: EmptyReply) -> Blocking<'a> {
    Blocking {
        attempt: Attempt::Nothing,
        keys: [].into_iter().collect(),
        class: None,
        timeout_us,
        on_denied: nobody,
        on_timeout: nobody,
        patience: if replicas > 0 { Patience::Waits } else { Patience::Answers },
    }
}
