//! Where an embedded broker keeps what it answers: a server's data directory, one at a time.
//!
//! Invariant: no reply leaves before what it tells of is on the disk, as a server with `appendfsync always` has it. With one
//! person at the keyboard a wait for the disk is simply a wait: nobody else is held up.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use rbq_broker::{Broker, DiskRoom, Now, Settings};
use rbq_journal::{Journal, OpenError};
use rbq_server::{Recovered, lone, room};

use crate::cmd::journal::refused;
use crate::failure::{Failure, Result, say};

/// The journal of a broker.
pub(super) struct Store {
    journal: Arc<Journal>,
    news: Arc<News>,
    snapshot_bytes: u64,
}

/// How often the journal said that it got further.
#[derive(Default)]
struct News {
    count: Mutex<u64>,
    more: Condvar,
}

impl News {
    fn count(&self) -> u64 {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.more.notify_all();
    }

    fn wait_beyond(&self, seen: u64) {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.more.wait_while(count, |count| *count == seen));
    }
}

impl Store {
    /// Opens the directory and fills the broker, which is empty.
    pub(super) fn open(
        dir: &Path,
        settings: &mut Settings,
        broker: impl FnOnce(&Settings) -> Broker,
    ) -> Result<(Self, Broker)> {
        settings.appendonly.0 = true;
        settings.dir.0 = dir.display().to_string();
        let mut broker = broker(settings);
        let news = Arc::<News>::default();
        let telling = Arc::clone(&news);
        let opened = lone::open(settings, &mut broker, move || telling.tell());
        let opened = opened.map_err(|error| match error.downcast() {
            Ok(refusal) => of_refusal(refusal, &dir.join(&settings.appenddirname.0)),
            Err(other) => Failure::new(format!("{other:#}")),
        });
        let Recovered { journal, snapshot_bytes, report, .. } = opened?;
        if let Some(torn) = &report.torn {
            say(&format!(
                "note: an end that is not whole was cut off `{}` ({} bytes): never completed, or damaged afterwards",
                torn.file, torn.bytes
            ));
        }
        let journal = Arc::new(journal);
        broker.set_ask_room(Some(room::asker(&journal)));
        Ok((Self { journal, news, snapshot_bytes }, broker))
    }

    /// Waits until so many bytes of requests have room in the log, or tells the broker what of them a full disk has room for.
    pub(super) fn make_room(&self, broker: &mut Broker, request_bytes: usize) {
        loop {
            let seen = self.news.count();
            match room::look(&self.journal, request_bytes) {
                DiskRoom::Awaited => self.news.wait_beyond(seen),
                room => return broker.set_disk_room(room),
            }
        }
    }

    /// Keeps what was logged, and waits until it is on the disk.
    pub(super) fn keep(&self, broker: &mut Broker, now: Now) {
        let mut last = None;
        broker.log().hand_over(|records| {
            let lsn = self.journal.append_quietly(records, now.unix_ms());
            last = Some(lsn);
            lsn
        });
        if let Some(lsn) = last {
            self.journal.drive();
            // It is not synced only if the journal has ended: then the process ends too, and nobody reads the answer.
            let _synced = self.journal.wait_synced(lsn);
        }
    }

    /// Whether the log has grown so much that a snapshot should replace it, as a server judges it.
    pub(super) fn wants_snapshot(&self, settings: &Settings) -> bool {
        let log_bytes = self.journal.figures().log_bytes_since_snapshot;
        let percentage = settings.auto_aof_rewrite_percentage.0 as u64;
        percentage > 0
            && log_bytes >= settings.auto_aof_rewrite_min_size.0
            && log_bytes >= self.snapshot_bytes.saturating_mul(percentage) / 100
    }

    /// Takes a snapshot.
    pub(super) fn save(&mut self, broker: &mut Broker, now: Now) -> std::result::Result<(), String> {
        let bytes = lone::save(broker, &self.journal, now.unix_ms()).map_err(|error| format!("{error:#}"))?;
        self.snapshot_bytes = bytes;
        Ok(())
    }

    pub(super) fn finish(&self) {
        if let Err(fatal) = self.journal.finish() {
            say(&format!("error: the log could not be completed: {fatal}"));
        }
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }
}

fn of_refusal(error: OpenError, data: &Path) -> Failure {
    match error {
        in_use @ OpenError::InUse { .. } => Failure::new(in_use.to_string())
            .hint("a server or another REPL works there: connect to it with --url, or give another --dir"),
        error => refused(error, data),
    }
}
