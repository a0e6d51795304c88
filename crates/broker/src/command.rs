//! What a command is: everything anybody asks about it, in one declaration.
//!
//! The table built from these (see [`commands`](crate::commands)) drives dispatch, arity errors, COMMAND and its
//! subcommands, the REPL's help and completion, `docs/commands.md` and the table-wide tests. A command is one
//! file with one `COMMAND` constant and its parser; adding one touches that file and one line of its group's list.
//!
//! Over 600 lines and not two files: a declaration and the types its fields are made of are read together.

use rbq_resp::{OwnedRequest, Request, Sink};
use smallvec::SmallVec;

use crate::args::Args;
use crate::broker::{Turn, View};
use crate::catalog::Known;
use crate::error::Error;
use crate::op::{Op, Stamp};
use crate::output::Reply;
use crate::settings::Settings;
use crate::time::Now;
use crate::waiters::Class;

/// One command, or one subcommand of a container.
pub struct Command {
    /// Upper-case name; of a subcommand without its container's.
    pub name: &'static str,
    /// Which chapter of the manual it stands in.
    pub group: Family,
    /// One sentence.
    pub summary: &'static str,
    /// The Redis version that brought it, or `rbq 0.1.0`.
    pub since: &'static str,
    /// Time complexity.
    pub complexity: &'static str,
    /// How many arguments, the name (and the container's) included.
    pub arity: Arity,
    /// What dispatch must know.
    pub flags: Flags,
    /// Where its keys are.
    pub keys: &'static [KeySpec],
    /// Its grammar.
    pub args: &'static [Arg],
    /// What a proxy should know, in COMMAND INFO's words: `nondeterministic_output`, `request_policy:all_nodes` …
    pub tips: &'static [&'static str],
    /// ACL categories besides those that its flags give; empty: the one of its group.
    pub acl: &'static [&'static str],
    /// What changed since: version and change.
    pub history: &'static [(&'static str, &'static str)],
    /// Superseded: since which version, and by what.
    pub deprecated: Option<(&'static str, &'static str)>,
    /// A transcript that shows it, played by a test.
    pub example: &'static str,
    /// What it does.
    pub run: Run,
    /// Its subcommands, if it is a container.
    pub subcommands: &'static [&'static Command],
}

impl Command {
    /// What most commands have; written at the end of a declaration as `..Command::BASE`.
    pub const BASE: Self = Self {
        name: "",
        group: Family::Generic,
        summary: "",
        since: "1.0.0",
        complexity: "O(1)",
        arity: Arity::AtLeast(1),
        flags: Flags::NONE,
        keys: &[],
        args: &[],
        tips: &[],
        acl: &[],
        history: &[],
        deprecated: None,
        example: "",
        run: Run::Container,
        subcommands: &[],
    };

    /// Where in `request` this command's keys are, in order.
    pub fn key_positions(&self, request: Request<'_>) -> SmallVec<[usize; 4]> {
        let mut positions = SmallVec::new();
        for spec in self.keys.iter().filter(|spec| spec.names_keys()) {
            spec.positions(request, |position| positions.push(position));
        }
        positions
    }
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// The chapters of the manual, named as COMMAND DOCS names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Any type of key.
    Generic,
    /// Strings.
    String,
    /// Lists.
    List,
    /// Streams.
    Stream,
    /// Channels.
    PubSub,
    /// MULTI and EXEC.
    Transactions,
    /// The connection itself.
    Connection,
    /// The server.
    Server,
    /// Clusters, of which this server is none: what clients ask to find that out.
    Cluster,
    /// Scripts and functions.
    Scripting,
}

impl Family {
    /// The name COMMAND DOCS shows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::String => "string",
            Self::List => "list",
            Self::Stream => "stream",
            Self::PubSub => "pubsub",
            Self::Transactions => "transactions",
            Self::Connection => "connection",
            Self::Server => "server",
            Self::Cluster => "cluster",
            Self::Scripting => "scripting",
        }
    }
}

/// How many arguments a request must have, its name included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// This many.
    Exactly(usize),
    /// This many or more.
    AtLeast(usize),
}

impl Arity {
    /// Whether a request of `len` arguments will do.
    pub fn admits(self, len: usize) -> bool {
        match self {
            Self::Exactly(count) => len == count,
            Self::AtLeast(count) => len >= count,
        }
    }

