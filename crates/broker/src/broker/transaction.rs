//! MULTI, EXEC and WATCH.
//!
//! A transaction is a program: its commands run in order at one frozen moment, errors stand in the reply beside
//! results, nothing is rolled back. Its dirty ops are one record of the log, and whoever waits is served after it.

use rbq_resp::{Request, Sink};

use super::{Broker, Mode};
use crate::catalog::Known;
use crate::command::Flags;
use crate::error::Error;
use crate::keyspace::Found;
use crate::output::Reply;
use crate::session::{ClientId, Watched};
use crate::time::Now;

impl Broker {
    pub(super) fn enqueue(
        &mut self,
        client: ClientId,
        known: &'static Known,
        request: Request<'_>,
        reply: &mut Reply<'_>,
    ) {
        let transaction = self.session_mut(client).transaction.as_mut().expect("the caller saw a transaction");
        let owned = request.to_owned();
        transaction.bytes += owned.memory_bytes();
        transaction.deny_oom |= known.flags.has(Flags::DENY_OOM);
        transaction.queue.push((known, owned));
        reply.status("QUEUED");
    }

    /// EXEC.
    pub(crate) fn exec(&mut self, client: ClientId, now: Now, reply: &mut Reply<'_>) -> Result<(), Error> {
        let is_broken = self.is_watch_broken(client, now);
        let session = self.session_mut(client);
        let transaction = session.transaction.take().ok_or(Error::Fixed("ERR EXEC without MULTI"))?;
        self.unwatch(client);
        if transaction.aborted {
            return Err(Error::Fixed("EXECABORT Transaction discarded because of previous errors."));
        }
        if is_broken {
            reply.null_array();
            return Ok(());
        }
        reply.array(transaction.queue.len());
        let exec = self.ran;
        let mut farewell = None;
        for (known, request) in &transaction.queue {
            self.run(client, known, request.view(), now, reply, Mode::Exec);
            self.stats.commands[known.number].record(0);
            if self.session(client).closing && farewell.is_none() {
                farewell = Some(reply.output().mark());
            }
        }
        if let Some(mark) = farewell {
            // It killed its own connection: what came after it did, but sees no answer to.
            reply.output().rewind(mark);
        }
        self.ran = exec;
        Ok(())
    }

    /// WATCH one key.
    pub(crate) fn watch(&mut self, client: ClientId, key: &[u8], now: Now) {
        let session = self.session(client);
        let db = session.db;
        if session.watched.iter().any(|watched| watched.db == db && *watched.key == *key) {
            return;
        }
        let was_expired = matches!(self.group().db(db).find(key, now.unix_ms()), Found::Expired(_));
        self.watchers.add(client, db, key);
        self.session_mut(client).watched.push(Watched { db, key: key.into(), was_expired });
    }

    /// UNWATCH.
    pub(crate) fn unwatch(&mut self, client: ClientId) {
        let session = self.session_mut(client);
        session.watch_broken = false;
        for Watched { db, key, .. } in std::mem::take(&mut session.watched) {
            self.watchers.remove(client, db, &key);
        }
    }

    /// Whether a watched key was modified, or its time came, since WATCH.
    fn is_watch_broken(&self, client: ClientId, now: Now) -> bool {
        let session = self.session(client);
        let has_expired = |watched: &Watched| {
            let found = self.group().db(watched.db).find(&watched.key, now.unix_ms());
            !watched.was_expired && matches!(found, Found::Expired(_))
        };
        session.watch_broken || session.watched.iter().any(has_expired)
    }
}
