//! `CLIENT KILL <ip:port | filter ...>`: ends connections from outside.
//!
//! A client that ends itself still gets the answer, and of a transaction the answers up to that point.

use rbq_resp::Sink;

use super::filter::{Filter, Purpose};
use super::{ADMIN, filter};
use crate::broker::Turn;
use crate::command::{Arg, Arity, Command, Run};
use crate::error::Error;
use crate::session::ClientId;

pub(super) const COMMAND: Command = Command {
    name: "KILL",
    summary: "Terminates open connections.",
    since: "2.4.0",
    complexity: "O(N) where N is the number of client connections",
    arity: Arity::AtLeast(3),
    args: &[Arg::one_of(
        "filter",
        &[
            Arg::string("old-format").shown_as("ip:port"),
            Arg::one_of(
                "new-format",
                &[
                    Arg::integer("client-id").after("ID").optional().since("2.8.12"),
                    Arg::one_of("client-type", TYPES).after("TYPE").optional().since("2.8.12"),
                    Arg::string("username").after("USER").optional(),
                    Arg::string("addr").after("ADDR").optional().shown_as("ip:port"),
                    Arg::string("laddr").after("LADDR").optional().since("6.2.0").shown_as("ip:port"),
                    Arg::one_of("skipme", filter::YES_NO).after("SKIPME").optional(),
                    Arg::integer("maxage").after("MAXAGE").optional().since("7.4.0"),
                ],
            )
            .many(),
        ],
    )],
    history: &[
        ("2.8.12", "Added new filter format."),
        ("2.8.12", "`ID` option."),
        ("3.2.0", "Added `master` type in for `TYPE` option."),
        ("5.0.0", "Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward compatibility."),
        ("6.2.0", "`LADDR` option."),
        ("7.4.0", "`MAXAGE` option."),
    ],
    example: "
        bob  CLIENT ID
        bob: <int $bob>
        ann  CLIENT KILL ID $bob
        ann: 1
        bob: <closed>
        ann  CLIENT KILL 127.0.0.1:1
        ann: -ERR No such client
    ",
    run: Run::Act(|turn, args, reply| {
        if args.left() == 1 {
            let filter = Filter::address(args.bytes()?);
            if kill(turn, &filter) == 0 {
                return Err(Error::Fixed("ERR No such client"));
            }
            reply.status("OK");
            return Ok(());
        }
        let filter = Filter::parse(args, turn, Purpose::Kill)?;
        let count = kill(turn, &filter);
        reply.integer(count as i64);
        Ok(())
    }),
    ..ADMIN
};

const TYPES: &[Arg] = &[
    Arg::word("normal", "NORMAL"),
    Arg::word("master", "MASTER").since("3.2.0"),
    Arg::word("slave", "SLAVE"),
    Arg::word("replica", "REPLICA").since("5.0.0"),
    Arg::word("pubsub", "PUBSUB"),
];

fn kill(turn: &mut Turn<'_>, filter: &Filter<'_>) -> usize {
    let sessions = turn.broker.sessions().into_iter();
    let meant: Vec<ClientId> = sessions.filter(|session| filter.admits(session, turn)).map(|s| s.id).collect();
    for &client in &meant {
        match client == turn.client {
            true => turn.session_mut().closing = true,
            false => turn.broker.kill(client, "killed by CLIENT KILL"),
        }
    }
    meant.len()
}
