//! Every workload, and the bar it must clear against Redis.

use std::time::Duration;

use anyhow::Result;

use super::load::{CLIENTS, Pressure};
use super::memory::Stored;
use super::queues::Way;
use super::sample::Sample;
use super::target::Target;
use super::{Durability, fanout, load, memory, queues, waiting};

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    /// `redis-benchmark` with this command and so many requests in flight on each connection.
    Command {
        /// What is sent.
        command: &'static [&'static str],
        /// By how many, and how many at once.
        pressure: Pressure,
        /// What is sent as often beforehand, so that there is something to take.
        beforehand: Option<&'static [&'static str]>,
    },
    /// Messages in by producers, out by consumers.
    Queue(Way),
    /// One publisher, fifty subscribers.
    FanOut,
    /// One consumer that waits.
    HandOff,
    /// One consumer of a group that takes one entry, acknowledges it, and takes the next.
    Ack,
    /// Ten thousand consumers that wait while nothing happens.
    Idle,
    /// What is stored, and what it takes.
    Memory(Stored),
}

/// A workload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Workload {
    /// How it is asked for.
    pub(super) name: &'static str,
    /// What it counts.
    pub(super) unit: &'static str,
    /// What it does.
    pub(super) work: Work,
    /// How many, in a whole run.
    pub(super) units: u64,
    /// What rbq promises.
    pub(super) bars: Bars,
}

/// Limits on rbq's figures, as multiples of Redis's unless said otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bars {
    /// Processor time for each unit, at most.
    pub(super) cpu_max: Option<f64>,
    /// Units a second, at least.
    pub(super) rate_min: Option<f64>,
    /// Bytes for each unit by the server's own account, at most.
    pub(super) memory_max: Option<f64>,
    /// Percent of one core, at most; not a multiple.
    pub(super) core_percent_max: Option<f64>,
    /// Units a second, at least, as a multiple of rbq's own in memory.
    pub(super) of_memory_min: Option<f64>,
}

const NO_BARS: Bars =
    Bars { cpu_max: None, rate_min: None, memory_max: None, core_percent_max: None, of_memory_min: None };

const LPUSH: &[&str] = &["LPUSH", "mail", MESSAGE];
const RPOP: &[&str] = &["RPOP", "mail"];
const PUBLISH: &[&str] = &["PUBLISH", "news", MESSAGE];
const XADD: &[&str] = &["XADD", "mail", "*", "body", MESSAGE];
const MESSAGE: &str = "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm";

/// All of them.
pub(super) const WORKLOADS: &[Workload] = &[
    pipelined("lpush-p16", LPUSH, None, 0.75),
    pipelined("rpop-p16", RPOP, Some(LPUSH), 0.75),
    pipelined("publish-p16", PUBLISH, None, 0.75),
    pipelined("xadd-p16", XADD, None, 0.5),
    single("lpush-p1", LPUSH, None),
    single("rpop-p1", RPOP, Some(LPUSH)),
    single("publish-p1", PUBLISH, None),
    single("xadd-p1", XADD, None),
    Workload { name: "queue", unit: "message", work: Work::Queue(Way::List), units: 300_000, bars: NO_BARS },
    Workload {
        name: "queue-batch",
        unit: "message",
        work: Work::Queue(Way::ListBatch),
        units: 1_000_000,
        bars: NO_BARS,
    },
    Workload {
        name: "stream-group",
        unit: "message",
        work: Work::Queue(Way::Stream),
        units: 500_000,
        bars: Bars { cpu_max: Some(0.5), ..NO_BARS },
    },
    Workload {
        name: "fan-out",
        unit: "delivery",
        work: Work::FanOut,
        units: 60_000,
        bars: Bars { cpu_max: Some(0.7), ..NO_BARS },
    },
    Workload { name: "hand-off", unit: "message", work: Work::HandOff, units: 20_000, bars: NO_BARS },
    Workload {
        name: "idle",
        unit: "connection",
        work: Work::Idle,
        units: 10_000,
        bars: Bars { core_percent_max: Some(1.0), memory_max: Some(1.0), ..NO_BARS },
    },
    stored("memory-list", Stored::List),
    stored("memory-stream", Stored::Stream),
    stored("memory-pending", Stored::Pending),
];

