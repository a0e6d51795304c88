//! The thread that takes snapshots, and that begins and ends the log: one of these at a time.
//!
//! It holds the broker for a moment to begin, and for each slice of images; it encodes and writes between the holds. So the
//! service goes on. In memory twice is a slice, and of what changed meanwhile what was not written yet, as it was when the
//! snapshot was begun: the whole of it at the very most, if all of it changes while the disk writes nothing.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use rbq_broker::SwitchOrder;
use rbq_broker::snapshot::Writer;
use rbq_journal::{Journal, SnapshotReport};

use super::{announce, in_full, switch};
use crate::hub::Shared;

/// The one kind of section there is.
pub(super) const SECTION: u32 = 1;

/// The broker asks for one snapshot and one switch at a time.
const WISHES_MAX: usize = 2;

/// A snapshot that failed is taken again after so long, unless somebody asks for one: as Redis does.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What the thread is to do.
pub(crate) enum Wish {
    Snapshot,
    Switch(Box<SwitchOrder>),
}

/// A snapshot that came to be.
pub(super) struct Taken {
    pub(super) report: SnapshotReport,
    /// The longest that the broker was held for it: what the service noticed of it.
    pub(super) longest_hold: Duration,
}

/// A handle on the thread.
pub(crate) struct Snapshots {
    wanted: SyncSender<Wish>,
}

impl Snapshots {
    /// A thread that has yet to be started, and its end of the line.
    pub(crate) fn new() -> (Self, Receiver<Wish>) {
        let (wanted, wishes) = sync_channel(WISHES_MAX);
        (Self { wanted }, wishes)
    }

    /// Asks for a snapshot.
    pub(crate) fn want(&self) {
        self.send(Wish::Snapshot);
    }

    /// Asks for a switch.
    pub(crate) fn switch(&self, order: Box<SwitchOrder>) {
        self.send(Wish::Switch(order));
    }

    fn send(&self, wish: Wish) {
        if self.wanted.try_send(wish).is_err() {
            tracing::error!("nobody takes snapshots any more");
        }
    }
}

/// Starts the thread.
pub(crate) fn start(shared: Arc<Shared>, wishes: Receiver<Wish>) -> Result<()> {
    let run = move || {
        while let Ok(wish) = wishes.recv() {
            match wish {
                Wish::Snapshot => take_and_tell(&shared),
                Wish::Switch(order) => switch::switch(&shared, &order),
            }
        }
    };
    std::thread::Builder::new().name("snapshot".into()).spawn(run).context("cannot start the snapshot thread")?;
    Ok(())
}

fn take_and_tell(shared: &Shared) {
    let start = Instant::now();
    let outcome = take(shared);
    match &outcome {
        Ok(taken) => {
            tracing::info!(
                position = taken.report.cut,
                bytes = taken.report.bytes,
                ms = start.elapsed().as_millis() as u64,
                longest_hold_us = taken.longest_hold.as_micros() as u64,
                "snapshot taken"
            );
            if let Some(reason) = &taken.report.not_let_go {
                tracing::warn!(reason, "files that it replaces are still there, until the next start");
            }
        }
        Err(error) => tracing::error!(error = in_full(error), "snapshot not taken"),
    }
    finish(shared, outcome);
}

fn take(shared: &Shared) -> Result<Taken> {
    let (journal, encoder, cut, time_ms) = {
        let mut hub = shared.lock();
        let now = hub.clock.now();
        shared.keep(&mut hub, now);
        let journal = hub.journal.clone().context("appendonly was switched off meanwhile")?;
        let cut = journal.appended();
        // The snapshot waits for all of it to be synced, which drives the journal.
        (journal, hub.broker.begin_snapshot(), cut, now.unix_ms())
    };
    let outcome = write(shared, &journal, encoder, cut, time_ms);
    if outcome.is_err() {
        shared.lock().broker.end_snapshot();
    }
    outcome
}

/// Writes the snapshot that was begun.
pub(super) fn write(shared: &Shared, journal: &Journal, mut encoder: Writer, cut: u64, time_ms: u64) -> Result<Taken> {
    let mut file = journal.begin_snapshot(cut, time_ms)?;
    let mut images = Vec::new();
    let mut longest_hold = Duration::ZERO;
    loop {
        let is_more = {
            let mut hub = shared.lock();
            if let Some(why) = hub.lost.take() {
                return Err(anyhow!(why));
            }
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
        match &outcome {
            Ok(taken) => hub.snapshot_bytes = taken.report.bytes,
            Err(_) => hub.snapshot_from_us = now.monotonic_us + RETRY_AFTER.as_micros() as u64,
        }
        hub.broker.finish_snapshot(
            outcome.map(drop).map_err(|error| format!("snapshot not taken: {}", in_full(&error))),
            now,
        );
    });
}
