//! `CLIENT LIST [filter ...]` and `CLIENT INFO`.

use rbq_resp::Sink;

use super::filter::{Filter, Purpose};
use super::{ADMIN, OWN, filter, line};
use crate::command::{Arg, Arity, Command, Run};

pub(super) const LIST: Command = Command {
    name: "LIST",
    summary: "Lists open connections.",
    since: "2.4.0",
    complexity: "O(N) where N is the number of client connections",
    arity: Arity::AtLeast(2),
    tips: &["nondeterministic_output"],
    args: &[
        Arg::one_of("client-type", filter::TYPES).after("TYPE").optional().since("5.0.0"),
        Arg::integer("client-id").after("ID").optional().many().since("6.2.0"),
        Arg::string("username").after("USER").optional().since("rbq 0.1.0"),
        Arg::string("addr").after("ADDR").optional().since("rbq 0.1.0").shown_as("ip:port"),
        Arg::string("laddr").after("LADDR").optional().since("rbq 0.1.0").shown_as("ip:port"),
        Arg::one_of("skipme", filter::YES_NO).after("SKIPME").optional().since("rbq 0.1.0"),
        Arg::integer("maxage").after("MAXAGE").optional().since("rbq 0.1.0"),
        Arg::string("name").after("NAME").optional().since("rbq 0.1.0"),
        Arg::integer("idle").after("IDLE").optional().since("rbq 0.1.0"),
        Arg::string("flags").after("FLAGS").optional().since("rbq 0.1.0"),
        Arg::string("lib-name").after("LIB-NAME").optional().since("rbq 0.1.0"),
        Arg::string("lib-ver").after("LIB-VER").optional().since("rbq 0.1.0"),
        Arg::integer("db").after("DB").optional().since("rbq 0.1.0"),
        Arg::string("ip").after("IP").optional().since("rbq 0.1.0"),
    ],
    history: &[
        ("2.8.12", "Added unique client `id` field."),
        ("5.0.0", "Added optional `TYPE` filter."),
        ("6.0.0", "Added `user` field."),
        ("6.2.0", "Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional `ID` filter."),
        ("7.0.0", "Added `resp`, `multi-mem`, `rbs` and `rbp` fields."),
        ("7.0.3", "Added `ssub` field."),
        ("7.2.0", "Added `lib-name` and `lib-ver` fields."),
        ("7.4.0", "Added `watch` field."),
        ("8.0.0", "Added `io-thread` field."),
    ],
    example: "
        ann  CLIENT SETNAME ann
        ann: +OK
        bob  BLPOP mail 0
        ann  CLIENT LIST
        ann: <has \" name=ann \" \" flags=N \" \" cmd=client|list \" \" flags=b \" \" cmd=blpop \">
        ann  CLIENT LIST NAME nobody
        ann: \"\"
        ann  CLIENT LIST NOT-FLAGS N
        ann: <has \" cmd=blpop \">
    ",
    run: Run::Act(|turn, args, reply| {
        let filter = Filter::parse(args, turn, Purpose::List)?;
        let listed = turn.broker.sessions().into_iter().filter(|session| filter.admits(session, turn));
        let lines: String = listed.map(|session| line::line(turn.broker, session, turn.now)).collect();
        reply.verbatim("txt", lines.as_bytes());
        Ok(())
    }),
    ..ADMIN
};

pub(super) const INFO: Command = Command {
    name: "INFO",
    summary: "Returns information about the connection.",
    since: "6.2.0",
    arity: Arity::Exactly(2),
    tips: &["nondeterministic_output"],
    example: "
        ann  CLIENT INFO
        ann: <has \"id=\" \" addr=\" \" db=0 \" \" cmd=client|info \" \" user=default \" \" resp=2 \">
    ",
    run: Run::Act(|turn, _, reply| {
        reply.verbatim("txt", line::line(turn.broker, turn.session(), turn.now).as_bytes());
        Ok(())
    }),
    ..OWN
};
