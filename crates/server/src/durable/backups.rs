//! Backups, each on a thread that lives as long as it takes.
//!
//! The broker is held for a moment at the beginning and at the end. What the copy reads in between stays where it is: the
//! journal lets no file go while somebody reads.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use rbq_broker::{BackupOrder, BackupReport};
use rbq_journal::Directory;

use super::announce;
use crate::hub::Shared;

/// Begins a backup; the broker is told how it ended.
pub(crate) fn back_up(shared: Arc<Shared>, order: BackupOrder) {
    let (ours, theirs) = (shared.clone(), order.clone());
    let run = move || {
        let outcome = copy(&ours, &theirs);
        finish(&ours, &theirs, outcome);
    };
    if let Err(error) = std::thread::Builder::new().name("backup".into()).spawn(run) {
        finish(&shared, &order, Err(error).context("cannot start a thread"));
    }
}

fn copy(shared: &Shared, order: &BackupOrder) -> Result<BackupReport> {
    let journal = {
        // All that was run before is in it, the pipeline that asked for it included.
        let mut hub = shared.lock();
        let now = hub.clock.now();
        shared.keep(&mut hub, now);
        hub.journal.clone().context("nothing is kept on disk")?
    };
    let path = OsStr::from_bytes(&order.directory);
    let start = Instant::now();
    let directory = Directory::create(path).with_context(|| format!("cannot make `{}`", path.display()))?;
    let copied = journal.backup(Arc::new(directory))?;
    tracing::info!(
        directory = %path.display(),
        position = copied.last_lsn,
        bytes = copied.bytes,
        ms = start.elapsed().as_millis() as u64,
        "backup made"
    );
    Ok(BackupReport { position: copied.last_lsn, files: copied.files as u64, bytes: copied.bytes })
}

fn finish(shared: &Shared, order: &BackupOrder, outcome: Result<BackupReport>) {
    let outcome = outcome.map_err(|error| {
        tracing::error!(error = format!("{error:#}"), "backup not made");
        format!("backup not made: {error:#}")
    });
    announce(shared, |hub, _| hub.broker.finish_backup(order, &outcome));
}
