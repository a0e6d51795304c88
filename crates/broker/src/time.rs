//! The moment a command runs at, as an argument.
//!
//! Two clocks, because they answer two questions. *Wall time* is what people and other machines see: expiry,
//! stream IDs, TIME. *Monotonic time* never jumps, so a BLOCK deadline or an idle time measured with it cannot
//! be cut short by somebody setting the clock. Whoever drives the broker reads both once per command.

/// One reading of both clocks. Frozen for the length of a command, and of an EXEC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Wall-clock time in microseconds since the Unix epoch.
    pub unix_us: u64,
    /// Monotonic time in microseconds since some fixed, unspecified moment.
    pub monotonic_us: u64,
}

impl Now {
    /// Wall-clock time in milliseconds since the Unix epoch.
    pub fn unix_ms(self) -> u64 {
        self.unix_us / 1_000
    }

    /// Monotonic time in milliseconds.
    pub fn monotonic_ms(self) -> u64 {
        self.monotonic_us / 1_000
    }
}
