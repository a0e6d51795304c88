//! What happens beside the connections: timers, measurements, chores, the end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rbq_broker::session::Session;
use rbq_broker::{Action, Asker, ClientId, DiskRoom, HostFacts, Now, Persistence};
use rbq_journal::{Figures, Journal};

use crate::durable;
use crate::hub::{Conn, Flush, Hub, Shared, dismiss};
use crate::limits::{self, BUFFERS_OF_ALL};
use crate::memory;
use crate::news::News;

/// After how long it is seen again whether the log has room to expire keys.
const ROOM_AWAITED_US: u64 = 10_000;

/// Ends waits, expires keys and ends pauses when they are due.
pub(crate) async fn run_timer(shared: Arc<Shared>) {
    let mut flush = Flush::default();
    loop {
        let due = {
            let mut hub = shared.lock();
            let now = hub.clock.now();
            shared.look_for_room(&mut hub, 0);
            if *hub.broker.disk_room() == DiskRoom::Awaited {
                hub.broker.postpone_purges(now.monotonic_us + ROOM_AWAITED_US);
            }
            hub.broker.tick(now);
            hub.sort_mail(&shared, &mut flush, now);
            hub.deliver(&shared, &mut flush, now);
            shared.keep(&mut hub, now);
            hub.armed_us = u64::MAX;
            // Not `after_hold`: it would wake this very loop, which then would never sleep.
            hub.arm(now);
            shared.hand_over_chores(&mut hub);
            (hub.armed_us != u64::MAX).then(|| hub.clock.instant(hub.armed_us))
        };
        shared.gates.drive();
        flush.run(&shared);
        match due {
            Some(due) => {
                tokio::select! {
                    () = tokio::time::sleep_until(due.into()) => {}
                    () = shared.timer.notified() => {}
                }
            }
            None => shared.timer.notified().await,
        }
    }
}

/// Measures the process, follows the system's clock and looks after clients, `hz` times a second.
pub(crate) async fn run_measurements(shared: Arc<Shared>, fixed: HostFacts) {
    let mut seconds = 0;
    loop {
        let hz = measure(&shared, &fixed);
        hold_to_limit(&shared);
        let second = shared.lock().clock.now().monotonic_us / 1_000_000;
        if second != seconds {
            seconds = second;
            look_after_clients(&shared);
        }
        tokio::time::sleep(Duration::from_millis(1000 / hz)).await;
    }
}

fn measure(shared: &Shared, fixed: &HostFacts) -> u64 {
    let memory = memory::measure();
    let (cpu_user_us, cpu_system_us) = memory::cpu_us();
    let memory_resident = match memory.resident {
        0 => memory::resident_by_kernel(),
        resident => resident,
    };
    let mut hub = shared.lock();
    let facts = HostFacts {
        memory_used: memory.allocated,
        memory_resident,
        cpu_user_us,
        cpu_system_us,
        client_buffers: shared.client_buffers.load(Ordering::Relaxed).max(0) as u64,
        persistence: persistence(&hub),
        info: lock_info(&hub),
        ..fixed.clone()
    };
    hub.broker.set_facts(facts);
    want_snapshot_if_due(shared, &mut hub, memory.allocated);
    see_whether_there_is_space(shared, &mut hub);
    if let Some(jump) = hub.clock.follow() {
        shared.teller.note(News::Clock(jump));
    }
    hub.broker.settings.hz.0.max(1) as u64
}

fn persistence(hub: &Hub) -> Option<Persistence> {
    let figures = hub.journal.as_ref()?.figures();
    Some(Persistence {
        log_bytes: figures.log_bytes_since_snapshot,
        snapshot_bytes: hub.snapshot_bytes,
        appended: figures.appended,
        written: figures.written,
        synced: figures.synced,
        syncs: figures.syncs,
        in_flight_bytes: figures.in_flight_bytes,
        segments: figures.segments as u64,
        sync_us: hub.sync_us.unwrap_or_default(),
        is_writable: !hub.is_disk_full,
        backup: hub.backup,
    })
}

