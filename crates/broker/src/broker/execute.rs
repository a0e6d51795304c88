//! From a request to its reply.

use rbq_resp::{Request, Sink, quote};

use super::admit::is_http;
use super::{Action, Broker, DiskRoom, Turn};
use crate::args::Args;
use crate::catalog::Known;
use crate::command::{Flags, KeySpec, Run, Submit};
use crate::effects::Outcome;
use crate::error::Error;
use crate::op::Stamp;
use crate::output::{Gate, Output, Reply};
use crate::redact::{REDACTED, is_secret};
use crate::session::ClientId;
use crate::time::Now;

/// Why a client is closed whose first words are those of a web request.
pub const SPEAKS_HTTP: &str = "it speaks HTTP: perhaps a web page that sends commands through somebody's browser";

/// What the driver does after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Goes on with the client's next request.
    Continue,
    /// Stops until the client's reply comes by mail.
    Park,
    /// The command was not run: a pause holds it back. Tries it again once the mail says so.
    Hold,
    /// The command was not run: the log has no room for what it may change. Tries it again once there is.
    NoRoom,
    /// Sends what there is and closes.
    Close,
}

impl Flow {
    /// Whether the command was run, whatever came of it.
    #[must_use]
    pub fn has_run(self) -> bool {
        !matches!(self, Self::Hold | Self::NoRoom)
    }
}

/// Where a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As a client's request.
    Live,
    /// Inside an EXEC: it may not wait.
    Exec,
    /// Again, for a parked client.
    Retry,
}

impl Broker {
    /// Runs one request of a client, at `now`, and writes its reply to `out`.
    ///
    /// A client that was killed takes nothing from that moment on, though its next request may have been on its way: whoever
    /// killed it, to take over what it held, must find all of that.
    pub fn execute(&mut self, client: ClientId, request: Request<'_>, now: Now, out: &mut Output) -> Flow {
        if self.session(client).closing {
            self.ran = None;
            return Flow::Close;
        }
        let mark = out.mark();
        self.author = Some(client);
        self.session_mut(client).active_at = now;
        let flow = self.turn(client, request, now, out);
        let session = self.session_mut(client);
        session.commands += u64::from(flow.has_run());
        if flow.has_run() && flow != Flow::Park && session.silences_answer() {
            out.rewind(mark);
        }
        let has_logged = self.end_record(client);
        let has_synced = std::mem::take(&mut self.tells_of_sync);
        let looked_elsewhere = std::mem::take(&mut self.looked_elsewhere);
        // What was not answered holds nothing back: neither a client that waits, nor what it is answered next.
        if self.log.is_enabled() && out.mark() != mark {
            let newest = self.log.position();
            if has_logged {
                // Nothing that it may have looked at is newer than what it logged itself.
                out.raise(newest);
            } else if out.gate().and(newest) != out.gate() {
                // The keys of a request are those of its own database.
                out.raise(if looked_elsewhere { newest } else { self.gate_for(client, request) });
            }
            if has_synced {
                self.raise_synced(out);
            }
        }
        self.serve_ready(now);
        if !self.tracker.is_idle() {
            self.end_caching(client);
            self.send_invalidations();
        }
        if self.session(client).closing { Flow::Close } else { flow }
    }

    /// Tells how long the last command took, for statistics, the slow log and the latency monitor.
    pub fn account(&mut self, client: ClientId, request: Request<'_>, started: Now, ended: Now) {
        let Some(known) = self.ran.take() else { return };
        let usec = ended.monotonic_us.saturating_sub(started.monotonic_us) + std::mem::take(&mut self.slept_us);
        let stats = &mut self.stats.commands[known.number];
        stats.record(usec);
        if self.settings.latency_tracking.0 {
            stats.record_latency(usec);
        }
        self.stats.sample(ended);
        let slower_than = self.settings.slowlog_log_slower_than.0;
        if slower_than >= 0 && usec as i64 >= slower_than && !known.flags.has(Flags::SKIP_SLOWLOG) {
            let session = &self.sessions[client.slot as usize];
            self.slowlog.add(session, known, request, started, usec, &self.settings);
        }
        let threshold_ms = self.settings.latency_monitor_threshold.0;
        if threshold_ms > 0 && usec / 1000 >= threshold_ms as u64 {
            let event = if known.flags.has(Flags::FAST) { "fast-command" } else { "command" };
            self.latency.add(event, ended.unix_ms() / 1000, usec / 1000);
        }
    }

