//! What a command is: everything anybody asks about it, in one declaration.
//!
//! The table built from these (see [`commands`](crate::commands)) drives dispatch, arity errors, COMMAND and its
//! subcommands, the REPL's help and completion, `docs/commands.md` and the table-wide tests. A command is one
//! file with one `COMMAND` constant and its parser; adding one touches that file and one line of its group's list.
//!
//! What its fields are made of is here, but for the two that are languages of their own: where its keys are (`keys`), and what its
//! arguments look like (`grammar`).

mod grammar;
mod keys;

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

pub use grammar::{Arg, ArgKind};
pub use keys::{Begin, Find, KeySpec, touch};

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
