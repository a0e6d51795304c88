//! `LATENCY DOCTOR`: the spikes in words.

use rbq_resp::Sink;

use super::ADMIN;
use crate::broker::Broker;
use crate::command::{Command, Run};
use crate::latency::Spikes;

pub(super) const COMMAND: Command = Command {
    name: "DOCTOR",
    summary: "Returns a human-readable latency analysis report.",
    example: "
        ann  LATENCY DOCTOR
        ann: <has \"latency-monitor-threshold\">
    ",
    run: Run::Act(|turn, _, reply| {
        reply.verbatim("txt", report(turn.broker).as_bytes());
        Ok(())
    }),
    ..ADMIN
};

fn report(broker: &Broker) -> String {
    let mut text = String::new();
    if broker.settings.latency_monitor_threshold.0 == 0 {
        text.push_str(
            "Latency is not monitored. CONFIG SET latency-monitor-threshold <milliseconds> keeps every spike from \
             that duration on.\n",
        );
    }
    let events: Vec<_> = broker.latency.events().collect();
    if events.is_empty() {
        text.push_str("No spikes have been seen.\n");
        return text;
    }
    text.push_str("Spikes that have been seen:\n\n");
    for (name, spikes) in &events {
        text.push_str(&sentence(name, spikes));
    }
    let slower_than = broker.settings.slowlog_log_slower_than.0;
    let threshold_us = broker.settings.latency_monitor_threshold.0.saturating_mul(1000);
    if slower_than < 0 || slower_than > threshold_us {
        text.push_str(&format!(
            "\nThe slow log does not keep all commands that are spikes: CONFIG SET slowlog-log-slower-than \
             {threshold_us} would.\n"
        ));
    }
    if events.iter().any(|(name, _)| name.ends_with("command")) {
        text.push_str("\nSLOWLOG GET tells which commands they were, and what with.\n");
    }
    text
}

fn sentence(name: &str, spikes: &Spikes) -> String {
    let count = spikes.samples.len() as u64;
    let sum: u64 = spikes.samples.iter().map(|(_, ms)| ms).sum();
    let period_s = match (spikes.samples.front(), spikes.samples.back()) {
        (Some((first, _)), Some((last, _))) if count > 1 => (last - first) as f64 / (count - 1) as f64,
        _ => 0.0,
    };
    let average = sum.checked_div(count).unwrap_or(0);
    format!(
        "- {name}: {count} in the log, {average} ms on average, {period_s:.1} s apart; the worst ever was {} ms\n",
        spikes.max_ms
    )
}
