//! A group: the unit of replication, and one whole copy of durable state.
//!
//! A standalone broker has one group that owns every slot. A clustered one will have several, each behind its own
//! consensus log. An op sees one group and nothing outside it.

use crate::keyspace::Db;

/// Durable state: changed by ops only, and all that the log, a snapshot and the digest speak of.
#[derive(Debug)]
pub struct Group {
    /// Which group of the broker this is.
    pub id: u32,
    /// The leadership under which ops are accepted. Standalone: always 1.
    pub term: u64,
    /// How many ops were applied; the next one's index is one more.
    pub index: u64,
    /// The numbered databases.
    pub dbs: Vec<Db>,
}

impl Group {
    /// An empty group. `seed` varies hashing only.
    pub fn new(id: u32, databases: u8, seed: u64) -> Self {
        let dbs = (0..databases).map(|_| Db::new(seed)).collect();
        Self { id, term: 1, index: 0, dbs }
    }

    /// The database of this number.
    pub fn db(&self, db: u8) -> &Db {
        &self.dbs[usize::from(db)]
    }
}