    fn turn(&mut self, client: ClientId, request: Request<'_>, now: Now, out: &mut Output) -> Flow {
        self.ran = None;
        let proto = self.session(client).proto;
        let mut reply = Reply::new(out, proto);
        let known = match self.look_up(request) {
            Ok(known) => known,
            Err((None, _)) if is_http(request.arg(0)) => {
                self.kill(client, SPEAKS_HTTP);
                return Flow::Close;
            }
            Err((known, error)) => {
                self.refuse(client, known, &error, &mut reply);
                return Flow::Continue;
            }
        };
        if let Err(error) = self.admit(client, known) {
            self.refuse(client, Some(known), &error, &mut reply);
            return Flow::Continue;
        }
        if self.pause.is_some() && self.is_held(client, known) {
            self.session_mut(client).paused = true;
            return Flow::Hold;
        }
        if self.disk_room == DiskRoom::Awaited && self.may_log(client, known) {
            return Flow::NoRoom;
        }
        if self.session(client).transaction.is_some() && !known.flags.has(Flags::IMMEDIATE) {
            self.enqueue(client, known, request, &mut reply);
            return Flow::Continue;
        }
        self.run(client, known, request, now, &mut reply, Mode::Live)
    }

    /// Runs a command that was admitted.
    pub(crate) fn run(
        &mut self,
        client: ClientId,
        known: &'static Known,
        request: Request<'_>,
        now: Now,
        reply: &mut Reply<'_>,
        mode: Mode,
    ) -> Flow {
        self.ran = Some(known);
        self.session_mut(client).last_command = Some(known);
        self.stats.commands_processed += u64::from(mode != Mode::Retry);
        let (errors, counted) = (reply.output().errors(), self.stats.error_replies);
        let flow = self.run_as(client, known, request, now, reply, mode).unwrap_or_else(|error| {
            reply.error(&error.to_string());
            Flow::Continue
        });
        self.tells_of_sync |= known.flags.has(Flags::SYNCED) && flow != Flow::Park;
        if !self.tracker.is_idle() {
            self.remember_reads(client, known, request);
        }
        let is_shown = !known.flags.has(Flags::SKIP_MONITOR) && !known.flags.has(Flags::ADMIN);
        if is_shown && mode != Mode::Retry {
            self.show_monitors(client, known, request, now);
        }
        // Those of what EXEC ran are counted.
        if reply.output().errors() - errors > self.stats.error_replies.saturating_sub(counted) {
            self.stats.error(reply.output().last_error());
            self.stats.commands[known.number].failed += 1;
        }
        flow
    }

    fn run_as(
        &mut self,
        client: ClientId,
        known: &'static Known,
        request: Request<'_>,
        now: Now,
        reply: &mut Reply<'_>,
        mode: Mode,
    ) -> Result<Flow, Error> {
        let mut args = Args::new(request, known.words());
        let stamp = Stamp { db: self.session(client).db, now_ms: now.unix_ms() };
        match known.run {
            Run::Write(parse) => {
                let mut op = parse(&mut args, &self.submission(stamp, now, known))?;
                self.resolve(stamp, &mut op);
                let empty = op.empty_reply();
                if self.submit(stamp, &op, reply).outcome == Outcome::Empty {
                    empty.write(reply);
                }
            }
            Run::Read(read) => self.look(client, now, |view| read(&mut args, view, reply))?,
            Run::Derive(derive) => {
                if let Some(op) = self.look(client, now, |view| derive(&mut args, view, reply))? {
                    self.find_room(&op)?;
                    self.submit(stamp, &op, reply);
                }
            }
            Run::Block(parse) => {
                let blocking = parse(&mut args, &self.submission(stamp, now, known))?;
                return self.block(client, known, request, blocking, now, reply, mode);
            }
            Run::Act(act) => {
                let mut turn = Turn { broker: self, client, now, command: known, flow: Flow::Continue, mode };
                act(&mut turn, &mut args, reply)?;
                return Ok(turn.flow);
            }
            Run::Container => return Err(Error::Arity(&known.full_name)),
        }
        Ok(Flow::Continue)
    }

