//! Durations in powers of two, for INFO: cheap enough to record at every lock.

/// Counts of durations; bucket `n` holds those below `2^n` nanoseconds.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    buckets: [u64; 40],
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: [0; 40] }
    }
}

impl Histogram {
    /// Counts one duration.
    #[inline]
    pub(crate) fn record(&mut self, nanos: u64) {
        let bucket = (u64::BITS - nanos.leading_zeros()) as usize;
        self.buckets[bucket.min(self.buckets.len() - 1)] += 1;
    }

    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The upper bound, in nanoseconds, of the bucket in which this share of all durations is reached.
    pub(crate) fn quantile_ns(&self, share: f64) -> u64 {
        let wanted = (self.count() as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return 1 << bucket;
            }
        }
        0
    }

    /// As a line of INFO.
    pub(crate) fn line(&self, name: &str) -> String {
        let quantile = |share| self.quantile_ns(share) as f64 / 1000.0;
        format!(
            "{name}:count={},p50={:.3},p99={:.3},p99.9={:.3}\r\n",
            self.count(),
            quantile(0.5),
            quantile(0.99),
            quantile(0.999)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_upper_bounds() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile_ns(0.5), 0);
        for _ in 0..99 {
            histogram.record(700);
        }
        histogram.record(5_000);
        assert_eq!(histogram.quantile_ns(0.5), 1024);
        assert_eq!(histogram.quantile_ns(1.0), 8192);
    }
}
