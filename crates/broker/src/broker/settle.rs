//! The followers of an op: WATCH, keyspace events, parked clients, garbage.

use super::Broker;
use crate::effects::{Class, Effects, Event, Sweep};
use crate::waiters::Key;

impl Broker {
    pub(super) fn settle(&mut self, effects: Effects<'_>) {
        self.stats.dirty += effects.dirty;
        if !self.watchers.is_empty() {
            for &(db, key) in &effects.touched {
                self.touch(db, key);
            }
        }
        if !self.tracker.is_idle() {
            for &(_, key) in &effects.touched {
                self.note_change(key);
            }
        }
        for event in &effects.events {
            if event.class == Class::Expired {
                self.stats.expired_keys += 1;
                if !self.tracker.is_idle() {
                    self.note_change(event.key);
                }
            }
            self.notify(*event);
        }
        if !self.waiters.is_empty() {
            for &(db, key) in &effects.ready {
                self.make_ready(db, key);
            }
        }
        if let Some(sweep) = effects.sweep {
            if matches!(sweep, Sweep::Flushed(_) | Sweep::FlushedAll) {
                self.tracker.note_all();
            }
            self.sweep(sweep);
        }
        self.garbage.values.extend(effects.garbage);
        self.garbage.dbs.extend(effects.garbage_dbs);
    }

    /// Marks everybody who watches this key.
    fn touch(&mut self, db: u8, key: &[u8]) {
        for client in self.watchers.of(db, key) {
            self.sessions[client.slot as usize].watch_broken = true;
        }
    }

    /// Publishes a keyspace event, if its class is asked for.
    #[inline]
    pub(crate) fn notify(&mut self, event: Event<'_>) {
        if !self.settings.notify_keyspace_events.is_empty() {
            self.publish_event(event);
        }
    }

    #[cold]
    fn publish_event(&mut self, event: Event<'_>) {
        let mask = self.settings.notify_keyspace_events;
        if !mask.admits(event.class) {
            return;
        }
        if mask.by_key() {
            let channel = [format!("__keyspace@{}__:", event.db).as_bytes(), event.key].concat();
            self.publish(&channel, event.name.as_bytes(), self.log.position());
        }
        if mask.by_event() {
            let channel = format!("__keyevent@{}__:{}", event.db, event.name);
            self.publish(channel.as_bytes(), event.key, self.log.position());
        }
    }

    pub(super) fn notify_missed(&mut self, missed: &[Key]) {
        for (db, key) in missed {
            self.notify(Event { class: Class::KeyMiss, name: "keymiss", db: *db, key });
        }
    }

    fn make_ready(&mut self, db: u8, key: &[u8]) {
        if self.waiters.waits_for(db, key) {
            let key: Key = (db, key.into());
            if self.ready_set.insert(key.clone()) {
                self.ready.push_back(key);
            }
        }
    }

    /// A change to whole databases: whoever waits there is looked at key by key.
    fn sweep(&mut self, sweep: Sweep) {
        let concerns = move |db: u8| match sweep {
            Sweep::Flushed(flushed) => db == flushed,
            Sweep::FlushedAll => true,
            Sweep::Swapped(first, second) => db == first || db == second,
        };
        for (db, key) in self.waiters.keys_of(concerns) {
            self.make_ready(db, &key);
        }
    }
}
