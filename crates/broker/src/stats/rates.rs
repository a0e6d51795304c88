//! What happens per second, from where the counters stood at some moments before.
//!
//! Nothing has to run at fixed times for it: commands bring the time with them, and whoever asks for the rates
//! compares with the oldest moment that is recent enough.

use std::collections::VecDeque;

use crate::time::Now;

/// Moments are at least this far apart, and so many are kept, as in Redis.
const APART_US: u64 = 100_000;
const SAMPLES_MAX: usize = 16;
/// Older moments say nothing of now.
const RECENT_US: u64 = 2 * APART_US * SAMPLES_MAX as u64;

/// Counters, or what they grow by in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Commands run.
    pub commands: u64,
    /// Bytes read from clients.
    pub input_bytes: u64,
    /// Bytes sent to clients.
    pub output_bytes: u64,
}

/// Counters at some moments, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples {
    kept: VecDeque<(u64, Rates)>,
    next_us: u64,
}

impl Samples {
    #[inline]
    pub(super) fn is_due(&self, now: Now) -> bool {
        now.monotonic_us >= self.next_us
    }

    #[cold]
    pub(super) fn add(&mut self, now: Now, totals: Rates) {
        if self.kept.len() == SAMPLES_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back((now.monotonic_us, totals));
        self.next_us = now.monotonic_us + APART_US;
    }

    pub(super) fn rates(&self, now: Now, totals: Rates) -> Rates {
        let is_recent = |(at_us, _): &&(u64, Rates)| at_us + RECENT_US >= now.monotonic_us;
        let Some((at_us, before)) = self.kept.iter().find(is_recent) else { return Rates::default() };
        let passed_us = now.monotonic_us.saturating_sub(*at_us).max(APART_US);
        let per_second = |now: u64, before: u64| (u128::from(now - before) * 1_000_000 / u128::from(passed_us)) as u64;
        Rates {
            commands: per_second(totals.commands, before.commands),
            input_bytes: per_second(totals.input_bytes, before.input_bytes),
            output_bytes: per_second(totals.output_bytes, before.output_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Now {
        Now { unix_us: 0, monotonic_us: ms * 1000 }
    }

    #[test]
    fn rates_are_those_of_the_last_moments() {
        let mut samples = Samples::default();
        let mut totals = Rates::default();
        for ms in 0..10_000 {
            if samples.is_due(at(ms)) {
                samples.add(at(ms), totals);
            }
            totals.commands += if ms < 5000 { 1 } else { 10 };
        }
        assert_eq!(samples.kept.len(), SAMPLES_MAX);
        assert_eq!(samples.rates(at(10_000), totals).commands, 10_000);
        assert_eq!(samples.rates(at(60_000), totals), Rates::default());
    }
}
