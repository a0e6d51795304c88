//! `DEBUG`: what test suites of clients use, and what helps to look inside.
//!
//! It is allowed only where `enable-debug-command` says so. As in Redis its subcommands are no entries of the command
//! table: nobody should complete or route them.

mod protocol;
#[cfg(test)]
mod tests;

use rbq_resp::Sink;

use super::super::help;
use crate::args::Args;
use crate::broker::{Action, Turn};
use crate::command::{Arity, Command, Family, Flags, Run};
use crate::error::Error;
use crate::keyspace::Found;
use crate::number;
use crate::output::Reply;

pub(super) const COMMAND: Command = Command {
    name: "DEBUG",
    group: Family::Server,
    summary: "A container for debugging commands.",
    complexity: "Depends on subcommand.",
    arity: Arity::AtLeast(2),
    flags: Flags::ADMIN.with(Flags::NO_SCRIPT).with(Flags::LOADING).with(Flags::STALE).with(Flags::SYSCMD),
    example: "
        ann  RPUSH mail one
        ann: 1
        ann  DEBUG OBJECT mail
        ann: <has \"Value at:\" \" refcount:1 encoding:listpack serializedlength:\">
        ann  DEBUG SLEEP 0
        ann: +OK
        ann  DEBUG NOSUCH
        ann: -ERR unknown subcommand or wrong number of arguments for 'NOSUCH'. Try DEBUG HELP.
    ",
    run: Run::Act(|turn, args, reply| {
        if !turn.is_allowed(turn.broker.settings.enable_debug_command) {
            return Err(Error::Fixed(
                "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it \
                 from a local connection, otherwise you need to set this option in the configuration file, and then \
                 restart the server.",
            ));
        }
        let wrong = help::wrong_arguments(turn, args);
        let name = args.bytes()?.to_ascii_uppercase();
        match (name.as_slice(), args.left()) {
            (b"SLEEP", 1) => sleep(turn, args, reply),
            (b"OBJECT", 1) => object(turn, args, reply),
            (b"DIGEST", 0) => digest(turn, reply),
            (b"ERROR", 1) => error(args, reply),
            (b"PROTOCOL", 1) => protocol::answer(args, reply),
            (b"SET-ACTIVE-EXPIRE", 1) => set_active_expire(turn, args, reply),
            (b"HELP", 0) => help::answer(turn, reply, LINES),
            _ => Err(wrong),
        }
    }),
    ..Command::BASE
};

/// Holds everybody up. Text that is no number is zero, as `strtod` has it.
fn sleep(turn: &mut Turn<'_>, args: &mut Args<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    let seconds = number::parse_f64(args.bytes()?).filter(|seconds| seconds.is_finite()).unwrap_or(0.0);
    let micros = (seconds * 1e6) as u64;
    if micros > 0 {
        turn.broker.ask(Action::Sleep(micros));
        // It sleeps when the command has run, and is the command's time all the same.
        turn.broker.slept_us += micros;
    }
    reply.status("OK");
    Ok(())
}

fn object(turn: &mut Turn<'_>, args: &mut Args<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    let db = turn.broker.group().db(turn.session().db);
    let entry = match db.find(args.key()?, turn.now.unix_ms()) {
        Found::Live(slot) => db.entry(slot),
        Found::Expired(_) | Found::Missing => return Err(Error::NoSuchKey),
    };
    let value = entry.value.kind();
    let used_s = u64::from(entry.used_s.get());
    reply.status(&format!(
        "Value at:{entry:p} refcount:1 encoding:{} serializedlength:{} lru:{used_s} lru_seconds_idle:{}",
        value.encoding(),
        value.memory_bytes(),
        (turn.now.unix_ms() / 1000).saturating_sub(used_s),
    ));
    Ok(())
}

fn digest(turn: &mut Turn<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    reply.status(&format!("{:040x}", crate::digest::of(turn.broker.group())));
    Ok(())
}

fn error(args: &mut Args<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    reply.error(&String::from_utf8_lossy(args.bytes()?));
    Ok(())
}

fn set_active_expire(turn: &mut Turn<'_>, args: &mut Args<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    turn.broker.active_expire = number::parse_i64(args.bytes()?).unwrap_or(0) != 0;
    reply.status("OK");
    Ok(())
}

const LINES: &[&str] = &[
    "DIGEST",
    "    Output a hex signature representing the current DB content.",
    "ERROR <string>",
    "    Return a Redis protocol error with <string> as message. Useful for clients",
    "    unit tests to simulate Redis errors.",
    "OBJECT <key>",
    "    Show low level info about `key` and associated value.",
    "PROTOCOL <type>",
    "    Reply with a test value of the specified type. <type> can be: string,",
    "    integer, double, bignum, null, array, set, map, attrib, push, verbatim,",
    "    true, false.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Setting it to 0 disables expiring keys in background when they are not",
    "    accessed (otherwise the Redis behavior). Setting it to 1 reenables back the",
    "    default.",
    "SLEEP <seconds>",
    "    Stop the server for <seconds>. Decimals allowed.",
];
