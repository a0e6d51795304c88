//! The one broker behind the one lock, and what every thread shares.
//!
//! Whoever holds the lock runs commands and moves what they caused into outboxes; whoever let go of it talks to
//! sockets. The lock is never held across a system call or an await.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use rbq_broker::{Action, Broker, ClientId, Letter, Now};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::flusher;
use crate::histogram::Histogram;
use crate::limits::{self, UNMEASURED_BYTES_MAX};
use crate::outbox::{Outbox, Sent};
use crate::socket::Writer;

/// A connection as other threads see it.
pub(crate) struct Conn {
    pub(crate) client: ClientId,
    pub(crate) writer: Writer,
    pub(crate) outbox: Mutex<Outbox>,
    /// Bytes its read buffer holds, for the sum over all clients.
    pub(crate) query_bytes: AtomicUsize,
}

/// What the lock guards.
pub(crate) struct Hub {
    pub(crate) broker: Broker,
    pub(crate) clock: Clock,
    /// By `ClientId::slot`.
    pub(crate) conns: Vec<Option<Arc<Conn>>>,
    /// When the timer will tick next, in monotonic microseconds.
    pub(crate) armed_us: u64,
    pub(crate) waits: Histogram,
    pub(crate) holds: Histogram,
}

/// What every thread of the server shares.
pub(crate) struct Shared {
    hub: Mutex<Hub>,
    /// Rearms the timer.
    pub(crate) timer: Notify,
    /// Something for the main thread to do: an action, garbage, shutdown.
    pub(crate) chores: Notify,
    pub(crate) actions: Mutex<Vec<Action>>,
    pub(crate) stopping: AtomicBool,
    /// Connections open or being accepted.
    pub(crate) connections: AtomicUsize,
    /// Bytes that all connections' buffers hold.
    pub(crate) client_buffers: AtomicI64,
    /// Request bytes since memory was measured.
    pub(crate) unmeasured: AtomicU64,
    pub(crate) limits: limits::Shared,
}

/// Connections that got output and must be flushed once the lock is released.
#[derive(Default)]
pub(crate) struct Flush {
    conns: Vec<Arc<Conn>>,
}

impl Shared {
    pub(crate) fn new(broker: Broker, clock: Clock) -> Self {
        let limits = limits::Shared::of(&broker.settings);
        let hub = Hub {
            broker,
            clock,
            conns: Vec::new(),
            armed_us: u64::MAX,
            waits: Histogram::default(),
            holds: Histogram::default(),
        };
        Self {
            hub: Mutex::new(hub),
            timer: Notify::new(),
            chores: Notify::new(),
            actions: Mutex::new(Vec::new()),
            stopping: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            client_buffers: AtomicI64::new(0),
            unmeasured: AtomicU64::new(0),
            limits,
        }
    }

    /// Takes the lock.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Hub> {
        if let Some(hub) = self.hub.try_lock() {
            return hub;
        }
        let start = std::time::Instant::now();
        let mut hub = self.hub.lock();
        hub.waits.record(start.elapsed().as_nanos() as u64);
        hub
    }

    /// Counts request bytes, and measures memory anew when it may have grown enough to matter for `maxmemory`.
    pub(crate) fn measure_if_needed(&self, request_bytes: u64) {
        if self.limits.maxmemory.load(Ordering::Relaxed) == 0 {
            return;
        }
        if self.unmeasured.fetch_add(request_bytes, Ordering::Relaxed) + request_bytes >= UNMEASURED_BYTES_MAX {
            self.unmeasured.store(0, Ordering::Relaxed);
            let memory = crate::memory::measure();
            self.lock().broker.set_memory_used(memory.allocated);
        }
    }

    /// Whether the server is shutting down.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Hands what the broker wants done to the main thread, and rearms the timer if something is due earlier than it
    /// was. Called before the lock is released.
    pub(crate) fn after_hold(&self, hub: &mut Hub, now: Now) {
        self.hand_over_chores(hub);
        if hub.arm(now) {
            self.timer.notify_one();
        }
    }

    /// Hands what the broker wants done to the main thread, except for what must be done before the lock is released.
    pub(crate) fn hand_over_chores(&self, hub: &mut Hub) {
        if !hub.broker.has_chores() {
            return;
        }
        let actions = hub.broker.take_actions();
        for action in &actions {
            match action {
                // DEBUG SLEEP is asked for to see what a server looks like that does nothing: nobody gets the lock.
                Action::Sleep(us) => std::thread::sleep(Duration::from_micros(*us)),
                // In force before CONFIG SET is answered.
                Action::ParameterChanged(_) => self.limits.load(&hub.broker.settings),
                _ => {}
            }
        }
        self.actions.lock().extend(actions);
        self.chores.notify_one();
    }
}

