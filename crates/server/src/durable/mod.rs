//! What is kept on disk: opened and read back at the start, measured, saved as snapshots, and begun and ended while the
//! service goes on.

mod backups;
mod home;
pub mod lone;
mod recovery;
pub mod room;
mod snapshots;
mod switch;
mod sync_price;

pub(crate) use backups::back_up;
pub(crate) use home::Home;
pub(crate) use recovery::{Keeping, open, policy};
pub use recovery::{Recovered, clock_refusal};
pub(crate) use snapshots::{Snapshots, Wish, start};

use std::time::{Duration, Instant};

use rbq_broker::settings::{AppendFsync, Setting as _};
use rbq_broker::{Now, Settings};
use rbq_journal::said;

use crate::hub::{Flush, Hub, Shared};

/// Tells the broker from a thread of our own how something ended, and sends what follows from it.
pub(crate) fn announce(shared: &Shared, tell: impl FnOnce(&mut Hub, Now)) {
    announce_then(shared, tell, |_| {});
}

/// The same; once the broker is let go, and before anybody is sent anything, `then` is told how long it was held.
fn announce_then(shared: &Shared, tell: impl FnOnce(&mut Hub, Now), then: impl FnOnce(Duration)) {
    let mut flush = Flush::default();
    let mut hub = shared.lock();
    let start = Instant::now();
    let now = hub.clock.now();
    tell(&mut hub, now);
    hub.sort_mail(shared, &mut flush, now);
    hub.deliver(shared, &mut flush, now);
    shared.keep(&mut hub, now);
    shared.after_hold(&mut hub, now);
    let held = start.elapsed();
    hub.holds.record(held.as_nanos() as u64);
    drop(hub);
    then(held);
    shared.gates.drive();
    flush.run(shared);
}

/// An error with its causes, each said once: some say theirs already, as a part of their own sentence.
pub(crate) fn in_full(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.downcast_ref().map_or_else(|| cause.to_string(), said);
        if !text.to_lowercase().contains(&cause.to_lowercase()) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// What is promised here and what it costs, in a line.
pub(crate) fn price(settings: &Settings, sync_us: Option<u64>) -> String {
    if !settings.appendonly.0 {
        return "none: everything is in memory only".into();
    }
    let Some(sync_us) = sync_us else {
        return format!("{} (what a sync takes here could not be measured)", settings.appendfsync.show());
    };
    let ms = sync_us as f64 / 1000.0;
    let rate = 1_000_000 / sync_us.max(1);
    match settings.appendfsync {
        AppendFsync::Always => format!(
            "always (write+fdatasync p50 {ms:.2} ms here: about {rate} writes/s for one synchronous client; concurrent \
             clients share syncs). --appendfsync everysec is Redis's usual setting and may lose about 1 s"
        ),
        AppendFsync::EverySec => format!(
            "everysec (a killed process loses nothing, a power cut about 1 s; write+fdatasync p50 {ms:.2} ms here)"
        ),
        AppendFsync::No => "no (a killed process loses nothing, a power cut what the system had not written)".into(),
    }
}
