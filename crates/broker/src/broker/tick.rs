//! What happens because time passes: waits end, keys expire, pauses are over.

use super::{Broker, DiskRoom};
use crate::mail::Letter;
use crate::session::ClientId;
use crate::time::Now;
use crate::waiters::Key;

/// Keys purged in one tick: about a millisecond's work, after which others get their turn.
const EXPIRED_KEYS_MAX: usize = 500;

/// When somebody who waits looks again for whom the log had no room.
pub(super) const LOOK_AGAIN_US: u64 = 100_000;

impl Broker {
    /// Does what is due at `now`. The driver calls it when [`next_tick_us`](Self::next_tick_us) says so.
    pub fn tick(&mut self, now: Now) {
        self.author = None;
        self.end_pause(now);
        while let Some(client) = self.waiters.due(now.monotonic_us) {
            self.wake_due(client, now);
            self.serve_ready(now);
        }
        if self.may_purge() && self.active_expire && self.purges_from_us <= now.monotonic_us {
            self.purge_expired(now);
        }
        self.log.commit(&self.groups[0]);
        self.serve_ready(now);
        if self.tracker.has_pending() {
            self.send_invalidations();
        }
    }

    /// When something is due next, in monotonic microseconds: a wait, a pause, a key's deadline.
    pub fn next_tick_us(&self, now: Now) -> Option<u64> {
        let pause_us = self.pause.map(|pause| pause.until_us);
        // Room that is awaited is looked for again when it is time.
        let purges = self.active_expire && (self.may_purge() || self.awaits_room_to_purge());
        let expiry_ms = self.group().dbs.iter().filter_map(|db| db.next_deadline_ms()).min().filter(|_| purges);
        let expiry_us = expiry_ms.map(|at_ms| {
            let left_us = at_ms.saturating_mul(1000).saturating_sub(now.unix_us);
            now.monotonic_us.saturating_add(left_us).max(self.purges_from_us)
        });
        [self.waiters.next_timer_us(), pause_us, expiry_us].into_iter().flatten().min()
    }

    /// Holds back until then what nobody waits for: the removal of keys whose time has come.
    pub fn postpone_purges(&mut self, until_us: u64) {
        self.purges_from_us = until_us;
    }

    fn wake_due(&mut self, client: ClientId, now: Now) {
        let Some(parked) = &self.session(client).parked else { return };
        if parked.deadline_us.is_some_and(|deadline_us| deadline_us <= now.monotonic_us) {
            return self.give_up(client);
        }
        match self.pause {
            // To look again is to claim what is idle by now: a change as any other.
            Some(pause) if self.is_held(client, parked.command) => self.set_recheck(client, Some(pause.until_us)),
            _ if matches!(self.disk_room, DiskRoom::Awaited | DiskRoom::Nothing(_)) => {
                self.set_recheck(client, Some(now.monotonic_us.saturating_add(LOOK_AGAIN_US)));
            }
            _ => {
                self.retry(client, now);
            }
        }
    }

    fn purge_expired(&mut self, now: Now) {
        let mut expired: Vec<(Key, u64)> = Vec::new();
        for (number, db) in self.group().dbs.iter().enumerate() {
            let room = EXPIRED_KEYS_MAX - expired.len();
            expired.extend(db.expired(now.unix_ms()).take(room).map(|entry| {
                let deadline_ms = entry.deadline_ms().expect("an expired key had a deadline");
                ((number as u8, entry.key.clone()), deadline_ms)
            }));
        }
        for (key, deadline_ms) in expired {
            if !self.purge(&key, deadline_ms, now) {
                self.postpone_purges(now.monotonic_us.saturating_add(LOOK_AGAIN_US));
            }
        }
    }

    fn end_pause(&mut self, now: Now) {
        if self.pause.is_some_and(|pause| pause.until_us <= now.monotonic_us) {
            self.resume(now);
        }
    }

    /// Ends CLIENT PAUSE: everybody who was held back tries again, in order of their IDs. Whoever waits for entries to be idle
    /// looks again with the next tick, as they may have become so meanwhile.
    pub(crate) fn resume(&mut self, now: Now) {
        self.pause = None;
        let (mut held, mut looking) = (Vec::new(), Vec::new());
        for session in self.sessions() {
            held.extend(session.paused.then_some(session.id));
            let looks_again = session.parked.as_ref().is_some_and(|parked| parked.recheck_us.is_some());
            looking.extend(looks_again.then_some(session.id));
        }
        for client in looking {
            self.set_recheck(client, Some(now.monotonic_us));
        }
        for client in held {
            self.session_mut(client).paused = false;
            self.mail.post(client, Letter::Resume);
        }
    }
}
