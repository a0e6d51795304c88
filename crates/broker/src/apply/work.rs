//! What an op works with: the databases, its stamp, its answer and its effects.
//!
//! Looking a key up here purges it first if its time has come, so no op can see an expired value; adding and
//! removing keys here records the effects that always come with it, so no op can forget them.

use rbq_listqueue::List;
use rbq_resp::Sink;
use rbq_stream::{IdmpLimits, Stream};

use crate::effects::{Class, Effects, Event, Outcome};
use crate::error::Error;
use crate::keyspace::{Db, Entry, Found};
use crate::op::Stamp;
use crate::string::Str;
use crate::value::Value;

/// The state of one running op.
pub(crate) struct Work<'g, 'a, S> {
    dbs: &'g mut Vec<Db>,
    pub(super) stamp: Stamp,
    pub(super) sink: &'g mut S,
    pub(super) effects: &'g mut Effects<'a>,
}

impl<'g, 'a, S: Sink> Work<'g, 'a, S> {
    pub(super) fn new(dbs: &'g mut Vec<Db>, stamp: Stamp, sink: &'g mut S, effects: &'g mut Effects<'a>) -> Self {
        Self { dbs, stamp, sink, effects }
    }

    /// The slot of a live key in the stamp's database.
    pub(super) fn find(&mut self, key: &'a [u8]) -> Option<u32> {
        self.find_in(self.stamp.db, key)
    }

    /// The slot of a live key; purges it if its time has come.
    pub(super) fn find_in(&mut self, db: u8, key: &'a [u8]) -> Option<u32> {
        let now_ms = self.stamp.now_ms;
        match self.db(db).find(key, now_ms) {
            Found::Live(slot) => Some(slot),
            Found::Missing => None,
            Found::Expired(slot) => {
                self.remove(db, slot, key);
                self.event(Class::Expired, "expired", db, key);
                None
            }
        }
    }

    /// The entry in a slot of the stamp's database.
    pub(super) fn entry(&self, slot: u32) -> &Entry {
        self.dbs[usize::from(self.stamp.db)].entry(slot)
    }

    /// The value in a slot of the stamp's database.
    pub(super) fn value(&mut self, slot: u32) -> &mut Value {
        let db = self.stamp.db;
        let used_s = (self.stamp.now_ms / 1000) as u32;
        let entry = self.db(db).entry_mut(slot);
        entry.used_s.set(used_s);
        &mut entry.value
    }

    /// The list under a live key.
    pub(super) fn list(&mut self, key: &'a [u8]) -> Result<Option<(u32, &mut List)>, Error> {
        let Some(slot) = self.find(key) else { return Ok(None) };
        match self.value(slot) {
            Value::List(list) => Ok(Some((slot, list))),
            _ => Err(Error::WrongType),
        }
    }

    /// The list under a key, made if it is not there.
    pub(super) fn list_or_new(&mut self, key: &'a [u8]) -> Result<(u32, &mut List), Error> {
        let slot = match self.find(key) {
            Some(slot) => slot,
            None => self.insert(self.stamp.db, key, Value::List(Box::default()), None),
        };
        match self.value(slot) {
            Value::List(list) => Ok((slot, list)),
            _ => Err(Error::WrongType),
        }
    }

    /// The stream under a live key.
    pub(super) fn stream(&mut self, key: &'a [u8]) -> Result<Option<&mut Stream>, Error> {
        let Some(slot) = self.find(key) else { return Ok(None) };
        match self.value(slot) {
            Value::Stream(stream) => Ok(Some(stream)),
            _ => Err(Error::WrongType),
        }
    }

    /// The stream under a key that is known to be absent.
    pub(super) fn new_stream(&mut self, key: &'a [u8], limits: IdmpLimits) {
        self.insert(self.stamp.db, key, Value::Stream(Box::new(Stream::new(limits))), None);
    }

    /// The stream under a live key, and the sink beside it.
    pub(super) fn stream_and_sink(&mut self, key: &'a [u8]) -> Result<Option<(&mut Stream, &mut S)>, Error> {
        let Some(slot) = self.find(key) else { return Ok(None) };
        let db = usize::from(self.stamp.db);
        let used_s = (self.stamp.now_ms / 1000) as u32;
        let entry = self.dbs[db].entry_mut(slot);
        entry.used_s.set(used_s);
        match &mut entry.value {
            Value::Stream(stream) => Ok(Some((stream, self.sink))),
            _ => Err(Error::WrongType),
        }
    }

    /// Records a change that must be logged but that WATCH does not see.
    pub(super) fn dirty(&mut self, changes: u64) {
        self.effects.dirty += changes;
    }

    /// The string under a live key.
    pub(super) fn string(&mut self, key: &'a [u8]) -> Result<Option<(u32, &mut Str)>, Error> {
        let Some(slot) = self.find(key) else { return Ok(None) };
        match self.value(slot) {
            Value::String(string) => Ok(Some((slot, string))),
            _ => Err(Error::WrongType),
        }
    }

