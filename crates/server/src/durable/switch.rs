//! `appendonly` switched on and off while the service goes on.
//!
//! ```text
//!   on    open, lock ─► [log: quiet] ─► base, beside everything ─► [log: on, +OK]     before the base stands a failure leaves
//!                                                                                    a broker in memory, and the directory
//!                                                                                    as it was
//!   off   sync ─► [log: leaving] ─► sync the rest, note, unlock ─► [log: off, +OK] ─► let everybody go on
//!                 nothing is kept; who was not answered yet waits
//! ```
//! What stands in brackets is one hold of the broker. So every change is in the base or in the log; and whoever is answered
//! before the `+OK` of `no` is answered of what is on the disk.
//!
//! The state in memory is what counts: what an earlier life left in the directory is not read. It stays the journal until the
//! base stands, and goes with it, as it does in Redis.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow};
use rbq_broker::{DiskRoom, Now, SwitchOrder};
use rbq_journal::{Journal, RecoveryReport};

use super::recovery::{self, Keeping};
use super::snapshots::{self, Holds, Taken};
use super::{announce, announce_then, in_full, price};
use crate::hub::{Hub, Shared};

/// Does what was asked for, and tells the broker how it ended.
pub(super) fn switch(shared: &Shared, order: &SwitchOrder) {
    if order.is_on() { switch_on(shared, order) } else { switch_off(shared, order) }
}

fn switch_on(shared: &Shared, order: &SwitchOrder) {
    let start = Instant::now();
    let above = shared.lock().broker.log().newest();
    let begun = recovery::found(&order.settings, &shared.home, above, &shared.gates);
    let outcome = begun.and_then(|(kept, before)| Ok((take_base(shared, kept)?, before)));
    let told = outcome.as_ref().map(drop).map_err(in_full);
    let tell = |hub: &mut Hub, now: Now| {
        hub.broker.finish_switch(order, told, now);
        // It was begun with the policy of the moment when it was ordered, and somebody may have set another one since.
        shared.follow_policy(hub);
    };
    announce_then(shared, tell, |held| match &outcome {
        Ok((taken, before)) => tell_on(shared, order, taken, before, held, start),
        Err(error) => {
            tracing::error!(error = in_full(error), "appendonly not switched on: in memory only, as before")
        }
    });
}

/// From here on what changes is kept, and what is there is written. After an error nothing is kept.
fn take_base(shared: &Shared, kept: Keeping) -> Result<Taken> {
    let journal = kept.journal.clone();
    let mut holds = Holds::default();
    let (encoder, cut, time_ms) = {
        let mut hub = shared.lock();
        let start = Instant::now();
        let now = hub.clock.now();
        let cut = journal.appended();
        hub.keep_in(kept);
        shared.gates.guard(journal.clone());
        let encoder = hub.broker.begin_base(cut, now);
        holds.note(&mut hub, start);
        (encoder, cut, now.unix_ms())
    };
    let written = snapshots::write(shared, &journal, encoder, cut, time_ms, holds);
    let outcome = written.and_then(|taken| {
        journal.note()?;
        let mut hub = shared.lock();
        hub.snapshot_bytes = taken.report.bytes;
        // The disk may have run full at the very end.
        hub.lost.take().map_or(Ok(taken), |why| Err(anyhow!(why)))
    });
    outcome.map_err(|error| {
        withdraw(shared, &journal);
        // That the log stopped says less than why.
        journal.fatal().map_or(error, Into::into)
    })
}

/// A broker in memory only again.
fn withdraw(shared: &Shared, journal: &Arc<Journal>) {
    let upto = {
        let mut hub = shared.lock();
        hub.lose_journal(String::new());
        hub.lost = None;
        hub.broker.log().newest()
    };
    shared.gates.open(upto);
    // With its base it is the journal that a start would find: what is not the newest there says so.
    let ended = if journal.is_founding() { journal.finish() } else { journal.leave(now_s()) };
    if let Err(fatal) = ended {
        tracing::warn!(reason = %fatal, "what was begun is not removed from the data directory; a start removes it");
    }
}

fn tell_on(
    shared: &Shared,
    order: &SwitchOrder,
    taken: &Taken,
    before: &RecoveryReport,
    held: Duration,
    start: Instant,
) {
    if before.last_lsn > 0 {
        tracing::warn!(
            position = before.last_lsn,
            "the data directory held what was kept earlier, up to this position: it is replaced by what was in memory"
        );
    }
    let sync_us = shared.lock().sync_us;
    tracing::info!(
        position = taken.report.cut,
        bytes = taken.report.bytes,
        ms = start.elapsed().as_millis() as u64,
        longest_hold_us = taken.longest_hold.max(held).as_micros() as u64,
        durability = price(&order.settings, sync_us),
        "appendonly switched on"
    );
}

fn switch_off(shared: &Shared, order: &SwitchOrder) {
    let outcome = leave(shared);
    match &outcome {
        Ok(_) => tracing::warn!("appendonly switched off: what changes from here on is in memory only"),
        Err(error) => tracing::error!(error = in_full(error), "appendonly not switched off"),
    }
    let upto = outcome.as_ref().ok().copied();
    let outcome = outcome.map(drop).map_err(|error| in_full(&error));
    // Told before anybody is let go on: from then on answers tell of what may be lost.
    announce(shared, |hub, now| {
        hub.left = None;
        hub.broker.finish_switch(order, outcome, now);
    });
    if let Some(upto) = upto {
        shared.gates.open(upto);
    }
}

/// Completes the journal; the position that everybody waits for who was not answered since.
fn leave(shared: &Shared) -> Result<u64> {
    let journal = shared.lock().journal.clone().context("nothing is kept on disk")?;
    // Most of it before anybody has to wait for it.
    let _synced = journal.wait_synced(journal.request_sync());
    let upto = {
        let mut hub = shared.lock();
        let now = hub.clock.now();
        shared.keep(&mut hub, now);
        hub.left = hub.journal.take();
        hub.is_disk_full = false;
        hub.broker.set_disk_room(DiskRoom::Enough);
        hub.broker.set_ask_room(None);
        hub.broker.log().leave()
    };
    // What is held back for want of room there needs none any more.
    journal.leave(now_s()).context("the log could not be completed")?;
    Ok(upto)
}

/// The time for people: what a start says of when the log was left.
fn now_s() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
}
