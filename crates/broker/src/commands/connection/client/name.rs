//! `CLIENT SETNAME connection-name` and `CLIENT GETNAME`: what people call a connection.

use rbq_resp::Sink;

use super::OWN;
use crate::command::{Arg, Arity, Command, Run};
use crate::error::Error;

pub(super) const SETNAME: Command = Command {
    name: "SETNAME",
    summary: "Sets the connection name.",
    since: "2.6.9",
    arity: Arity::Exactly(3),
    args: &[Arg::string("connection-name")],
    example: "
        ann  CLIENT SETNAME billing-worker-3
        ann: +OK
        ann  CLIENT SETNAME \"billing worker\"
        ann: -ERR Client names cannot contain spaces, newlines or special characters.
    ",
    run: Run::Act(|turn, args, reply| {
        let name = args.bytes()?;
        check(name)?;
        turn.session_mut().name = name.to_vec();
        reply.status("OK");
        Ok(())
    }),
    ..OWN
};

pub(super) const GETNAME: Command = Command {
    name: "GETNAME",
    summary: "Returns the name of the connection.",
    since: "2.6.9",
    arity: Arity::Exactly(2),
    example: "
        ann  CLIENT GETNAME
        ann: nil
        ann  CLIENT SETNAME ann
        ann: +OK
        ann  CLIENT GETNAME
        ann: ann
    ",
    run: Run::Act(|turn, _, reply| {
        match turn.session().name.as_slice() {
            [] => reply.null(),
            name => reply.bulk(name),
        }
        Ok(())
    }),
    ..OWN
};

/// Refuses a name that would not stay one word of CLIENT LIST.
pub(in super::super) fn check(name: &[u8]) -> Result<(), Error> {
    if is_word(name) {
        return Ok(());
    }
    Err(Error::Fixed("ERR Client names cannot contain spaces, newlines or special characters."))
}

/// Whether a text is printable ASCII without blanks.
pub(super) fn is_word(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_graphic)
}
