//! `ACL WHOAMI`, `USERS`, `LIST` and `GETUSER`. Its password is told to nobody, nor any hash of it.

use rbq_resp::Sink;

use super::{ADMIN, ASKING};
use crate::broker::Broker;
use crate::command::{Arg, Arity, Command, Run};

const EVERY_USER: &str = "O(N). Where N is the number of configured users.";

pub(super) const WHOAMI: Command = Command {
    name: "WHOAMI",
    summary: "Returns the authenticated username of the current connection.",
    example: "
        ann  ACL WHOAMI
        ann: default
    ",
    run: Run::Act(|_, _, reply| {
        reply.bulk(b"default");
        Ok(())
    }),
    ..ASKING
};

pub(super) const USERS: Command = Command {
    name: "USERS",
    summary: "Lists all ACL users.",
    complexity: EVERY_USER,
    example: "
        ann  ACL USERS
        ann: [default]
    ",
    run: Run::Act(|_, _, reply| {
        reply.array(1);
        reply.bulk(b"default");
        Ok(())
    }),
    ..ADMIN
};

pub(super) const LIST: Command = Command {
    name: "LIST",
    summary: "Dumps the effective rules in ACL file format.",
    complexity: EVERY_USER,
    example: "
        ann  ACL LIST
        ann: [\"user default on nopass ~* &* +@all\"]
    ",
    run: Run::Act(|turn, _, reply| {
        let rules = format!("user default {} ~* &* +@all", flags(turn.broker).join(" "));
        reply.array(1);
        reply.bulk(rules.as_bytes());
        Ok(())
    }),
    ..ADMIN
};

pub(super) const GETUSER: Command = Command {
    name: "GETUSER",
    summary: "Lists the ACL rules of a user.",
    complexity: "O(N). Where N is the number of password, command and pattern rules that the user has.",
    arity: Arity::Exactly(3),
    args: &[Arg::string("username")],
    history: &[
        ("6.2.0", "Added Pub/Sub channel patterns."),
        (
            "7.0.0",
            "Added selectors and changed the format of key and channel patterns from a list to their rule \
             representation.",
        ),
    ],
    example: "
        ann  ACL GETUSER default
        ann: [flags, [on, nopass], passwords, [], commands, \"+@all\", keys, \"~*\", channels, \"&*\", selectors, []]
        ann  ACL GETUSER nobody
        ann: nil
    ",
    run: Run::Act(|turn, args, reply| {
        if args.bytes()? != b"default" {
            reply.null();
            return Ok(());
        }
        let flags = flags(turn.broker);
        reply.map(6);
        reply.bulk(b"flags");
        reply.set(flags.len());
        flags.iter().for_each(|flag| reply.bulk(flag.as_bytes()));
        reply.bulk(b"passwords");
        reply.array(0);
        for (field, rule) in [("commands", "+@all"), ("keys", "~*"), ("channels", "&*")] {
            reply.bulk(field.as_bytes());
            reply.bulk(rule.as_bytes());
        }
        reply.bulk(b"selectors");
        reply.array(0);
        Ok(())
    }),
    ..ADMIN
};

fn flags(broker: &Broker) -> Vec<&'static str> {
    match broker.settings.requirepass.0.is_empty() {
        true => vec!["on", "nopass"],
        false => vec!["on"],
    }
}
