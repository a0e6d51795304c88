//! `MEMORY STATS`: INFO's memory section with more detail.

use rbq_resp::Sink;

use super::LOOKING;
use crate::broker::Broker;
use crate::command::{Command, Run};
use crate::output::Reply;

pub(super) const COMMAND: Command = Command {
    name: "STATS",
    summary: "Returns details about memory usage.",
    example: "
        ann  MEMORY STATS
        ann: [peak.allocated, <int>, total.allocated, <int>, startup.allocated, <int>, <rest>]
    ",
    run: Run::Act(|turn, _, reply| {
        let figures = figures(turn.broker);
        reply.map(figures.len());
        for (name, figure) in figures {
            reply.bulk(name.as_bytes());
            figure.write(reply);
        }
        Ok(())
    }),
    ..LOOKING
};

enum Figure {
    Bytes(u64),
    Signed(i64),
    Ratio(f64),
}

impl Figure {
    fn write(&self, reply: &mut Reply<'_>) {
        match *self {
            Self::Bytes(bytes) => reply.integer(bytes as i64),
            Self::Signed(bytes) => reply.integer(bytes),
            Self::Ratio(ratio) => reply.double(ratio),
        }
    }
}

fn figures(broker: &Broker) -> Vec<(&'static str, Figure)> {
    let (facts, stats) = (&broker.facts, &broker.stats);
    let used = facts.memory_used;
    let peak = stats.memory_peak.max(used);
    let pubsub = broker.pubsub.memory_bytes() as u64;
    let overhead = (stats.memory_startup + facts.client_buffers + pubsub).min(used);
    let dataset = used - overhead;
    let net = used.saturating_sub(stats.memory_startup);
    let keys: u64 = broker.group().dbs.iter().map(|db| db.len() as u64).sum();
    let part = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    vec![
        ("peak.allocated", Figure::Bytes(peak)),
        ("total.allocated", Figure::Bytes(used)),
        ("startup.allocated", Figure::Bytes(stats.memory_startup)),
        ("replication.backlog", Figure::Bytes(0)),
        ("clients.slaves", Figure::Bytes(0)),
        ("clients.normal", Figure::Bytes(facts.client_buffers)),
        ("cluster.links", Figure::Bytes(0)),
        ("aof.buffer", Figure::Bytes(0)),
        ("lua.caches", Figure::Bytes(0)),
        ("functions.caches", Figure::Bytes(0)),
        ("pubsub.subscriptions", Figure::Bytes(pubsub)),
        ("overhead.total", Figure::Bytes(overhead)),
        ("keys.count", Figure::Bytes(keys)),
        ("keys.bytes-per-key", Figure::Bytes(net.checked_div(keys).unwrap_or(0))),
        ("dataset.bytes", Figure::Bytes(dataset)),
        ("dataset.percentage", Figure::Ratio(part(dataset, net) * 100.0)),
        ("peak.percentage", Figure::Ratio(part(used, peak) * 100.0)),
        ("fragmentation", Figure::Ratio(part(facts.memory_resident, used))),
        ("fragmentation.bytes", Figure::Signed(facts.memory_resident as i64 - used as i64)),
    ]
}
