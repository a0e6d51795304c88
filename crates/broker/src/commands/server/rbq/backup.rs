//! `RBQ BACKUP directory`: a verified copy of all that is kept on disk, made while the service goes on.
//!
//! It is given up when its client goes: whoever breaks it off wants nothing of it.
//!
//! It has the server write files where the client says, so it is for clients on the server's own machine, who could
//! as well be asked to copy files themselves. A setting that is off by default would leave a backup out of reach just
//! where it was not thought of.

use crate::command::{Arg, Arity, Command, Family, Flags, Run};
use crate::error::Error;
use crate::settings::Access;

const NOT_LOCAL: Error = Error::Fixed(
    "ERR RBQ BACKUP writes files on the server's machine, so it is only for clients there: over loopback or the Unix \
     socket",
);
const IN_MEMORY: Error =
    Error::Fixed("ERR there is nothing to back up: appendonly is 'no', so everything is in memory only");
const RELATIVE: Error = Error::Fixed("ERR the directory must be an absolute path: the server has its own idea of '.'");
const SWITCHING: Error = Error::Fixed("ERR appendonly is being switched: try again when CONFIG SET has answered");
const BUSY: Error = Error::Fixed("ERR a backup is being made already");

pub(super) const COMMAND: Command = Command {
    name: "BACKUP",
    group: Family::Server,
    summary: "Copies the snapshot and the log into an empty or absent directory on the server's machine.",
    since: "rbq 0.1.0",
    complexity: "O(N) where N is the size of the snapshot and the log; other clients are served meanwhile",
    arity: Arity::Exactly(3),
    flags: Flags::ADMIN.with(Flags::NO_SCRIPT).with(Flags::NO_ASYNC_LOADING).with(Flags::NO_MULTI),
    args: &[Arg::string("directory")],
    example: "
        ann  RBQ BACKUP /var/backups/rbq
        ann: -ERR there is nothing to back up: appendonly is 'no', so everything is in memory only
    ",
    run: Run::Act(|turn, args, _| {
        if !turn.is_allowed(Access::Local) {
            return Err(NOT_LOCAL);
        }
        if !turn.broker.log.is_enabled() {
            return Err(IN_MEMORY);
        }
        let directory = args.bytes()?;
        if !directory.starts_with(b"/") {
            return Err(RELATIVE);
        }
        if turn.broker.is_backing_up {
            return Err(BUSY);
        }
        if turn.broker.is_switching {
            return Err(SWITCHING);
        }
        let ticket = turn.park_until_done();
        turn.broker.want_backup(turn.client, ticket, directory);
        Ok(())
    }),
    ..Command::BASE
};
