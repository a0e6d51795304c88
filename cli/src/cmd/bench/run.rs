//! What all tasks of a measurement share: the plan, the clock, how far it is, and when to leave.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::Workload;
use super::payload::Form;

/// One measurement under way.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) workload: Workload,
    /// The queues, streams or channels.
    keys: Vec<String>,
    pub(super) form: Form,
    pub(super) pipeline: u64,
    /// Messages a consumer takes at a time.
    pub(super) batch: u64,
    pub(super) origin: Instant,
    /// Messages to be sent; with a duration there is no such number.
    pub(super) count: Option<u64>,
    pub(super) duration: Option<Duration>,
    claimed: AtomicU64,
    acknowledged: AtomicU64,
    stopped: AtomicBool,
    all_sent: AtomicBool,
}

impl Run {
    pub(super) fn new(workload: Workload, keys: Vec<String>, form: Form, pipeline: u64, batch: u64) -> Self {
        Self {
            workload,
            keys,
            form,
            pipeline,
            batch,
            origin: Instant::now(),
            count: None,
            duration: None,
            claimed: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            all_sent: AtomicBool::new(false),
        }
    }

    /// The key of a client or a consumer: they share them out.
    pub(super) fn key(&self, number: usize) -> &str {
        &self.keys[number % self.keys.len()]
    }

    pub(super) fn now_ns(&self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }

    /// How many of the next `wanted` messages are still to be sent: fewer near the end of the count, none at the end.
    pub(super) fn claim(&self, wanted: u64) -> u64 {
        if self.is_stopped() || self.duration.is_some_and(|duration| self.origin.elapsed() >= duration) {
            return 0;
        }
        let before = self.claimed.fetch_add(wanted, Ordering::Relaxed);
        self.count.map_or(wanted, |count| count.saturating_sub(before).min(wanted))
    }

    pub(super) fn acknowledge(&self, messages: u64) {
        self.acknowledged.fetch_add(messages, Ordering::Relaxed);
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// No more is sent; what is under way is waited for.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Every message that will ever be sent is acknowledged: what is not there now never comes.
    pub(super) fn close(&self) {
        self.all_sent.store(true, Ordering::Release);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.all_sent.load(Ordering::Acquire)
    }
}
