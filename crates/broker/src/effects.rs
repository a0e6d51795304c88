//! What an op did, said by the op itself.
//!
//! Everything that follows a change (the log, WATCH, keyspace notifications, parked clients, freeing) is driven by
//! these lists and derived from nothing else, so that no follower needs to guess from a command's name what
//! happened. The lists borrow the op's keys: on the common path nothing is allocated.

use smallvec::SmallVec;

use crate::keyspace::Db;
use crate::value::Value;

/// The class of a keyspace event: which letter of `notify-keyspace-events` lets it through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `g`: DEL, EXPIRE, RENAME …
    Generic,
    /// `$`
    String,
    /// `l`
    List,
    /// `t`
    Stream,
    /// `x`: a deadline passed.
    Expired,
    /// `n`: a key came into being.
    New,
    /// `m`: a read missed.
    KeyMiss,
    /// `o`: a value was replaced as a whole.
    Overwritten,
    /// `c`: a value was replaced by one of another type.
    TypeChanged,
}

/// One keyspace event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its class.
    pub class: Class,
    /// Its name, such as `lpush`.
    pub name: &'static str,
    /// The key's database.
    pub db: u8,
    /// The key.
    pub key: &'a [u8],
}

/// A key in a database.
pub type Place<'a> = (u8, &'a [u8]);

/// Whether an op could do its work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It answered, if only with an error.
    #[default]
    Done,
    /// It found nothing to take, wrote no answer and changed nothing: a blocking command may park.
    Empty,
}

/// Databases whose keys changed as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// One database was emptied.
    Flushed(u8),
    /// Every database was emptied.
    FlushedAll,
    /// Two databases changed places.
    Swapped(u8, u8),
}

/// What one op did.
#[derive(Debug, Default)]
pub struct Effects<'a> {
    /// Whether it answered.
    pub outcome: Outcome,
    /// How many changes it made; more than zero must be logged. Redis counts the same as `rdb_changes_since_last_save`.
    pub dirty: u64,
    /// Keys that WATCH sees as modified.
    pub touched: SmallVec<[Place<'a>; 2]>,
    /// Keyspace events, in Redis's order.
    pub events: SmallVec<[Event<'a>; 2]>,
    /// Keys that may serve, or must wake, parked clients.
    pub ready: SmallVec<[Place<'a>; 2]>,
    /// An op that came back empty: after how many milliseconds it may find something though no key changes (an entry
    /// becomes claimable).
    pub recheck_ms: Option<u64>,
    /// A change to whole databases.
    pub sweep: Option<Sweep>,
    /// Large values that came off, to be dropped elsewhere.
    pub garbage: SmallVec<[Value; 1]>,
    /// Databases that were emptied, likewise.
    pub garbage_dbs: Vec<Db>,
}
