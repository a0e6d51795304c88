//! What a measurement found: one record, of which the durability in force is as much a part as the rate.

use rbq_client::Link;

use super::ledger::Ledger;
use super::produce::Sent;
use super::receive::Received;
use super::spread::{ACKNOWLEDGED, DELIVERED, Spread};
use super::{BenchArgs, Workload, server};
use crate::failure::{Failure, Result};
use crate::records::{Cell, Column, OutputArgs, column};

/// The findings, as they grow.
#[derive(Debug)]
pub(super) struct Report {
    workload: Workload,
    server: String,
    durability: String,
    clients: u32,
    consumers: u32,
    keys: usize,
    pipeline: u64,
    size: u32,
    rate: Option<f64>,
    /// When the last message was acknowledged.
    pub(super) sent_ns: u64,
    /// When the last message came.
    received_ns: u64,
    /// Entries of the group that nobody acknowledged.
    pub(super) pending: Option<u64>,
    sent: u64,
    expected: u64,
    lost: u64,
    /// Whether it ended before its time: what did not arrive may still be on its way.
    pub(super) is_cut: bool,
    cut_off: u64,
    arrived: Ledger,
    acknowledged: Spread,
    delivered: Spread,
    late: Spread,
}

impl Report {
    pub(super) async fn new(args: &BenchArgs, keys: usize, control: &mut Link) -> Result<Self> {
        Ok(Self {
            workload: args.workload,
            server: server::name(control).await?,
            durability: server::durability(control).await?,
            clients: args.producers(),
            consumers: args.receivers(keys),
            keys,
            pipeline: args.pipeline,
            size: args.size,
            rate: args.rate,
            sent_ns: 0,
            received_ns: 0,
            pending: None,
            sent: 0,
            expected: 0,
            lost: 0,
            is_cut: false,
            cut_off: 0,
            arrived: Ledger::default(),
            acknowledged: Spread::new(),
            delivered: Spread::new(),
            late: Spread::new(),
        })
    }

    /// Compares what was acknowledged, producer by producer, with what came.
    pub(super) fn settle(&mut self, sent: impl Iterator<Item = Sent>, received: Vec<Received>) {
        let mut counts = Vec::new();
        for sent in sent {
            counts.push(sent.messages);
            self.acknowledged.add(&sent.acknowledged);
            self.late.add(&sent.late);
        }
        self.sent = counts.iter().sum();
        let fan_out = self.workload.is_fan_out();
        self.expected = if fan_out { 0 } else { self.sent };
        for received in &received {
            self.received_ns = self.received_ns.max(received.last_ns);
            self.cut_off += u64::from(received.cut_off);
            self.delivered.add(&received.delivered);
            if fan_out {
                let of_its_key = |producer: usize| producer % self.keys == received.number % self.keys;
                let counts = counts.iter().enumerate();
                let due: Vec<_> = counts.map(|(index, count)| if of_its_key(index) { *count } else { 0 }).collect();
                self.expected += due.iter().sum::<u64>();
                self.lost += received.ledger.lost(&due);
                self.arrived.add_counts(&received.ledger);
            } else {
                self.arrived.share(&received.ledger);
            }
        }
        if !fan_out && !received.is_empty() {
            self.lost = self.arrived.lost(&counts);
        }
    }

    /// Whether everything arrived as it should.
    pub(super) fn is_sound(&self) -> bool {
        let Ledger { doubled, out_of_order, damaged, .. } = self.arrived;
        self.lost + doubled + out_of_order + damaged + self.pending.unwrap_or(0) == 0
    }

    /// Whether there is anything to tell.
    pub(super) fn has_figures(&self) -> bool {
        self.sent + self.arrived.received > 0
    }

    /// Writes it; what is not sound is said as an error too.
    pub(super) fn write(&self, output: OutputArgs) -> Result<()> {
        output.one(self.members())?;
        if !self.is_sound() && !self.is_cut {
            let _ = Failure::new("not every message arrived once, whole and in order").report();
        }
        Ok(())
    }

    fn members(&self) -> Vec<(Column, Cell)> {
        let mut members = vec![
            (column("workload", "workload"), Cell::word(self.workload.name())),
            (column("server", "server"), Cell::word(self.server.as_str())),
            (column("durability", "durability"), Cell::word(self.durability.as_str())),
            (column("loop", "loop"), Cell::word(if self.rate.is_some() { "open" } else { "closed" })),
            (column("rate_wanted", "rate wanted"), Cell::maybe(self.rate, Cell::fraction)),
            (column("clients", "clients"), Cell::number(self.clients)),
            (column("pipeline", "pipeline"), Cell::number(self.pipeline)),
            (column("consumers", "consumers"), Cell::number(self.consumers)),
            (column("keys", "keys"), Cell::number(self.keys as u64)),
            (column("message_bytes", "message"), Cell::size_bytes(self.size.into())),
            (column("sent", "sent"), Cell::number(self.sent)),
            (column("sent_seconds", "sent in seconds"), Cell::fraction(seconds(self.sent_ns))),
            (column("sent_rate", "sent a second"), rate(self.sent, self.sent_ns)),
        ];
        if self.workload != Workload::Latency {
            members.extend([
                (column("expected", "expected"), Cell::number(self.expected)),
                (column("received", "received"), Cell::number(self.arrived.received)),
                (column("received_rate", "received a second"), rate(self.arrived.received, self.received_ns)),
                (column("lost", "lost"), Cell::maybe((!self.is_cut).then_some(self.lost), Cell::number)),
                (column("doubled", "doubled"), Cell::number(self.arrived.doubled)),
                (column("out_of_order", "out of order"), Cell::number(self.arrived.out_of_order)),
                (column("damaged", "damaged"), Cell::number(self.arrived.damaged)),
            ]);
        }
        members.extend(self.pending.map(|pending| (column("pending", "pending"), Cell::number(pending))));
        if self.workload == Workload::Pubsub {
            members.push((column("cut_off", "cut off"), Cell::number(self.cut_off)));
        }
        members.extend(self.acknowledged.cells(ACKNOWLEDGED));
        if self.workload != Workload::Latency {
            members.extend(self.delivered.cells(DELIVERED));
        }
        if self.rate.is_some() {
            // How well the plan was kept: a part of every latency above, and ours rather than the server's.
            let late = Cell::span_us(self.late.quantile_us(0.99));
            members.push((column("late_p99_us", "sent late p99"), late));
        }
        members
    }
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

fn rate(count: u64, ns: u64) -> Cell {
    Cell::maybe((ns > 0).then(|| (count as f64 / seconds(ns)).round()), |rate| Cell::number(rate as u64))
}
