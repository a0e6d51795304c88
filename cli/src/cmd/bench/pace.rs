//! An open loop: messages are due when the plan says, whatever the server does.
//!
//! ```text
//!   message   0    1    2    3    4    5     due at  message / rate
//!   producer  0    1    2    0    1    2     each has every n-th
//! ```
//!
//! A producer knows from the clock what of it is due; the pace only wakes it. It is a thread of its own because tokio's timer
//! counts milliseconds, and a message that waits one for its turn would be measured as slow.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// The shortest sleep: below this the system's own slack counts for more.
const SLEEP_MIN: Duration = Duration::from_micros(20);

/// The longest sleep, so that an end is noticed.
const SLEEP_MAX: Duration = Duration::from_millis(50);

/// When each message is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    pub(super) rate: f64,
    pub(super) producers: u64,
    pub(super) total: u64,
}

impl Schedule {
    /// When the message is due, in nanoseconds since the start.
    pub(super) fn due_ns(&self, message: u64) -> u64 {
        (message as f64 * 1e9 / self.rate) as u64
    }
}

/// Wakes the producers; dropping it ends that.
#[derive(Debug)]
pub(super) struct Pace {
    wakers: Vec<Arc<Notify>>,
    stopped: Arc<AtomicBool>,
}

impl Pace {
    /// Begins at `origin`.
    pub(super) fn start(schedule: Schedule, origin: Instant) -> Self {
        let wakers: Vec<Arc<Notify>> = (0..schedule.producers).map(|_| Arc::default()).collect();
        let stopped = Arc::<AtomicBool>::default();
        let pace = Self { wakers: wakers.clone(), stopped: Arc::clone(&stopped) };
        thread::spawn(move || keep(schedule, origin, &wakers, &stopped));
        pace
    }

    /// What wakes this producer.
    pub(super) fn waker(&self, producer: u32) -> Arc<Notify> {
        Arc::clone(&self.wakers[producer as usize])
    }

    /// Wakes all, once: they look for themselves what has changed.
    pub(super) fn wake_all(&self) {
        self.wakers.iter().for_each(|waker| waker.notify_one());
    }
}

impl Drop for Pace {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

fn keep(schedule: Schedule, origin: Instant, wakers: &[Arc<Notify>], stopped: &AtomicBool) {
    let mut message = 0;
    while message < schedule.total && !stopped.load(Ordering::Relaxed) {
        let now_ns = origin.elapsed().as_nanos() as u64;
        let due_ns = schedule.due_ns(message);
        if due_ns <= now_ns {
            wakers[(message % schedule.producers) as usize].notify_one();
            message += 1;
        } else {
            thread::sleep(Duration::from_nanos(due_ns - now_ns).clamp(SLEEP_MIN, SLEEP_MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_due_evenly() {
        let schedule = Schedule { rate: 4.0, producers: 2, total: 8 };
        let due: Vec<u64> = (0..4).map(|message| schedule.due_ns(message)).collect();
        assert_eq!(due, [0, 250_000_000, 500_000_000, 750_000_000]);
    }
}
