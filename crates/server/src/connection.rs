//! One connection, from the first byte to the last.
//!
//! ```text
//!            ┌────────────────────────── step ──────────────────────────┐
//!   socket ──► decoder ──► batch ──► hold the hub, run ──► outbox ──► socket
//!            └── waits (poll_event): bytes · woken by another thread · room in the socket ──┘
//! ```
//!
//! A connection stops executing and reading while the log has no room, or has more than [`UNSAFE_BYTES_MAX`] of its requests that are
//! not safe yet: it must not keep others waiting for more than that, and its client must be slowed down.
//!
//! It stops *executing* while it is parked in a blocking command, held by a pause, or has more than [`PENDING_BYTES_MAX`] of replies
//! unread; it goes on *reading* up to `client-query-buffer-limit`, so that a client
//! which sends its whole pipeline before it reads a single reply cannot deadlock with us. At that limit it is closed.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use rbq_broker::{ClientId, Flow, Gate, Now, Output, Peer};
use rbq_resp::{Batch, Decoder, Limits, ProtocolError};

use crate::aside::Aside;
use crate::hub::{Conn, Flush, Hub, Kept, Shared, dismiss};
use crate::limits::{
    self, HOLD_BYTES_MAX, HOLD_COMMANDS_MAX, OUTPUT_HARD_LIMIT, PENDING_BYTES_MAX, QUERY_LIMIT, UNSAFE_BYTES_MAX,
};
use crate::outbox::{Outbox, Sent};
use crate::socket::{Accepted, Reader};
use crate::turn;

/// Steps after which a connection that always has more to do lets others of its thread have a turn. Not after each:
/// a yield asks the system for news.
const STEPS_MAX: u32 = 16;
/// Bytes of requests in the decoder's one buffer from which, while none may be run, what follows is set aside.
const ASIDE_FROM_BYTES: usize = 1024 * 1024;

/// What a connection does next.
enum Step {
    /// It has more to run.
    Again,
    /// It waits for bytes, room or a wake-up.
    Wait,
    /// It is over, for this reason.
    Over(&'static str),
}

/// What ended a wait.
enum Event {
    Read(usize),
    Woken,
    Writable,
    Broken,
}

struct Connection {
    shared: Arc<Shared>,
    conn: Arc<Conn>,
    reader: Reader,
    decoder: Decoder,
    /// What came after the decoder had enough for now.
    aside: Aside,
    /// Whether the wait is for something else than more of a request.
    holding: bool,
    batch: Batch,
    /// Requests of the batch that were run.
    at: usize,
    /// Parked or held: nothing is run until the outbox says resumed.
    blocked: bool,
    /// Nothing is run until the log is further, and nothing read: it will be, whatever the client does.
    awaits_log: bool,
    /// Bytes of requests that were run and logged something since all answers had left.
    unsafe_bytes: usize,
    /// QUIT was answered, or the framing is broken: closes once everything is sent.
    closing: Option<&'static str>,
    /// The client has sent its last byte.
    ended: bool,
    stranger: bool,
    /// What the decoder was told of `proto-max-bulk-len`.
    bulk_bytes_max: usize,
    out: Output,
    flush: Flush,
    total_in: u64,
    counted_query_bytes: usize,
}

/// Serves a connection on the current thread's runtime until it is over.
pub(crate) async fn serve(shared: Arc<Shared>, socket: Accepted, peer: Peer, io_thread: u32) {
    let addr = peer.addr.clone();
    let Ok((reader, writer, fd)) = socket.split() else {
        shared.connections.fetch_sub(1, Ordering::AcqRel);
        return;
    };
    let (conn, stranger) = {
        let mut hub = shared.lock();
        let now = hub.clock.now();
        let client = hub.broker.connect(peer, now);
        let conn = Arc::new(Conn {
            client,
            io_thread: io_thread as usize,
            writer,
            outbox: Default::default(),
            query_bytes: Default::default(),
        });
        hub.seat(conn.clone());
        let session = hub.broker.session_mut(client);
        session.traffic.io_thread = io_thread;
        session.traffic.fd = fd;
        (conn, !session.authenticated)
    };
    let bulk_bytes_max = shared.limits.bulk_bytes_max.load(Ordering::Relaxed);
    let mut connection = Connection {
        decoder: Decoder::new(request_limits(stranger, bulk_bytes_max)),
        shared,
        conn,
        reader,
        aside: Aside::default(),
        holding: false,
        batch: Batch::default(),
        at: 0,
        blocked: false,
        awaits_log: false,
        unsafe_bytes: 0,
        closing: None,
        ended: false,
        stranger,
        bulk_bytes_max,
        out: Output::default(),
        flush: Flush::default(),
        total_in: 0,
        counted_query_bytes: 0,
    };
    let reason = connection.run().await;
    // Before it is told of: who reads that it is closed must not meet it any more.
    connection.leave();
    if limits::is_breach(reason) {
        tracing::warn!(client = connection.conn.client.id, addr, reason, "connection closed");
    } else {
        tracing::debug!(client = connection.conn.client.id, addr, reason, "connection closed");
    }
}

impl Connection {
    async fn run(&mut self) -> &'static str {
        let mut steps: u32 = 0;
        loop {
            steps = steps.wrapping_add(1);
            if steps.is_multiple_of(STEPS_MAX) {
                tokio::task::yield_now().await;
            }
            match self.step() {
                Step::Again => {}
                Step::Over(reason) => return reason,
                Step::Wait => match std::future::poll_fn(|cx| self.poll_event(cx)).await {
                    Event::Read(0) => self.ended = true,
                    Event::Read(bytes) => self.total_in += bytes as u64,
                    Event::Woken | Event::Writable => {}
                    Event::Broken => return "connection reset",
                },
            }
        }
    }

