//! What a reader tells, piece by piece.
//!
//! ```text
//!   Key ─┬─ String ────────────────┬─ KeyEnd
//!        ├─ Elements …             │
//!        └─ Stream, then Entries … ┘
//!   Other                                       a key of a type that is passed over
//!   Aux, Library, ModuleData                    between keys
//! ```

use std::fmt;

/// One piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// What the writer tells of itself: its version, the time, and so on.
    Aux {
        /// Its name, such as `redis-ver`.
        name: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
    },
    /// A library of functions, passed over.
    Library,
    /// Data of a module that belongs to no key, passed over.
    ModuleData,
    /// A key begins; its value follows.
    Key(Key),
    /// The value of a string.
    String(Vec<u8>),
    /// The next elements of a list, from its head on.
    Elements(Vec<Vec<u8>>),
    /// Everything of a stream but its entries.
    Stream(StreamHead),
    /// The next entries of a stream, in order.
    Entries(Vec<Entry>),
    /// The value is complete.
    KeyEnd,
    /// A key with a value of another type, which was passed over.
    Other {
        /// The key.
        key: Key,
        /// Its type as `TYPE` names it, or `module`.
        kind: &'static str,
    },
}

/// A key without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The number of its database.
    pub db: u32,
    /// Its name.
    pub name: Vec<u8>,
    /// When it expires, in Unix milliseconds.
    pub expires_ms: Option<u64>,
}

/// The ID of a stream entry; shown as `ms-seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StreamId {
    /// Milliseconds.
    pub ms: u64,
    /// The number within the millisecond.
    pub seq: u64,
}

impl StreamId {
    /// `0-0`, which no entry has.
    pub const ZERO: Self = Self { ms: 0, seq: 0 };

    /// The sixteen bytes that a file has it in.
    #[must_use]
    pub fn from_be_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_be_bytes(bytes);
        Self { ms: (both >> 64) as u64, seq: both as u64 }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// An entry of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its ID.
    pub id: StreamId,
    /// Fields and values in turn.
    pub fields: Vec<Vec<u8>>,
}

/// A stream without its entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamHead {
    /// How many entries it has.
    pub length: u64,
    /// The ID that the next entry must be above.
    pub last_id: StreamId,
    /// The highest ID that XDEL deleted, or `0-0`.
    pub max_deleted_id: StreamId,
    /// How many entries were ever added.
    pub added: u64,
    /// Its consumer groups.
    pub groups: Vec<Group>,
    /// What it remembers of idempotent producers, if the writer knew them (Redis 8.6).
    pub idmp: Option<Idmp>,
}

/// A consumer group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// Its name.
    pub name: Vec<u8>,
    /// The last ID delivered.
    pub last_id: StreamId,
    /// How many entries it has read, where that is known.
    pub entries_read: Option<u64>,
    /// Its consumers, idle ones too.
    pub consumers: Vec<Consumer>,
    /// What was delivered and not acknowledged. In order of IDs, except that entries without a consumer follow last, in
    /// the order in which they were handed back.
    pub pending: Vec<Pending>,
}

/// A consumer of a group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Consumer {
    /// Its name.
    pub name: Vec<u8>,
    /// When it last asked, in Unix milliseconds.
    pub seen_ms: u64,
    /// When it last got something, if ever and if the writer knew (Redis 7.2).
    pub active_ms: Option<u64>,
}

/// A pending entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The ID of the entry, which may be deleted.
    pub id: StreamId,
    /// Whose it is, as a place in [`Group::consumers`]; nobody's after XNACK.
    pub consumer: Option<usize>,
    /// When it was last delivered, in Unix milliseconds.
    pub delivered_ms: u64,
    /// How often it was delivered.
    pub deliveries: u64,
}

/// What a stream remembers of idempotent producers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Idmp {
    /// For how long, in seconds.
    pub duration_s: u64,
    /// How many IDs of each producer.
    pub ids_max: u64,
    /// The producers.
    pub producers: Vec<Producer>,
}

/// A producer that sends with idempotent IDs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Producer {
    /// Its ID.
    pub pid: Vec<u8>,
    /// Its messages: their idempotent IDs and the entries they became.
    pub sent: Vec<(Vec<u8>, StreamId)>,
}
