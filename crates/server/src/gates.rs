//! Who waits for the log to be safe, and who lets them go on.
//!
//! ```text
//!   outbox ── front piece gated ──► the line of its I/O thread ──► the thread's gatekeeper ──► socket
//!                                             ▲
//!   journal ── advanced: up to here is safe ──┘ one wake for each thread that has somebody to let go
//! ```
//!
//! The journal's thread touches no socket: while it would write to hundreds of them, the next batch would wait.
//!
//! Invariant: whoever is in a line is woken once its gate is open. The journal notes how far it is before it looks at a
//! line, and whoever lines up looks again afterwards, so one of both sees the other.
//!
//! Positions only grow, from one journal to the next too, and a gate that was open once is open for good: so what two threads
//! tell at a time, or a journal that has ended meanwhile, can be told in any order. Without a journal nothing is at a position
//! that is not safe.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use rbq_broker::Gate;
use rbq_journal::{Journal, Progress};

use crate::hub::{Conn, Shared};
use crate::turn;

/// Connections of one I/O thread whose output waits.
#[derive(Default)]
struct Line {
    waiting: VecDeque<(Gate, Arc<Conn>)>,
    /// Those that wait for a sync where others need not: whoever is behind them would have to, too.
    syncing: VecDeque<(Gate, Arc<Conn>)>,
    gatekeeper: Option<Waker>,
}

impl Line {
    /// Whether somebody waits no longer. Who lined up first waits for the least, or nearly so, and nobody waits for ever for who is
    /// in front: the log comes as far as that one wants.
    fn has_open(&self, is_open: impl Fn(Gate) -> bool) -> bool {
        [&self.waiting, &self.syncing].into_iter().any(|line| line.front().is_some_and(|(gate, _)| is_open(*gate)))
    }
}

/// How far the log is, and the lines.
pub(crate) struct Gates {
    /// The journal that is to be driven, if something is kept.
    driven: Mutex<Option<Arc<Journal>>>,
    /// How often that was another one.
    changes: AtomicU64,
    /// Up to where it is safe, as the policy means it.
    safe: AtomicU64,
    synced: AtomicU64,
    lines: Vec<Mutex<Line>>,
    /// Connections that run nothing until there is room again.
    held_back: Mutex<Vec<Arc<Conn>>>,
}

impl Gates {
    /// Gates that are all open, until there is a journal.
    pub(crate) fn new(io_threads: usize) -> Self {
        Self {
            driven: Mutex::default(),
            changes: AtomicU64::new(0),
            safe: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            lines: (0..io_threads).map(|_| Mutex::default()).collect(),
            held_back: Mutex::default(),
        }
    }

    /// From here on this journal is driven. Nothing was appended to it yet.
    pub(crate) fn guard(&self, journal: Arc<Journal>) {
        let progress = journal.progress();
        self.set_driven(Some(journal));
        self.advance(progress);
    }

    /// No journal is driven any more, and whoever waits for a position up to `upto` waits no longer.
    pub(crate) fn open(&self, upto: u64) {
        self.set_driven(None);
        // Each gatekeeper lets go of the journal when it is woken.
        (0..self.lines.len()).for_each(|io_thread| self.wake_gatekeeper(io_thread));
        self.advance(Progress { open_upto: upto, synced: upto, is_congested: false });
    }

