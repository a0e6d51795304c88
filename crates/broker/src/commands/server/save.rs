//! `SAVE`, `BGSAVE [SCHEDULE]`, `BGREWRITEAOF`, `LASTSAVE`: snapshots by hand.
//!
//! Nothing depends on them: what was answered is in the log already. A snapshot bounds the log and the time of the next
//! start. All three take the same one, beside the service; SAVE's answer waits for it, and nobody else does.

use rbq_resp::Sink;

use crate::broker::Turn;
use crate::command::{Arg, Arity, Command, Family, Flags, Run};
use crate::error::Error;

const IN_MEMORY: Error =
    Error::Fixed("ERR there is nothing to save to: appendonly is 'no', so everything is in memory only");
const SAVING: Error = Error::Fixed("ERR Background save already in progress");

pub(super) const SAVE: Command = Command {
    name: "SAVE",
    group: Family::Server,
    summary: "Synchronously saves the database(s) to disk.",
    complexity: "O(N) where N is the total number of keys in all databases",
    arity: Arity::Exactly(1),
    flags: Flags::ADMIN.with(Flags::NO_SCRIPT).with(Flags::NO_ASYNC_LOADING).with(Flags::NO_MULTI),
    example: "
        ann  SAVE
        ann: -ERR there is nothing to save to: appendonly is 'no', so everything is in memory only
    ",
    run: Run::Act(|turn, _, _| {
        begin(turn, SAVING)?;
        turn.park_until_done();
        Ok(())
    }),
    ..Command::BASE
};

pub(super) const BGSAVE: Command = Command {
    name: "BGSAVE",
    summary: "Asynchronously saves the database(s) to disk.",
    complexity: "O(1)",
    arity: Arity::AtLeast(1),
    flags: Flags::ADMIN.with(Flags::NO_SCRIPT).with(Flags::NO_ASYNC_LOADING),
    args: &[Arg::word("schedule", "SCHEDULE").optional().since("3.2.2")],
    history: &[("3.2.2", "Added the `SCHEDULE` option.")],
    example: "
        ann  BGSAVE
        ann: -ERR there is nothing to save to: appendonly is 'no', so everything is in memory only
    ",
    run: Run::Act(|turn, args, reply| {
        let is_patient = args.keyword("SCHEDULE");
        args.end()?;
        if is_patient && turn.broker.snapshots.begun_us.is_some() {
            turn.broker.snapshots.is_scheduled = true;
            reply.status("Background saving scheduled");
            return Ok(());
        }
        begin(turn, SAVING)?;
        reply.status("Background saving started");
        Ok(())
    }),
    ..SAVE
};

pub(super) const BGREWRITEAOF: Command = Command {
    name: "BGREWRITEAOF",
    summary: "Asynchronously rewrites the append-only file to disk.",
    complexity: "O(1)",
    arity: Arity::Exactly(1),
    args: &[],
    history: &[],
    example: "
        ann  BGREWRITEAOF
        ann: -ERR there is nothing to save to: appendonly is 'no', so everything is in memory only
    ",
    run: Run::Act(|turn, _, reply| {
        let snapshots = &mut turn.broker.snapshots;
        if snapshots.begun_us.is_some() && !snapshots.is_scheduled {
            snapshots.is_scheduled = true;
            reply.status("Background append only file rewriting scheduled");
            return Ok(());
        }
        begin(turn, Error::Fixed("ERR Background append only file rewriting already in progress"))?;
        reply.status("Background append only file rewriting started");
        Ok(())
    }),
    ..BGSAVE
};

pub(super) const LASTSAVE: Command = Command {
    name: "LASTSAVE",
    group: Family::Server,
    summary: "Returns the Unix timestamp of the last successful save to disk.",
    complexity: "O(1)",
    arity: Arity::Exactly(1),
    flags: Flags::LOADING.with(Flags::STALE).with(Flags::FAST),
    tips: &["nondeterministic_output"],
    acl: &["admin", "dangerous"],
    example: "
        ann  LASTSAVE
        ann: <int>
    ",
    run: Run::Act(|turn, _, reply| {
        reply.integer(turn.broker.snapshots.last_good_s as i64);
        Ok(())
    }),
    ..Command::BASE
};

fn begin(turn: &mut Turn<'_>, already: Error) -> Result<(), Error> {
    if !turn.broker.log.is_enabled() {
        return Err(IN_MEMORY);
    }
    if turn.broker.want_snapshot(turn.now) { Ok(()) } else { Err(already) }
}
