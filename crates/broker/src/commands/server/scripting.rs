//! `SCRIPT`, `FUNCTION` and `MODULE` on a server that has none of them.
//!
//! Test suites and tools empty and list these before they begin; that there is nothing is the right answer.

use rbq_resp::Sink;

use super::super::help;
use crate::args::Args;
use crate::command::{Arg, Arity, Command, Family, Flags, Run};
use crate::error::Error;

const MODES: Arg = Arg::one_of("flush-type", &[Arg::word("async", "ASYNC"), Arg::word("sync", "SYNC")]).optional();
const EVERYWHERE: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];

pub(super) const SCRIPT: Command = Command {
    name: "SCRIPT",
    group: Family::Scripting,
    summary: "A container for Lua scripts management commands.",
    since: "2.6.0",
    complexity: "Depends on subcommand.",
    arity: Arity::AtLeast(2),
    subcommands: &[
        &Command {
            name: "EXISTS",
            group: Family::Scripting,
            summary: "Determines whether server-side Lua scripts exist in the script cache.",
            since: "2.6.0",
            complexity: "O(N) with N being the number of scripts to check (so checking a single script is an O(1) operation).",
            arity: Arity::AtLeast(3),
            flags: Flags::NO_SCRIPT,
            tips: &["request_policy:all_shards", "response_policy:agg_logical_and"],
            args: &[Arg::string("sha1").many()],
            example: "
                ann  SCRIPT EXISTS 0123456789abcdef 00
                ann: [0, 0]
            ",
            run: Run::Act(|_, args, reply| {
                reply.array(args.left());
                args.rest().iter().for_each(|_| reply.integer(0));
                Ok(())
            }),
            ..Command::BASE
        },
        &Command {
            name: "FLUSH",
            group: Family::Scripting,
            summary: "Removes all server-side Lua scripts from the script cache.",
            since: "2.6.0",
            complexity: "O(N) with N being the number of scripts in cache",
            arity: Arity::AtLeast(2),
            flags: Flags::NO_SCRIPT,
            tips: EVERYWHERE,
            args: &[MODES.since("6.2.0")],
            history: &[("6.2.0", "Added the `ASYNC` and `SYNC` flushing mode modifiers.")],
            example: "
                ann  SCRIPT FLUSH
                ann: +OK
            ",
            run: Run::Act(|_, args, reply| {
                check_mode(args, "ERR SCRIPT FLUSH only support SYNC|ASYNC option")?;
                reply.status("OK");
                Ok(())
            }),
            ..Command::BASE
        },
        &Command {
            group: Family::Scripting,
            example: "
                ann  SCRIPT HELP
                ann: [+\"SCRIPT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\", <rest>]
            ",
            run: Run::Act(|turn, _, reply| {
                help::answer(
                    turn,
                    reply,
                    &[
                        "EXISTS <sha1> [<sha1> ...]",
                        "    Return information about the existence of the scripts in the script cache.",
                        "FLUSH [ASYNC|SYNC]",
                        "    Flush the Lua scripts cache. Very dangerous on replicas.",
                        "    When called without the optional mode argument, the behavior is determined by the",
                        "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
                        "    * ASYNC: Asynchronously flush the scripts cache.",
                        "    * SYNC: Synchronously flush the scripts cache.",
                    ],
                )
            }),
            ..help::BASE
        },
    ],
    ..Command::BASE
};

pub(super) const FUNCTION: Command = Command {
    name: "FUNCTION",
    group: Family::Scripting,
    summary: "A container for function commands.",
    since: "7.0.0",
    complexity: "Depends on subcommand.",
    arity: Arity::AtLeast(2),
    subcommands: &[
        &Command {
            name: "FLUSH",
            group: Family::Scripting,
            summary: "Deletes all libraries and functions.",
            since: "7.0.0",
            complexity: "O(N) where N is the number of functions deleted",
            arity: Arity::AtLeast(2),
            flags: Flags::WRITE.with(Flags::NO_SCRIPT),
            tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
            args: &[MODES],
            example: "
                ann  FUNCTION FLUSH
                ann: +OK
            ",
            run: Run::Act(|turn, args, reply| {
                if args.left() > 1 {
                    return Err(help::wrong_arguments(turn, args));
                }
                check_mode(args, "ERR FUNCTION FLUSH only supports SYNC|ASYNC option")?;
                reply.status("OK");
                Ok(())
            }),
            ..Command::BASE
        },
        &Command {
            group: Family::Scripting,
            since: "7.0.0",
            example: "
                ann  FUNCTION HELP
                ann: [+\"FUNCTION <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\", <rest>]
            ",
            run: Run::Act(|turn, _, reply| {
                help::answer(
                    turn,
                    reply,
                    &[
                        "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
                        "    Return general information on all the libraries:",
                        "    * Library name",
                        "    * The engine used to run the Library",
                        "    * Library description",
                        "    * Functions list",
                        "    * Library code (if WITHCODE is given)",
                        "    It also possible to get only function that matches a pattern using LIBRARYNAME argument.",
                        "FLUSH [ASYNC|SYNC]",
                        "    Delete all the libraries.",
                        "    When called without the optional mode argument, the behavior is determined by the",
                        "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
                        "    * ASYNC: Asynchronously flush the libraries.",
                        "    * SYNC: Synchronously flush the libraries.",
                    ],
                )
            }),
            ..help::BASE
        },
        &Command {
            name: "LIST",
            group: Family::Scripting,
            summary: "Returns information about all libraries.",
            since: "7.0.0",
            complexity: "O(N) where N is the number of functions",
            arity: Arity::AtLeast(2),
            flags: Flags::NO_SCRIPT,
            tips: &["nondeterministic_output_order"],
            args: &[
                Arg::string("library-name-pattern").after("LIBRARYNAME").optional(),
                Arg::word("withcode", "WITHCODE").optional(),
            ],
            example: "
                ann  FUNCTION LIST
                ann: []
            ",
            run: Run::Act(|_, args, reply| {
                check_list(args)?;
                reply.array(0);
                Ok(())
            }),
            ..Command::BASE
        },
    ],
    ..Command::BASE
};

pub(super) const MODULE: Command = Command {
    name: "MODULE",
    group: Family::Server,
    summary: "A container for module commands.",
    since: "4.0.0",
    complexity: "Depends on subcommand.",
    arity: Arity::AtLeast(2),
    subcommands: &[
        &Command {
            group: Family::Server,
            example: "
                ann  MODULE HELP
                ann: [+\"MODULE <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\", <rest>]
            ",
            run: Run::Act(|turn, _, reply| {
                help::answer(turn, reply, &["LIST", "    Return a list of loaded modules."])
            }),
            ..help::BASE
        },
        &Command {
            name: "LIST",
            group: Family::Server,
            summary: "Returns all loaded modules.",
            since: "4.0.0",
            complexity: "O(N) where N is the number of loaded modules.",
            arity: Arity::Exactly(2),
            flags: Flags::ADMIN.with(Flags::NO_SCRIPT),
            tips: &["nondeterministic_output_order"],
            example: "
                ann  MODULE LIST
                ann: []
            ",
            run: Run::Act(|_, _, reply| {
                reply.array(0);
                Ok(())
            }),
            ..Command::BASE
        },
    ],
    ..Command::BASE
};

fn check_list(args: &mut Args<'_>) -> Result<(), Error> {
    let (mut name, mut code) = (false, false);
    while let Some(option) = args.optional() {
        if !name && option.eq_ignore_ascii_case(b"LIBRARYNAME") {
            args.optional().ok_or(Error::Fixed("ERR library name argument was not given"))?;
            name = true;
        } else if !code && option.eq_ignore_ascii_case(b"WITHCODE") {
            code = true;
        } else {
            return Err(Error::err(format_args!("Unknown argument {}", String::from_utf8_lossy(option))));
        }
    }
    Ok(())
}

fn check_mode(args: &mut Args<'_>, refusal: &'static str) -> Result<(), Error> {
    let is_mode = args.is_empty() || args.keyword("ASYNC") || args.keyword("SYNC");
    if is_mode && args.is_empty() { Ok(()) } else { Err(Error::Fixed(refusal)) }
}
