//! The one broker behind the one lock, and what every thread shares.
//!
//! Whoever holds the lock runs commands and moves what they caused into outboxes; whoever let go of it talks to
//! sockets. The lock is never held across an await, nor across a system call that may wait for something: a file, a socket, the reader of
//! the log. What a hold has to say it [notes](crate::news); what the disk has left the journal's own thread asked before. (To wake a thread
//! is a call, too, and waits for nothing. DEBUG SLEEP is there to be waited for.)

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use rbq_broker::{Action, Asker, Broker, ClientId, DiskRoom, Gate, Letter, Now};
use rbq_journal::Journal;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::durable::{self, Home, Keeping, Snapshots, Wish};
use crate::flusher;
use crate::gates::Gates;
use crate::histogram::Histogram;
use crate::limits::{self, UNMEASURED_BYTES_MAX};
use crate::logs;
use crate::news::{News, Teller};
use crate::outbox::{Outbox, Sent};
use crate::scribe::Scribe;
use crate::socket::Writer;
use crate::sweeper::Sweeper;

/// A connection as other threads see it.
pub(crate) struct Conn {
    pub(crate) client: ClientId,
    pub(crate) io_thread: usize,
    pub(crate) writer: Writer,
    pub(crate) outbox: Mutex<Outbox>,
    /// Bytes its read buffer holds, for the sum over all clients.
    pub(crate) query_bytes: AtomicUsize,
}

/// A connection's place in the hub.
///
/// Sixteen PUBLISH in one pipeline to fifty subscribers are eight hundred letters: they are gathered here, where nobody else
/// looks, and each outbox is locked once for all of its sixteen.
struct Seat {
    conn: Arc<Conn>,
    /// Small letters of the hold under way; empty between holds.
    inbox: Vec<u8>,
    /// Behind which gate they stand: the newest of theirs.
    inbox_gate: Gate,
}

/// An inbox above this size is given back: ten thousand subscribers keep 40 MiB at most.
const INBOX_KEPT_BYTES_MAX: usize = 4096;

/// What the lock guards.
pub(crate) struct Hub {
    pub(crate) broker: Broker,
    pub(crate) clock: Clock,
    /// By `ClientId::slot`.
    seats: Vec<Option<Seat>>,
    /// Slots of those with letters in their inbox.
    unread: Vec<u32>,
    /// When the timer will tick next, in monotonic microseconds.
    pub(crate) armed_us: u64,
    pub(crate) waits: Histogram,
    pub(crate) holds: Histogram,
    /// What is kept goes there, if anything is.
    pub(crate) journal: Option<Arc<Journal>>,
    /// A journal that is being completed: nothing more goes there.
    pub(crate) left: Option<Arc<Journal>>,
    /// Why a journal that was begun is no longer [kept](Self::journal) before it counted.
    pub(crate) lost: Option<String>,
    /// Bytes of the newest snapshot.
    pub(crate) snapshot_bytes: u64,
    /// From when on a snapshot is taken unasked, in monotonic microseconds: one that failed is not tried again at once.
    pub(crate) snapshot_from_us: u64,
    /// Median time of a write with its sync on the log's disk, in microseconds, where it could be measured.
    pub(crate) sync_us: Option<u64>,
    pub(crate) is_disk_full: bool,
    /// How far the backup under way is.
    pub(crate) backup: Option<(u64, u64)>,
}

/// What every thread of the server shares.
pub(crate) struct Shared {
    hub: Mutex<Hub>,
    /// Rearms the timer.
    pub(crate) timer: Notify,
    /// Something for the main thread to do: an action, shutdown.
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
    pub(crate) gates: Arc<Gates>,
    pub(crate) home: Home,
    pub(crate) snapshots: Snapshots,
    pub(crate) sweeper: Sweeper,
    pub(crate) scribe: Scribe,
    pub(crate) teller: Teller,
}

/// The other ends of the lines to threads that have yet to be started.
pub(crate) struct Lines {
    pub(crate) wishes: Receiver<Wish>,
    pub(crate) calls: Receiver<()>,
    pub(crate) askers: Receiver<Asker>,
    pub(crate) news: Receiver<News>,
}

/// Whether a hold logged anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// The journal has to be driven.
    Something,
    /// It has nothing new.
    Nothing,
}