    /// As COMMAND INFO shows it: negative for "at least".
    pub fn number(self) -> i64 {
        match self {
            Self::Exactly(count) => count as i64,
            Self::AtLeast(count) => -(count as i64),
        }
    }
}

/// What dispatch must know of a command, in Redis's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(u32);

macro_rules! flags {
    ($( $(#[$doc:meta])* $name:ident = $bit:literal, $word:literal; )*) => {
        impl Flags {
            $( $(#[$doc])* pub const $name: Self = Self(1 << $bit); )*
            const WORDS: &'static [(Self, &'static str)] = &[ $( (Self::$name, $word) ),* ];
        }
    };
}

flags! {
    /// Changes durable state.
    WRITE = 0, "write";
    /// Reads keys.
    READONLY = 1, "readonly";
    /// May add to memory: refused over `maxmemory`.
    DENY_OOM = 2, "denyoom";
    /// Steers the server.
    ADMIN = 3, "admin";
    /// Belongs to pub/sub.
    PUBSUB = 4, "pubsub";
    /// Not for scripts.
    NO_SCRIPT = 5, "noscript";
    /// May park its client.
    BLOCKING = 6, "blocking";
    /// Allowed while data is being loaded.
    LOADING = 7, "loading";
    /// Allowed on a stale replica.
    STALE = 8, "stale";
    /// Not shown by MONITOR.
    SKIP_MONITOR = 9, "skip_monitor";
    /// Not in the slow log.
    SKIP_SLOWLOG = 10, "skip_slowlog";
    /// Takes constant or logarithmic time.
    FAST = 11, "fast";
    /// Allowed before authentication.
    NO_AUTH = 12, "no_auth";
    /// Its keys are found by looking at its arguments.
    MOVABLE_KEYS = 13, "movablekeys";
    /// Not between MULTI and EXEC.
    NO_MULTI = 14, "no_multi";
    /// Allowed while a script runs too long.
    ALLOW_BUSY = 15, "allow_busy";
    /// Not while data is loaded beside serving.
    NO_ASYNC_LOADING = 16, "no_async_loading";
    /// It tells of nothing that is kept, and so its answer waits for no change of another client's: PING, HELLO, INFO.
    UNGATED = 26, "";
    /// Its answer waits until all that was logged before is synced, whatever `appendfsync` says.
    SYNCED = 27, "";
    /// Of no concern to an ordinary client: DEBUG.
    SYSCMD = 28, "";
    /// Seen by replicas though it writes no key, so that a write pause holds it back: PUBLISH.
    MAY_REPLICATE = 29, "";
    /// Runs at once between MULTI and EXEC instead of being queued: EXEC, DISCARD, MULTI, WATCH, QUIT, RESET.
    IMMEDIATE = 30, "";
    /// Allowed to a RESP2 client in subscribed mode.
    SUBSCRIBED = 31, "";
}

impl Flags {
    /// None.
    pub const NONE: Self = Self(0);

    /// These and those.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The words COMMAND INFO shows.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        Self::WORDS.iter().filter(move |(flag, word)| self.has(*flag) && !word.is_empty()).map(|(_, word)| *word)
    }
}

/// Where some of a command's keys are and what it does to them: the key specifications of COMMAND INFO.
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {
    /// `RO`, `RW`, `OW`, `RM`, then `access`, `update`, `insert`, `delete`, in COMMAND INFO's words.
    pub flags: &'static [&'static str],
    /// Where the search begins.
    pub begin: Begin,
    /// How keys are found from there.
    pub find: Find,
}

