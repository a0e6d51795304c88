//! `XREAD [COUNT count] [MAXCOUNT maxcount] [MAXSIZE maxsize] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]`: read what
//! comes after an ID, or wait for it.

use rbq_resp::{Encoder, OwnedRequest, Request, Sink};
use rbq_stream::StreamId;
use smallvec::SmallVec;

use super::super::timeout;
use super::grammar::{INVALID_ID, arity};
use crate::args::Args;
use crate::broker::View;
use crate::command::{
    Arg, Arity, Attempt, Begin, Blocking, Command, EmptyReply, Family, Find, Flags, KeySpec, Patience, ReadAttempt,
    Run, Submit, touch,
};
use crate::effects::Outcome;
use crate::error::Error;
use crate::many::Many;
use crate::op::ReadLimits;
use crate::output::Reply;
use crate::streams::{Budget, head, pair_head, reply_entry};
use crate::waiters::Class;

/// The keys behind STREAMS: the first half of what is left.
pub(super) const STREAMS: KeySpec = KeySpec {
    flags: touch::READ,
    begin: Begin::Keyword("STREAMS", 1),
    find: Find::Range { last: -1, step: 1, limit: 2 },
};

pub(super) const COMMAND: Command = Command {
    name: "XREAD",
    group: Family::Stream,
    summary: "Reads what comes after an ID in several streams, or waits for it.",
    since: "5.0.0",
    arity: Arity::AtLeast(4),
    flags: Flags::READONLY.with(Flags::BLOCKING).with(Flags::MOVABLE_KEYS),
    keys: &[STREAMS],
    args: &[
        Arg::integer("count").after("COUNT").optional(),
        Arg::integer("maxcount").after("MAXCOUNT").optional().since("8.10.0"),
        Arg::integer("maxsize").after("MAXSIZE").optional().since("8.10.0"),
        Arg::integer("milliseconds").after("BLOCK").optional(),
        Arg::block("streams", &[Arg::key("key").many(), Arg::string("id").many()]).after("STREAMS"),
    ],
    history: &[("8.10.0", "Added the `MAXCOUNT` and `MAXSIZE` options.")],
    example: "
        ann  XREAD BLOCK 0 STREAMS orders $
        bob  XADD orders 1-1 item book
        bob: \"1-1\"
        ann: [[orders, [[\"1-1\", [item, book]]]]]
    ",
    run: Run::Block(parse),
    ..Command::BASE
};

/// From where a stream is read.
enum From {
    /// After this ID.
    After(StreamId),
    /// `$`: after the last one there is now.
    Last,
    /// `+`: the last entry itself.
    Newest,
    /// What is no ID. It is told only after a look at the streams up to its own.
    Nowhere(Error),
}

impl From {
    fn parse(text: &[u8]) -> Self {
        match text {
            b"$" => Self::Last,
            b"+" => Self::Newest,
            b">" => Self::Nowhere(Error::Fixed(
                "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
            )),
            text => StreamId::parse(text, 0).map_or(Self::Nowhere(INVALID_ID), Self::After),
        }
    }
}

/// What stands before STREAMS, and the keys and IDs behind it.
pub(super) struct Options<'a> {
    pub(super) limits: ReadLimits,
    pub(super) timeout_us: Option<u64>,
    pub(super) patience: Patience,
    pub(super) group: Option<(&'a [u8], &'a [u8])>,
    pub(super) claim_ms: Option<u64>,
    pub(super) no_ack: bool,
    pub(super) keys: Many<'a>,
    pub(super) ids: Many<'a>,
}

impl<'a> Options<'a> {
    pub(super) fn parse(args: &mut Args<'a>, submit: &Submit<'_>) -> Result<Self, Error> {
        let is_group = submit.command.name == "XREADGROUP";
        let empty = Many::of(args.request()).first(0);
        let mut options = Self {
            limits: ReadLimits::default(),
            timeout_us: None,
            patience: Patience::Answers,
            group: None,
            claim_ms: None,
            no_ack: false,
            keys: empty,
            ids: empty,
        };
        while !args.is_empty() {
            if args.left() > 1 && args.keyword("STREAMS") {
                options.streams(args, submit)?;
                return options.checked(is_group);
            }
            options.option(args, is_group)?;
        }
        Err(Error::Syntax)
    }

    fn option(&mut self, args: &mut Args<'a>, is_group: bool) -> Result<(), Error> {
        if args.left() > 1 && args.keyword("COUNT") {
            self.limits.count = args.integer()?.max(0) as u64;
        } else if args.left() > 1 && args.keyword("MAXCOUNT") {
            self.limits.max_count = Some(positive(args, "ERR MAXCOUNT must be a positive integer")?);
        } else if args.left() > 1 && args.keyword("MAXSIZE") {
            self.limits.max_bytes = Some(positive(args, "ERR MAXSIZE must be a positive integer")?);
        } else if args.left() > 1 && args.keyword("BLOCK") {
            self.timeout_us = timeout::milliseconds(args.bytes()?)?;
            self.patience = Patience::Waits;
        } else if args.left() > 2 && args.keyword("GROUP") {
            only_for_groups(is_group, "GROUP")?;
            self.group = Some((args.bytes()?, args.bytes()?));
        } else if args.keyword("NOACK") {
            only_for_groups(is_group, "NOACK")?;
            self.no_ack = true;
        } else if args.left() > 1 && args.keyword("CLAIM") {
            only_for_groups(is_group, "CLAIM")?;
            let idle = args.integer_or(Error::Fixed("ERR min-idle-time is not an integer or out of range"))?;
            let error = Error::Fixed("ERR min-idle-time must be a positive integer");
            self.claim_ms = Some(u64::try_from(idle).map_err(|_| error)?);
        } else {
            return Err(Error::Syntax);
        }
        Ok(())
    }

    fn streams(&mut self, args: &mut Args<'a>, submit: &Submit<'_>) -> Result<(), Error> {
        let left = args.left();
        if !left.is_multiple_of(2) {
            let (name, forms) = match submit.name() {
                "xread" => ("xread", "an ID, '+', or '$'"),
                _ => ("xreadgroup", "an ID or '>'"),
            };
            return Err(Error::err(format_args!(
                "Unbalanced '{name}' list of streams: for each stream key {forms} must be specified."
            )));
        }
        self.keys = args.take(left / 2)?;
        self.ids = args.take(left / 2)?;
        if self.keys.is_empty() {
            return Err(arity(submit));
        }
        Ok(())
    }

    fn checked(self, is_group: bool) -> Result<Self, Error> {
        if is_group && self.group.is_none() {
            return Err(Error::Fixed("ERR Missing GROUP option for XREADGROUP"));
        }
        if self.limits.max_count.is_some_and(|max| max < self.limits.count) {
            return Err(Error::Fixed("ERR MAXCOUNT must be greater than or equal to COUNT"));
        }
        Ok(self)
    }
}

fn positive(args: &mut Args<'_>, error: &'static str) -> Result<u64, Error> {
    let value = args.integer_or(Error::Fixed(error))?;
    u64::try_from(value).ok().filter(|value| *value > 0).ok_or(Error::Fixed(error))
}

fn only_for_groups(is_group: bool, option: &str) -> Result<(), Error> {
    if is_group {
        return Ok(());
    }
    Err(Error::err(format_args!("The {option} option is only supported by XREADGROUP. You called XREAD instead.")))
}

fn parse<'a>(args: &mut Args<'a>, submit: &Submit<'_>) -> Result<Blocking<'a>, Error> {
    let options = Options::parse(args, submit)?;
    let from = options.ids.iter().map(|text| From::parse(&text)).collect();
    Ok(Blocking {
        keys: options.keys.iter().map(|key| key.as_slice()).collect(),
        class: Some(Class::Stream),
        timeout_us: options.timeout_us,
        on_denied: EmptyReply::NullArray,
        on_timeout: EmptyReply::NullArray,
        patience: options.patience,
        attempt: Attempt::Read(Box::new(Read { keys: options.keys, from, limits: options.limits })),
    })
}

struct Read<'a> {
    keys: Many<'a>,
    from: SmallVec<[From; 2]>,
    limits: ReadLimits,
}

impl ReadAttempt for Read<'_> {
    fn run(&self, view: &mut View<'_>, reply: &mut Reply<'_>) -> Result<Outcome, Error> {
        let mut budget = Budget::new(self.limits);
        let (mut streams, mut encoded) = (0, Vec::new());
        for (key, from) in self.keys.iter().zip(&self.from) {
            let entries = view.stream(&key)?.map(|stream| stream.entries());
            let (entries, after) = match (from, entries) {
                (From::Nowhere(error), _) => return Err(error.clone()),
                (_, None) => continue,
                (From::After(id), Some(entries)) => (entries, *id),
                (From::Last, Some(entries)) => (entries, entries.last_id()),
                (From::Newest, Some(entries)) => match entries.newest_id().prev() {
                    Some(before) if !entries.is_empty() => (entries, before),
                    _ => (entries, entries.last_id()),
                },
            };
            budget.next_stream();
            let (mut len, mut body) = (0, Vec::new());
            let mut sink = Encoder::new(&mut body, reply.proto());
            for entry in entries.after(after).take(budget.room()) {
                if !budget.take(&entry) {
                    break;
                }
                len += 1;
                reply_entry(&entry, &mut sink);
            }
            if len == 0 {
                continue;
            }
            streams += 1;
            let mut sink = Encoder::new(&mut encoded, reply.proto());
            pair_head(&mut sink);
            sink.bulk(&key);
            sink.array(len);
            sink.raw(&body);
        }
        if streams == 0 {
            return Ok(Outcome::Empty);
        }
        head(streams, reply);
        reply.raw(&encoded);
        Ok(Outcome::Done)
    }

    /// `$` is the last ID there was when the command was first run, not when it is run again.
    fn pin(&self, view: &mut View<'_>, request: Request<'_>) -> OwnedRequest {
        let ids_at = request.len() - self.from.len();
        let mut pinned: Vec<Vec<u8>> = request.iter().map(|arg| arg.to_vec()).collect();
        for (index, (key, from)) in self.keys.iter().zip(&self.from).enumerate() {
            if matches!(from, From::Last | From::Newest) {
                let last = view.stream(&key).ok().flatten().map_or(StreamId::MIN, |stream| stream.entries().last_id());
                pinned[ids_at + index] = last.to_string().into_bytes();
            }
        }
        OwnedRequest::from_args(pinned)
    }
}
