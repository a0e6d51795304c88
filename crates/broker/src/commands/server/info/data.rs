//! What is kept, where, and by whom else.

use super::lines::Lines;
use crate::broker::Broker;
use crate::time::Now;

/// Redis's own names, so that monitoring finds them; what only a log like ours has begins with `rbq_`. A rewrite of the
/// append-only file and a background save are the same thing here, and shown as both.
pub(super) fn persistence(lines: &mut Lines, broker: &Broker, now: Now) {
    let snapshots = &broker.snapshots;
    let kept = broker.facts.persistence.as_ref();
    let seconds = |known: Option<u64>| known.map_or(-1, |seconds| seconds as i64);
    let status = |is_good: bool| if is_good { "ok" } else { "err" };
    let is_saving = u8::from(snapshots.begun_us.is_some());
    let current = seconds(snapshots.begun_us.map(|begun_us| now.monotonic_us.saturating_sub(begun_us) / 1_000_000));
    let last = seconds(snapshots.last_took_s);
    lines.field("loading", 0);
    lines.field("async_loading", 0);
    lines.field("rdb_changes_since_last_save", broker.stats.dirty.saturating_sub(snapshots.dirty_before));
    lines.field("rdb_bgsave_in_progress", is_saving);
    lines.field("rdb_last_save_time", snapshots.last_good_s);
    lines.field("rdb_last_bgsave_status", status(!snapshots.has_failed));
    lines.field("rdb_last_bgsave_time_sec", last);
    lines.field("rdb_current_bgsave_time_sec", current);
    lines.field("rdb_saves", snapshots.taken);
    lines.field("rdb_last_cow_size", 0);
    lines.field("aof_enabled", u8::from(broker.log.is_enabled()));
    lines.field("aof_rewrite_in_progress", is_saving);
    lines.field("aof_rewrite_scheduled", u8::from(snapshots.is_scheduled));
    lines.field("aof_last_rewrite_time_sec", last);
    lines.field("aof_current_rewrite_time_sec", current);
    lines.field("aof_last_bgrewrite_status", status(!snapshots.has_failed));
    lines.field("aof_last_write_status", status(kept.is_none_or(|kept| kept.is_writable)));
    for absent in ["aof_last_cow_size", "module_fork_in_progress", "module_fork_last_cow_size"] {
        lines.field(absent, 0);
    }
    let Some(kept) = kept else { return };
    lines.field("aof_current_size", kept.snapshot_bytes + kept.log_bytes);
    lines.field("aof_base_size", kept.snapshot_bytes);
    lines.field("aof_pending_rewrite", 0);
    lines.field("aof_buffer_length", kept.in_flight_bytes);
    lines.field("aof_pending_bio_fsync", u8::from(kept.synced < kept.written));
    lines.field("aof_delayed_fsync", 0);
    lines.field("rbq_log_appended", kept.appended);
    lines.field("rbq_log_written", kept.written);
    lines.field("rbq_log_synced", kept.synced);
    lines.field("rbq_log_syncs", kept.syncs);
    lines.field("rbq_log_segments", kept.segments);
    lines.field("rbq_sync_usec", kept.sync_us);
    lines.field("rbq_backup_in_progress", u8::from(kept.backup.is_some()));
    if let Some((done, total)) = kept.backup {
        lines.field("rbq_backup_bytes", done);
        lines.field("rbq_backup_bytes_total", total);
    }
}

pub(super) fn replication(lines: &mut Lines, broker: &Broker, _: Now) {
    let nobody = "0".repeat(40);
    let id = if broker.facts.run_id.is_empty() { &nobody } else { &broker.facts.run_id };
    lines.field("role", "master");
    lines.field("connected_slaves", 0);
    lines.field("master_failover_state", "no-failover");
    lines.field("master_replid", id);
    lines.field("master_replid2", &nobody);
    lines.field("master_repl_offset", 0);
    lines.field("second_repl_offset", -1);
    lines.field("repl_backlog_active", 0);
    lines.field("repl_backlog_size", 0);
    lines.field("repl_backlog_first_byte_offset", 0);
    lines.field("repl_backlog_histlen", 0);
}

pub(super) fn cluster(lines: &mut Lines, _: &Broker, _: Now) {
    lines.field("cluster_enabled", 0);
}

pub(super) fn keyspace(lines: &mut Lines, broker: &Broker, now: Now) {
    for (number, db) in broker.group().dbs.iter().enumerate().filter(|(_, db)| !db.is_empty()) {
        let (keys, expires) = (db.len(), db.deadlines_len());
        let ttl_ms = db.ttl_average_ms(now.unix_ms());
        lines.field(
            format_args!("db{number}"),
            format_args!("keys={keys},expires={expires},avg_ttl={ttl_ms},subexpiry=0"),
        );
    }
}

/// Sizes of the broker's own tables; they may change with any version.
pub(super) fn debug(lines: &mut Lines, broker: &Broker, _: Now) {
    lines.field("sessions", broker.sessions.len());
    lines.field("waiters", broker.waiters.len());
    lines.field("monitors", broker.monitors.len());
    lines.field("pubsub_memory_bytes", broker.pubsub.memory_bytes());
    lines.field("log_position", broker.log.position().position());
    lines.field("applied_index", broker.group().index);
}