    /// Sends what is pending, then runs what can be run.
    fn step(&mut self) -> Step {
        let pending = match self.flush_own() {
            Ok(pending) => pending,
            Err(reason) => return Step::Over(reason),
        };
        if let Some(reason) = self.closing {
            return if pending == 0 { Step::Over(reason) } else { Step::Wait };
        }
        let may_run = !self.blocked && !self.awaits_log && pending <= PENDING_BYTES_MAX;
        if self.shared.is_stopping() && (!may_run || self.at == self.batch.len()) {
            self.closing = Some("server is shutting down");
            return Step::Again;
        }
        if !may_run {
            return self.wait_with_backlog();
        }
        if self.at == self.batch.len() && !self.next_batch() {
            return Step::Again;
        }
        if self.batch.is_empty() {
            return if self.take_back() { Step::Again } else { self.wait_for_more() };
        }
        self.run_batch();
        Step::Again
    }

    /// Decodes the next requests; false if the framing is broken and was answered.
    fn next_batch(&mut self) -> bool {
        self.at = 0;
        self.decoder.release(&mut self.batch);
        let commands_max = if self.stranger { 1 } else { HOLD_COMMANDS_MAX };
        match self.decoder.decode(&mut self.batch, commands_max, HOLD_BYTES_MAX) {
            Ok(()) => true,
            Err(error) => {
                self.refuse(&error);
                false
            }
        }
    }

    /// Hands a piece of what was set aside to the decoder; false if there is none.
    fn take_back(&mut self) -> bool {
        let piece = self.aside.take();
        if let Some(piece) = &piece {
            self.decoder.feed(piece);
        }
        piece.is_some()
    }

    fn refuse(&mut self, error: &ProtocolError) {
        let text = format!("-ERR {error}\r\n");
        self.shared.client_buffers.fetch_add(text.len() as i64, Ordering::Relaxed);
        self.conn.outbox.lock().append_bytes(text.as_bytes(), Gate::OPEN);
        self.closing = Some("protocol error");
    }

    /// Every complete request was run.
    fn wait_for_more(&mut self) -> Step {
        if self.ended {
            // It may have closed its own half only, and still read what it asked for.
            self.closing = Some("closed by client");
            return Step::Again;
        }
        self.holding = false;
        self.wait_within_limit()
    }

    /// Nothing may be run now. What was sent meanwhile waits.
    fn wait_with_backlog(&mut self) -> Step {
        if self.blocked && self.ended {
            // A parked client that went away must not take a message.
            return Step::Over("closed by client");
        }
        if self.blocked {
            self.conn.outbox.lock().backlog = self.has_backlog();
        }
        self.holding = true;
        self.wait_within_limit()
    }

    /// Whether there is something to go on with once nothing blocks any more. Gives back what was run.
    fn has_backlog(&mut self) -> bool {
        if self.at == self.batch.len() {
            self.at = 0;
            self.decoder.release(&mut self.batch);
        }
        self.buffered() > 0
    }

    /// Bytes of requests that were received and not run.
    fn buffered(&self) -> usize {
        self.decoder.buffered() + self.aside.len()
    }

    fn wait_within_limit(&mut self) -> Step {
        if self.buffered() > self.shared.limits.query_bytes_max.load(Ordering::Relaxed) {
            self.shared.lock().broker.stats.query_limit_disconnections += 1;
            return Step::Over(QUERY_LIMIT);
        }
        if self.decoder.buffered() == 0 {
            self.decoder.shrink();
        }
        Step::Wait
    }