/// The log must not grow without bound, nor the time of the next start with it; and on a full disk it must not keep the space of
/// what was drained.
fn want_snapshot_if_due(shared: &Shared, hub: &mut Hub, memory_used: u64) {
    let Some(journal) = &hub.journal else { return };
    let settings = &hub.broker.settings;
    let percentage = settings.auto_aof_rewrite_percentage.0 as u64;
    let figures = journal.figures();
    let log_bytes = figures.log_bytes_since_snapshot;
    let is_long = log_bytes >= settings.auto_aof_rewrite_min_size.0
        && log_bytes >= hub.snapshot_bytes.saturating_mul(percentage) / 100;
    let is_due = is_long || (hub.is_disk_full && would_make_room(journal, &figures, memory_used));
    let now = hub.clock.now();
    if percentage > 0 && is_due && now.monotonic_us >= hub.snapshot_from_us {
        hub.broker.want_snapshot(now);
        shared.hand_over_chores(hub);
    }
}

/// Whether a snapshot has room on a full disk, and the log that it replaces takes much more: it is no larger than what is in memory.
fn would_make_room(journal: &Journal, figures: &Figures, memory_used: u64) -> bool {
    let has_room = journal.free_bytes().is_some_and(|free| free >= memory_used);
    figures.segments > 1 && figures.log_bytes_since_snapshot / 2 >= memory_used && has_room
}

/// Space that returned is noticed without a request, too: keys whose time has come wait for it.
fn see_whether_there_is_space(shared: &Shared, hub: &mut Hub) {
    if !hub.is_disk_full {
        return;
    }
    shared.look_for_room(hub, 0);
    if !hub.is_disk_full {
        let now = hub.clock.now();
        shared.after_hold(hub, now);
    }
}

fn lock_info(hub: &Hub) -> Vec<(String, String)> {
    vec![("stats".into(), hub.waits.line("rbq_lock_wait_usec") + &hub.holds.line("rbq_lock_hold_usec"))]
}

/// Closes clients that were idle or did not read for too long.
fn look_after_clients(shared: &Shared) {
    let mut hub = shared.lock();
    let now = hub.clock.now();
    note_traffic(&mut hub, now);
    close_idle(&mut hub, now);
    close_over_soft_limit(&mut hub, now);
}

/// A connection tells of its buffers when it runs something; this tells of those that only send or only receive, and are not idle
/// while they do, nor while what they were answered waits for the disk.
fn note_traffic(hub: &mut Hub, now: Now) {
    let conns: Vec<_> = hub.conns().cloned().collect();
    let broker = &mut hub.broker;
    for conn in conns {
        let (output_bytes, output_len, total_out, is_gated) = {
            let outbox = conn.outbox.lock();
            (outbox.pending(), outbox.pieces(), outbox.total_out, outbox.gated)
        };
        let query_bytes = conn.query_bytes.load(Ordering::Relaxed);
        let session = broker.session_mut(conn.client);
        let traffic = &mut session.traffic;
        let sent = total_out - traffic.total_out;
        if sent > 0 || query_bytes != traffic.query_bytes || is_gated {
            session.active_at = now;
        }
        traffic.query_bytes = query_bytes;
        traffic.output_bytes = output_bytes;
        traffic.output_len = output_len;
        traffic.total_out = total_out;
        broker.stats.net_output_bytes += sent;
    }
}

fn close_idle(hub: &mut Hub, now: Now) {
    let timeout_us = hub.broker.settings.timeout.0 as u64 * 1_000_000;
    // Who waits for room in the log is not idle either.
    if timeout_us == 0 || *hub.broker.disk_room() == DiskRoom::Awaited {
        return;
    }
    let is_idle = |session: &&Session| {
        let is_waiting = session.parked.is_some() || session.paused || session.subscriptions.any() || session.monitor;
        !is_waiting && now.monotonic_us.saturating_sub(session.active_at.monotonic_us) > timeout_us
    };
    let idle: Vec<_> = hub.broker.sessions().into_iter().filter(is_idle).map(|session| session.id).collect();
    for client in idle {
        close(hub, client, "idle for too long");
    }
}

