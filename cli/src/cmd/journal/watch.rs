//! Long work on a data directory: on a thread of its own, so that Ctrl-C and SIGTERM are heard meanwhile.
//!
//! Who was asked to end ends at the next bytes that are read: for what reads them it is an error of the file system, after
//! which everything is taken back that would be after any other. What it came to after such an error is nobody's business.

use std::io;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rbq_journal::{Directory, Metered, Storage};

use crate::exit::Exit;
use crate::failure::Result;
use crate::interrupt::Interrupt;
use crate::progress::Progress;

/// Shared by whoever works and whoever may ask for an end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch {
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    is_asked: AtomicBool,
    /// The work has met the end that was asked for.
    is_cut: AtomicBool,
    done_bytes: AtomicU64,
    total_bytes: AtomicU64,
}

/// What became of the work.
#[derive(Debug)]
pub(crate) enum Ended<T> {
    Whole(T),
    /// With the code that goes with the signal.
    Interrupted(Exit),
}

impl Watch {
    /// A directory whose reading is counted, shown and may be ended. Nearly all of it is read so many times.
    pub(crate) fn over(
        &self,
        directory: Arc<Directory>,
        times: u64,
        label: &str,
        quiet: bool,
    ) -> Result<Arc<dyn Storage>> {
        let total = times * super::stored_bytes(&directory)?;
        self.state.total_bytes.store(total, Ordering::Relaxed);
        let progress = if quiet { Progress::silent() } else { Progress::start(label, Some(total)) };
        let (progress, state) = (Mutex::new(progress), Arc::clone(&self.state));
        let add = move |bytes| {
            state.done_bytes.fetch_add(bytes, Ordering::Relaxed);
            progress.lock().unwrap_or_else(PoisonError::into_inner).add(bytes);
            if !state.is_asked.load(Ordering::Relaxed) {
                return Ok(());
            }
            state.is_cut.store(true, Ordering::Relaxed);
            Err(io::Error::other("interrupted"))
        };
        Ok(Arc::new(Metered::new(directory, Arc::new(add))))
    }

    /// `12 of 64 bytes`.
    pub(crate) fn how_far(&self) -> String {
        let total = self.state.total_bytes.load(Ordering::Relaxed);
        // What is read to find its own end is not in the total.
        let done = self.state.done_bytes.load(Ordering::Relaxed).min(total);
        format!("{done} of {total} bytes")
    }

    fn ask_to_end(&self) {
        self.state.is_asked.store(true, Ordering::Relaxed);
    }

    /// Does the work; work that was done before it heard of the end counts as done.
    ///
    /// # Errors
    /// Of the work, unless it was asked to end.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        mut interrupt: Interrupt,
        work: impl FnOnce(Self) -> Result<T> + Send + 'static,
    ) -> Result<Ended<T>> {
        if interrupt.was_pressed() {
            self.ask_to_end();
        }
        let watch = self.clone();
        let mut working = tokio::task::spawn_blocking(move || work(watch));
        let worked = tokio::select! {
            worked = &mut working => worked,
            () = interrupt.pressed() => {
                self.ask_to_end();
                working.await
            }
        };
        let worked = worked.unwrap_or_else(|panicked| resume_unwind(panicked.into_panic()));
        if self.state.is_cut.load(Ordering::Relaxed) {
            return Ok(Ended::Interrupted(interrupt.exit()));
        }
        worked.map(Ended::Whole)
    }
}
