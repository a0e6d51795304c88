//! Which clients are meant: the options that CLIENT LIST and CLIENT KILL share.
//!
//! Redis's own are ID, TYPE, USER, ADDR, LADDR, SKIPME and MAXAGE. The rest are Valkey's, the same for both commands,
//! and each but SKIPME, MAXAGE and IDLE has a `NOT-` form. All that are given must hold.

use super::line;
use crate::args::Args;
use crate::broker::Turn;
use crate::command::Arg;
use crate::error::Error;
use crate::number;
use crate::session::Session;

/// The types of clients.
pub(super) const TYPES: &[Arg] = &[
    Arg::word("normal", "NORMAL"),
    Arg::word("master", "MASTER"),
    Arg::word("replica", "REPLICA"),
    Arg::word("pubsub", "PUBSUB"),
];

/// `YES` or `NO`.
pub(super) const YES_NO: &[Arg] = &[Arg::word("yes", "YES"), Arg::word("no", "NO")];

/// The letters of CLIENT LIST's `flags`.
const FLAG_LETTERS: &[u8] = b"AbcdegiMNoOPrRStTuUxB";

/// What the clients are wanted for; the two commands differ in small things.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Who asks is meant too; whatever follows ID is one.
    List,
    /// Who asks is spared unless told otherwise; an ID is greater than 0.
    Kill,
}

/// Whether the client that asks is left out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SkipMe {
    Yes,
    No,
}

/// What clients are meant.
pub(super) struct Filter<'a> {
    tests: Vec<(Wanted, Test<'a>)>,
    skip_me: SkipMe,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Holds,
    Fails,
}

