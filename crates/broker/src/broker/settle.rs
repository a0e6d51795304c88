//! The followers of an op: WATCH, keyspace events, parked clients, garbage.

use super::Broker;
use crate::effects::{Class, Effects, Event, Sweep};
use crate::keyspace::Found;
use crate::waiters::Key;

impl Broker {
    pub(super) fn settle(&mut self, effects: &mut Effects<'_>) {
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
        if !effects.garbage.is_empty() {
            self.garbage.values.extend(effects.garbage.drain(..));
        }
        for db in effects.garbage_dbs.drain(..) {
            let keep = if db.is_saving() { &mut self.flushed } else { &mut self.garbage.dbs };
            keep.push(db);
        }
    }

    /// Marks everybody who watches this key. For who began to when its time had come already it was not there before
    /// either, so that it is purged is no change.
    fn touch(&mut self, db: u8, key: &[u8]) {
        let is_gone = self.groups[0].db(db).find(key, 0) == Found::Missing;
        for client in self.watchers.of(db, key) {
            let session = &mut self.sessions[client.slot as usize];
            let mut watched = session.watched.iter_mut();
            match watched.find(|watched| is_gone && watched.was_expired && watched.db == db && *watched.key == *key) {
                Some(purged) => purged.was_expired = false,
                None => session.watch_broken = true,
            }
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

    /// Notes that a key may serve somebody. What is gone serves nobody: it must not take a place in the order in which
    /// a transaction's later pushes are served.
    fn make_ready(&mut self, db: u8, key: &[u8]) {
        let is_gone = || self.groups[0].db(db).find(key, 0) == Found::Missing;
        if self.waiters.waits_for(db, key) && (!is_gone() || self.waiters.waits_for_end_of(db, key)) {
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

#[cfg(test)]
mod tests {
    use crate::testing::driver::Driver;

    /// A key whose time comes before anybody has purged it, watched, with `between` run before EXEC; what EXEC says.
    fn exec_after(between: &str) -> String {
        let mut driver = Driver::new(1);
        driver.run("SET k v PX 10");
        driver.sleep(10);
        driver.run("WATCH k");
        driver.run(between);
        driver.run("MULTI");
        driver.run("EXEC")
    }

    #[test]
    fn purging_a_key_that_had_expired_when_it_was_watched_is_no_change() {
        for between in ["GET k", "DEL k", "PING"] {
            assert_eq!(exec_after(between), "*0\r\n", "{between}");
        }
    }

    #[test]
    fn writing_a_key_that_had_expired_when_it_was_watched_is_a_change() {
        for between in ["SET k v", "APPEND k v", "RPUSH k v"] {
            assert_eq!(exec_after(between), "*-1\r\n", "{between}");
        }
    }

    #[test]
    fn a_key_that_expires_while_it_is_watched_is_a_change() {
        let mut driver = Driver::new(1);
        driver.run("SET k v PX 10");
        driver.run("WATCH k");
        driver.sleep(10);
        driver.run("MULTI");
        assert_eq!(driver.run("EXEC"), "*-1\r\n");
    }

    /// The key is not there before the swap, and not there after it.
    #[test]
    fn an_expired_key_that_is_swapped_in_is_no_change() {
        let exec_after_swap_of = |set: &str| {
            let mut driver = Driver::new(1);
            driver.run("DEBUG SET-ACTIVE-EXPIRE 0");
            driver.run(set);
            driver.sleep(10);
            driver.run("SELECT 1");
            driver.run("WATCH k");
            driver.run("SWAPDB 0 1");
            driver.run("MULTI");
            driver.run("EXEC")
        };
        assert_eq!(exec_after_swap_of("SET k v PX 10"), "*0\r\n");
        assert_eq!(exec_after_swap_of("SET k v"), "*-1\r\n");
    }
}
