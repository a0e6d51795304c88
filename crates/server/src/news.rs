//! What is to be said in the log of what happened while the broker was held.
//!
//! stderr may be a pipe whose reader stands still, and then a write to it waits. With the broker held nobody would be served until
//! somebody reads: a full disk, or a stopped shipper of logs, would be everybody's standstill. So a hold notes what is to be said, and a
//! thread that does nothing else says it.
//!
//! What nobody reads is not kept without bound: beyond so many lines they are counted, and the count is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::Result;

use crate::clock::Jump;
use crate::hub::Shared;
use crate::threads;

/// Lines that wait to be written: each is a change for the worse or the better, and they are rare.
const NEWS_MAX: usize = 64;

/// What happened.
#[derive(Debug)]
pub(crate) enum News {
    /// Adding is refused.
    DiskIsFull {
        why: String,
    },
    /// It goes on.
    DiskHasRoom,
    Clock(Jump),
    /// A wish for a snapshot or a switch was not taken.
    NobodySaves,
}

/// A handle on the thread that says it.
pub(crate) struct Teller {
    noted: SyncSender<News>,
    /// Noted, and not said yet.
    waiting: AtomicUsize,
    /// Not even noted.
    lost: AtomicU64,
}

impl Teller {
    /// A thread that has yet to be started, and its end of the line.
    pub(crate) fn new() -> (Self, Receiver<News>) {
        let (noted, news) = sync_channel(NEWS_MAX);
        (Self { noted, waiting: AtomicUsize::new(0), lost: AtomicU64::new(0) }, news)
    }

    /// Has it said, soon. Never waits.
    pub(crate) fn note(&self, news: News) {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        if self.noted.try_send(news).is_err() {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether all was said.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
    }
}

/// Starts the thread.
pub(crate) fn start(shared: Arc<Shared>, news: Receiver<News>) -> Result<()> {
    let run = move || {
        let teller = &shared.teller;
        while let Ok(news) = news.recv() {
            say(news);
            let lost = teller.lost.swap(0, Ordering::Relaxed);
            if lost > 0 {
                tracing::warn!(lines = lost, "the log was not read: lines of it are lost");
            }
            teller.waiting.fetch_sub(1, Ordering::AcqRel);
        }
    };
    threads::start_one("teller", run)
}

fn say(news: News) {
    match news {
        News::DiskIsFull { why } => tracing::error!(reason = %why, "adding is refused until there is room"),
        News::DiskHasRoom => tracing::info!("the log has room again: adding goes on"),
        News::Clock(Jump::Ahead(by)) => tracing::warn!(seconds = by.as_secs(), "the system clock was set ahead"),
        News::Clock(Jump::Back(by)) => tracing::warn!(
            seconds = by.as_secs(),
            "the system clock was set back: running at half speed until it is met"
        ),
        News::NobodySaves => tracing::error!("nobody takes snapshots any more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_says_keeps_nobody_waiting_and_is_counted() {
        // Nobody at the other end reads, as with a thread that stands in a write.
        let (teller, news) = Teller::new();
        for _ in 0..NEWS_MAX + 3 {
            teller.note(News::DiskHasRoom);
        }
        assert_eq!((news.try_iter().count(), teller.lost.load(Ordering::Relaxed)), (NEWS_MAX, 3));
    }
}
