//! `BLMOVE source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout` and `BRPOPLPUSH`: move one element from list to list,
//! or wait for one to move.

use super::super::timeout;
use super::grammar::{ENDS, end};
use crate::command::{
    Arg, Arity, Attempt, Blocking, Command, EmptyReply, Family, Flags, KeySpec, Patience, Run, touch,
};
use crate::op::{End, Op};
use crate::waiters::Class;

pub(super) const BLMOVE: Command = Command {
    name: "BLMOVE",
    group: Family::List,
    summary: "Moves an element from list to list, or waits for one to move.",
    since: "6.2.0",
    complexity: "O(1)",
    arity: Arity::Exactly(6),
    flags: Flags::WRITE.with(Flags::DENY_OOM).with(Flags::BLOCKING),
    keys: &[KeySpec::one(1, touch::TAKE), KeySpec::one(2, touch::INSERT)],
    args: &[
        Arg::key("source"),
        Arg::key("destination"),
        Arg::one_of("wherefrom", ENDS),
        Arg::one_of("whereto", ENDS),
        Arg::double("timeout"),
    ],
    example: "
        ann  BLMOVE mail processing LEFT RIGHT 0
        bob  RPUSH mail one
        bob: 1
        ann: one
    ",
    run: Run::Block(|args, _| {
        let (from, to) = (args.key()?, args.key()?);
        let (from_end, to_end) = (end(args)?, end(args)?);
        let timeout_us = timeout::seconds(args.bytes()?)?;
        Ok(blocking(Op::ListMove { from, to, from_end, to_end }, from, timeout_us, EmptyReply::Null))
    }),
    ..Command::BASE
};

pub(super) const BRPOPLPUSH: Command = Command {
    name: "BRPOPLPUSH",
    summary: "Moves the last element of a list to the head of another, or waits for one to move.",
    since: "2.2.0",
    arity: Arity::Exactly(4),
    args: &[Arg::key("source"), Arg::key("destination"), Arg::double("timeout")],
    history: &[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")],
    deprecated: Some(("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments")),
    example: "
        ann  BRPOPLPUSH mail processing 0
        bob  RPUSH mail one
        bob: 1
        ann: one
    ",
    run: Run::Block(|args, _| {
        let (from, to) = (args.key()?, args.key()?);
        let timeout_us = timeout::seconds(args.bytes()?)?;
        Ok(blocking(
            Op::ListMove { from, to, from_end: End::Tail, to_end: End::Head },
            from,
            timeout_us,
            EmptyReply::Null,
        ))
    }),
    ..BLMOVE
};

/// Waits for `from` to do `op`; answers `on_denied` where it may not wait, and a null array when its time is up, as Redis
/// does.
pub(super) fn blocking<'a>(op: Op<'a>, from: &'a [u8], timeout_us: Option<u64>, on_denied: EmptyReply) -> Blocking<'a> {
    Blocking {
        attempt: Attempt::Write(op),
        keys: [from].into_iter().collect(),
        class: Some(Class::List),
        timeout_us,
        on_denied,
        on_timeout: EmptyReply::NullArray,
        patience: Patience::Waits,
    }
}
