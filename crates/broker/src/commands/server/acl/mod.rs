//! `ACL`: who may do what. There is one user, `default`, who may do everything.

mod users;

use rbq_resp::Sink;

use super::super::help;
use crate::acl;
use crate::catalog::catalog;
use crate::command::{Arg, Arity, Command, Family, Flags, Run};
use crate::error::Error;

pub(super) const COMMAND: Command = Command {
    name: "ACL",
    group: Family::Server,
    summary: "A container for Access List Control commands.",
    since: "6.0.0",
    complexity: "Depends on subcommand.",
    arity: Arity::AtLeast(2),
    subcommands: &[&CAT, &users::GETUSER, &HELP, &users::LIST, &users::USERS, &users::WHOAMI],
    ..Command::BASE
};

const ASKING: Command = Command {
    group: Family::Server,
    since: "6.0.0",
    arity: Arity::Exactly(2),
    flags: Flags::NO_SCRIPT.with(Flags::LOADING).with(Flags::STALE).with(Flags::UNGATED),
    ..Command::BASE
};

const ADMIN: Command = Command { flags: ASKING.flags.with(Flags::ADMIN), ..ASKING };

const CAT: Command = Command {
    name: "CAT",
    summary: "Lists the ACL categories, or the commands inside a category.",
    complexity: "O(1) since the categories and commands are a fixed set.",
    arity: Arity::AtLeast(2),
    args: &[Arg::string("category").optional()],
    example: "
        ann  ACL CAT transaction
        ann: [discard, exec, multi, unwatch, watch]
        ann  ACL CAT nosuch
        ann: -ERR Unknown category 'nosuch'
    ",
    run: Run::Act(|turn, args, reply| {
        let wanted = args.optional();
        if !args.is_empty() {
            return Err(help::wrong_arguments(turn, args));
        }
        let names: Vec<&str> = match wanted {
            None => acl::CATEGORIES.to_vec(),
            Some(category) => {
                let is_it = |other: &&str| category.eq_ignore_ascii_case(other.as_bytes());
                if !acl::CATEGORIES.iter().any(is_it) {
                    let category = String::from_utf8_lossy(category);
                    return Err(Error::err(format_args!("Unknown category '{category}'")));
                }
                let inside = catalog().all().iter().filter(|known| acl::categories(known).any(|other| is_it(&other)));
                inside.map(|known| &*known.full_name).collect()
            }
        };
        reply.array(names.len());
        names.iter().for_each(|name| reply.bulk(name.as_bytes()));
        Ok(())
    }),
    ..ASKING
};

const HELP: Command = Command {
    group: Family::Server,
    since: "6.0.0",
    example: "
        ann  ACL HELP
        ann: [+\"ACL <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\", <rest>]
    ",
    run: Run::Act(|turn, _, reply| help::answer(turn, reply, LINES)),
    ..help::BASE
};

const LINES: &[&str] = &[
    "CAT [<category>]",
    "    List all commands that belong to <category>, or all command categories",
    "    when no category is specified.",
    "GETUSER <username>",
    "    Get the user's details.",
    "LIST",
    "    Show users details in config file format.",
    "USERS",
    "    List all the registered usernames.",
    "WHOAMI",
    "    Return the current connection username.",
];
