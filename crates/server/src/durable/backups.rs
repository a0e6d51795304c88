//! Backups, each on a thread that lives as long as it takes.
//!
//! The broker is held for a moment at the beginning and at the end. What the copy reads in between stays where it is: the
//! journal lets no file go while somebody reads. The copy gets its name when it is whole, and is given up when whoever asked
//! for it goes.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use rbq_broker::{BackupOrder, BackupReport};
use rbq_journal::{Draft, Metered, OnBytes};

use super::{announce, in_full};
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

fn copy(shared: &Arc<Shared>, order: &BackupOrder) -> Result<BackupReport> {
    let start = Instant::now();
    let path = Path::new(OsStr::from_bytes(&order.directory));
    let (journal, home) = {
        // All that was run before is in it, the pipeline that asked for it included.
        let mut hub = shared.lock();
        let now = hub.clock.now();
        shared.keep(&mut hub, now);
        let journal = hub.journal.clone().context("nothing is kept on disk")?;
        // What is written is read again.
        hub.backup = Some((0, 2 * (hub.snapshot_bytes + journal.figures().log_bytes_since_snapshot)));
        // Not where it would be opened next: `dir` may be another one by now.
        let home = PathBuf::from(journal.place());
        (journal, home)
    };
    if resolved(path).starts_with(resolved(&home)) {
        let (path, home) = (path.display(), home.display());
        bail!("`{path}` is in the data directory `{home}`: whatever happens to that would happen to the backup");
    }
    let (draft, directory) = Draft::begin(path)?;
    let copied = journal.backup(Arc::new(Metered::new(Arc::new(directory), meter(shared, order))))?;
    draft.publish()?;
    tracing::info!(
        directory = %path.display(),
        position = copied.last_lsn,
        bytes = copied.bytes,
        ms = start.elapsed().as_millis() as u64,
        "backup made"
    );
    Ok(BackupReport { position: copied.last_lsn, files: copied.files as u64, bytes: copied.bytes })
}

/// A path without links and `..`, as far as it is there.
fn resolved(path: &Path) -> PathBuf {
    let there = path.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    match there {
        Some((above, real)) => real.join(path.strip_prefix(above).unwrap_or(Path::new(""))),
        None => path.to_owned(),
    }
}

/// Counts what is done, and ends the work when nobody waits for it any more.
fn meter(shared: &Arc<Shared>, order: &BackupOrder) -> OnBytes {
    let (shared, order) = (shared.clone(), order.clone());
    Arc::new(move |bytes| {
        let mut hub = shared.lock();
        if let Some((done, _)) = &mut hub.backup {
            *done += bytes;
        }
        match hub.broker.is_backup_wanted(&order) {
            true => Ok(()),
            false => Err(io::Error::other("whoever asked for it no longer waits")),
        }
    })
}

fn finish(shared: &Shared, order: &BackupOrder, outcome: Result<BackupReport>) {
    let outcome = outcome.map_err(|error| {
        tracing::error!(error = in_full(&error), "backup not made");
        format!("backup not made: {}", in_full(&error))
    });
    announce(shared, |hub, _| {
        hub.backup = None;
        hub.broker.finish_backup(order, &outcome);
    });
}