    fn set_driven(&self, journal: Option<Arc<Journal>>) {
        *self.driven.lock() = journal;
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Whether this gate is open.
    #[inline]
    pub(crate) fn is_open(&self, gate: Gate) -> bool {
        gate == Gate::OPEN || gate.is_open(self.safe.load(Ordering::Acquire), self.synced.load(Ordering::Acquire))
    }

    /// The journal has come further, or has room again, or its policy was changed.
    pub(crate) fn advance(&self, progress: Progress) {
        raise(&self.synced, progress.synced);
        raise(&self.safe, progress.open_upto);
        for line in &self.lines {
            let mut line = line.lock();
            if line.has_open(|gate| self.is_open(gate))
                && let Some(gatekeeper) = line.gatekeeper.take()
            {
                gatekeeper.wake();
            }
        }
        if !progress.is_congested {
            self.release_held_back();
        }
    }

    /// Lines a connection up until `gate` is open.
    pub(crate) fn line_up(&self, conn: &Arc<Conn>, gate: Gate) {
        let mut line = self.lines[conn.io_thread].lock();
        let waits_for_sync = gate.waits_for_sync(self.synced.load(Ordering::Acquire));
        let queue = if waits_for_sync { &mut line.syncing } else { &mut line.waiting };
        queue.push_back((gate, conn.clone()));
        if self.is_open(gate)
            && let Some(gatekeeper) = line.gatekeeper.take()
        {
            gatekeeper.wake();
        }
    }

    /// A hold of this I/O thread logged something. It is driven by the thread's gatekeeper, whose turn comes when all connections
    /// that are ready now have had theirs, so that one write, and one sync where there is one, serves them all.
    pub(crate) fn drive_after_turn(&self, io_thread: usize) {
        if turn::note_logged() {
            self.wake_gatekeeper(io_thread);
        }
    }

    fn wake_gatekeeper(&self, io_thread: usize) {
        if let Some(gatekeeper) = self.lines[io_thread].lock().gatekeeper.take() {
            gatekeeper.wake();
        }
    }

    /// Sees to it that what was logged outside of an I/O thread's turn is written.
    pub(crate) fn drive(&self) {
        let driven = self.driven.lock().clone();
        if let Some(journal) = driven {
            journal.drive();
        }
    }

    /// Nudges this connection once there is room.
    pub(crate) fn hold_back(&self, conn: &Arc<Conn>) {
        let is_listed = std::mem::replace(&mut conn.outbox.lock().held_back, true);
        if !is_listed {
            self.held_back.lock().push(conn.clone());
        }
        if self.driven.lock().as_ref().is_none_or(|journal| !journal.is_congested() && !journal.is_preparing()) {
            self.release_held_back();
        }
    }

    fn release_held_back(&self) {
        let held_back = std::mem::take(&mut *self.held_back.lock());
        for conn in held_back {
            let mut outbox = conn.outbox.lock();
            outbox.held_back = false;
            outbox.nudged = true;
            outbox.wake();
        }
    }

    /// Ready when something was logged in this turn, or there is somebody to let go on.
    fn poll_news(&self, io_thread: usize, cx: &Context<'_>) -> Poll<()> {
        let mut line = self.lines[io_thread].lock();
        if line.has_open(|gate| self.is_open(gate)) || turn::has_logged() {
            return Poll::Ready(());
        }
        line.gatekeeper = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Moves those from a line who wait no longer.
    fn take_open(&self, io_thread: usize, open: &mut Vec<Arc<Conn>>) {
        let mut line = self.lines[io_thread].lock();
        let Line { waiting, syncing, .. } = &mut *line;
        for queue in [waiting, syncing] {
            while queue.front().is_some_and(|(gate, _)| self.is_open(*gate)) {
                open.extend(queue.pop_front().map(|(_, conn)| conn));
            }
        }
    }
}

/// Who lets an I/O thread's connections go on. It knows the journal, so that driving it takes no lock.
struct Keeper {
    io_thread: usize,
    driven: Option<Arc<Journal>>,
    /// As of which change.
    changes: u64,
    open: Vec<Arc<Conn>>,
}

impl Keeper {
    fn look_up(&mut self, gates: &Gates) {
        let changes = gates.changes.load(Ordering::Acquire);
        if self.changes != changes {
            self.changes = changes;
            self.driven.clone_from(&gates.driven.lock());
        }
    }

    fn let_go_on(&mut self, shared: &Shared) {
        shared.gates.take_open(self.io_thread, &mut self.open);
        for conn in self.open.drain(..) {
            let mut outbox = conn.outbox.lock();
            outbox.gated = false;
            shared.send(&conn, &mut outbox);
        }
    }

    fn drive(&mut self, gates: &Gates) {
        // What was logged last may have gone to another one than when the turn began.
        self.look_up(gates);
        let Some(journal) = &self.driven else { return };
        if turn::may_stay() { journal.drive_and_stay() } else { journal.drive() }
    }
}

fn raise(position: &AtomicU64, to: u64) {
    if position.load(Ordering::Acquire) < to {
        position.fetch_max(to, Ordering::AcqRel);
    }
}

/// Lets the connections of an I/O thread go on, for ever.
pub(crate) async fn keep(shared: Arc<Shared>, io_thread: usize) {
    let mut keeper = Keeper { io_thread, driven: None, changes: 0, open: Vec::new() };
    loop {
        std::future::poll_fn(|cx| {
            keeper.look_up(&shared.gates);
            shared.gates.poll_news(io_thread, cx)
        })
        .await;
        keeper.let_go_on(&shared);
        if turn::gather().await {
            // Meanwhile others may have seen to it that somebody can go on, who is not to wait for this turn's sync too.
            keeper.let_go_on(&shared);
            keeper.drive(&shared.gates);
        }
    }
}
