//! `XGROUP`: consumer groups and who is in them.

use super::super::help;
use super::grammar::{idmp_limits, wrong_arguments};
use crate::args::Args;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::error::Error;
use crate::op::{OnMissing, Op};

/// XGROUP CREATE, key, group, ID, MKSTREAM, ENTRIESREAD and its value. Redis counts, so an option may stand twice in the
/// place of another.
const CREATE_ARGS_MAX: usize = 8;
/// The same without MKSTREAM.
const SETID_ARGS_MAX: usize = 7;

pub(super) const COMMAND: Command = Command {
    name: "XGROUP",
    group: Family::Stream,
    summary: "Consumer groups and who is in them.",
    since: "5.0.0",
    complexity: "Depends on subcommand.",
    arity: Arity::AtLeast(2),
    subcommands: &[&CREATE, &CREATECONSUMER, &DELCONSUMER, &DESTROY, &HELP, &SETID],
    ..Command::BASE
};

const ID_OR_LAST: &[Arg] = &[Arg::string("id"), Arg::word("new-id", "$")];

const CREATE: Command = Command {
    name: "CREATE",
    group: Family::Stream,
    summary: "Makes a consumer group.",
    since: "5.0.0",
    arity: Arity::AtLeast(5),
    flags: Flags::WRITE.with(Flags::DENY_OOM),
    keys: &[KeySpec::one(2, touch::INSERT)],
    args: &[
        Arg::key("key"),
        Arg::string("group"),
        Arg::one_of("id-selector", ID_OR_LAST),
        Arg::word("mkstream", "MKSTREAM").optional(),
        Arg::integer("entries-read").after("ENTRIESREAD").optional(),
    ],
    history: &[("7.0.0", "Added the `entries_read` named argument.")],
    example: "
        ann  XGROUP CREATE orders billing $ MKSTREAM
        ann: +OK
        ann  XGROUP CREATE orders billing $
        ann: -BUSYGROUP Consumer Group name already exists
    ",
    run: Run::Write(|args, submit| {
        let (key, group, start) = (args.key()?, args.bytes()?, args.bytes()?);
        let (mut missing, mut entries_read) = (OnMissing::Refuse, None);
        while !args.is_empty() {
            if args.keyword("MKSTREAM") {
                missing = OnMissing::Create;
            } else if !take_entries_read(args, &mut entries_read)? {
                return Err(wrong_arguments(args, "XGROUP"));
            }
        }
        if args.request().len() > CREATE_ARGS_MAX {
            return Err(wrong_arguments(args, "XGROUP"));
        }
        let idmp = idmp_limits(submit.settings);
        Ok(Op::GroupCreate { key, group, start, missing, entries_read, idmp })
    }),
    ..Command::BASE
};

const SETID: Command = Command {
    name: "SETID",
    summary: "Sets the last delivered ID of a group.",
    flags: Flags::WRITE,
    keys: &[KeySpec::one(2, touch::UPDATE)],
    args: &[
        Arg::key("key"),
        Arg::string("group"),
        Arg::one_of("id-selector", ID_OR_LAST),
        Arg::integer("entries-read").after("ENTRIESREAD").optional(),
    ],
    history: &[("7.0.0", "Added the optional `entries_read` argument.")],
    example: "
        ann  XGROUP CREATE orders billing $ MKSTREAM
        ann: +OK
        ann  XGROUP SETID orders billing 0
        ann: +OK
    ",
    run: Run::Write(|args, _| {
        let (key, group, start) = (args.key()?, args.bytes()?, args.bytes()?);
        let mut entries_read = None;
        while !args.is_empty() {
            if !take_entries_read(args, &mut entries_read)? {
                return Err(wrong_arguments(args, "XGROUP"));
            }
        }
        if args.request().len() > SETID_ARGS_MAX {
            return Err(wrong_arguments(args, "XGROUP"));
        }
        Ok(Op::GroupSetId { key, group, start, entries_read })
    }),
    ..CREATE
};

