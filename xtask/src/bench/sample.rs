//! What one run of a workload measured, and what several runs come to.

use std::time::Duration;

use serde::Serialize;

/// One run on one server.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Sample {
    /// Commands, messages or deliveries: whatever the workload counts.
    pub(super) units: u64,
    /// How long it took.
    pub(super) seconds: f64,
    /// Processor time the server took for it.
    pub(super) cpu_seconds: f64,
    /// Quantiles of the latency, where it was measured.
    pub(super) latency: Option<Latency>,
    /// Memory for each unit, where it was measured.
    pub(super) memory: Option<Memory>,
}

/// Quantiles in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Latency {
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    /// Not told by redis-benchmark.
    pub(super) p999_us: Option<f64>,
}

/// Bytes for each unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Memory {
    /// By the server's own account (`used_memory`).
    pub(super) used_bytes: f64,
    /// By the system's (resident set).
    pub(super) resident_bytes: f64,
}

impl Sample {
    /// Units a second.
    pub(super) fn rate(&self) -> f64 {
        self.units as f64 / self.seconds
    }

    /// Processor time for each unit, in microseconds.
    pub(super) fn cpu_us(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.units as f64
    }

    /// Share of one core that the server took, in percent.
    pub(super) fn core_percent(&self) -> f64 {
        100.0 * self.cpu_seconds / self.seconds
    }
}

impl Latency {
    /// Quantiles of many measurements.
    pub(super) fn of(mut measured: Vec<Duration>) -> Self {
        measured.sort_unstable();
        let at = |quantile: f64| -> f64 {
            let index = (quantile * measured.len() as f64) as usize;
            measured.get(index.min(measured.len().saturating_sub(1))).map_or(0.0, |took| took.as_nanos() as f64 / 1e3)
        };
        Self { p50_us: at(0.5), p99_us: at(0.99), p999_us: Some(at(0.999)) }
    }
}

/// The middle one: a round that something disturbed does not count.
pub(super) fn median(samples: &[Sample], figure: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
    let mut figures: Vec<f64> = samples.iter().filter_map(figure).collect();
    figures.sort_by(f64::total_cmp);
    match figures.len() {
        0 => None,
        len if len % 2 == 1 => Some(figures[len / 2]),
        len => Some((figures[len / 2 - 1] + figures[len / 2]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_ignores_one_disturbed_round() {
        let samples = [1.0, 2.0, 90.0].map(|seconds| Sample { seconds, ..Sample::default() });
        assert_eq!(median(&samples, |sample| Some(sample.seconds)), Some(2.0));
        assert_eq!(median(&samples, |_| None), None);
    }

    #[test]
    fn quantiles_are_of_the_sorted_measurements() {
        let latency = Latency::of((0..1000).rev().map(Duration::from_micros).collect());
        assert_eq!(latency, Latency { p50_us: 500.0, p99_us: 990.0, p999_us: Some(999.0) });
    }
}
