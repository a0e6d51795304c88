//! What a transcript says, as data: scripts, conversations, steps and the places they may be played.
//!
//! Lines keep their numbers, so that a mismatch names the line to look at and blessing replaces exactly the lines
//! that were wrong, leaving comments and layout to their author.

use std::{fmt, ops::Range, path::PathBuf, str::FromStr, time::Duration};

use crate::{pattern::Pattern, stage::Client};

/// One file of conversations.
#[derive(Debug, Clone)]
pub struct Script {
    /// Where it was read from; what messages call it.
    pub path: PathBuf,
    /// Its lines as they stand in the file.
    pub lines: Vec<String>,
    /// The conversations, in order.
    pub conversations: Vec<Conversation>,
}

/// What several clients say, beginning on an empty server.
#[derive(Debug, Clone, Default)]
pub struct Conversation {
    /// The text after `==`; empty for a conversation that stands alone in its file.
    pub title: String,
    /// Line number of its title (or first line), counted from 1.
    pub line: usize,
    /// Client names in the order they first appear; a [`Client`] is an index into this.
    pub cast: Vec<String>,
    /// The clients that speak RESP3 from their first byte.
    pub resp3: Vec<String>,
    /// May be played where time really has to pass.
    pub realtime: bool,
    /// The redis-server version that has what it uses, when the oldest one we compare with does not.
    pub needs: Option<Version>,
    /// A known difference between servers.
    pub differs: Option<Difference>,
    /// Uses an addition of rbq.
    pub own: bool,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// A difference between servers that is meant, with its reason and source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// redis-server older than `until` answers differently.
    Older {
        /// The first version that answers as written.
        until: Version,
        /// Why, and where one can read it.
        reason: String,
    },
    /// Every redis-server answers differently; rbq means to.
    Rbq {
        /// Why.
        reason: String,
    },
}

/// One thing that happens, and what every client received because of it.
#[derive(Debug, Clone)]
pub struct Step {
    /// Line number of the step, counted from 1.
    pub line: usize,
    /// What happens.
    pub action: Action,
    /// The replies written below it.
    pub expected: Vec<Expected>,
}

/// What happens in a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// A client sends a command; the text is split, and its `$names` replaced, when it is played.
    Command {
        /// Who.
        client: Client,
        /// The command line after the name.
        text: String,
    },
    /// A client sends these bytes.
    Bytes {
        /// Who.
        client: Client,
        /// The bytes.
        raw: Vec<u8>,
    },
    /// A client opens a new connection.
    Connect(Client),
    /// A client closes its connection.
    Disconnect(Client),
    /// The clock moves to this time since the start.
    At(Duration),
}

impl Action {
    /// The client that acts; none when the clock moves.
    #[must_use]
    pub fn client(&self) -> Option<Client> {
        match self {
            Self::Command { client, .. } | Self::Bytes { client, .. } => Some(*client),
            Self::Connect(client) | Self::Disconnect(client) => Some(*client),
            Self::At(_) => None,
        }
    }
}

/// A reply that a client must receive.
#[derive(Debug, Clone)]
pub struct Expected {
    /// Who receives it.
    pub client: Client,
    /// When, among the replies to that client.
    pub turn: Turn,
    /// What it must look like.
    pub pattern: Pattern,
    /// The lines it takes in the file, as indices into [`Script::lines`].
    pub lines: Range<usize>,
}

/// When a reply comes, among those to the same client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// `ann: …`: as the next one.
    Next,
    /// `ann~ …`: before or after its neighbours that are written so, too.
    Any,
}

/// A redis-server version, as far as conversations tell versions apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The number before the first dot.
    pub major: u16,
    /// The number after it.
    pub minor: u16,
}

impl FromStr for Version {
    type Err = ();

    /// Reads `8.2` or `7.0.15`; what follows the second number is of no interest here.
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut numbers = text.split('.').map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Ok(Self { major, minor }),
            _ => Err(()),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A place where conversations are played, as far as it decides which of them can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Venue {
    /// The broker without sockets: virtual time, requests but no bytes.
    Bare,
    /// rbq over TCP: real time, real bytes.
    Rbq,
    /// A redis-server of this version.
    Redis(Version),
}

/// Why a conversation is not played at a venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// It sends bytes where there is no connection to send them over.
    NeedsBytes,
    /// It moves the clock too far to wait for.
    NeedsVirtualTime,
    /// It uses what that server does not have.
    NeedsNewer,
    /// That server is known to answer differently.
    KnownDifference,
}

impl Conversation {
    /// Why it cannot be compared at this venue, or `None` when it can.
    #[must_use]
    pub fn skip_on(&self, venue: Venue) -> Option<Skip> {
        let bytes = self.has(|action| matches!(action, Action::Bytes { .. }));
        let clock = self.has(|action| matches!(action, Action::At(_)));
        match venue {
            Venue::Bare => bytes.then_some(Skip::NeedsBytes),
            _ if clock && !self.realtime => Some(Skip::NeedsVirtualTime),
            Venue::Rbq => None,
            Venue::Redis(version) => self.skip_on_redis(version),
        }
    }

    fn skip_on_redis(&self, version: Version) -> Option<Skip> {
        if self.own || self.needs.is_some_and(|needed| version < needed) {
            return Some(Skip::NeedsNewer);
        }
        match &self.differs {
            Some(Difference::Rbq { .. }) => Some(Skip::KnownDifference),
            Some(Difference::Older { until, .. }) if version < *until => Some(Skip::KnownDifference),
            _ => None,
        }
    }

    fn has(&self, wanted: impl Fn(&Action) -> bool) -> bool {
        self.steps.iter().any(|step| wanted(&step.action))
    }

    /// The name a client goes by.
    #[must_use]
    pub fn name(&self, client: Client) -> &str {
        &self.cast[client.0]
    }
}
