//! `SELECT index`: which database the connection's commands mean.

use rbq_resp::Sink;

use crate::command::{Arg, Arity, Command, Family, Flags, Run};

pub(super) const COMMAND: Command = Command {
    name: "SELECT",
    group: Family::Connection,
    summary: "Changes the selected database.",
    arity: Arity::Exactly(2),
    flags: Flags::LOADING.with(Flags::STALE).with(Flags::FAST).with(Flags::UNGATED),
    args: &[Arg::integer("index")],
    example: "
        ann  RPUSH mail one
        ann: 1
        ann  SELECT 1
        ann: +OK
        ann  LLEN mail
        ann: 0
        ann  SELECT 99
        ann: -ERR DB index is out of range
    ",
    run: Run::Act(|turn, args, reply| {
        let index = args.db()?;
        turn.session_mut().db = turn.broker.db_index(index)?;
        reply.status("OK");
        Ok(())
    }),
    ..Command::BASE
};
