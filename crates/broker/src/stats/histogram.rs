//! Durations counted in buckets whose width grows with them, so that a percentile is right to 6 % whether it is
//! microseconds or minutes.
//!
//! ```text
//!   µs       0 1 2 … 15 │ 16 17 … 31 │ 32 34 36 … 62 │ 64 68 … 124 │ …
//!   width         1     │      1     │       2       │      4      │
//! ```

/// Buckets an octave is cut into.
const STEPS: u64 = 16;
/// Octaves beyond the first buckets: up to 2^31 µs, half an hour; longer ones count as that.
const OCTAVES: usize = 27;
const BUCKETS: usize = STEPS as usize * (OCTAVES + 1);

/// Calls by duration.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: [u64; BUCKETS],
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; BUCKETS] }
    }
}

impl Histogram {
    /// Counts one duration.
    #[inline]
    pub fn record(&mut self, usec: u64) {
        self.counts[bucket(usec)] += 1;
    }

    /// How many were counted.
    pub fn len(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Whether none was counted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many took no longer than this, as far as the buckets tell.
    pub fn up_to(&self, usec: u64) -> u64 {
        let whole = (0..BUCKETS).take_while(|&bucket| longest(bucket) <= usec).count();
        self.counts[..whole].iter().sum()
    }

    /// How long the given percentage (0 to 100) of all took at most.
    pub fn percentile(&self, percent: f64) -> u64 {
        let wanted = (self.len() as f64 * percent / 100.0).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return longest(bucket);
            }
        }
        0
    }
}

#[inline]
fn bucket(usec: u64) -> usize {
    if usec < STEPS {
        return usec as usize;
    }
    let octave = usec.ilog2() - STEPS.ilog2();
    let step = (usec >> octave) - STEPS;
    ((u64::from(octave) + 1) * STEPS + step).min(BUCKETS as u64 - 1) as usize
}

/// The longest duration that counts in this bucket.
fn longest(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket;
    }
    let (octave, step) = (bucket / STEPS - 1, bucket % STEPS);
    ((STEPS + step + 1) << octave) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_in_a_bucket_that_reaches_it_and_is_narrow() {
        let mut usec = 0;
        while usec < 1 << 31 {
            let longest = longest(bucket(usec));
            assert!(longest >= usec, "{usec}");
            assert!(longest - usec <= usec / STEPS, "{usec}: {longest}");
            usec += 1 + usec / 50;
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_those_of_the_durations() {
        let mut histogram = Histogram::default();
        (1..=1000).for_each(|usec| histogram.record(usec));
        for (percent, right) in [(0.0, 1), (50.0, 500), (99.0, 990), (100.0, 1000)] {
            let told = histogram.percentile(percent);
            assert!(told >= right && told <= right + right / 16, "p{percent}: {told}");
        }
        assert_eq!(histogram.up_to(15), 15);
        assert_eq!(histogram.up_to(1 << 20), 1000);
    }
}