    /// Adds a key that is known to be absent.
    pub(super) fn insert(&mut self, db: u8, key: &'a [u8], value: Value, deadline_ms: Option<u64>) -> u32 {
        let now_ms = self.stamp.now_ms;
        let slot = self.db(db).insert(key, value, deadline_ms, now_ms);
        self.event(Class::New, "new", db, key);
        slot
    }

    /// Puts a value under a key, into the slot of what is there: a key that never goes away keeps its slot and with it
    /// its place in a SCAN. Answers the slot, its deadline as it was, and the type that was replaced.
    pub(super) fn place(&mut self, db: u8, key: &'a [u8], value: Value) -> (u32, Option<&'static str>) {
        let found = self.find_in(db, key);
        self.place_at(db, found, key, value)
    }

    /// The same for a key that was looked up before.
    pub(super) fn place_at(
        &mut self,
        db: u8,
        found: Option<u32>,
        key: &'a [u8],
        value: Value,
    ) -> (u32, Option<&'static str>) {
        let Some(slot) = found else { return (self.insert(db, key, value, None), None) };
        let used_s = (self.stamp.now_ms / 1000) as u32;
        let entry = self.db(db).entry_mut(slot);
        entry.used_s.set(used_s);
        let old = std::mem::replace(&mut entry.value, value);
        let type_name = old.kind().type_name();
        self.discard(old);
        (slot, Some(type_name))
    }

    /// Removes a key, marks it touched and wakes who waits for it. The caller says which event that was.
    pub(super) fn remove(&mut self, db: u8, slot: u32, key: &'a [u8]) {
        let entry = self.db(db).remove(slot);
        self.discard(entry.value);
        self.touch(db, key);
        self.ready(db, key);
    }

    /// Removes a list that its last element left, with its `del` event.
    pub(super) fn remove_emptied(&mut self, slot: u32, key: &'a [u8]) {
        let db = self.stamp.db;
        self.remove(db, slot, key);
        self.event(Class::Generic, "del", db, key);
        self.effects.dirty -= 1; // the change that emptied it was counted already
    }

    /// Hands a value that came off to whoever drops garbage, if dropping it takes long.
    pub(super) fn discard(&mut self, value: Value) {
        if value.kind().memory_bytes() >= Value::GARBAGE_BYTES_MIN {
            self.effects.garbage.push(value);
        }
    }

    /// Records an event of the stamp's database.
    pub(super) fn notify(&mut self, class: Class, name: &'static str, key: &'a [u8]) {
        self.event(class, name, self.stamp.db, key);
    }

    /// Records an event.
    pub(super) fn event(&mut self, class: Class, name: &'static str, db: u8, key: &'a [u8]) {
        self.effects.events.push(Event { class, name, db, key });
    }

    /// Records a change that WATCH sees.
    pub(super) fn touch(&mut self, db: u8, key: &'a [u8]) {
        self.touch_too(db, key);
        self.effects.dirty += 1;
    }

    /// Records one more key that WATCH sees modified by a change that was counted already.
    pub(super) fn touch_too(&mut self, db: u8, key: &'a [u8]) {
        self.effects.touched.push((db, key));
    }

    /// Records that a key was looked for to be read, and was not there.
    pub(super) fn missed(&mut self, key: &'a [u8]) {
        self.notify(Class::KeyMiss, "keymiss", key);
    }

    /// Records that a key may serve, or must wake, parked clients.
    pub(super) fn ready(&mut self, db: u8, key: &'a [u8]) {
        self.effects.ready.push((db, key));
    }

    /// Records that a value was replaced as a whole by one of `type_name`, where Redis tells of it.
    pub(super) fn replaced(&mut self, db: u8, key: &'a [u8], old: Option<&str>, type_name: &str) {
        if let Some(old) = old {
            self.event(Class::Overwritten, "overwritten", db, key);
            if old != type_name {
                self.event(Class::TypeChanged, "type_changed", db, key);
            }
        }
    }

    /// Drops every key of a database.
    pub(super) fn empty_db(&mut self, db: u8) {
        let keys = self.db(db).len() as u64;
        let empty = self.db(db).emptied();
        let old = std::mem::replace(self.db(db), empty);
        self.effects.dirty += keys;
        self.effects.garbage_dbs.push(old);
    }

    /// Ends the op without an answer: it found nothing to take.
    pub(super) fn empty(&mut self) -> Result<(), Error> {
        self.effects.outcome = Outcome::Empty;
        Ok(())
    }

    /// A database by number.
    pub(super) fn db(&mut self, db: u8) -> &mut Db {
        &mut self.dbs[usize::from(db)]
    }

    /// All databases, and the sink beside them.
    pub(super) fn dbs_and_sink(&mut self) -> (&mut Vec<Db>, &mut S) {
        (self.dbs, self.sink)
    }

    /// All databases.
    pub(super) fn dbs(&mut self) -> &mut Vec<Db> {
        self.dbs
    }
}
