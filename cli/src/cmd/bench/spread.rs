//! How latencies are spread: an HDR histogram, and what of it is told.
//!
//! Three significant digits from a nanosecond to hours. What is recorded is the time since a message was *due*: with a set
//! rate that is its place in the plan, not when we came to send it, so that a server that stalls is charged for everything
//! that had to wait. (Correcting afterwards, as for a closed loop, would only guess.)

use hdrhistogram::Histogram;

use crate::records::{Cell, Column, column};

/// Latencies of one kind.
#[derive(Debug)]
pub(super) struct Spread {
    ns: Histogram<u64>,
}

/// The columns of one kind of latency.
pub(super) type Columns = [Column; 5];

pub(super) const ACKNOWLEDGED: Columns = [
    column("acknowledged_p50_us", "acknowledged p50"),
    column("acknowledged_p90_us", "acknowledged p90"),
    column("acknowledged_p99_us", "acknowledged p99"),
    column("acknowledged_p999_us", "acknowledged p99.9"),
    column("acknowledged_max_us", "acknowledged max"),
];

pub(super) const DELIVERED: Columns = [
    column("delivered_p50_us", "delivered p50"),
    column("delivered_p90_us", "delivered p90"),
    column("delivered_p99_us", "delivered p99"),
    column("delivered_p999_us", "delivered p99.9"),
    column("delivered_max_us", "delivered max"),
];

const QUANTILES: [f64; 5] = [0.5, 0.9, 0.99, 0.999, 1.0];

impl Spread {
    pub(super) fn new() -> Self {
        Self { ns: Histogram::new(3).expect("three digits are allowed") }
    }

    pub(super) fn record(&mut self, ns: u64) {
        self.ns.record(ns).expect("it grows by itself");
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.ns.add(&other.ns).expect("both grow by themselves");
    }

    /// The value of which this share is below, in microseconds.
    pub(super) fn quantile_us(&self, quantile: f64) -> u64 {
        self.ns.value_at_quantile(quantile).div_ceil(1000)
    }

    pub(super) fn cells(&self, columns: Columns) -> impl Iterator<Item = (Column, Cell)> {
        let known = !self.ns.is_empty();
        let cell = move |quantile| Cell::maybe(known.then(|| self.quantile_us(quantile)), Cell::span_us);
        columns.into_iter().zip(QUANTILES.map(cell))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_all_that_was_recorded() {
        let (mut one, mut other) = (Spread::new(), Spread::new());
        for us in 1..=500 {
            one.record(us * 1000);
            other.record((us + 500) * 1000);
        }
        one.add(&other);
        let found = QUANTILES.map(|quantile| one.quantile_us(quantile));
        for (found, expected) in found.into_iter().zip([500, 900, 990, 999, 1000]) {
            assert!(found.abs_diff(expected) <= 2, "{found} {expected}");
        }
    }
}
