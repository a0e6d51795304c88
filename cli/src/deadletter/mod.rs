//! What a dead letter is: the original message, and behind it where it came from and why it died.
//!
//! A dead letter is an entry of a stream. The original's fields come first, byte for byte; these follow, in this order:
//!
//! ```text
//!   _rbq.source           the key it came from
//!   _rbq.type             stream | queue; a queue's message is the one field `data`
//!   _rbq.group            the group that failed; empty for a queue
//!   _rbq.id               its ID in the source; empty for a queue
//!   _rbq.reason           one word: max-deliver, rejected, …
//!   _rbq.error            what the consumer said, if it said anything
//!   _rbq.attempts         JSON: [{"consumer": "worker-1", "at": ms}, …], the last ten, oldest first; where there were more,
//!                         the first of them also says which it was: {"consumer": …, "at": …, "number": 4}
//!   _rbq.first_delivered  ms since 1970; 0 where nobody knows
//!   _rbq.died             ms since 1970
//!   _rbq.redrives         how often it was sent back
//!   _rbq.job              the re-drive that sent it back last; empty at first
//!   _rbq.hash             of the original's fields, 32 hex digits
//!   _rbq.count            how many of these fields there are, this one included
//! ```
//!
//! Invariant: what is decoded and encoded again is the same list of fields, whatever the original's fields are called: the count
//! in the last one says where the original ends, so an original that was itself a dead letter is no special case.
//!
//! The fields come behind the message and not before it, and the message is not wrapped into one field, so that consumers of
//! the dead-letter stream that know nothing of this still find the fields they know where they know them.

mod decode;
mod encode;
mod hash;

use bytes::Bytes;

pub(crate) use decode::is_marked;
pub(crate) use hash::PayloadHash;

/// A name and a value of a stream entry.
pub(crate) type Field = (Bytes, Bytes);

/// More attempts than these are not kept: the last ones tell what fails, and a message that fails for ever must not grow.
pub(crate) const ATTEMPTS_MAX: usize = 10;

/// The one field of a queue's message.
pub(crate) const QUEUE_FIELD: &str = "data";

/// What the name of a dead-letter stream ends with unless somebody chose another: `orders.dlq`.
pub(crate) const SUFFIX: &str = ".dlq";

const SOURCE: &str = "_rbq.source";
const TYPE: &str = "_rbq.type";
const GROUP: &str = "_rbq.group";
const ID: &str = "_rbq.id";
const REASON: &str = "_rbq.reason";
const ERROR: &str = "_rbq.error";
const ATTEMPTS: &str = "_rbq.attempts";
const FIRST_DELIVERED: &str = "_rbq.first_delivered";
const DIED: &str = "_rbq.died";
const REDRIVES: &str = "_rbq.redrives";
const JOB: &str = "_rbq.job";
const HASH: &str = "_rbq.hash";
const COUNT: &str = "_rbq.count";

/// The trailing fields, in their order.
const TRAILING: [&str; 13] =
    [SOURCE, TYPE, GROUP, ID, REASON, ERROR, ATTEMPTS, FIRST_DELIVERED, DIED, REDRIVES, JOB, HASH, COUNT];

/// A message that was given up, and its provenance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeadLetter {
    /// The original's fields, byte for byte.
    pub(crate) payload: Vec<Field>,
    pub(crate) provenance: Provenance,
    /// Of the original's fields as they were when it died: a payload that was changed since keeps it.
    pub(crate) hash: PayloadHash,
}

/// Where a dead letter came from and why it died.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Provenance {
    pub(crate) source: Bytes,
    pub(crate) kind: SourceKind,
    /// Empty for a queue.
    pub(crate) group: Bytes,
    /// Empty for a queue.
    pub(crate) id: String,
    pub(crate) reason: String,
    pub(crate) error: Bytes,
    /// The last [`ATTEMPTS_MAX`], oldest first.
    pub(crate) attempts: Vec<Attempt>,
    /// How many there were before these; 0 where there are none to follow.
    pub(crate) attempts_before: u64,
    pub(crate) first_delivered_ms: u64,
    pub(crate) died_ms: u64,
    pub(crate) redrives: u64,
    pub(crate) job: String,
}

/// What kind of key the message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum SourceKind {
    Stream,
    Queue,
}

/// Who was given the message, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) consumer: Bytes,
    pub(crate) at_ms: u64,
}

impl Provenance {
    /// How many attempts there were, kept or not.
    pub(crate) fn attempts_total(&self) -> u64 {
        self.attempts_before + self.attempts.len() as u64
    }
}

impl SourceKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Queue => "queue",
        }
    }
}

impl DeadLetter {
    #[allow(dead_code, reason = "whoever gives messages up makes dead letters; what is here so far only reads them")]
    /// A message that dies now; the hash is taken of the payload as it is.
    pub(crate) fn new(payload: Vec<Field>, provenance: Provenance) -> Self {
        let hash = PayloadHash::of(&payload);
        Self { payload, provenance, hash }
    }

    /// Whether the payload is no longer what it was when the message died.
    pub(crate) fn is_changed(&self) -> bool {
        PayloadHash::of(&self.payload) != self.hash
    }
}

#[cfg(test)]
mod tests;