/// A soft limit's time may be up when no more output comes that would make somebody look.
fn close_over_soft_limit(hub: &mut Hub, now: Now) {
    let is_over = |conn: &&Arc<Conn>| {
        let outbox = conn.outbox.lock();
        outbox.over_soft_since_us.is_some() && outbox.close.is_none()
    };
    let over: Vec<_> = hub.conns().filter(is_over).cloned().collect();
    for conn in over {
        let mut outbox = conn.outbox.lock();
        let limit = limits::Shared::output_limit(&hub.broker.settings, hub.broker.session(conn.client));
        if let Some(reason) = limits::Shared::exceeded(limit, &mut outbox, now) {
            dismiss(&mut hub.broker, conn.client, &mut outbox, reason);
            hub.broker.stats.output_limit_disconnections += 1;
        }
    }
}

/// Closes clients, the largest first, until the buffers of those left and what they queue in MULTI are within
/// `maxmemory-clients`.
fn hold_to_limit(shared: &Shared) {
    let mut hub = shared.lock();
    let settings = &hub.broker.settings;
    let Some(limit) = settings.maxmemory_clients.limit(settings.maxmemory.0) else { return };
    let mut clients: Vec<(u64, ClientId, bool)> = (hub.broker.sessions().into_iter())
        .map(|session| (held_bytes(&hub, session), session.id, session.no_evict))
        .collect();
    let mut total: u64 = clients.iter().map(|(bytes, ..)| bytes).sum();
    clients.sort_unstable_by_key(|&(bytes, client, _)| (bytes, client.slot));
    for (bytes, client, is_exempt) in clients.into_iter().rev() {
        if total <= limit {
            break;
        }
        if !is_exempt {
            close(&mut hub, client, BUFFERS_OF_ALL);
            hub.broker.stats.evicted_clients += 1;
            total -= bytes;
        }
    }
}

/// What a client makes the server hold; nothing once it is about to be closed.
fn held_bytes(hub: &Hub, session: &Session) -> u64 {
    let Some(conn) = hub.conn(session.id.slot) else { return 0 };
    let outbox = conn.outbox.lock();
    if outbox.close.is_some() {
        return 0;
    }
    (outbox.pending() + conn.query_bytes.load(Ordering::Relaxed) + session.queued_bytes()) as u64
}

fn close(hub: &mut Hub, client: ClientId, reason: &'static str) {
    if let Some(conn) = hub.conn(client.slot).cloned() {
        dismiss(&mut hub.broker, client, &mut conn.outbox.lock(), reason);
    }
}

/// Does what commands asked for, or has it done: this thread accepts connections and keeps time, and waits for no disk. Returns when
/// SHUTDOWN was asked for.
pub(crate) async fn run_chores(shared: Arc<Shared>) {
    loop {
        shared.chores.notified().await;
        let actions = std::mem::take(&mut *shared.actions.lock());
        for action in actions {
            match action {
                Action::Shutdown => return,
                Action::PurgeMemory => purge_memory(),
                Action::Backup(order) => durable::back_up(shared.clone(), order),
                Action::RewriteConfig(asker) => have_config_rewritten(&shared, asker),
                // Done already, by the thread that ran the command.
                Action::ParameterChanged(_)
                | Action::Sleep(_)
                | Action::Sync
                | Action::Snapshot
                | Action::Switch(_) => {}
            }
        }
    }
}

fn have_config_rewritten(shared: &Shared, asker: Asker) {
    if let Err(busy) = shared.scribe.ask(asker) {
        durable::announce(shared, |hub, _| hub.broker.finish_rewrite(asker, &Err(busy)));
    }
}

fn purge_memory() {
    // jemalloc purges what its decay has queued when the epoch advances; there is nothing more to ask of it safely.
    let _ = tikv_jemalloc_ctl::epoch::advance();
}

/// Lets every connection send what it has and closes it; what is being written meanwhile is written. What is being freed is nobody's.
pub(crate) async fn stop(shared: &Shared) {
    /// How long clients that do not read are waited for, and a disk, or a reader of the log, that stands still.
    const PATIENCE: Duration = Duration::from_secs(3);
    shared.stopping.store(true, Ordering::Release);
    for conn in shared.lock().conns() {
        conn.outbox.lock().wake();
    }
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let is_busy =
        || shared.connections.load(Ordering::Acquire) > 0 || !shared.scribe.is_idle() || !shared.teller.is_idle();
    while is_busy() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