/// Connections that got output and must be flushed once the lock is released.
#[derive(Default)]
pub(crate) struct Flush {
    conns: Vec<Arc<Conn>>,
}

impl Shared {
    pub(crate) fn new(broker: Broker, clock: Clock, gates: Arc<Gates>, home: Home) -> (Self, Lines) {
        let (snapshots, wishes) = Snapshots::new();
        let (sweeper, calls) = Sweeper::new();
        let (scribe, askers) = Scribe::new();
        let (teller, news) = Teller::new();
        let limits = limits::Shared::of(&broker.settings);
        let hub = Hub {
            broker,
            clock,
            seats: Vec::new(),
            unread: Vec::new(),
            armed_us: u64::MAX,
            waits: Histogram::default(),
            holds: Histogram::default(),
            journal: None,
            left: None,
            lost: None,
            snapshot_bytes: 0,
            snapshot_from_us: 0,
            sync_us: None,
            is_disk_full: false,
            backup: None,
        };
        let shared = Self {
            hub: Mutex::new(hub),
            timer: Notify::new(),
            chores: Notify::new(),
            actions: Mutex::new(Vec::new()),
            stopping: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            client_buffers: AtomicI64::new(0),
            unmeasured: AtomicU64::new(0),
            limits,
            gates,
            home,
            snapshots,
            sweeper,
            scribe,
            teller,
        };
        (shared, Lines { wishes, calls, askers, news })
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

    /// Hands what this hold logged to the journal. To be done before the lock is released, so that positions follow each
    /// other as holds do; afterwards the journal has to be [driven](Gates::drive).
    pub(crate) fn keep(&self, hub: &mut Hub, now: Now) -> Kept {
        let mut kept = Kept::Nothing;
        let Hub { broker, journal, .. } = hub;
        if let Some(journal) = journal {
            broker.log().hand_over(|records| {
                kept = Kept::Something;
                journal.append_quietly(records, now.unix_ms())
            });
        }
        kept
    }

    /// Tells the broker which changes have room in the log, for requests of so many bytes: none has while a file is prepared or
    /// too much is under way, and on a full disk those that add have none.
    pub(crate) fn look_for_room(&self, hub: &mut Hub, request_bytes: usize) {
        let Some(journal) = &hub.journal else { return };
        let room = if journal.is_congested() { DiskRoom::Awaited } else { durable::room::look(journal, request_bytes) };
        if room == *hub.broker.disk_room() && !hub.is_disk_full {
            return;
        }
        match &room {
            // Something small may have room in what is left of the last file, and the next one none.
            DiskRoom::Enough if hub.is_disk_full && journal.full().is_none() => {
                hub.is_disk_full = false;
                self.teller.note(News::DiskHasRoom);
            }
            DiskRoom::Enough | DiskRoom::Awaited => {}
            // So far it is a broker in memory only, and that one goes on.
            DiskRoom::DrainsOnly(why) | DiskRoom::Nothing(why) if journal.is_founding() => {
                return hub.lose_journal(why.clone());
            }
            DiskRoom::DrainsOnly(why) | DiskRoom::Nothing(why) if !hub.is_disk_full => {
                hub.is_disk_full = true;
                self.teller.note(News::DiskIsFull { why: why.clone() });
            }
            DiskRoom::DrainsOnly(_) | DiskRoom::Nothing(_) => {}
        }
        hub.broker.set_disk_room(room);
    }

    /// Sends what a connection has pending, as far as gates and socket let it.
    pub(crate) fn flush(&self, conn: &Arc<Conn>, outbox: &mut Outbox) -> Sent {
        let before = outbox.pending();
        let sent = outbox.flush(&conn.writer, &self.gates);
        if let Sent::Gated(gate) = sent
            && !std::mem::replace(&mut outbox.gated, true)
        {
            self.gates.line_up(conn, gate);
        }
        let gone = outbox.pending() as i64 - before as i64;
        if gone != 0 {
            self.client_buffers.fetch_add(gone, Ordering::Relaxed);
        }
        sent
    }

    /// The same from elsewhere than the connection's own task, which is woken if it has something to do then.
    pub(crate) fn send(&self, conn: &Arc<Conn>, outbox: &mut Outbox) {
        let sent = self.flush(conn, outbox);
        if sent == Sent::Broken {
            outbox.close = Some("connection reset");
        }
        let news = sent == Sent::All && std::mem::take(&mut outbox.wants_news);
        outbox.nudged |= news;
        if news || matches!(sent, Sent::Broken | Sent::Blocked) || (outbox.resumed && outbox.backlog) {
            outbox.wake();
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

    /// The log goes by `appendfsync` from here on.
    pub(crate) fn follow_policy(&self, hub: &Hub) {
        if let Some(journal) = &hub.journal {
            journal.set_policy(durable::policy(hub.broker.settings.appendfsync));
            self.gates.advance(journal.progress());
        }
    }

    fn wish(&self, wish: Wish) {
        if self.snapshots.want(wish).is_err() {
            self.teller.note(News::NobodySaves);
        }
    }

    /// Hands what the broker wants done to the main thread, except for what must be done before the lock is released.
    pub(crate) fn hand_over_chores(&self, hub: &mut Hub) {
        if hub.broker.has_garbage() {
            self.sweeper.call();
        }
        if !hub.broker.has_actions() {
            return;
        }
        let actions = hub.broker.take_actions();
        for action in &actions {
            match action {
                // DEBUG SLEEP is asked for to see what a server looks like that does nothing: nobody gets the lock.
                Action::Sleep(us) => std::thread::sleep(Duration::from_micros(*us)),
                Action::Sync => {
                    if let Some(journal) = &hub.journal {
                        journal.request_sync();
                    }
                }
                Action::Snapshot => self.wish(Wish::Snapshot),
                Action::Switch(order) => self.wish(Wish::Switch(order.clone())),
                // In force before CONFIG SET is answered.
                Action::ParameterChanged(parameter) => {
                    if parameter.name == "appendfsync" {
                        self.follow_policy(hub);
                    }
                    self.limits.load(&hub.broker.settings);
                    if parameter.name == "loglevel" {
                        logs::set_level(hub.broker.settings.loglevel);
                    }
                }
                _ => {}
            }
        }
        self.actions.lock().extend(actions);
        self.chores.notify_one();
    }
}

impl Hub {
    /// What is logged from here on goes to this journal.
    pub(crate) fn keep_in(&mut self, kept: Keeping) {
        self.broker.set_ask_room(Some(durable::room::asker(&kept.journal)));
        self.journal = Some(kept.journal);
        self.snapshot_bytes = kept.snapshot_bytes;
        self.sync_us = kept.sync_us;
        self.lost = None;
        if kept.wants_snapshot {
            let now = self.clock.now();
            self.broker.want_snapshot(now);
        }
    }

    /// Nothing more goes to the journal, and nobody waits for it: it did not count yet.
    pub(crate) fn lose_journal(&mut self, why: String) {
        self.journal = None;
        self.lost = Some(why);
        self.broker.set_disk_room(DiskRoom::Enough);
        self.broker.set_ask_room(None);
        self.broker.log().disable();
        self.broker.end_snapshot();
    }

    /// Notes when the timer has to tick next; whether that is earlier than it knew.
    pub(crate) fn arm(&mut self, now: Now) -> bool {
        let due_us = self.broker.next_tick_us(now).unwrap_or(u64::MAX);
        let is_earlier = due_us < self.armed_us;
        self.armed_us = self.armed_us.min(due_us);
        is_earlier
    }

    /// Moves what the broker's commands caused to who gets it: small letters into inboxes, to be delivered together at the
    /// end of the hold, the rest into outboxes.
    pub(crate) fn sort_mail(&mut self, shared: &Shared, flush: &mut Flush, now: Now) {
        let mut mail = std::mem::take(self.broker.mail());
        for (to, letter) in mail.letters.drain(..) {
            let Some(Some(seat)) = self.seats.get_mut(to.slot as usize) else { continue };
            if seat.conn.client != to {
                continue;
            }
            if let Letter::Small { start, end, gate } = letter {
                if seat.inbox.is_empty() {
                    self.unread.push(to.slot);
                }
                seat.inbox.extend_from_slice(&mail.arena[start as usize..end as usize]);
                seat.inbox_gate = seat.inbox_gate.and(gate);
                continue;
            }
            self.deliver_letter(shared, to, letter, flush, now);
        }
        mail.clear();
        *self.broker.mail() = mail;
    }

    fn deliver_letter(&mut self, shared: &Shared, to: ClientId, letter: Letter, flush: &mut Flush, now: Now) {
        self.deliver_inbox(shared, to.slot, flush, now);
        let Some(Some(seat)) = self.seats.get(to.slot as usize) else { return };
        let mut outbox = seat.conn.outbox.lock();
        let before = outbox.pending();
        match letter {
            Letter::Small { .. } => unreachable!("small letters go by inbox"),
            Letter::Shared(bytes, gate) => outbox.append_shared(bytes, gate),
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
        let dismissed = enforce_limit(&mut self.broker, to, &mut outbox, now);
        self.broker.stats.output_limit_disconnections += dismissed;
        flush.list(&seat.conn, &mut outbox);
    }

    /// Moves all inboxes into outboxes. To be done before the lock is released: others may append from then on.
    pub(crate) fn deliver(&mut self, shared: &Shared, flush: &mut Flush, now: Now) {
        let mut unread = std::mem::take(&mut self.unread);
        for slot in unread.drain(..) {
            self.deliver_inbox(shared, slot, flush, now);
        }
        self.unread = unread;
    }

    /// Moves one inbox into its outbox, so that nothing that is appended next overtakes it.
    pub(crate) fn deliver_inbox(&mut self, shared: &Shared, slot: u32, flush: &mut Flush, now: Now) {
        let Some(Some(seat)) = self.seats.get_mut(slot as usize) else { return };
        if seat.inbox.is_empty() {
            return;
        }
        let mut outbox = seat.conn.outbox.lock();
        shared.client_buffers.fetch_add(seat.inbox.len() as i64, Ordering::Relaxed);
        outbox.append_buffer(&mut seat.inbox, std::mem::take(&mut seat.inbox_gate));
        seat.inbox.clear();
        if seat.inbox.capacity() > INBOX_KEPT_BYTES_MAX {
            seat.inbox = Vec::new();
        }
        let dismissed = enforce_limit(&mut self.broker, seat.conn.client, &mut outbox, now);
        self.broker.stats.output_limit_disconnections += dismissed;
        flush.list(&seat.conn, &mut outbox);
    }

    /// The connections, in the order of their slots.
    pub(crate) fn conns(&self) -> impl Iterator<Item = &Arc<Conn>> {
        self.seats.iter().flatten().map(|seat| &seat.conn)
    }

    /// The connection in this slot.
    pub(crate) fn conn(&self, slot: u32) -> Option<&Arc<Conn>> {
        self.seats.get(slot as usize)?.as_ref().map(|seat| &seat.conn)
    }

    /// Gives a new connection its place.
    pub(crate) fn seat(&mut self, conn: Arc<Conn>) {
        let slot = conn.client.slot as usize;
        if self.seats.len() <= slot {
            self.seats.resize_with(slot + 1, || None);
        }
        self.seats[slot] = Some(Seat { conn, inbox: Vec::new(), inbox_gate: Gate::OPEN });
    }

    /// Takes a connection's place away.
    pub(crate) fn unseat(&mut self, client: ClientId) {
        self.seats[client.slot as usize] = None;
    }
}

/// Marks a connection for closing: its client takes nothing from this moment on, as it would be nobody's.
pub(crate) fn dismiss(broker: &mut Broker, client: ClientId, outbox: &mut Outbox, reason: &'static str) {
    broker.dismiss(client);
    outbox.close = Some(reason);
    outbox.wake();
}

/// Dismisses a connection that does not read what it is sent; how many that are, one or none.
fn enforce_limit(broker: &mut Broker, client: ClientId, outbox: &mut Outbox, now: Now) -> u64 {
    let limit = limits::Shared::output_limit(&broker.settings, broker.session(client));
    let Some(reason) = limits::Shared::exceeded(limit, outbox, now) else { return 0 };
    dismiss(broker, client, outbox, reason);
    1
}

impl Flush {
    /// These connections.
    pub(crate) fn of(conns: Vec<Arc<Conn>>) -> Self {
        Self { conns }
    }

    fn list(&mut self, conn: &Arc<Conn>, outbox: &mut Outbox) {
        if !outbox.listed {
            outbox.listed = true;
            self.conns.push(conn.clone());
        }
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
            shared.send(&conn, &mut outbox);
        }
    }
}