    /// Ends the record that this client's command brought about, if it did; whether there is one.
    pub(super) fn end_record(&mut self, client: ClientId) -> bool {
        let has_logged = self.log.commit(&self.groups[0]);
        if has_logged {
            let newest = self.log.position();
            self.session_mut(client).logged = newest;
        }
        has_logged
    }

    fn submission(&self, stamp: Stamp, now: Now, command: &'static Known) -> Submit<'_> {
        Submit { stamp, now, settings: &self.settings, command, is_leaving: self.log.is_leaving() }
    }

    /// Refuses a request before it ran; between MULTI and EXEC that dooms the transaction.
    fn refuse(&mut self, client: ClientId, known: Option<&'static Known>, error: &Error, reply: &mut Reply<'_>) {
        let mut text = error.to_string();
        if let Some(known) = known {
            self.stats.commands[known.number].rejected += 1;
        }
        if known.is_some_and(|known| known.name == "EXEC") {
            text = format!("EXECABORT Transaction discarded because of: {}", text.trim_start_matches("ERR "));
            self.session_mut(client).transaction = None;
            self.unwatch(client);
        } else if let Some(transaction) = &mut self.session_mut(client).transaction {
            transaction.aborted = true;
        }
        self.stats.error(&text);
        reply.error(&text);
    }

    /// The newest log position that this request's reply may tell of.
    fn gate_for(&self, client: ClientId, request: Request<'_>) -> Gate {
        // A request that did not run, or only later, tells of nothing.
        let Some(known) = self.ran.filter(|known| !known.flags.has(Flags::UNGATED)) else { return Gate::OPEN };
        let positions = known.key_positions(request);
        if positions.is_empty() || known.keys.iter().any(KeySpec::is_incomplete) {
            return self.log.position();
        }
        let db = self.session(client).db;
        positions.iter().fold(Gate::OPEN, |gate, &position| gate.and(self.log.gate(db, request.arg(position))))
    }

    /// All that was logged so far is synced before this is read, whatever `appendfsync` is.
    pub(super) fn raise_synced(&mut self, out: &mut Output) {
        out.raise(self.log.position().synced());
        self.ask(Action::Sync);
    }

    /// Shows a request to everybody in MONITOR, once it has run: so EXEC comes after what it ran, as in Redis.
    #[inline]
    fn show_monitors(&mut self, client: ClientId, known: &Known, request: Request<'_>, now: Now) {
        if !self.monitors.is_empty() {
            self.feed_monitors(client, known, request, now);
        }
    }

    #[cold]
    fn feed_monitors(&mut self, client: ClientId, known: &Known, request: Request<'_>, now: Now) {
        use std::fmt::Write;
        let session = self.session(client);
        let (seconds, micros) = (now.unix_us / 1_000_000, now.unix_us % 1_000_000);
        let mut line = format!("{seconds}.{micros:06} [{} {}]", session.db, session.peer.addr);
        for (at, arg) in request.iter().enumerate() {
            let arg: &[u8] = if is_secret(known, request, at) { REDACTED.as_bytes() } else { arg.as_slice() };
            write!(line, " {}", quote(arg)).expect("writing to a string does not fail");
        }
        let envelope = self.mail.envelope(|out| {
            out.push(b'+');
            out.extend_from_slice(line.as_bytes());
            out.extend_from_slice(b"\r\n");
        });
        for &monitor in &self.monitors {
            self.mail.send(monitor, &envelope, Gate::OPEN);
        }
    }
}
