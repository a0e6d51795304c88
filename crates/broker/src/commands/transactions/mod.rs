//! Transactions: several commands as one, if nothing they rest on changed.

use rbq_resp::Sink;

use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::error::Error;
use crate::session::Transaction;

pub(super) const COMMANDS: &[&Command] = &[&DISCARD, &EXEC, &MULTI, &UNWATCH, &WATCH];

const FLAGS: Flags = Flags::NO_SCRIPT.with(Flags::LOADING).with(Flags::STALE).with(Flags::FAST).with(Flags::ALLOW_BUSY);

const MULTI: Command = Command {
    name: "MULTI",
    group: Family::Transactions,
    summary: "Begins a transaction.",
    since: "1.2.0",
    arity: Arity::Exactly(1),
    flags: FLAGS.with(Flags::IMMEDIATE).with(Flags::UNGATED),
    example: "
        ann  MULTI
        ann: +OK
        ann  RPUSH mail one
        ann: +QUEUED
        ann  LLEN mail
        ann: +QUEUED
        ann  EXEC
        ann: [1, 1]
    ",
    run: Run::Act(|turn, _, reply| {
        let session = turn.session_mut();
        if session.transaction.is_some() {
            return Err(Error::Fixed("ERR MULTI calls can not be nested"));
        }
        session.transaction = Some(Box::new(Transaction::default()));
        reply.status("OK");
        Ok(())
    }),
    ..Command::BASE
};

const EXEC: Command = Command {
    name: "EXEC",
    group: Family::Transactions,
    summary: "Runs the commands of a transaction.",
    since: "1.2.0",
    complexity: "Depends on commands in the transaction",
    arity: Arity::Exactly(1),
    flags: Flags::NO_SCRIPT.with(Flags::LOADING).with(Flags::STALE).with(Flags::SKIP_SLOWLOG).with(Flags::IMMEDIATE),
    example: "
        ann  EXEC
        ann: -ERR EXEC without MULTI
    ",
    run: Run::Act(|turn, _, reply| turn.broker.exec(turn.client, turn.now, reply)),
    ..Command::BASE
};

const DISCARD: Command = Command {
    name: "DISCARD",
    group: Family::Transactions,
    summary: "Drops the commands of a transaction.",
    since: "2.0.0",
    complexity: "O(N), when N is the number of queued commands",
    arity: Arity::Exactly(1),
    flags: FLAGS.with(Flags::IMMEDIATE).with(Flags::UNGATED),
    example: "
        ann  MULTI
        ann: +OK
        ann  RPUSH mail one
        ann: +QUEUED
        ann  DISCARD
        ann: +OK
        ann  EXISTS mail
        ann: 0
    ",
    run: Run::Act(|turn, _, reply| {
        if turn.session_mut().transaction.take().is_none() {
            return Err(Error::Fixed("ERR DISCARD without MULTI"));
        }
        turn.broker.unwatch(turn.client);
        reply.status("OK");
        Ok(())
    }),
    ..Command::BASE
};

const WATCH: Command = Command {
    name: "WATCH",
    group: Family::Transactions,
    summary: "Makes the next transaction depend on these keys not changing.",
    since: "2.2.0",
    complexity: "O(1) for every key.",
    arity: Arity::AtLeast(2),
    flags: FLAGS.with(Flags::IMMEDIATE),
    keys: &[KeySpec::rest(1, touch::PEEK)],
    args: &[Arg::key("key").many()],
    example: "
        ann  WATCH mail
        ann: +OK
        bob  RPUSH mail one
        bob: 1
        ann  MULTI
        ann: +OK
        ann  LPOP mail
        ann: +QUEUED
        ann  EXEC
        ann: nil[]
    ",
    run: Run::Act(|turn, args, reply| {
        if turn.session().transaction.is_some() {
            return Err(Error::Fixed("ERR WATCH inside MULTI is not allowed"));
        }
        for key in args.rest() {
            turn.broker.watch(turn.client, &key, turn.now);
        }
        reply.status("OK");
        Ok(())
    }),
    ..Command::BASE
};

const UNWATCH: Command = Command {
    name: "UNWATCH",
    group: Family::Transactions,
    summary: "Forgets the watched keys.",
    since: "2.2.0",
    arity: Arity::Exactly(1),
    flags: FLAGS.with(Flags::UNGATED),
    example: "
        ann  UNWATCH
        ann: +OK
    ",
    run: Run::Act(|turn, _, reply| {
        turn.broker.unwatch(turn.client);
        reply.status("OK");
        Ok(())
    }),
    ..Command::BASE
};
