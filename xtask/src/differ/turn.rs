//! What is said to both servers: an episode of turns.
//!
//! An *episode* begins on an empty server. In a *turn* one client sends a few commands at once and both servers come
//! to rest before the next turn, so that there is an order between clients that both servers know. A *phrase* is one
//! command, or several that make sense together only and are never torn apart.

use bytes::Bytes;

/// One command with its arguments. An argument `$bob` is that client's ID on the server it is sent to.
pub(crate) type Args = Vec<Bytes>;

/// Commands that stay together when a failing episode is made smaller.
pub(crate) type Phrase = Vec<Args>;

/// What one client says at once.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Turn {
    /// Who, as an index into [`CAST`].
    pub(crate) client: usize,
    /// What.
    pub(crate) phrases: Vec<Phrase>,
}

impl Turn {
    /// All commands, in order.
    pub(crate) fn commands(&self) -> impl Iterator<Item = &Args> {
        self.phrases.iter().flatten()
    }
}

/// One conversation from an empty server on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Episode {
    /// What is said, in order.
    pub(crate) turns: Vec<Turn>,
}

impl Episode {
    /// How many commands it has.
    #[must_use]
    pub(crate) fn commands(&self) -> usize {
        self.turns.iter().map(|turn| turn.commands().count()).sum()
    }
}

/// A client and the protocol it begins with.
pub(crate) struct Member {
    /// Its name in reports.
    pub(crate) name: &'static str,
    /// Whether it says `HELLO 3` first.
    pub resp3: bool,
}

/// The clients. The last one never speaks: it hears every keyspace event.
pub(crate) const CAST: &[Member] = &[
    Member { name: "ann", resp3: false },
    Member { name: "bob", resp3: true },
    Member { name: "cat", resp3: false },
    Member { name: "dan", resp3: true },
    Member { name: "eve", resp3: true },
];

/// The clients that speak.
pub(crate) const SPEAKERS: usize = CAST.len() - 1;

/// The client that never waits, so that there is always one left who can wake the others.
pub(crate) const WAKER: usize = 0;

/// The client that hears every keyspace event.
pub(crate) const LISTENER: usize = CAST.len() - 1;

/// The name of a command, in upper case.
#[must_use]
pub(crate) fn name(args: &Args) -> Vec<u8> {
    args.first().map(|name| name.to_ascii_uppercase()).unwrap_or_default()
}

/// Its second word, in upper case.
#[must_use]
pub(crate) fn second(args: &Args) -> Vec<u8> {
    args.get(1).map(|word| word.to_ascii_uppercase()).unwrap_or_default()
}

/// Whether it may leave its client waiting.
#[must_use]
pub(crate) fn may_wait(args: &Args) -> bool {
    match name(args).as_slice() {
        b"BLPOP" | b"BRPOP" | b"BLMOVE" | b"BRPOPLPUSH" | b"BLMPOP" => true,
        b"XREAD" | b"XREADGROUP" => args.iter().any(|arg| arg.eq_ignore_ascii_case(b"BLOCK")),
        _ => false,
    }
}

/// Whether it changes what its client is subscribed to.
#[must_use]
pub(crate) fn subscribes(args: &Args) -> bool {
    matches!(
        name(args).as_slice(),
        b"SUBSCRIBE" | b"PSUBSCRIBE" | b"SSUBSCRIBE" | b"UNSUBSCRIBE" | b"PUNSUBSCRIBE" | b"SUNSUBSCRIBE"
    )
}

/// The longest deadline that is waited for rather than kept out of the way.
const SHORT_MS_MAX: u64 = 20;

/// How long after it a key is certain to have expired, if it sets a short deadline.
#[must_use]
pub(crate) fn expires_in_ms(args: &Args) -> Option<u64> {
    let text = match (name(args).as_slice(), second(args).as_slice()) {
        (b"PEXPIRE" | b"PSETEX", _) => args.get(2),
        _ => None,
    };
    let ms: u64 = std::str::from_utf8(text?).ok()?.parse().ok()?;
    (1..=SHORT_MS_MAX).contains(&ms).then_some(ms)
}