enum Test<'a> {
    Ids(Vec<i64>),
    Type(ClientType),
    User(&'a [u8]),
    Addr(&'a [u8]),
    Laddr(&'a [u8]),
    Ip(&'a [u8]),
    Name(&'a [u8]),
    LibName(&'a [u8]),
    LibVersion(&'a [u8]),
    Flags(&'a [u8]),
    Db(i64),
    MaxAge(u64),
    Idle(u64),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ClientType {
    Normal,
    PubSub,
    /// Master and replica: there are none.
    Replication,
}

impl<'a> Filter<'a> {
    /// All clients with this address, as `CLIENT KILL ip:port` means it.
    pub(super) fn address(addr: &'a [u8]) -> Self {
        Self { tests: vec![(Wanted::Holds, Test::Addr(addr))], skip_me: SkipMe::No }
    }

    /// Reads options to the end.
    pub(super) fn parse(args: &mut Args<'a>, turn: &Turn<'_>, purpose: Purpose) -> Result<Self, Error> {
        let skip_me = if purpose == Purpose::Kill { SkipMe::Yes } else { SkipMe::No };
        let mut filter = Self { tests: Vec::new(), skip_me };
        while let Some(option) = args.optional() {
            if args.is_empty() {
                return Err(Error::Syntax);
            }
            let option = option.to_ascii_uppercase();
            if option == b"SKIPME" {
                filter.skip_me = yes_no(args)?;
                continue;
            }
            let (wanted, name) = match option.strip_prefix(b"NOT-") {
                Some(name) if !matches!(name, b"MAXAGE" | b"IDLE") => (Wanted::Fails, name),
                Some(_) => return Err(Error::Syntax),
                None => (Wanted::Holds, option.as_slice()),
            };
            filter.tests.push((wanted, Test::parse(name, args, turn, purpose)?));
        }
        Ok(filter)
    }

    /// Whether this client is meant.
    pub(super) fn admits(&self, session: &Session, turn: &Turn<'_>) -> bool {
        let is_me = session.id == turn.client;
        let holds = |(wanted, test): &(Wanted, Test<'_>)| test.holds(session, turn) == (*wanted == Wanted::Holds);
        (!session.closing || is_me) && !(is_me && self.skip_me == SkipMe::Yes) && self.tests.iter().all(holds)
    }
}

impl<'a> Test<'a> {
    fn parse(name: &[u8], args: &mut Args<'a>, turn: &Turn<'_>, purpose: Purpose) -> Result<Self, Error> {
        Ok(match name {
            b"ID" => Self::Ids(ids(args, purpose)?),
            b"TYPE" => Self::Type(client_type(args.bytes()?)?),
            b"USER" => Self::User(user(args.bytes()?)?),
            b"ADDR" => Self::Addr(args.bytes()?),
            b"LADDR" => Self::Laddr(args.bytes()?),
            b"IP" => Self::Ip(args.bytes()?),
            b"NAME" => Self::Name(args.bytes()?),
            b"LIB-NAME" => Self::LibName(args.bytes()?),
            b"LIB-VER" => Self::LibVersion(args.bytes()?),
            b"FLAGS" => Self::Flags(flag_letters(args.bytes()?)?),
            b"DB" => Self::Db(i64::from(turn.broker.db_index(args.integer()?)?)),
            b"MAXAGE" => Self::MaxAge(seconds(args, "maxage")?),
            b"IDLE" => Self::Idle(seconds(args, "idle")?),
            _ => return Err(Error::Syntax),
        })
    }

    fn holds(&self, session: &Session, turn: &Turn<'_>) -> bool {
        match self {
            Self::Ids(ids) => ids.contains(&(session.id.id as i64)),
            Self::Type(wanted) => type_of(session) == *wanted,
            Self::User(name) => *name == b"default",
            Self::Addr(addr) => session.peer.addr.as_bytes() == *addr,
            Self::Laddr(addr) => session.peer.laddr.as_bytes() == *addr,
            Self::Ip(ip) => ip_of(&session.peer.addr).as_bytes() == *ip,
            Self::Name(name) => session.name == *name,
            Self::LibName(name) => session.lib_name == *name,
            Self::LibVersion(version) => session.lib_version == *version,
            Self::Flags(letters) => {
                let flags = line::flags(session);
                letters.iter().all(|letter| flags.as_bytes().contains(letter))
            }
            Self::Db(db) => i64::from(session.db) == *db,
            Self::MaxAge(age_s) => line::age_s(session, turn.now) >= *age_s,
            Self::Idle(idle_s) => line::idle_s(session, turn.now) >= *idle_s,
        }
    }
}

fn type_of(session: &Session) -> ClientType {
    if session.subscriptions.any() { ClientType::PubSub } else { ClientType::Normal }
}

fn ip_of(addr: &str) -> &str {
    let ip = addr.rsplit_once(':').map_or(addr, |(ip, _)| ip);
    ip.trim_start_matches('[').trim_end_matches(']')
}

/// One ID or several, up to the next option.
fn ids(args: &mut Args<'_>, purpose: Purpose) -> Result<Vec<i64>, Error> {
    let (least, bad_id) = match purpose {
        Purpose::List => (i64::MIN, Error::Fixed("ERR Invalid client ID")),
        Purpose::Kill => (1, Error::Fixed("ERR client-id should be greater than 0")),
    };
    let mut ids = Vec::new();
    while let Some(id) = args.peek() {
        match number::parse_i64(id).filter(|id| *id >= least) {
            Some(id) => ids.push(id),
            None if ids.is_empty() => return Err(bad_id),
            None if purpose == Purpose::List && args.left() == 1 => return Err(bad_id),
            None => break,
        }
        args.bytes()?;
    }
    Ok(ids)
}

fn client_type(name: &[u8]) -> Result<ClientType, Error> {
    match name.to_ascii_lowercase().as_slice() {
        b"normal" => Ok(ClientType::Normal),
        b"pubsub" => Ok(ClientType::PubSub),
        b"master" | b"primary" | b"replica" | b"slave" => Ok(ClientType::Replication),
        _ => Err(Error::err(format_args!("Unknown client type '{}'", String::from_utf8_lossy(name)))),
    }
}

fn user(name: &[u8]) -> Result<&[u8], Error> {
    if name == b"default" {
        return Ok(name);
    }
    Err(Error::err(format_args!("No such user '{}'", String::from_utf8_lossy(name))))
}

fn flag_letters(letters: &[u8]) -> Result<&[u8], Error> {
    if letters.iter().all(|letter| FLAG_LETTERS.contains(letter)) {
        return Ok(letters);
    }
    let letters = String::from_utf8_lossy(letters);
    Err(Error::err(format_args!("Unknown flags found in the provided filter: {letters}")))
}

fn seconds(args: &mut Args<'_>, name: &str) -> Result<u64, Error> {
    let seconds = args.integer_or(Error::err(format_args!("{name} is not an integer or out of range")))?;
    let positive = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0);
    positive.ok_or_else(|| Error::err(format_args!("{name} should be greater than 0")))
}

fn yes_no(args: &mut Args<'_>) -> Result<SkipMe, Error> {
    if args.keyword("YES") {
        Ok(SkipMe::Yes)
    } else if args.keyword("NO") {
        Ok(SkipMe::No)
    } else {
        Err(Error::Syntax)
    }
}
