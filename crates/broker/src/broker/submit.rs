//! The standalone driver of ops: apply under `&mut self`, log what was dirty, let the followers follow.

use rbq_resp::Sink;

use super::{Broker, DiskRoom, View};
use crate::apply::apply_into;
use crate::effects::{Effects, Outcome};
use crate::keyspace::Found;
use crate::op::{FlushScope, Op, Stamp, Trimming};
use crate::session::ClientId;
use crate::time::Now;
use crate::value::Value;
use crate::waiters::Key;

/// How a submitted op came out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Submitted {
    pub(crate) outcome: Outcome,
    pub(crate) recheck_ms: Option<u64>,
}

/// Expired keys that one command stumbled over, for as many of which there is room from one command to the next.
const EXPIRED_KEPT: usize = 16 * 1024;

impl Broker {
    /// Applies an op and everything that follows from it.
    pub(crate) fn submit(&mut self, stamp: Stamp, op: &Op<'_>, sink: &mut impl Sink) -> Submitted {
        self.break_swept_watches(stamp, op);
        let mut effects = Effects::default();
        apply_into(&mut self.groups[0], op, stamp, sink, &mut effects);
        if effects.dirty > 0 {
            self.log.add(stamp, op, &self.groups[0]);
        } else {
            self.looked_elsewhere |= op.other_databases().next().is_some();
        }
        let submitted = Submitted { outcome: effects.outcome, recheck_ms: effects.recheck_ms };
        self.settle(&mut effects);
        submitted
    }

    /// Makes an op independent of how its value happens to be laid out.
    pub(super) fn resolve(&mut self, stamp: Stamp, op: &mut Op<'_>) {
        let (Op::StreamAppend { key, trim: Some(Trimming::Approximate(..)), .. }
        | Op::StreamTrim { key, trim: Some(Trimming::Approximate(..)), .. }) = *op
        else {
            return;
        };
        let db = &mut self.groups[0].dbs[usize::from(stamp.db)];
        let stream = match db.find(key, stamp.now_ms) {
            Found::Live(slot) => match &mut db.entry_mut(slot).value {
                Value::Stream(stream) => Some(&mut **stream),
                _ => None,
            },
            _ => None,
        };
        crate::apply::stream::resolve(stream, op, stamp.now_ms);
    }

    /// A flush or a swap modifies every watched key that is there before it, or comes to be there by it.
    fn break_swept_watches(&mut self, stamp: Stamp, op: &Op<'_>) {
        if self.watchers.is_empty() {
            return;
        }
        let group = &self.groups[0];
        let is_live = |db: u8, key: &[u8]| group.db(db).live(key, stamp.now_ms).is_some();
        let broken = match *op {
            Op::Flush { scope: FlushScope::Selected } => {
                self.watchers.of_dbs(|db, key| db == stamp.db && is_live(db, key))
            }
            Op::Flush { scope: FlushScope::All } => self.watchers.of_dbs(is_live),
            Op::SwapDb { first, second } if first != second => self
                .watchers
                .of_dbs(|db, key| (db == first || db == second) && (is_live(first, key) || is_live(second, key))),
            _ => return,
        };
        for client in broken {
            self.sessions[client.slot as usize].watch_broken = true;
        }
        if let Op::SwapDb { first, second } = *op {
            self.note_expired_swapped_in(first, second, stamp);
        }
    }

    /// A key that was not there, and that one takes the place of whose time has come, is still not there.
    fn note_expired_swapped_in(&mut self, first: u8, second: u8, stamp: Stamp) {
        let group = &self.groups[0];
        let watching = self.watchers.of_dbs(|db, _| db == first || db == second);
        for client in watching {
            for watched in &mut self.sessions[client.slot as usize].watched {
                let from = match watched.db {
                    db if db == first => second,
                    db if db == second => first,
                    _ => continue,
                };
                watched.was_expired = matches!(group.db(from).find(&watched.key, stamp.now_ms), Found::Expired(_));
            }
        }
    }

    /// Lets `read` look at durable state, then purges the expired keys it stumbled over.
    pub(crate) fn look<R>(&mut self, client: ClientId, now: Now, read: impl FnOnce(&mut View<'_>) -> R) -> R {
        let session = &self.sessions[client.slot as usize];
        let stamp = Stamp { db: session.db, now_ms: now.unix_ms() };
        let keeps_idle_time = session.no_touch;
        let mut expired = std::mem::take(&mut self.seen_expired);
        let mut missed = Vec::new();
        let mut view = View {
            group: &self.groups[0],
            stamp,
            now,
            settings: &self.settings,
            expired: &mut expired,
            missed: &mut missed,
            stats: &mut self.stats,
            keeps_idle_time,
        };
        let result = read(&mut view);
        for (key, deadline_ms) in expired.drain(..) {
            self.purge(&key, deadline_ms, now);
        }
        self.notify_missed(&missed);
        if expired.capacity() <= EXPIRED_KEPT {
            self.seen_expired = expired;
        }
        result
    }

    /// Whether keys whose time has come are purged: a pause holds every change back, and what a full disk has in reserve is for
    /// what clients take away.
    pub(super) fn may_purge(&self) -> bool {
        self.pause.is_none() && self.disk_room == DiskRoom::Enough
    }

    /// Whether they are as soon as the log has made room.
    pub(super) fn awaits_room_to_purge(&self) -> bool {
        self.pause.is_none() && self.disk_room == DiskRoom::Awaited
    }

    /// Purges a key whose time has come, if that may be done now; whether it may.
    pub(crate) fn purge(&mut self, (db, key): &Key, deadline_ms: u64, now: Now) -> bool {
        let may = self.may_purge() && self.find_room_for(key.len());
        if may {
            let stamp = Stamp { db: *db, now_ms: now.unix_ms() };
            self.submit(stamp, &Op::KeyExpire { key, deadline_ms }, &mut rbq_resp::NullSink);
        }
        may
    }
}