const DESTROY: Command = Command {
    name: "DESTROY",
    group: Family::Stream,
    summary: "Deletes a consumer group and what was pending in it.",
    since: "5.0.0",
    complexity: "O(N) for N entries pending",
    arity: Arity::Exactly(4),
    flags: Flags::WRITE,
    keys: &[KeySpec::one(2, touch::DELETE)],
    args: &[Arg::key("key"), Arg::string("group")],
    example: "
        ann  XGROUP CREATE orders billing $ MKSTREAM
        ann: +OK
        ann  XGROUP DESTROY orders billing
        ann: 1
    ",
    run: Run::Write(|args, _| Ok(Op::GroupDestroy { key: args.key()?, group: args.bytes()? })),
    ..Command::BASE
};

const CREATECONSUMER: Command = Command {
    name: "CREATECONSUMER",
    group: Family::Stream,
    summary: "Adds a consumer to a group.",
    since: "6.2.0",
    arity: Arity::Exactly(5),
    flags: Flags::WRITE.with(Flags::DENY_OOM),
    keys: &[KeySpec::one(2, touch::INSERT)],
    args: &[Arg::key("key"), Arg::string("group"), Arg::string("consumer")],
    example: "
        ann  XGROUP CREATE orders billing $ MKSTREAM
        ann: +OK
        ann  XGROUP CREATECONSUMER orders billing bob
        ann: 1
    ",
    run: Run::Write(|args, _| {
        Ok(Op::ConsumerCreate { key: args.key()?, group: args.bytes()?, consumer: args.bytes()? })
    }),
    ..Command::BASE
};

const DELCONSUMER: Command = Command {
    name: "DELCONSUMER",
    summary: "Deletes a consumer from a consumer group, and with it what it had pending.",
    since: "5.0.0",
    flags: Flags::WRITE,
    keys: &[KeySpec::one(2, touch::DELETE)],
    example: "
        ann  XGROUP CREATE orders billing $ MKSTREAM
        ann: +OK
        ann  XGROUP CREATECONSUMER orders billing bob
        ann: 1
        ann  XGROUP DELCONSUMER orders billing bob
        ann: 0
    ",
    run: Run::Write(|args, _| {
        Ok(Op::ConsumerDelete { key: args.key()?, group: args.bytes()?, consumer: args.bytes()? })
    }),
    ..CREATECONSUMER
};

const HELP: Command = Command {
    group: Family::Stream,
    example: "
        ann  XGROUP HELP
        ann: [+\"XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\", <rest>]
    ",
    run: Run::Act(|turn, _, reply| {
        help::answer(
            turn,
            reply,
            &[
                "CREATE <key> <groupname> <id|$> [option]",
                "    Create a new consumer group. Options are:",
                "    * MKSTREAM",
                "      Create the empty stream if it does not exist.",
                "    * ENTRIESREAD entries_read",
                "      Set the group's entries_read counter (internal use).",
                "CREATECONSUMER <key> <groupname> <consumer>",
                "    Create a new consumer in the specified group.",
                "DELCONSUMER <key> <groupname> <consumer>",
                "    Remove the specified consumer.",
                "DESTROY <key> <groupname>",
                "    Remove the specified group.",
                "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
                "    Set the current group ID and entries_read counter.",
            ],
        )
    }),
    ..help::BASE
};

/// `ENTRIESREAD entries-read`, if it is next; -1 is unknown.
fn take_entries_read(args: &mut Args<'_>, entries_read: &mut Option<u64>) -> Result<bool, Error> {
    if args.left() < 2 || !args.keyword("ENTRIESREAD") {
        return Ok(false);
    }
    *entries_read = match args.integer()? {
        -1 => None,
        count => {
            Some(u64::try_from(count).map_err(|_| Error::Fixed("ERR value for ENTRIESREAD must be positive or -1"))?)
        }
    };
    Ok(true)
}
