//! `HELLO [protover [AUTH username password] [SETNAME clientname]]`: the handshake in one round trip.
//!
//! All of it is read before any of it is done, so a mistake leaves the connection as it was.

use rbq_resp::{Proto, Sink};

use super::HANDSHAKE;
use super::client::name;
use crate::args::Args;
use crate::broker::Turn;
use crate::command::{Arg, Arity, Command, Family, Run};
use crate::error::Error;
use crate::output::Reply;
use crate::version::REDIS_VERSION;

pub(super) const COMMAND: Command = Command {
    name: "HELLO",
    group: Family::Connection,
    summary: "Handshakes with the server.",
    since: "6.0.0",
    arity: Arity::AtLeast(1),
    flags: HANDSHAKE,
    args: &[Arg::block(
        "arguments",
        &[
            Arg::integer("protover"),
            Arg::block("auth", &[Arg::string("username"), Arg::string("password")]).after("AUTH").optional(),
            Arg::string("clientname").after("SETNAME").optional(),
        ],
    )
    .optional()],
    history: &[(
        "6.2.0",
        "`protover` made optional; when called without arguments the command reports the current connection's \
         context.",
    )],
    example: "
        ann  HELLO 3 SETNAME ann
        ann: {server: redis, version: <text>, proto: 3, id: <int>, mode: standalone, role: master, modules: []}
        ann  HELLO 4
        ann: -NOPROTO unsupported protocol version
    ",
    run: Run::Act(|turn, args, reply| {
        let wish = Wish::parse(args)?;
        if let Some((user, password)) = wish.auth {
            turn.broker.authenticate(turn.client, user, password)?;
        }
        if !turn.broker.is_authenticated(turn.session()) {
            return Err(Error::Fixed(
                "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> \
                 <pass> option can be used to authenticate the client and select the RESP protocol version at the \
                 same time",
            ));
        }
        if let Some(name) = wish.name {
            turn.session_mut().name = name.to_vec();
        }
        if let Some(proto) = wish.proto {
            turn.session_mut().proto = proto;
            reply.speak(proto);
        }
        introduce(turn, reply);
        Ok(())
    }),
    ..Command::BASE
};

/// What a HELLO asks for.
#[derive(Default)]
struct Wish<'a> {
    proto: Option<Proto>,
    auth: Option<(&'a [u8], &'a [u8])>,
    name: Option<&'a [u8]>,
}

impl<'a> Wish<'a> {
    fn parse(args: &mut Args<'a>) -> Result<Self, Error> {
        let mut wish = Self::default();
        if args.is_empty() {
            return Ok(wish);
        }
        let version = args.integer_or(Error::Fixed("ERR Protocol version is not an integer or out of range"))?;
        wish.proto = Some(match version {
            2 => Proto::Resp2,
            3 => Proto::Resp3,
            _ => return Err(Error::Fixed("NOPROTO unsupported protocol version")),
        });
        while let Some(option) = args.optional() {
            if option.eq_ignore_ascii_case(b"AUTH") && args.left() >= 2 {
                wish.auth = Some((args.bytes()?, args.bytes()?));
            } else if option.eq_ignore_ascii_case(b"SETNAME") && args.left() >= 1 {
                let name = args.bytes()?;
                name::check(name)?;
                wish.name = Some(name);
            } else {
                let option = String::from_utf8_lossy(option);
                return Err(Error::err(format_args!("Syntax error in HELLO option '{option}'")));
            }
        }
        Ok(wish)
    }
}

fn introduce(turn: &Turn<'_>, reply: &mut Reply<'_>) {
    let session = turn.session();
    reply.map(7);
    for (field, text) in [("server", "redis"), ("version", REDIS_VERSION)] {
        reply.bulk(field.as_bytes());
        reply.bulk(text.as_bytes());
    }
    reply.bulk(b"proto");
    reply.integer(match session.proto {
        Proto::Resp2 => 2,
        Proto::Resp3 => 3,
    });
    reply.bulk(b"id");
    reply.integer(session.id.id as i64);
    for (field, text) in [("mode", "standalone"), ("role", "master")] {
        reply.bulk(field.as_bytes());
        reply.bulk(text.as_bytes());
    }
    reply.bulk(b"modules");
    reply.array(0);
}
