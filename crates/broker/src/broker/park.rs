//! Parking clients, and serving them.
//!
//! After each top-level command (not after a pipelined batch) the keys it made ready are looked at, in the order in
//! which they became so; for each, its waiters in the order in which they parked run their command again. So a
//! client that named several keys gets what its argument order says, whichever was written first. What that in turn
//! makes ready (BLMOVE into another queue) is served in the same pass, until nothing is left.

use rbq_resp::{Request, Sink};
use smallvec::SmallVec;

use super::tick::LOOK_AGAIN_US;
use super::{Broker, Flow, Mode};
use crate::catalog::Known;
use crate::command::{Attempt, Blocking, EmptyReply, Flags, Patience};
use crate::effects::Outcome;
use crate::error::Error;
use crate::mail::Letter;
use crate::op::Stamp;
use crate::output::{Output, Reply};
use crate::session::ClientId;
use crate::time::Now;
use crate::value::Value;
use crate::waiters::{Class, Key, Parked};

/// Keys that became ready in one command, for as many of which there is room from one command to the next.
const READY_KEPT: usize = 16 * 1024;

impl Broker {
    /// Tries a blocking command; parks its client if there is nothing.
    #[allow(clippy::too_many_arguments)] // the parts of a request's context; a struct would only rename them
    pub(super) fn block(
        &mut self,
        client: ClientId,
        known: &'static Known,
        request: Request<'_>,
        blocking: Blocking<'_>,
        now: Now,
        reply: &mut Reply<'_>,
        mode: Mode,
    ) -> Result<Flow, Error> {
        let stamp = Stamp { db: self.session(client).db, now_ms: now.unix_ms() };
        let mut recheck_ms = None;
        let outcome = match &blocking.attempt {
            Attempt::Write(op) => {
                let submitted = self.submit(stamp, op, reply);
                recheck_ms = submitted.recheck_ms;
                submitted.outcome
            }
            Attempt::Read(read) => self.look(client, now, |view| read.run(view, reply))?,
            Attempt::Nothing => Outcome::Empty,
        };
        if outcome == Outcome::Done {
            return Ok(Flow::Continue);
        }
        let recheck_us = recheck_ms.map(|ms| now.monotonic_us.saturating_add(ms.saturating_mul(1000)));
        match mode {
            Mode::Retry => {
                self.set_recheck(client, recheck_us);
                return Ok(Flow::Park);
            }
            Mode::Live if blocking.patience == Patience::Waits => {}
            Mode::Live | Mode::Exec => {
                blocking.on_denied.write(reply);
                return Ok(Flow::Continue);
            }
        }
        let request = match &blocking.attempt {
            Attempt::Read(read) => self.look(client, now, |view| read.pin(view, request)),
            _ => request.to_owned(),
        };
        let mut keys: SmallVec<[Key; 1]> = SmallVec::new();
        for &key in &blocking.keys {
            let key: Key = (stamp.db, key.into());
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let parked = Parked {
            command: known,
            request,
            keys,
            class: blocking.class,
            deadline_us: blocking.timeout_us.map(|timeout_us| now.monotonic_us.saturating_add(timeout_us)),
            recheck_us,
            on_timeout: blocking.on_timeout,
            ticket: self.waiters.ticket(),
            since_us: now.monotonic_us,
        };
        debug_assert!(self.session(client).parked.is_none(), "the driver runs nothing of a client that is parked");
        self.waiters.enter(client, &parked);
        self.session_mut(client).parked = Some(Box::new(parked));
        Ok(Flow::Park)
    }

    /// Serves everybody whom the ready keys can serve.
    #[inline]
    pub(super) fn serve_ready(&mut self, now: Now) {
        while let Some(key) = self.ready.pop_front() {
            self.ready_set.remove(&key);
            self.serve_key(&key, now);
        }
        if self.ready.capacity() > READY_KEPT {
            (self.ready, self.ready_set) = Default::default();
        }
    }

    fn serve_key(&mut self, key: &Key, now: Now) {
        let mut spent = self.deaf(key, now);
        let mut after = 0;
        while let Some((ticket, client, class)) = self.waiters.next(key, after, &spent) {
            after = ticket;
            let is_served = self.retry(client, now);
            let nothing_left = match class {
                // One that wants more than there is (BLMOVEM … EXACTLY) says nothing of the next.
                Class::List => self.group().db(key.0).live(&key.1, now.unix_ms()).is_none(),
                Class::Stream => false,
                Class::Group(_) | Class::GroupClaim(_) => true,
            };
            if !is_served && nothing_left {
                spent.push(class);
            }
        }
    }

    /// Classes that do not care for what is under this key now: a popper waits on though a string was put there. Whoever
    /// reads as a group is told when its stream is gone.
    fn deaf(&self, key: &Key, now: Now) -> SmallVec<[Class; 2]> {
        let value = self.group().db(key.0).live(&key.1, now.unix_ms()).map(|entry| &entry.value);
        match value {
            Some(Value::List(_)) => [Class::Stream].into_iter().collect(),
            Some(Value::Stream(_)) => [Class::List].into_iter().collect(),
            _ => [Class::List, Class::Stream].into_iter().collect(),
        }
    }

    /// Runs a parked client's command again; whether it was answered.
    pub(super) fn retry(&mut self, client: ClientId, now: Now) -> bool {
        let session = self.session(client);
        let Some(parked) = &session.parked else { return false };
        let (command, request) = (parked.command, parked.request.clone());
        if !self.find_room_for(request.view().bytes_len()) {
            // The disk is full, and it may be a long one: those who need less go first.
            self.set_recheck(client, Some(now.monotonic_us.saturating_add(LOOK_AGAIN_US)));
            return false;
        }
        let mut out = Output::default();
        let mut reply = Reply::new(&mut out, session.proto);
        let (ran, author) = (self.ran, self.author.replace(client));
        let flow = self.run(client, command, request.view(), now, &mut reply, Mode::Retry);
        (self.ran, self.author) = (ran, author);
        // Whatever it came to: what was dropped on the way, a key whose time had come, is a record of its own.
        self.end_record(client);
        if flow == Flow::Park {
            return false;
        }
        self.unpark(client, out);
        true
    }

    /// Ends a parked client's wait with this answer.
    pub(super) fn unpark(&mut self, client: ClientId, mut out: Output) {
        let session = self.session_mut(client);
        let (parked, is_silent) = (session.parked.take(), session.silences_answer());
        if let Some(parked) = &parked {
            self.waiters.leave(client, parked);
        }
        if is_silent {
            // What is not answered holds nothing back.
            return self.mail.post(client, Letter::Resume);
        }
        out.raise(self.log.position());
        if self.log.is_enabled() && parked.is_some_and(|parked| parked.command.flags.has(Flags::SYNCED)) {
            self.raise_synced(&mut out);
        }
        self.mail.post(client, Letter::Reply(out));
    }

    /// Ends a parked client's wait with what it answers when its time is up.
    pub(crate) fn give_up(&mut self, client: ClientId) {
        self.end_wait(client, |on_timeout, reply| on_timeout.write(reply));
    }

    /// Ends a parked client's wait with an error.
    pub(crate) fn give_up_with(&mut self, client: ClientId, error: &str) {
        self.end_wait(client, |_, reply| reply.error(error));
    }

    pub(super) fn end_wait(&mut self, client: ClientId, answer: impl FnOnce(EmptyReply, &mut Reply<'_>)) {
        let session = self.session(client);
        let Some(parked) = &session.parked else { return };
        let mut out = Output::default();
        answer(parked.on_timeout, &mut Reply::new(&mut out, session.proto));
        self.unpark(client, out);
    }

    /// Changes when a parked client looks again though no key changed.
    pub(super) fn set_recheck(&mut self, client: ClientId, recheck_us: Option<u64>) {
        let Some(mut parked) = self.session_mut(client).parked.take() else { return };
        self.waiters.leave(client, &parked);
        parked.recheck_us = recheck_us;
        self.waiters.enter(client, &parked);
        self.session_mut(client).parked = Some(parked);
    }
}
