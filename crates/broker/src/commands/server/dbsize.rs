//! `DBSIZE`: how many keys the selected database has, expired ones that are not purged yet included.

use rbq_resp::Sink;

use crate::command::{Arity, Command, Family, Flags, Run};

pub(super) const COMMAND: Command = Command {
    name: "DBSIZE",
    group: Family::Server,
    summary: "Returns the number of keys in the database.",
    arity: Arity::Exactly(1),
    flags: Flags::READONLY.with(Flags::FAST),
    tips: &["request_policy:all_shards", "response_policy:agg_sum"],
    acl: &["keyspace"],
    example: "
        ann  RPUSH mail one two
        ann: 2
        ann  DBSIZE
        ann: 1
    ",
    run: Run::Read(|_, view, reply| {
        reply.integer(view.db().len() as i64);
        Ok(())
    }),
    ..Command::BASE
};
