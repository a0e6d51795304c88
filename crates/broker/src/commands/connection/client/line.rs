//! One client in a line: what CLIENT LIST and CLIENT INFO tell.
//!
//! The fields are Redis's, in its order. What belongs to its way of buffering and not to ours (`rbs`, `rbp`,
//! `argv-mem`) is zero.

use rbq_resp::Proto;

use crate::broker::Broker;
use crate::session::Session;
use crate::time::Now;

/// The line of this session, with its line end.
pub(super) fn line(broker: &Broker, session: &Session, now: Now) -> String {
    let traffic = session.traffic;
    let (queued, queue_bytes) = match &session.transaction {
        Some(transaction) => (transaction.queue.len() as i64, transaction.bytes),
        None => (-1, 0),
    };
    let memory = size_of::<Session>() + traffic.query_bytes + traffic.query_free + traffic.output_bytes + queue_bytes;
    let fields: &[(&str, &dyn std::fmt::Display)] = &[
        ("id", &session.id.id),
        ("addr", &session.peer.addr),
        ("laddr", &session.peer.laddr),
        ("fd", &traffic.fd),
        ("name", &text(&session.name)),
        ("age", &age_s(session, now)),
        ("idle", &idle_s(session, now)),
        ("flags", &flags(session)),
        ("db", &session.db),
        ("sub", &session.subscriptions.channels),
        ("psub", &session.subscriptions.patterns),
        ("ssub", &session.subscriptions.shard_channels),
        ("multi", &queued),
        ("watch", &session.watched.len()),
        ("qbuf", &traffic.query_bytes),
        ("qbuf-free", &traffic.query_free),
        ("argv-mem", &0),
        ("multi-mem", &queue_bytes),
        ("rbs", &0),
        ("rbp", &0),
        ("obl", &traffic.output_bytes),
        ("oll", &traffic.output_len),
        ("omem", &traffic.output_bytes),
        ("tot-mem", &memory),
        ("events", &if traffic.output_bytes > 0 { "rw" } else { "r" }),
        ("cmd", &session.last_command.map_or("NULL", |known| &known.full_name)),
        ("user", &"default"),
        ("redir", &broker.redirection_of(session)),
        ("resp", &if session.proto == Proto::Resp3 { 3 } else { 2 }),
        ("lib-name", &text(&session.lib_name)),
        ("lib-ver", &text(&session.lib_version)),
        ("io-thread", &traffic.io_thread),
        ("tot-net-in", &traffic.total_in),
        ("tot-net-out", &traffic.total_out),
        ("tot-cmds", &session.commands),
    ];
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    fields.join(" ") + "\n"
}

/// The letters that tell what a client is doing; `N` for nothing out of the ordinary.
pub(super) fn flags(session: &Session) -> String {
    let tracking = session.tracking.as_deref();
    let letters = [
        (session.monitor, 'O'),
        (session.subscriptions.any(), 'P'),
        (session.transaction.is_some(), 'x'),
        (session.parked.is_some() || session.paused, 'b'),
        (tracking.is_some(), 't'),
        (tracking.is_some_and(|tracking| tracking.broken_redirection), 'R'),
        (tracking.is_some_and(|tracking| tracking.broadcasts()), 'B'),
        (session.watch_broken, 'd'),
        (session.closing, 'c'),
        (session.peer.unix, 'U'),
        (session.no_evict, 'e'),
        (session.no_touch, 'T'),
    ];
    let letters: String = letters.iter().filter(|(set, _)| *set).map(|(_, letter)| letter).collect();
    if letters.is_empty() { "N".to_owned() } else { letters }
}

/// Seconds since the client connected.
pub(super) fn age_s(session: &Session, now: Now) -> u64 {
    now.monotonic_us.saturating_sub(session.connected_at.monotonic_us) / 1_000_000
}

/// Seconds since its last command.
pub(super) fn idle_s(session: &Session, now: Now) -> u64 {
    now.monotonic_us.saturating_sub(session.active_at.monotonic_us) / 1_000_000
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
