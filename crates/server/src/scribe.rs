//! The thread that writes the configuration file for CONFIG REWRITE.
//!
//! A disk may hang: whoever asked waits for it, and nobody else. All who asked before it begins to write get one writing. The end of
//! the server waits for what is being written as long as for its clients, so that nothing unfinished is left beside the file.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::Result;
use rbq_broker::Asker;

use crate::hub::Shared;
use crate::{durable, rewrite, threads};

/// So many may wait behind a writing; each is a client that waits, or that went and came again.
const ASKERS_MAX: usize = 64;

/// A handle on the thread.
pub(crate) struct Scribe {
    asked: SyncSender<Asker>,
    /// Who was not answered yet.
    waiting: AtomicUsize,
}

impl Scribe {
    /// A thread that has yet to be started, and its end of the line.
    pub(crate) fn new() -> (Self, Receiver<Asker>) {
        let (asked, askers) = sync_channel(ASKERS_MAX);
        (Self { asked, waiting: AtomicUsize::new(0) }, askers)
    }

    /// Has the settings written, and this client answered.
    ///
    /// # Errors
    /// Too many wait already.
    pub(crate) fn ask(&self, asker: Asker) -> Result<(), String> {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        self.asked.try_send(asker).map_err(|_| {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            "too many wait for it already".into()
        })
    }

    /// Whether everybody was answered.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
    }
}

/// Starts the thread, for a server that has such a file.
pub(crate) fn start(shared: Arc<Shared>, file: PathBuf, askers: Receiver<Asker>) -> Result<()> {
    let run = move || {
        while let Ok(first) = askers.recv() {
            let answered: Vec<Asker> = std::iter::once(first).chain(askers.try_iter()).collect();
            let outcome = write(&shared, &file);
            durable::announce(&shared, |hub, _| {
                answered.iter().for_each(|asker| hub.broker.finish_rewrite(*asker, &outcome));
            });
            shared.scribe.waiting.fetch_sub(answered.len(), Ordering::AcqRel);
        }
    };
    threads::start_one("scribe", run)
}

fn write(shared: &Shared, file: &std::path::Path) -> Result<(), String> {
    let settings = shared.lock().broker.settings.clone();
    let outcome = rewrite::rewrite(file, &settings).map_err(|error| format!("{error:#}"));
    match &outcome {
        Ok(()) => tracing::info!(file = %file.display(), "configuration file rewritten"),
        Err(error) => tracing::error!(error, "configuration file not rewritten"),
    }
    outcome
}
