//! `AUTH [username] password`: there is one user so far, `default`, and its password is `requirepass`.

use rbq_resp::Sink;

use super::HANDSHAKE;
use crate::command::{Arg, Arity, Command, Family, Run};
use crate::error::Error;

pub(super) const COMMAND: Command = Command {
    name: "AUTH",
    group: Family::Connection,
    summary: "Authenticates the connection.",
    complexity: "O(N) where N is the number of passwords defined for the user",
    arity: Arity::AtLeast(2),
    flags: HANDSHAKE,
    args: &[Arg::string("username").optional().since("6.0.0"), Arg::string("password")],
    history: &[("6.0.0", "Added ACL style (username and password).")],
    example: "
        ann  CONFIG SET requirepass secret
        ann: +OK
        bob  PING
        bob: -NOAUTH Authentication required.
        bob  AUTH wrong
        bob: -WRONGPASS invalid username-password pair or user is disabled.
        bob  AUTH secret
        bob: +OK
        bob  PING
        bob: +PONG
    ",
    run: Run::Act(|turn, args, reply| {
        let (user, password) = match args.left() {
            1 if turn.broker.settings.requirepass.0.is_empty() => {
                return Err(Error::Fixed(
                    "ERR AUTH <password> called without any password configured for the default user. Are you sure \
                     your configuration is correct?",
                ));
            }
            1 => (b"default".as_slice(), args.bytes()?),
            2 => (args.bytes()?, args.bytes()?),
            _ => return Err(Error::Syntax),
        };
        turn.broker.authenticate(turn.client, user, password)?;
        reply.status("OK");
        Ok(())
    }),
    ..Command::BASE
};