/// What is measured when both sides keep what they are given.
///
/// The bars are those of a sync for each write or batch of writes; where nobody waits for a sync, nothing may cost much.
pub(super) fn kept(durability: Durability) -> Vec<Workload> {
    let is_synced = durability == Durability::Always;
    let of_memory = |share: f64| Bars { of_memory_min: Some(if is_synced { share } else { 0.85 }), ..NO_BARS };
    let command = |name, command, clients, pipeline, units, bars| {
        let work = Work::Command { command, pressure: Pressure { clients, pipeline }, beforehand: None };
        Workload { name, unit: "command", work, units, bars }
    };
    let faster = Bars { rate_min: Some(1.0), ..NO_BARS };
    let single = if is_synced { faster } else { of_memory(0.85) };
    let piped = Bars { rate_min: is_synced.then_some(2.0), ..of_memory(0.7) };
    vec![
        command("lpush-c1", LPUSH, 1, 1, 20_000, faster),
        command("lpush-c50", LPUSH, 50, 1, 200_000, single),
        command("lpush-c500", LPUSH, 500, 1, 200_000, single),
        command("lpush-p16", LPUSH, 50, 16, 1_000_000, piped),
        command("xadd-p16", XADD, 50, 16, 1_000_000, piped),
        Workload { name: "ack", unit: "message", work: Work::Ack, units: 5_000, bars: faster },
        Workload { name: "short-queue", unit: "message", work: Work::Queue(Way::List), units: 100_000, bars: NO_BARS },
    ]
}

/// Sixteen requests in flight: the broker is what costs.
const fn pipelined(
    name: &'static str,
    command: &'static [&'static str],
    beforehand: Option<&'static [&'static str]>,
    cpu_max: f64,
) -> Workload {
    let bars = Bars { cpu_max: Some(cpu_max), rate_min: Some(1.0), ..NO_BARS };
    Workload {
        name,
        unit: "command",
        work: Work::Command { command, pressure: Pressure { clients: CLIENTS, pipeline: 16 }, beforehand },
        units: 2_000_000,
        bars,
    }
}

/// One request in flight: the sockets are what costs.
const fn single(
    name: &'static str,
    command: &'static [&'static str],
    beforehand: Option<&'static [&'static str]>,
) -> Workload {
    let bars = Bars { rate_min: Some(0.95), ..NO_BARS };
    let work = Work::Command { command, pressure: Pressure { clients: CLIENTS, pipeline: 1 }, beforehand };
    Workload { name, unit: "command", work, units: 200_000, bars }
}

const fn stored(name: &'static str, stored: Stored) -> Workload {
    let bars = Bars { memory_max: Some(1.0), ..NO_BARS };
    Workload { name, unit: "message", work: Work::Memory(stored), units: 1_000_000, bars }
}

/// How long nothing happens to those who wait.
const QUIET: Duration = Duration::from_secs(10);
const QUIET_QUICK: Duration = Duration::from_secs(2);

/// In flight while a list is filled for RPOP.
const FILL: Pressure = Pressure { clients: CLIENTS, pipeline: 64 };

/// How thoroughly it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// A tenth of the units: to see that it works.
    Quick,
    /// Long enough for figures.
    Whole,
}

impl Workload {
    /// Whether the server that does nothing has anything to say to it.
    pub(super) fn suits_null_server(&self) -> bool {
        matches!(self.work, Work::Command { .. })
    }

    /// Whether it needs servers of its own: memory once used is not always given back.
    pub(super) fn needs_fresh_server(&self) -> bool {
        matches!(self.work, Work::Idle | Work::Memory(_))
    }

    /// Runs it once.
    pub(super) fn run(&self, target: &Target, depth: Depth) -> Result<Sample> {
        let units = if depth == Depth::Quick { self.units / 10 } else { self.units };
        match self.work {
            Work::Command { command, pressure, beforehand } => {
                target.empty()?;
                if let Some(beforehand) = beforehand {
                    load::run(target, beforehand, FILL, units)?;
                }
                load::run(target, command, pressure, units)
            }
            Work::Queue(way) => queues::run(target, way, units),
            Work::FanOut => fanout::run(target, units),
            Work::HandOff => waiting::hand_off(target, units),
            Work::Ack => waiting::ack(target, units),
            Work::Idle => {
                let room = waiting::raise_file_limit()?;
                let quiet = if depth == Depth::Quick { QUIET_QUICK } else { QUIET };
                waiting::idle(target, self.units.min(room), quiet)
            }
            Work::Memory(stored) => memory::run(target, stored, units),
        }
    }
}
