//! `ROLE`: a standalone server is a master without replicas.

use rbq_resp::Sink;

use crate::command::{Arity, Command, Family, Flags, Run};

pub(super) const COMMAND: Command = Command {
    name: "ROLE",
    group: Family::Server,
    summary: "Returns the replication role.",
    since: "2.8.12",
    arity: Arity::Exactly(1),
    flags: Flags::NO_SCRIPT.with(Flags::LOADING).with(Flags::STALE).with(Flags::FAST).with(Flags::UNGATED),
    acl: &["admin", "dangerous"],
    example: "
        ann  ROLE
        ann: [master, 0, []]
    ",
    run: Run::Act(|_, _, reply| {
        reply.array(3);
        reply.bulk(b"master");
        reply.integer(0);
        reply.array(0);
        Ok(())
    }),
    ..Command::BASE
};
