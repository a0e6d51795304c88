//! The process and the machine: mostly what the driver reported last.

use super::lines::{Lines, human, ratio};
use crate::broker::Broker;
use crate::settings::Setting;
use crate::time::Now;
use crate::version::{RBQ_VERSION, REDIS_VERSION};

pub(super) fn server(lines: &mut Lines, broker: &Broker, now: Now) {
    let facts = &broker.facts;
    let uptime_s = now.monotonic_us.saturating_sub(broker.started.monotonic_us) / 1_000_000;
    lines.field("redis_version", REDIS_VERSION);
    lines.field("rbq_version", RBQ_VERSION);
    lines.field("redis_git_sha1", "00000000");
    lines.field("redis_git_dirty", 0);
    lines.field("redis_build_id", format_args!("rbq-{RBQ_VERSION}"));
    lines.field("redis_mode", "standalone");
    lines.field("os", &facts.os);
    lines.field("arch_bits", usize::BITS);
    lines.field("multiplexing_api", "epoll");
    lines.field("process_id", facts.process_id);
    lines.field("run_id", &facts.run_id);
    lines.field("tcp_port", facts.tcp_port);
    lines.field("server_time_usec", now.unix_us);
    lines.field("uptime_in_seconds", uptime_s);
    lines.field("uptime_in_days", uptime_s / 86_400);
    lines.field("hz", broker.settings.hz.0);
    lines.field("configured_hz", broker.settings.hz.0);
    lines.field("executable", &facts.executable);
    lines.field("config_file", &facts.config_file);
    lines.field("io_threads_active", u8::from(facts.io_threads > 1));
}

pub(super) fn memory(lines: &mut Lines, broker: &Broker, _: Now) {
    let (facts, stats, settings) = (&broker.facts, &broker.stats, &broker.settings);
    let used = facts.memory_used;
    let peak = stats.memory_peak.max(used);
    let overhead = stats.memory_startup + facts.client_buffers + broker.pubsub.memory_bytes() as u64;
    let dataset = used.saturating_sub(overhead);
    lines.bytes("used_memory", used);
    lines.bytes("used_memory_rss", facts.memory_resident);
    lines.bytes("used_memory_peak", peak);
    lines.field("used_memory_peak_perc", percent(used, peak));
    lines.field("used_memory_overhead", overhead.min(used));
    lines.field("used_memory_startup", stats.memory_startup);
    lines.field("used_memory_dataset", dataset);
    lines.field("used_memory_dataset_perc", percent(dataset, used.saturating_sub(stats.memory_startup)));
    lines.bytes("total_system_memory", facts.memory_total);
    lines.field("used_memory_lua", 0);
    lines.field("used_memory_scripts", 0);
    lines.field("number_of_cached_scripts", 0);
    lines.field("number_of_functions", 0);
    lines.field("number_of_libraries", 0);
    lines.field("maxmemory", settings.maxmemory.0);
    lines.field("maxmemory_human", human(settings.maxmemory.0));
    lines.field("maxmemory_policy", settings.maxmemory_policy.show());
    lines.field("mem_fragmentation_ratio", format_args!("{:.2}", ratio(facts.memory_resident, used)));
    lines.field("mem_fragmentation_bytes", facts.memory_resident as i64 - used as i64);
    lines.field("allocator_allocated", used);
    lines.field("allocator_resident", facts.memory_resident);
    lines.field("mem_total_replication_buffers", 0);
    lines.field("mem_not_counted_for_evict", 0);
    lines.field("mem_replication_backlog", 0);
    lines.field("mem_clients_slaves", 0);
    lines.field("mem_clients_normal", facts.client_buffers);
    lines.field("mem_cluster_links", 0);
    lines.field("mem_aof_buffer", 0);
    lines.field("mem_allocator", &facts.allocator);
    lines.field("active_defrag_running", 0);
    lines.field("lazyfree_pending_objects", 0);
    lines.field("lazyfreed_objects", 0);
}

pub(super) fn cpu(lines: &mut Lines, broker: &Broker, _: Now) {
    let seconds = |us: u64| format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    lines.field("used_cpu_sys", seconds(broker.facts.cpu_system_us));
    lines.field("used_cpu_user", seconds(broker.facts.cpu_user_us));
    lines.field("used_cpu_sys_children", seconds(0));
    lines.field("used_cpu_user_children", seconds(0));
}

fn percent(part: u64, whole: u64) -> String {
    format!("{:.2}%", ratio(part, whole) * 100.0)
}
