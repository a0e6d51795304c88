//! `XREADGROUP GROUP group consumer [COUNT count] [MAXCOUNT maxcount] [MAXSIZE maxsize] [BLOCK milliseconds]
//! [CLAIM min-idle-time] [NOACK] STREAMS key [key ...] id [id ...]`: read as one consumer of a group.

use rbq_resp::{OwnedRequest, Request};
use rbq_stream::StreamId;
use smallvec::SmallVec;

use super::grammar::INVALID_ID;
use super::xread::{Options, STREAMS};
use crate::args::Args;
use crate::broker::View;
use crate::command::{
    Arg, Arity, Attempt, Blocking, Command, EmptyReply, Family, Flags, KeySpec, Patience, ReadAttempt, Run, Submit,
    touch,
};
use crate::effects::Outcome;
use crate::error::Error;
use crate::many::Many;
use crate::op::{Cursor, Cursors, Op};
use crate::output::Reply;
use crate::streams::no_group_to_read;
use crate::waiters::Class;

pub(super) const COMMAND: Command = Command {
    name: "XREADGROUP",
    group: Family::Stream,
    summary: "Reads as one consumer of a group, new entries or its own pending ones, or waits.",
    since: "5.0.0",
    complexity: "O(N) for N entries delivered",
    arity: Arity::AtLeast(7),
    flags: Flags::WRITE.with(Flags::BLOCKING).with(Flags::MOVABLE_KEYS),
    keys: &[KeySpec { flags: touch::READ, begin: crate::command::Begin::Keyword("STREAMS", 4), find: STREAMS.find }],
    args: &[
        Arg::block("group-block", &[Arg::string("group"), Arg::string("consumer")]).after("GROUP"),
        Arg::integer("count").after("COUNT").optional(),
        Arg::integer("maxcount").after("MAXCOUNT").optional().since("8.10.0"),
        Arg::integer("maxsize").after("MAXSIZE").optional().since("8.10.0"),
        Arg::integer("milliseconds").after("BLOCK").optional(),
        Arg::integer("min-idle-time").after("CLAIM").optional().since("8.4.0"),
        Arg::word("noack", "NOACK").optional(),
        Arg::block("streams", &[Arg::key("key").many(), Arg::string("id").many()]).after("STREAMS"),
    ],
    history: &[("8.4.0", "Added the `CLAIM` option."), ("8.10.0", "Added the `MAXCOUNT` and `MAXSIZE` options.")],
    example: "
        ann  XGROUP CREATE orders billing $ MKSTREAM
        ann: +OK
        bob  XREADGROUP GROUP billing bob BLOCK 0 STREAMS orders >
        ann  XADD orders 1-1 item book
        ann: \"1-1\"
        bob: [[orders, [[\"1-1\", [item, book]]]]]
    ",
    run: Run::Block(parse),
    ..Command::BASE
};

fn parse<'a>(args: &mut Args<'a>, submit: &Submit<'_>) -> Result<Blocking<'a>, Error> {
    let options = Options::parse(args, submit)?;
    let (group, consumer) = options.group.expect("the options were checked to have a group");
    let mut cursors = Cursors::new();
    for text in options.ids {
        match cursor(&text) {
            Ok(cursor) => cursors.push(cursor),
            Err(error) => return Ok(refused(options.keys.first(cursors.len() + 1), group, error)),
        }
    }
    // Whoever reads any history is answered at once, if with nothing.
    let waits = cursors.iter().all(|cursor| *cursor == Cursor::New);
    let patience = if waits { options.patience } else { Patience::Answers };
    let class = match options.claim_ms {
        None => Class::Group(group.into()),
        Some(_) => Class::GroupClaim(group.into()),
    };
    Ok(Blocking {
        keys: options.keys.iter().map(|key| key.as_slice()).collect(),
        class: Some(class),
        timeout_us: options.timeout_us,
        on_denied: EmptyReply::NullArray,
        on_timeout: EmptyReply::NullArray,
        patience,
        attempt: Attempt::Write(Op::GroupDeliver {
            group,
            consumer,
            keys: options.keys,
            cursors,
            limits: options.limits,
            claim_ms: options.claim_ms,
            no_ack: options.no_ack,
        }),
    })
}

/// An ID that is none. It is told only after a look at the streams up to its own: what is wrong with those comes first.
fn refused<'a>(keys: Many<'a>, group: &'a [u8], error: Error) -> Blocking<'a> {
    Blocking {
        keys: SmallVec::new(),
        class: None,
        timeout_us: None,
        on_denied: EmptyReply::NullArray,
        on_timeout: EmptyReply::NullArray,
        patience: Patience::Answers,
        attempt: Attempt::Read(Box::new(Refusal { keys, group, error })),
    }
}

struct Refusal<'a> {
    keys: Many<'a>,
    group: &'a [u8],
    error: Error,
}

impl ReadAttempt for Refusal<'_> {
    fn run(&self, view: &mut View<'_>, _: &mut Reply<'_>) -> Result<Outcome, Error> {
        for key in self.keys {
            if view.stream(&key)?.is_none_or(|stream| stream.group(self.group).is_none()) {
                return Err(no_group_to_read(&key, self.group));
            }
        }
        Err(self.error.clone())
    }

    fn pin(&self, _: &mut View<'_>, request: Request<'_>) -> OwnedRequest {
        request.to_owned()
    }
}

fn cursor(text: &[u8]) -> Result<Cursor, Error> {
    match text {
        b">" => Ok(Cursor::New),
        b"$" => Err(meaningless('$')),
        b"+" => Err(meaningless('+')),
        text => match StreamId::parse(text, 0).ok_or(INVALID_ID)? {
            // Nothing can come after it, and in Redis it is what `>` becomes.
            StreamId::MAX => Ok(Cursor::New),
            id => Ok(Cursor::After(id)),
        },
    }
}

fn meaningless(id: char) -> Error {
    Error::err(format_args!(
        "The {id} ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by \
         specifying a proper ID, or use the > ID to get new messages. The {id} ID would just return an empty result set."
    ))
}