/// Where the search for keys begins.
#[derive(Clone, Copy, Debug)]
pub enum Begin {
    /// At this argument.
    Index(usize),
    /// Behind this word, looked for from this argument on.
    Keyword(&'static str, usize),
    /// Nowhere that can be told in advance.
    Unknown,
}

impl Begin {
    /// Where this word is. A `GROUP` on the way takes the two words behind it along: they are names, whatever they say.
    pub fn keyword(request: Request<'_>, word: &str, from: usize) -> Option<usize> {
        let mut at = 1;
        while at < request.len() {
            let arg = request.arg(at);
            if at >= from && arg.eq_ignore_ascii_case(word.as_bytes()) {
                return Some(at);
            }
            at += if arg.eq_ignore_ascii_case(b"GROUP") { 3 } else { 1 };
        }
        None
    }
}

/// How keys are found from the beginning of the search.
#[derive(Clone, Copy, Debug)]
pub enum Find {
    /// Every `step`th argument up to `last`, counted from the beginning, or from the end if negative; of what is left
    /// then only one `limit`th, if that is more than one.
    Range {
        /// The last key.
        last: i64,
        /// From key to key.
        step: usize,
        /// 0 and 1: no limit; 2: the first half.
        limit: usize,
    },
    /// A number of keys and that many keys behind it, one every `step` arguments.
    Count {
        /// From key to key.
        step: usize,
    },
    /// Not at all: the names derive from what a key holds (SORT … BY).
    Unknown,
    /// By parsing the request: one key at most (SORT … STORE). COMMAND INFO calls it unknown.
    Parsed(fn(Request<'_>) -> Option<usize>),
}

/// `RW access delete` and the like, for the common cases.
pub mod touch {
    /// Reads the value.
    pub const READ: &[&str] = &["RO", "access"];
    /// Reads the key's metadata only.
    pub const PEEK: &[&str] = &["RO"];
    /// Adds.
    pub const INSERT: &[&str] = &["RW", "insert"];
    /// Changes.
    pub const UPDATE: &[&str] = &["RW", "update"];
    /// Reads and changes.
    pub const ACCESS_UPDATE: &[&str] = &["RW", "access", "update"];
    /// Reads and removes.
    pub const TAKE: &[&str] = &["RW", "access", "delete"];
    /// Removes.
    pub const DELETE: &[&str] = &["RW", "delete"];
    /// Removes without a look.
    pub const REMOVE: &[&str] = &["RM", "delete"];
    /// Overwrites.
    pub const OVERWRITE: &[&str] = &["OW", "update"];
}

impl KeySpec {
    /// One key at argument `index`.
    pub const fn one(index: usize, flags: &'static [&'static str]) -> Self {
        Self { flags, begin: Begin::Index(index), find: Find::Range { last: 0, step: 1, limit: 0 } }
    }

    /// All arguments from `index` on.
    pub const fn rest(index: usize, flags: &'static [&'static str]) -> Self {
        Self { flags, begin: Begin::Index(index), find: Find::Range { last: -1, step: 1, limit: 0 } }
    }

    /// All arguments from `index` on but the last: BLPOP's timeout.
    pub const fn rest_but_last(index: usize, flags: &'static [&'static str]) -> Self {
        Self { flags, begin: Begin::Index(index), find: Find::Range { last: -2, step: 1, limit: 0 } }
    }

    /// Every second argument from `index` on: MSET's keys.
    pub const fn pairs(index: usize, flags: &'static [&'static str]) -> Self {
        Self { flags, begin: Begin::Index(index), find: Find::Range { last: -1, step: 2, limit: 0 } }
    }

    /// A count at argument `index` and that many keys.
    pub const fn counted(index: usize, flags: &'static [&'static str]) -> Self {
        Self { flags, begin: Begin::Index(index), find: Find::Count { step: 1 } }
    }

    /// A count at argument `index` and that many pairs of key and value.
    pub const fn counted_pairs(index: usize, flags: &'static [&'static str]) -> Self {
        Self { flags, begin: Begin::Index(index), find: Find::Count { step: 2 } }
    }

    /// Whether keys may be touched that cannot be told from the request.
    pub fn is_incomplete(&self) -> bool {
        matches!(self.find, Find::Unknown)
    }

    /// Whether what it finds are keys: shard channels are routed like keys and are none.
    pub fn names_keys(&self) -> bool {
        self.flags != ["not_key"]
    }

    /// Calls `visit` with the position of every key.
    pub fn positions(&self, request: Request<'_>, mut visit: impl FnMut(usize)) {
        let first = match self.begin {
            Begin::Index(index) => index,
            Begin::Keyword(word, from) => match Begin::keyword(request, word, from) {
                Some(at) => at + 1,
                None => return,
            },
            Begin::Unknown => {
                if let Find::Parsed(parse) = self.find {
                    parse(request).into_iter().for_each(visit);
                }
                return;
            }
        };
        let (start, end, step) = match self.find {
            Find::Range { last, step, limit } => {
                let end = match last {
                    0.. => first + last as usize + 1,
                    _ => (request.len() as i64 + last + 1).max(0) as usize,
                };
                let span = end.saturating_sub(first);
                let end = if limit > 1 { first + span / limit } else { end };
                (first, end, step)
            }
            Find::Count { step } => {
                let count = request.get(first).and_then(|count| crate::number::parse_u64(&count)).unwrap_or(0);
                let span = (count as usize).saturating_mul(step);
                (first + 1, (first + 1).saturating_add(span), step)
            }
            Find::Unknown | Find::Parsed(_) => return,
        };
        (start..end.min(request.len())).step_by(step.max(1)).for_each(&mut visit);
    }
}

