//! The thread that takes snapshots, and that begins and ends the log: one of these at a time.
//!
//! It holds the broker for a moment to begin, and for each slice of images; it encodes and writes between the holds. So the
//! service goes on. In memory twice is a slice, and of what changed meanwhile what was not written yet, as it was when the
//! snapshot was begun: the whole of it at the very most, if all of it changes while the disk writes nothing.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use rbq_broker::snapshot::Writer;
use rbq_broker::{Now, SwitchOrder};
use rbq_journal::{Journal, SnapshotReport};

use super::{announce_then, in_full, switch};
use crate::hub::{Hub, Shared};
use crate::threads;

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
    /// The longest that the broker was held for it, up to its [end](announce_then): what the service noticed of it.
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

    /// Asks for a snapshot, or a switch.
    ///
    /// # Errors
    /// Nobody takes it.
    pub(crate) fn want(&self, wish: Wish) -> Result<(), TrySendError<Wish>> {
        self.wanted.try_send(wish)
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
    threads::start_one("snapshot", run)
}

fn take_and_tell(shared: &Shared) {
    let start = Instant::now();
    let outcome = take(shared);
    let told = outcome.as_ref().map(drop).map_err(|error| format!("snapshot not taken: {}", in_full(error)));
    // Through the broker whoever waits in SAVE is told.
    let tell = |hub: &mut Hub, now: Now| {
        match &outcome {
            Ok(taken) => hub.snapshot_bytes = taken.report.bytes,
            Err(_) => hub.snapshot_from_us = now.monotonic_us + RETRY_AFTER.as_micros() as u64,
        }
        hub.broker.finish_snapshot(told, now);
    };
    announce_then(shared, tell, |held| log(&outcome, held, start));
}

fn log(outcome: &Result<Taken>, held: Duration, start: Instant) {
    let taken = match outcome {
        Ok(taken) => taken,
        Err(error) => return tracing::error!(error = in_full(error), "snapshot not taken"),
    };
    tracing::info!(
        position = taken.report.cut,
        bytes = taken.report.bytes,
        ms = start.elapsed().as_millis() as u64,
        longest_hold_us = taken.longest_hold.max(held).as_micros() as u64,
        "snapshot taken"
    );
    if let Some(reason) = &taken.report.not_let_go {
        tracing::warn!(reason, "files that it replaces are still there, until the next start");
    }
}

fn take(shared: &Shared) -> Result<Taken> {
    let mut holds = Holds::default();
    let (journal, encoder, cut, time_ms) = {
        let mut hub = shared.lock();
        let start = Instant::now();
        let now = hub.clock.now();
        shared.keep(&mut hub, now);
        let journal = hub.journal.clone().context("appendonly was switched off meanwhile")?;
        let cut = journal.appended();
        // The snapshot waits for all of it to be synced, which drives the journal.
        let encoder = hub.broker.begin_snapshot();
        holds.note(&mut hub, start);
        (journal, encoder, cut, now.unix_ms())
    };
    let outcome = write(shared, &journal, encoder, cut, time_ms, holds);
    if outcome.is_err() {
        shared.lock().broker.end_snapshot();
    }
    outcome
}

/// The holds of the broker for one snapshot.
#[derive(Default)]
pub(super) struct Holds {
    longest: Duration,
}

impl Holds {
    /// One that began at `start` ends now.
    pub(super) fn note(&mut self, hub: &mut Hub, start: Instant) {
        let held = start.elapsed();
        hub.holds.record(held.as_nanos() as u64);
        self.longest = self.longest.max(held);
    }
}

/// Writes the snapshot that was begun with these holds.
pub(super) fn write(
    shared: &Shared,
    journal: &Journal,
    mut encoder: Writer,
    cut: u64,
    time_ms: u64,
    mut holds: Holds,
) -> Result<Taken> {
    let mut file = journal.begin_snapshot(cut, time_ms)?;
    let mut images = Vec::new();
    loop {
        let is_more = {
            let mut hub = shared.lock();
            if let Some(why) = hub.lost.take() {
                return Err(anyhow!(why));
            }
            let start = Instant::now();
            let is_more = hub.broker.snapshot_slice(&mut images);
            shared.hand_over_chores(&mut hub);
            holds.note(&mut hub, start);
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
    Ok(Taken { report: file.finish()?, longest_hold: holds.longest })
}

#[cfg(test)]
mod tests {
    use rbq_broker::settings::Text;
    use rbq_broker::{Broker, Settings};
    use rbq_journal::Directory;

    use super::*;
    use crate::clock::Clock;
    use crate::durable::{self, Home};
    use crate::gates::Gates;

    #[test]
    fn beginning_and_ending_a_snapshot_are_holds_for_it_too() {
        let dir = tempfile::tempdir().expect("a directory is made");
        let home = Home::new(&Settings::default(), |path| Ok(Arc::new(Directory::create(path)?)));
        let home = home.expect("we are somewhere");
        let there = dir.path().to_str().expect("a plain path").to_owned();
        let settings = Settings { dir: Text(there), ..Settings::default() };
        let (clock, gates) = (Clock::new(), Arc::new(Gates::new(1)));
        let mut broker = Broker::new(settings.clone(), 1, clock.now());
        let kept = durable::open(&settings, &home, &mut broker, &gates).expect("it is new");
        let (shared, _lines) = Shared::new(broker, clock, gates, home);
        shared.lock().keep_in(kept);
        take_and_tell(&shared);
        let mut hub = shared.lock();
        assert!(hub.snapshot_bytes > 0, "it was taken");
        // Of an empty broker there is one slice.
        assert_eq!(hub.holds.count(), 3);
        let mut holds = Holds::default();
        let long_ago = Instant::now().checked_sub(Duration::from_millis(50)).expect("the machine is up for longer");
        holds.note(&mut hub, long_ago);
        holds.note(&mut hub, Instant::now());
        assert!(holds.longest >= Duration::from_millis(50));
    }
}