impl Hub {
    /// Notes when the timer has to tick next; whether that is earlier than it knew.
    pub(crate) fn arm(&mut self, now: Now) -> bool {
        let due_us = self.broker.next_tick_us(now).unwrap_or(u64::MAX);
        let is_earlier = due_us < self.armed_us;
        self.armed_us = self.armed_us.min(due_us);
        is_earlier
    }

    /// Moves the broker's mail into outboxes.
    pub(crate) fn distribute(&mut self, shared: &Shared, flush: &mut Flush, now: Now) {
        let Self { broker, conns, .. } = self;
        let mut mail = std::mem::take(broker.mail());
        for (to, letter) in mail.letters.drain(..) {
            let Some(Some(conn)) = conns.get(to.slot as usize) else { continue };
            if conn.client != to {
                continue;
            }
            let mut outbox = conn.outbox.lock();
            let before = outbox.pending();
            match letter {
                Letter::Small { start, end, .. } => outbox.append_bytes(&mail.arena[start as usize..end as usize]),
                Letter::Shared(bytes, _) => outbox.append_shared(bytes),
                Letter::Reply(mut out) => {
                    outbox.append(&mut out);
                    outbox.resumed = true;
                }
                Letter::Resume => {
                    outbox.resumed = true;
                    outbox.wake();
                }
                Letter::Close(reason) => {
                    outbox.close = Some(reason);
                    outbox.wake();
                }
            }
            shared.client_buffers.fetch_add(outbox.pending() as i64 - before as i64, Ordering::Relaxed);
            let limit = limits::Shared::output_limit(&broker.settings, broker.session(to));
            if let Some(reason) = limits::Shared::exceeded(limit, &mut outbox, now) {
                broker.stats.output_limit_disconnections += 1;
                outbox.close = Some(reason);
                outbox.wake();
            }
            if !outbox.listed {
                outbox.listed = true;
                flush.conns.push(conn.clone());
            }
        }
        mail.clear();
        *broker.mail() = mail;
    }
}

impl Flush {
    /// These connections.
    pub(crate) fn of(conns: Vec<Arc<Conn>>) -> Self {
        Self { conns }
    }

    /// Sends what was appended from this thread: at once, or with what else this turn brings.
    pub(crate) fn run(&mut self, shared: &Shared) {
        if !flusher::defer(&mut self.conns) {
            self.send(shared);
        }
    }

    /// Sends what was appended; a connection whose socket is full, or that has to go on with a backlog, is woken.
    pub(crate) fn send(&mut self, shared: &Shared) {
        for conn in self.conns.drain(..) {
            let mut outbox = conn.outbox.lock();
            outbox.listed = false;
            let before = outbox.pending();
            let sent = outbox.flush(&conn.writer);
            shared.client_buffers.fetch_add(outbox.pending() as i64 - before as i64, Ordering::Relaxed);
            if sent != Sent::All || (outbox.resumed && outbox.backlog) {
                if sent == Sent::Broken {
                    outbox.close = Some("connection reset");
                }
                outbox.wake();
            }
        }
    }
}
