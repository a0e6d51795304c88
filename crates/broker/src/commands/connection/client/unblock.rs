//! `CLIENT UNBLOCK client-id [TIMEOUT | ERROR]`: lets a waiting client go, as if its time had run out or with an error.

use rbq_resp::Sink;

use super::super::super::help;
use super::ADMIN;
use crate::command::{Arg, Arity, Command, Flags, Run};
use crate::error::Error;
use crate::session::Session;

pub(super) const COMMAND: Command = Command {
    name: "UNBLOCK",
    summary: "Unblocks a client blocked by a blocking command from a different connection.",
    since: "5.0.0",
    complexity: "O(log N) where N is the number of client connections",
    arity: Arity::AtLeast(3),
    args: &[
        Arg::integer("client-id"),
        Arg::one_of("unblock-type", &[Arg::word("timeout", "TIMEOUT"), Arg::word("error", "ERROR")]).optional(),
    ],
    example: "
        ann  CLIENT ID
        ann: <int $ann>
        ann  BLPOP mail 0
        bob  CLIENT UNBLOCK $ann
        bob: 1
        ann: nil[]
        bob  CLIENT UNBLOCK $ann
        bob: 0
    ",
    run: Run::Act(|turn, args, reply| {
        if args.left() > 2 {
            return Err(help::wrong_arguments(turn, args));
        }
        let id = args.bytes()?;
        let with_error = match args.peek() {
            None => false,
            Some(reason) if reason.eq_ignore_ascii_case(b"TIMEOUT") => false,
            Some(reason) if reason.eq_ignore_ascii_case(b"ERROR") => true,
            Some(_) => return Err(Error::Fixed("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
        };
        let id = crate::number::parse_i64(id).ok_or(Error::NotInteger)?;
        let waiting = u64::try_from(id).ok().and_then(|id| turn.broker.find_session(id));
        // Who waits for something that is being done (SAVE, RBQ BACKUP) is told how it ended: it is done all the same.
        let is_blocked = |session: &&Session| {
            session.parked.as_ref().is_some_and(|parked| parked.command.flags.has(Flags::BLOCKING))
        };
        let waiting = waiting.filter(is_blocked).map(|session| session.id);
        match waiting {
            Some(client) if with_error => {
                turn.broker.give_up_with(client, "UNBLOCKED client unblocked via CLIENT UNBLOCK");
            }
            Some(client) => turn.broker.give_up(client),
            None => {}
        }
        reply.integer(i64::from(waiting.is_some()));
        Ok(())
    }),
    ..ADMIN
};
