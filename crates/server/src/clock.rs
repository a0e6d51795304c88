//! The two clocks of [`Now`], read together.
//!
//! Wall time as commands see it advances with the monotonic clock and follows the system's wall clock: it catches up
//! at once when that is ahead, and slows to half speed when that was set back, so that it never runs backwards and no
//! expiry, stream ID or idle time jumps. It is slow only until both have met: the two are not read in the same instant, so
//! it is ahead by a microsecond every other time, and that must not cost half of the time up to the next look. A correction of more than ten seconds is reported, for it is somebody's
//! mistake or a virtual machine that slept.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rbq_broker::Now;

/// Corrections above this are worth a line in the log.
const JUMP_US_MIN: u64 = 10_000_000;

/// A correction that was made, or begun, because the system's clock and ours had come apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Jump {
    /// The system's clock was set ahead by this much, and ours with it.
    Ahead(Duration),
    /// The system's clock was set back by this much; ours runs at half speed until it is met.
    Back(Duration),
}

/// The server's clock.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    anchor: Now,
    /// How far it was ahead of the system's clock at the anchor.
    lead_us: u64,
}

impl Clock {
    /// A clock that agrees with the system's.
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), anchor: Now { unix_us: system_us(), monotonic_us: 0 }, lead_us: 0 }
    }

    /// Both clocks now.
    #[inline]
    pub(crate) fn now(&self) -> Now {
        self.at(self.start.elapsed().as_micros() as u64)
    }

    /// The moment, as this clock counts it, of a monotonic time.
    pub(crate) fn instant(&self, monotonic_us: u64) -> Instant {
        self.start + Duration::from_micros(monotonic_us)
    }

    fn at(&self, monotonic_us: u64) -> Now {
        let elapsed_us = monotonic_us - self.anchor.monotonic_us;
        // At half speed a lead is made up for in twice its time.
        let advance_us = elapsed_us - self.lead_us.min(elapsed_us / 2);
        Now { unix_us: self.anchor.unix_us + advance_us, monotonic_us }
    }

    /// Compares with the system's clock, a few times a second, and corrects.
    pub(crate) fn follow(&mut self) -> Option<Jump> {
        let monotonic_us = self.start.elapsed().as_micros() as u64;
        self.correct(monotonic_us, system_us())
    }

    fn correct(&mut self, monotonic_us: u64, system_us: u64) -> Option<Jump> {
        let was_slow = (monotonic_us - self.anchor.monotonic_us) / 2 < self.lead_us;
        self.anchor = self.at(monotonic_us);
        let ours_us = self.anchor.unix_us;
        if system_us >= ours_us {
            self.lead_us = 0;
            self.anchor.unix_us = system_us;
            let ahead_us = system_us - ours_us;
            return (ahead_us > JUMP_US_MIN).then_some(Jump::Ahead(Duration::from_micros(ahead_us)));
        }
        let back_us = ours_us - system_us;
        self.lead_us = back_us;
        (!was_slow && back_us > JUMP_US_MIN).then_some(Jump::Back(Duration::from_micros(back_us)))
    }
}

fn system_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_US: u64 = 1_000_000;

    fn clock_at(unix_us: u64) -> Clock {
        Clock { start: Instant::now(), anchor: Now { unix_us, monotonic_us: 0 }, lead_us: 0 }
    }

    #[test]
    fn it_catches_up_at_once_when_the_system_is_ahead() {
        let mut clock = clock_at(100 * SECOND_US);
        let jump = clock.correct(SECOND_US, 161 * SECOND_US);
        assert_eq!(jump, Some(Jump::Ahead(Duration::from_secs(60))));
        assert_eq!(clock.at(2 * SECOND_US).unix_us, 162 * SECOND_US);
    }

    #[test]
    fn it_slows_down_but_never_runs_backwards_when_the_system_was_set_back() {
        let mut clock = clock_at(100 * SECOND_US);
        assert_eq!(clock.correct(SECOND_US, 81 * SECOND_US), Some(Jump::Back(Duration::from_secs(20))));
        assert_eq!(clock.at(11 * SECOND_US).unix_us, 106 * SECOND_US, "half speed");
        assert_eq!(clock.correct(11 * SECOND_US, 91 * SECOND_US), None, "reported once");
        let met = clock.correct(41 * SECOND_US, 121 * SECOND_US);
        assert_eq!((met, clock.lead_us), (None, 0), "met after twice the difference");
    }

    #[test]
    fn a_lead_of_a_microsecond_costs_a_microsecond() {
        let mut clock = clock_at(100 * SECOND_US);
        assert_eq!(clock.correct(SECOND_US, 101 * SECOND_US - 1), None);
        assert_eq!(clock.at(SECOND_US + 2).unix_us, 101 * SECOND_US + 1);
        assert_eq!(clock.at(2 * SECOND_US).unix_us, 102 * SECOND_US - 1);
    }

    #[test]
    fn small_corrections_are_not_worth_a_word() {
        let mut clock = clock_at(100 * SECOND_US);
        assert_eq!(clock.correct(SECOND_US, 101 * SECOND_US + 5_000), None);
    }
}
