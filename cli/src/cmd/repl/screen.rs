//! What comes by itself (messages, MONITOR, notes), shown while somebody types.
//!
//! ```text
//!   REPL ── show ──► queue, bounded ──► printer's thread ──► above the prompt
//!            └─ full: counted, and said with what is shown next
//! ```
//! A terminal is slower than a busy channel, and the prompt must stay usable: so what comes too fast is left out rather than
//! waited for. What waits is written together, for a redrawn prompt a message would cost more than the message.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use super::editor::Printer;
use crate::failure::Result;

/// Texts that wait: more than anybody reads in a second.
const QUEUE_MAX: usize = 1024;

/// Texts that are written together.
const BATCH_MAX: usize = 64;

/// The printer's queue.
pub(super) struct Screen {
    queue: SyncSender<String>,
    dropped: Arc<AtomicU64>,
}

impl Screen {
    /// Starts the printer's thread.
    pub(super) fn start(mut printer: Printer) -> Result<Self> {
        let (queue, queued) = sync_channel(QUEUE_MAX);
        let dropped = Arc::<AtomicU64>::default();
        let counter = Arc::clone(&dropped);
        let run = move || print_all(&queued, &counter, |text| printer.print(text).is_ok());
        // Not joined: what is not shown when the REPL ends is of no use any more.
        std::thread::Builder::new().name("printer".to_owned()).spawn(run)?;
        Ok(Self { queue, dropped })
    }

    /// Shows lines, each with its end, soon or not at all.
    pub(super) fn show(&self, text: String) {
        match self.queue.try_send(text) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => drop(self.dropped.fetch_add(1, Ordering::Relaxed)),
            // The terminal has gone; the editor will say so.
            Err(TrySendError::Disconnected(_)) => {}
        }
    }
}

fn print_all(queued: &Receiver<String>, dropped: &AtomicU64, mut print: impl FnMut(String) -> bool) {
    while let Ok(mut text) = queued.recv() {
        for more in queued.try_iter().take(BATCH_MAX - 1) {
            text.push_str(&more);
        }
        let left_out = dropped.swap(0, Ordering::Relaxed);
        if left_out > 0 {
            text.push_str(&format!("(they come too fast: {left_out} were not shown)\n"));
        }
        if !print(text) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_too_fast_is_counted_and_the_count_is_shown() {
        let (queue, queued) = sync_channel(QUEUE_MAX);
        let screen = Screen { queue, dropped: Arc::default() };
        for number in 0..QUEUE_MAX + 7 {
            screen.show(format!("{number}\n"));
        }
        let dropped = Arc::clone(&screen.dropped);
        drop(screen);
        let mut shown = Vec::new();
        print_all(&queued, &dropped, |text| {
            shown.push(text);
            true
        });
        let all = shown.concat();
        assert_eq!(shown.len(), QUEUE_MAX / BATCH_MAX);
        assert_eq!(all.lines().count(), QUEUE_MAX + 1);
        assert!(shown[0].ends_with("63\n(they come too fast: 7 were not shown)\n"), "{}", shown[0]);
    }
}