/// One argument of a command's grammar, as COMMAND DOCS tells it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arg {
    /// What help calls it.
    pub name: &'static str,
    /// Its type.
    pub kind: ArgKind,
    /// The word before it.
    pub token: Option<&'static str>,
    /// It may be left out.
    pub optional: bool,
    /// It may be repeated.
    pub many: bool,
    /// Its token is repeated with it.
    pub many_token: bool,
    /// Since which version, if later than the command.
    pub since: Option<&'static str>,
    /// What help shows in place of its name.
    pub display: Option<&'static str>,
}

/// The type of an argument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ArgKind {
    /// Any text.
    String,
    /// A 64-bit integer.
    Integer,
    /// A float.
    Double,
    /// The name of a key.
    Key,
    /// A glob pattern.
    Pattern,
    /// Unix time.
    UnixTime,
    /// A bare word.
    Token,
    /// One of these.
    OneOf(&'static [Arg]),
    /// All of these in order.
    Block(&'static [Arg]),
}

impl ArgKind {
    /// The name COMMAND DOCS shows.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Key => "key",
            Self::Pattern => "pattern",
            Self::UnixTime => "unix-time",
            Self::Token => "pure-token",
            Self::OneOf(_) => "oneof",
            Self::Block(_) => "block",
        }
    }
}

impl Arg {
    /// An argument of this kind.
    pub const fn new(name: &'static str, kind: ArgKind) -> Self {
        Self { name, kind, token: None, optional: false, many: false, many_token: false, since: None, display: None }
    }
    /// A key.
    pub const fn key(name: &'static str) -> Self {
        Self::new(name, ArgKind::Key)
    }
    /// Any text.
    pub const fn string(name: &'static str) -> Self {
        Self::new(name, ArgKind::String)
    }
    /// An integer.
    pub const fn integer(name: &'static str) -> Self {
        Self::new(name, ArgKind::Integer)
    }
    /// A float.
    pub const fn double(name: &'static str) -> Self {
        Self::new(name, ArgKind::Double)
    }
    /// A glob pattern.
    pub const fn pattern(name: &'static str) -> Self {
        Self::new(name, ArgKind::Pattern)
    }
    /// Unix time.
    pub const fn unix_time(name: &'static str) -> Self {
        Self::new(name, ArgKind::UnixTime)
    }
    /// A bare word; `name` is its lower-case name in COMMAND DOCS.
    pub const fn word(name: &'static str, token: &'static str) -> Self {
        Self { token: Some(token), ..Self::new(name, ArgKind::Token) }
    }
    /// One of `choices`.
    pub const fn one_of(name: &'static str, choices: &'static [Arg]) -> Self {
        Self::new(name, ArgKind::OneOf(choices))
    }
    /// All of `parts` in order.
    pub const fn block(name: &'static str, parts: &'static [Arg]) -> Self {
        Self::new(name, ArgKind::Block(parts))
    }
    /// With this word before it.
    pub const fn after(self, token: &'static str) -> Self {
        Self { token: Some(token), ..self }
    }
    /// It may be left out.
    pub const fn optional(self) -> Self {
        Self { optional: true, ..self }
    }
    /// It may be repeated.
    pub const fn many(self) -> Self {
        Self { many: true, ..self }
    }
    /// It may be repeated, each time with its token.
    pub const fn many_with_token(self) -> Self {
        Self { many: true, many_token: true, ..self }
    }
    /// Shown in help as this rather than by its name.
    pub const fn shown_as(self, text: &'static str) -> Self {
        Self { display: Some(text), ..self }
    }
    /// Since this version, later than the command.
    pub const fn since(self, version: &'static str) -> Self {
        Self { since: Some(version), ..self }
    }
}

/// What a parser may know besides the arguments: never state.
pub struct Submit<'s> {
    /// What the op will be stamped with.
    pub stamp: Stamp,
    /// The moment of the command.
    pub now: Now,
    /// Defaults that are resolved into the op.
    pub settings: &'s Settings,
    /// The command, for errors that name it.
    pub command: &'static Known,
    /// The log is being completed, and what is done now is in no log, though the settings still say so.
    pub is_leaving: bool,
}