    /// Runs the rest of the batch under one hold of the hub, as far as the log has room.
    fn run_batch(&mut self) {
        let shared = self.shared.clone();
        shared.measure_if_needed(self.batch.bytes() as u64);
        let mut hub = shared.lock();
        // EXEC runs what came earlier.
        let queued = hub.broker.session(self.conn.client).queued_bytes();
        shared.look_for_room(&mut hub, queued + self.batch.bytes());
        let started = hub.clock.now();
        let (mut now, mut has_room) = (started, true);
        self.report(&mut hub);
        while self.at < self.batch.len() {
            let request = self.decoder.request(&self.batch, self.at);
            let client = self.conn.client;
            let flow = hub.broker.execute(client, request, now, &mut self.out);
            let ended = hub.clock.now();
            if flow.has_run() {
                hub.broker.account(client, request, now, ended);
                self.at += 1;
            }
            now = ended;
            if !hub.broker.mail().is_empty() {
                // What this command answered goes before what it caused, also if that goes to ourselves.
                self.post(&mut hub, now);
                hub.sort_mail(&shared, &mut self.flush, now);
            }
            match flow {
                Flow::Continue => {}
                Flow::Park | Flow::Hold => self.blocked = true,
                Flow::NoRoom => has_room = false,
                Flow::Close => self.closing = Some("quit"),
            }
            if flow != Flow::Continue || self.out.len() > PENDING_BYTES_MAX {
                break;
            }
        }
        self.post(&mut hub, now);
        hub.deliver(&shared, &mut self.flush, now);
        self.settle(&mut hub);
        let kept = shared.keep(&mut hub, now);
        shared.after_hold(&mut hub, now);
        hub.holds.record((now.monotonic_us - started.monotonic_us) * 1000);
        if self.at < self.batch.len() {
            // More of this pipeline is to come: others first.
            parking_lot::MutexGuard::unlock_fair(hub);
        } else {
            drop(hub);
        }
        match kept {
            Kept::Something => {
                self.unsafe_bytes += self.batch.bytes();
                shared.gates.drive_after_turn(self.conn.io_thread);
            }
            Kept::Nothing if self.blocked => {}
            Kept::Nothing => turn::note_other(),
        }
        self.flush.run(&shared);
        if !has_room {
            shared.gates.hold_back(&self.conn);
        }
    }

    /// Moves the replies so far into the outbox, in order with what others put there.
    fn post(&mut self, hub: &mut Hub, now: Now) {
        if self.out.is_empty() {
            return;
        }
        let shared = &*self.shared;
        hub.deliver_inbox(shared, self.conn.client.slot, &mut self.flush, now);
        let mut outbox = self.conn.outbox.lock();
        let before = outbox.pending();
        outbox.append(&mut self.out);
        shared.client_buffers.fetch_add(outbox.pending() as i64 - before as i64, Ordering::Relaxed);
    }

    /// Tells the broker of this connection's buffers, for CLIENT LIST.
    fn report(&self, hub: &mut Hub) {
        let (output_bytes, output_len, total_out) = {
            let outbox = self.conn.outbox.lock();
            (outbox.pending(), outbox.pieces(), outbox.total_out)
        };
        let query_bytes = self.buffered();
        let traffic = &mut hub.broker.session_mut(self.conn.client).traffic;
        let (read, sent) = (self.total_in - traffic.total_in, total_out - traffic.total_out);
        traffic.query_bytes = query_bytes;
        traffic.query_free = self.decoder.capacity().saturating_sub(self.decoder.buffered());
        traffic.output_bytes = output_bytes;
        traffic.output_len = output_len;
        traffic.total_in = self.total_in;
        traffic.total_out = total_out;
        hub.broker.stats.net_input_bytes += read;
        hub.broker.stats.net_output_bytes += sent;
    }

    /// Holds the replies against their limit, and takes over what commands changed.
    fn settle(&mut self, hub: &mut Hub) {
        let session = hub.broker.session(self.conn.client);
        let stranger = !session.authenticated;
        let limit = limits::Shared::output_limit(&hub.broker.settings, session);
        if limit.hard_bytes > 0 {
            let mut outbox = self.conn.outbox.lock();
            if outbox.pending() as u64 > limit.hard_bytes {
                dismiss(&mut hub.broker, self.conn.client, &mut outbox, OUTPUT_HARD_LIMIT);
                hub.broker.stats.output_limit_disconnections += 1;
            }
        }
        let bulk_bytes_max = self.shared.limits.bulk_bytes_max.load(Ordering::Relaxed);
        if (stranger, bulk_bytes_max) != (self.stranger, self.bulk_bytes_max) {
            (self.stranger, self.bulk_bytes_max) = (stranger, bulk_bytes_max);
            self.decoder.set_limits(request_limits(stranger, bulk_bytes_max));
        }
    }

