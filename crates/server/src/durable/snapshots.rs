//! The thread that takes snapshots.
//!
//! It holds the broker for a moment to begin, and for each slice of images; it encodes and writes between the holds. So the
//! service goes on, and at most a slice is in memory twice.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rbq_broker::snapshot::Writer;
use rbq_journal::{Journal, SnapshotReport};

use super::announce;
use crate::hub::Shared;

/// The one kind of section there is.
pub(super) const SECTION: u32 = 1;

/// A snapshot that came to be.
struct Taken {
    report: SnapshotReport,
    /// The longest that the broker was held for it: what the service noticed of it.
    longest_hold: Duration,
}

/// A handle on the thread.
pub(crate) struct Snapshots {
    wanted: SyncSender<()>,
}

impl Snapshots {
    /// A thread that has yet to be started, and its end of the line.
    pub(crate) fn new() -> (Self, Receiver<()>) {
        let (wanted, wishes) = sync_channel(1);
        (Self { wanted }, wishes)
    }

    /// Asks for a snapshot. One wish that waits is as good as two.
    pub(crate) fn want(&self) {
        match self.wanted.try_send(()) {
            Ok(()) | Err(TrySendError::Full(())) => {}
            Err(TrySendError::Disconnected(())) => tracing::error!("nobody takes snapshots any more"),
        }
    }
}

/// Starts the thread.
pub(crate) fn start(shared: Arc<Shared>, journal: Arc<Journal>, wishes: Receiver<()>) -> Result<()> {
    let run = move || {
        while wishes.recv().is_ok() {
            let start = Instant::now();
            let outcome = take(&shared, &journal);
            match &outcome {
                Ok(taken) => tracing::info!(
                    position = taken.report.cut,
                    bytes = taken.report.bytes,
                    ms = start.elapsed().as_millis() as u64,
                    longest_hold_us = taken.longest_hold.as_micros() as u64,
                    "snapshot taken"
                ),
                Err(error) => tracing::error!(error = format!("{error:#}"), "snapshot not taken"),
            }
            finish(&shared, outcome);
        }
    };
    std::thread::Builder::new().name("snapshot".into()).spawn(run).context("cannot start the snapshot thread")?;
    Ok(())
}

fn take(shared: &Shared, journal: &Journal) -> Result<Taken> {
    let (encoder, cut, time_ms) = {
        let mut hub = shared.lock();
        let now = hub.clock.now();
        shared.keep(&mut hub, now);
        // The snapshot waits for all of it to be synced, which drives the journal.
        (hub.broker.begin_snapshot(), journal.appended(), now.unix_ms())
    };
    let outcome = write(shared, journal, encoder, cut, time_ms);
    if outcome.is_err() {
        shared.lock().broker.end_snapshot();
    }
    outcome
}

fn write(shared: &Shared, journal: &Journal, mut encoder: Writer, cut: u64, time_ms: u64) -> Result<Taken> {
    let mut file = journal.begin_snapshot(cut, time_ms)?;
    let mut images = Vec::new();
    let mut longest_hold = Duration::ZERO;
    loop {
        let is_more = {
            let mut hub = shared.lock();
            let start = Instant::now();
            let is_more = hub.broker.snapshot_slice(&mut images);
            shared.hand_over_chores(&mut hub);
            let held = start.elapsed();
            hub.holds.record(held.as_nanos() as u64);
            longest_hold = longest_hold.max(held);
            is_more
        };
        for image in images.drain(..) {
            encoder.add(&image, &mut |section: &[u8]| file.section(SECTION, section))?;
        }
        if !is_more {
            break;
        }
    }
    encoder.finish(&mut |section: &[u8]| file.section(SECTION, section))?;
    Ok(Taken { report: file.finish()?, longest_hold })
}

/// Tells the broker, and through it whoever waits in SAVE.
fn finish(shared: &Shared, outcome: Result<Taken>) {
    announce(shared, |hub, now| {
        if let Ok(taken) = &outcome {
            hub.snapshot_bytes = taken.report.bytes;
        }
        hub.broker.finish_snapshot(outcome.map(drop).map_err(|error| format!("snapshot not taken: {error:#}")), now);
    });
}
