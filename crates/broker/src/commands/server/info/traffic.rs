//! Clients and what they do.

use std::collections::BTreeSet;

use super::lines::{Lines, ratio};
use crate::broker::Broker;
use crate::catalog::{Known, catalog};
use crate::session::Session;
use crate::stats::CommandStats;
use crate::time::Now;
use crate::waiters::{Class, Key};

pub(super) fn clients(lines: &mut Lines, broker: &Broker, _: Now) {
    let sessions = || broker.sessions.iter().map(|(_, session)| session).filter(|session| !session.closing);
    let count = |test: fn(&Session) -> bool| sessions().filter(|session| test(session)).count();
    let on_no_key: BTreeSet<&Key> = sessions()
        .filter_map(|session| session.parked.as_ref())
        .filter(|parked| matches!(parked.class, Some(Class::Group(_) | Class::GroupClaim(_))))
        .flat_map(|parked| &parked.keys)
        .collect();
    let largest_in = sessions().map(|session| session.traffic.query_bytes).max().unwrap_or(0);
    let largest_out = sessions().map(|session| session.traffic.output_bytes).max().unwrap_or(0);
    lines.field("connected_clients", sessions().count());
    lines.field("cluster_connections", 0);
    lines.field("maxclients", broker.settings.maxclients.0);
    lines.field("client_recent_max_input_buffer", largest_in);
    lines.field("client_recent_max_output_buffer", largest_out);
    lines.field("blocked_clients", broker.waiters.len() + count(|session| session.paused));
    lines.field("tracking_clients", broker.tracker.clients_len());
    lines.field("pubsub_clients", count(|session| session.subscriptions.any()));
    lines.field("watching_clients", count(|session| !session.watched.is_empty()));
    let has_timer = |session: &Session| session.parked.as_ref().is_some_and(|parked| parked.deadline_us.is_some());
    lines.field("clients_in_timeout_table", count(has_timer));
    lines.field("total_watched_keys", broker.watchers.keys_len());
    lines.field("total_blocking_keys", broker.waiters.keys_len());
    lines.field("total_blocking_keys_on_nokey", on_no_key.len());
}

pub(super) fn stats(lines: &mut Lines, broker: &Broker, now: Now) {
    let stats = &broker.stats;
    let rates = stats.rates(now);
    let kbps = |bytes: u64| format!("{:.2}", bytes as f64 / 1024.0);
    lines.field("total_connections_received", stats.connections_received);
    lines.field("total_commands_processed", stats.commands_processed);
    lines.field("instantaneous_ops_per_sec", rates.commands);
    lines.field("total_net_input_bytes", stats.net_input_bytes);
    lines.field("total_net_output_bytes", stats.net_output_bytes);
    lines.field("instantaneous_input_kbps", kbps(rates.input_bytes));
    lines.field("instantaneous_output_kbps", kbps(rates.output_bytes));
    lines.field("rejected_connections", stats.connections_rejected);
    for absent in ["sync_full", "sync_partial_ok", "sync_partial_err", "expired_subkeys"] {
        lines.field(absent, 0);
    }
    lines.field("expired_keys", stats.expired_keys);
    lines.field("expired_stale_perc", "0.00");
    lines.field("expired_time_cap_reached_count", 0);
    lines.field("evicted_keys", 0);
    lines.field("evicted_clients", stats.evicted_clients);
    lines.field("keyspace_hits", stats.keyspace_hits);
    lines.field("keyspace_misses", stats.keyspace_misses);
    lines.field("pubsub_channels", broker.pubsub.channels(None).count());
    lines.field("pubsub_patterns", broker.pubsub.pattern_count());
    lines.field("pubsubshard_channels", broker.pubsub.shard_channels(None).count());
    lines.field("pubsub_messages", stats.published);
    lines.field("pubsub_deliveries", stats.deliveries);
    for absent in ["latest_fork_usec", "total_forks", "migrate_cached_sockets", "slave_expires_tracked_keys"] {
        lines.field(absent, 0);
    }
    for absent in ["active_defrag_hits", "active_defrag_misses", "active_defrag_key_hits", "active_defrag_key_misses"] {
        lines.field(absent, 0);
    }
    lines.field("tracking_total_keys", broker.tracker.keys_len());
    lines.field("tracking_total_items", broker.tracker.items_len());
    lines.field("tracking_total_prefixes", broker.tracker.prefixes_len());
    lines.field("unexpected_error_replies", 0);
    lines.field("total_error_replies", stats.error_replies);
    lines.field("client_query_buffer_limit_disconnections", stats.query_limit_disconnections);
    lines.field("client_output_buffer_limit_disconnections", stats.output_limit_disconnections);
    lines.field("acl_access_denied_auth", stats.auth_failures);
    lines.field("acl_access_denied_cmd", 0);
    lines.field("acl_access_denied_key", 0);
    lines.field("acl_access_denied_channel", 0);
}

pub(super) fn commandstats(lines: &mut Lines, broker: &Broker, _: Now) {
    for (known, stats) in called(broker) {
        lines.field(
            format_args!("cmdstat_{}", known.full_name),
            format_args!(
                "calls={},usec={},usec_per_call={:.2},rejected_calls={},failed_calls={}",
                stats.calls,
                stats.usec,
                ratio(stats.usec, stats.calls),
                stats.rejected,
                stats.failed,
            ),
        );
    }
}

pub(super) fn errorstats(lines: &mut Lines, broker: &Broker, _: Now) {
    for (word, count) in &broker.stats.errors {
        lines.field(format_args!("errorstat_{word}"), format_args!("count={count}"));
    }
}

pub(super) fn latencystats(lines: &mut Lines, broker: &Broker, _: Now) {
    for (known, stats) in called(broker) {
        let Some(latency) = &stats.latency else { continue };
        let percentiles: Vec<String> = broker
            .settings
            .latency_tracking_info_percentiles
            .0
            .iter()
            .map(|percentile| format!("p{percentile}={:.3}", latency.percentile(*percentile) as f64))
            .collect();
        lines.field(format_args!("latency_percentiles_usec_{}", known.full_name), percentiles.join(","));
    }
}

/// Commands that were called, in the order of the table.
fn called(broker: &Broker) -> impl Iterator<Item = (&'static Known, &CommandStats)> {
    let all = catalog().all().iter().zip(&broker.stats.commands);
    all.filter(|(_, stats)| stats.calls + stats.rejected + stats.failed > 0)
}
