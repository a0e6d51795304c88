//! What is kept on disk: opened and read back at the start, measured, and saved as snapshots.

mod backups;
pub mod lone;
mod recovery;
mod snapshots;
mod sync_price;

pub(crate) use backups::back_up;
pub use recovery::Recovered;
pub(crate) use recovery::{open, policy};
pub(crate) use snapshots::{Snapshots, start};

use rbq_broker::settings::AppendFsync;
use rbq_broker::{Now, Settings};

use crate::hub::{Flush, Hub, Shared};

/// Tells the broker from a thread of our own how something ended, and sends what follows from it.
fn announce(shared: &Shared, tell: impl FnOnce(&mut Hub, Now)) {
    let mut flush = Flush::default();
    let mut hub = shared.lock();
    let now = hub.clock.now();
    tell(&mut hub, now);
    hub.sort_mail(shared, &mut flush, now);
    hub.deliver(shared, &mut flush, now);
    shared.keep(&mut hub, now);
    shared.after_hold(&mut hub, now);
    drop(hub);
    shared.gates.drive();
    flush.run(shared);
}

/// What is promised here and what it costs, in a line.
pub(crate) fn price(settings: &Settings, sync_us: u64) -> String {
    if !settings.appendonly.0 {
        return "none: everything is in memory only".into();
    }
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