    /// Sends what is pending and takes note of signals; the bytes still pending, or why it is over.
    fn flush_own(&mut self) -> Result<usize, &'static str> {
        let mut outbox = self.conn.outbox.lock();
        if std::mem::take(&mut outbox.resumed) {
            self.blocked = false;
            outbox.backlog = false;
        }
        let sent = self.shared.flush(&self.conn, &mut outbox);
        let pending = outbox.pending();
        if pending == 0 || !outbox.gated {
            self.unsafe_bytes = 0;
        }
        self.awaits_log = outbox.held_back || self.unsafe_bytes > UNSAFE_BYTES_MAX;
        if sent == Sent::Broken {
            return Err("connection reset");
        }
        match outbox.close {
            Some(reason) => Err(reason),
            None => Ok(pending),
        }
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let wants_room = {
            let mut outbox = self.conn.outbox.lock();
            let is_nudged = std::mem::take(&mut outbox.nudged);
            if is_nudged || outbox.close.is_some() || (outbox.resumed && (outbox.backlog || !self.blocked)) {
                return Poll::Ready(Event::Woken);
            }
            if self.shared.is_stopping() && self.closing.is_none() {
                return Poll::Ready(Event::Woken);
            }
            // Another thread may have sent meanwhile what is waited for.
            let may_run = match self.awaits_log {
                true => !outbox.gated && !outbox.held_back,
                false => outbox.pending() <= PENDING_BYTES_MAX,
            };
            if may_run && self.holding && !self.blocked && self.closing.is_none() {
                return Poll::Ready(Event::Woken);
            }
            store_waker(&mut outbox, cx);
            let is_kept_up = self.closing.is_some() || self.awaits_log || outbox.pending() > PENDING_BYTES_MAX;
            outbox.wants_news = outbox.gated && is_kept_up;
            outbox.pending() > 0 && !outbox.gated
        };
        if wants_room && self.conn.writer.poll_ready(cx).is_ready() {
            return Poll::Ready(Event::Writable);
        }
        if self.ended || self.closing.is_some() || self.awaits_log {
            // What it still sends is not taken in: nothing more will be run, or not yet.
            return Poll::Pending;
        }
        match self.poll_read(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(bytes)) => Poll::Ready(Event::Read(bytes)),
            Poll::Ready(Err(_)) => Poll::Ready(Event::Broken),
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.reader.poll_ready(cx)?.is_pending() {
            if self.decoder.buffered() == 0 {
                self.decoder.shrink();
            }
            self.count_query_bytes();
            return Poll::Pending;
        }
        let polled = if !self.aside.is_empty() || (self.holding && self.decoder.buffered() >= ASIDE_FROM_BYTES) {
            let polled = self.reader.poll_read(cx, self.aside.space());
            if let Poll::Ready(Ok(bytes)) = polled {
                self.aside.note(bytes);
            }
            polled
        } else {
            self.reader.poll_read(cx, self.decoder.space())
        };
        self.count_query_bytes();
        polled
    }

    /// Tells everybody else how many bytes of requests are held here.
    fn count_query_bytes(&mut self) {
        let query_bytes = self.buffered();
        let grown = query_bytes as i64 - self.counted_query_bytes as i64;
        self.shared.client_buffers.fetch_add(grown, Ordering::Relaxed);
        self.counted_query_bytes = query_bytes;
        self.conn.query_bytes.store(query_bytes, Ordering::Relaxed);
    }

    /// Forgets the connection everywhere.
    fn leave(&mut self) {
        let mut hub = self.shared.lock();
        let client: ClientId = self.conn.client;
        hub.broker.disconnect(client);
        hub.unseat(client);
        drop(hub);
        let pending = self.conn.outbox.lock().pending();
        self.shared.client_buffers.fetch_sub((pending + self.counted_query_bytes) as i64, Ordering::Relaxed);
        self.shared.connections.fetch_sub(1, Ordering::AcqRel);
    }
}

fn request_limits(stranger: bool, bulk_bytes_max: usize) -> Limits {
    let limits = if stranger { Limits::UNAUTHENTICATED } else { Limits::DEFAULT };
    Limits { bulk_bytes_max, ..limits }
}

fn store_waker(outbox: &mut Outbox, cx: &Context<'_>) {
    match &outbox.waker {
        Some(waker) if waker.will_wake(cx.waker()) => {}
        _ => outbox.waker = Some(cx.waker().clone()),
    }
}