impl Submit<'_> {
    /// The command's name as errors spell it.
    pub fn name(&self) -> &'static str {
        &self.command.full_name
    }

    /// The database of this index, if there is one.
    pub fn db(&self, index: i64) -> Result<u8, Error> {
        let databases = self.settings.databases.0.min(i64::from(u8::MAX));
        u8::try_from(index).ok().filter(|_| index < databases).ok_or(Error::DbIndex)
    }
}

/// What a command answers when it finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyReply {
    /// A null bulk.
    Null,
    /// A null array.
    NullArray,
    /// An empty array.
    EmptyArray,
    /// A number.
    Integer(i64),
    /// Two numbers.
    Integers(i64, i64),
}

impl EmptyReply {
    /// Writes it.
    pub fn write(self, sink: &mut impl Sink) {
        match self {
            Self::Null => sink.null(),
            Self::NullArray => sink.null_array(),
            Self::EmptyArray => sink.array(0),
            Self::Integer(value) => sink.integer(value),
            Self::Integers(first, second) => {
                sink.array(2);
                sink.integer(first);
                sink.integer(second);
            }
        }
    }
}

/// What a blocking command tries, and how it waits when there is nothing.
pub struct Blocking<'a> {
    /// What it tries first, and again whenever a key is ready.
    pub attempt: Attempt<'a>,
    /// The keys it waits for.
    pub keys: SmallVec<[&'a [u8]; 2]>,
    /// What it waits for.
    pub class: Option<Class>,
    /// How long, in microseconds; none: for ever.
    pub timeout_us: Option<u64>,
    /// What it answers where it may not wait (in MULTI).
    pub on_denied: EmptyReply,
    /// What it answers when it gives up.
    pub on_timeout: EmptyReply,
    /// Whether it waits at all (XREAD without BLOCK does not).
    pub patience: Patience,
}

/// Whether a command waits when it finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// It parks its client.
    Waits,
    /// It answers `on_denied`.
    Answers,
}

/// The work of a blocking command.
pub enum Attempt<'a> {
    /// An op that may come back [`Outcome::Empty`](crate::effects::Outcome::Empty).
    Write(Op<'a>),
    /// A read that may find nothing.
    Read(Box<dyn ReadAttempt + 'a>),
    /// Nothing to try: it only waits.
    Nothing,
}

/// A read that may park its client.
pub trait ReadAttempt {
    /// Answers, or finds nothing and writes nothing.
    fn run(&self, view: &mut View<'_>, reply: &mut Reply<'_>) -> Result<crate::effects::Outcome, Error>;
    /// The request to run again later, with everything fixed that only the first run may choose (XREAD's `$`).
    fn pin(&self, view: &mut View<'_>, request: Request<'_>) -> OwnedRequest;
}

/// Parses a request into an op, without a look at any state.
pub type ParseFn = for<'a> fn(&mut Args<'a>, &Submit<'_>) -> Result<Op<'a>, Error>;
/// Reads durable state and answers.
pub type ReadFn = for<'a> fn(&mut Args<'a>, &mut View<'_>, &mut Reply<'_>) -> Result<(), Error>;
/// Reads durable state and either answers or makes an op of what it found.
pub type DeriveFn = for<'a> fn(&mut Args<'a>, &mut View<'_>, &mut Reply<'_>) -> Result<Option<Op<'a>>, Error>;
/// Parses a command that may wait.
pub type BlockFn = for<'a> fn(&mut Args<'a>, &Submit<'_>) -> Result<Blocking<'a>, Error>;
/// Works on sessions, subscriptions, settings or statistics; never on durable state.
pub type ActFn = for<'a> fn(&mut Turn<'_>, &mut Args<'a>, &mut Reply<'_>) -> Result<(), Error>;

/// What a command does.
#[derive(Clone, Copy)]
pub enum Run {
    /// Changes durable state by an op.
    Write(ParseFn),
    /// Reads durable state.
    Read(ReadFn),
    /// Computes from durable state what may become an op (SORT … STORE).
    Derive(DeriveFn),
    /// Takes or reads, and waits if there is nothing.
    Block(BlockFn),
    /// Works on everything that is not durable.
    Act(ActFn),
    /// Has subcommands.
    Container,
}
