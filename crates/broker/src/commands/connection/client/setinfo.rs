//! `CLIENT SETINFO <LIB-NAME libname | LIB-VER libver>`: which library speaks for this client.

use rbq_resp::Sink;

use super::{OWN, name};
use crate::command::{Arg, Arity, Command, Run};
use crate::error::Error;

pub(super) const COMMAND: Command = Command {
    name: "SETINFO",
    summary: "Sets information specific to the client or connection.",
    since: "7.2.0",
    arity: Arity::Exactly(4),
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    args: &[Arg::one_of("attr", &[Arg::string("libname").after("LIB-NAME"), Arg::string("libver").after("LIB-VER")])],
    example: "
        ann  CLIENT SETINFO LIB-NAME redis-py
        ann: +OK
        ann  CLIENT SETINFO LIB-VER 6.4.0
        ann: +OK
    ",
    run: Run::Act(|turn, args, reply| {
        let (option, value) = (args.bytes()?, args.bytes()?);
        let session = turn.session_mut();
        let (field, place) = if option.eq_ignore_ascii_case(b"LIB-NAME") {
            ("lib-name", &mut session.lib_name)
        } else if option.eq_ignore_ascii_case(b"LIB-VER") {
            ("lib-ver", &mut session.lib_version)
        } else {
            let option = String::from_utf8_lossy(option);
            return Err(Error::err(format_args!("Unrecognized option '{option}'")));
        };
        if !name::is_word(value) {
            return Err(Error::err(format_args!("{field} cannot contain spaces, newlines or special characters.")));
        }
        *place = value.to_vec();
        reply.status("OK");
        Ok(())
    }),
    ..OWN
};
