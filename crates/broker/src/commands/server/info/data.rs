//! What is kept, where, and by whom else.

use super::lines::Lines;
use crate::broker::Broker;
use crate::time::Now;

/// A version without a log keeps nothing on disk; monitoring reads these fields to see that nothing is under way and
/// nothing failed.
pub(super) fn persistence(lines: &mut Lines, broker: &Broker, _: Now) {
    lines.field("loading", 0);
    lines.field("async_loading", 0);
    lines.field("rdb_changes_since_last_save", broker.stats.dirty);
    lines.field("rdb_bgsave_in_progress", 0);
    lines.field("rdb_last_save_time", broker.started.unix_us / 1_000_000);
    lines.field("rdb_last_bgsave_status", "ok");
    lines.field("rdb_last_bgsave_time_sec", -1);
    lines.field("rdb_current_bgsave_time_sec", -1);
    lines.field("rdb_saves", 0);
    lines.field("rdb_last_cow_size", 0);
    lines.field("aof_enabled", u8::from(broker.log.is_enabled()));
    lines.field("aof_rewrite_in_progress", 0);
    lines.field("aof_rewrite_scheduled", 0);
    lines.field("aof_last_rewrite_time_sec", -1);
    lines.field("aof_current_rewrite_time_sec", -1);
    lines.field("aof_last_bgrewrite_status", "ok");
    lines.field("aof_last_write_status", "ok");
    for absent in ["aof_last_cow_size", "module_fork_in_progress", "module_fork_last_cow_size"] {
        lines.field(absent, 0);
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
    lines.field("log_position", broker.log.position().0);
    lines.field("applied_index", broker.group().index);
}
