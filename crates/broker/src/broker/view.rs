//! Durable state as a reading command sees it.
//!
//! An expired key is hidden here and remembered, so that the broker can purge it by an op of its own once the
//! command is over: a read changes nothing durable by itself.

use rbq_listqueue::List;
use rbq_stream::Stream;

use crate::error::Error;
use crate::group::Group;
use crate::keyspace::{Db, Entry, Found};
use crate::op::Stamp;
use crate::settings::Settings;
use crate::stats::Stats;
use crate::string::Str;
use crate::time::Now;
use crate::value::Value;
use crate::waiters::Key;

/// What a read may see.
pub struct View<'v> {
    /// All durable state.
    pub group: &'v Group,
    /// The selected database and the frozen time.
    pub stamp: Stamp,
    /// The moment of the command.
    pub now: Now,
    /// Configuration, for defaults that show in answers.
    pub settings: &'v Settings,
    pub(super) expired: &'v mut Vec<(Key, u64)>,
    pub(super) missed: &'v mut Vec<Key>,
    pub(super) stats: &'v mut Stats,
    pub(super) keeps_idle_time: bool,
}

impl<'v> View<'v> {
    /// The selected database.
    pub fn db(&self) -> &'v Db {
        self.group.db(self.stamp.db)
    }

    /// The entry under a key, without counting it as used, hit or missed.
    pub fn peek(&mut self, key: &[u8]) -> Option<&'v Entry> {
        let db = self.db();
        match db.find(key, self.stamp.now_ms) {
            Found::Live(slot) => Some(db.entry(slot)),
            Found::Missing => None,
            Found::Expired(slot) => {
                let deadline_ms = db.entry(slot).deadline_ms().expect("an expired key had a deadline");
                self.expired.push(((self.stamp.db, key.into()), deadline_ms));
                None
            }
        }
    }

    /// The entry under a key.
    pub fn entry(&mut self, key: &[u8]) -> Option<&'v Entry> {
        let entry = self.probe(key);
        if let Some(entry) = entry.filter(|_| !self.keeps_idle_time) {
            self.touch(entry);
        }
        entry
    }

    /// Counts an entry as used now.
    pub fn touch(&self, entry: &Entry) {
        entry.used_s.set((self.stamp.now_ms / 1000) as u32);
    }

    /// The entry under a key, counted as hit or missed but not as used: what EXISTS, TYPE and TTL do.
    pub fn probe(&mut self, key: &[u8]) -> Option<&'v Entry> {
        let entry = self.peek(key);
        match entry {
            Some(_) => self.stats.keyspace_hits += 1,
            None => {
                self.stats.keyspace_misses += 1;
                self.missed.push((self.stamp.db, key.into()));
            }
        }
        entry
    }

    /// Whether an entry that was found by walking is still there for a reader; remembers it to be purged if not.
    pub fn is_live(&mut self, entry: &Entry) -> bool {
        let is_live = !entry.is_expired(self.stamp.now_ms);
        if let Some(deadline_ms) = entry.deadline_ms().filter(|_| !is_live) {
            self.expired.push(((self.stamp.db, entry.key.clone()), deadline_ms));
        }
        is_live
    }

    /// The list under a key.
    pub fn list(&mut self, key: &[u8]) -> Result<Option<&'v List>, Error> {
        match self.entry(key).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Value::List(list)) => Ok(Some(list)),
            Some(_) => Err(Error::WrongType),
        }
    }

    /// The stream under a key.
    pub fn stream(&mut self, key: &[u8]) -> Result<Option<&'v Stream>, Error> {
        match self.entry(key).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Value::Stream(stream)) => Ok(Some(stream)),
            Some(_) => Err(Error::WrongType),
        }
    }

    /// The string under a key.
    pub fn string(&mut self, key: &[u8]) -> Result<Option<&'v Str>, Error> {
        match self.entry(key).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Value::String(string)) => Ok(Some(string)),
            Some(_) => Err(Error::WrongType),
        }
    }
}
