//! Backups: asked for by a client, made by the driver, answered when they are done.
//!
//! One at a time: each reads the whole log, and two would only take twice as long.

use rbq_resp::Sink;

use super::{Action, Asker, Broker};
use crate::session::ClientId;

/// What the driver is to do, and for whom.
#[derive(Clone, Debug)]
pub struct BackupOrder {
    /// Where to: an absolute path, in bytes as the client sent it.
    pub directory: Vec<u8>,
    asker: Asker,
}

/// What was copied.
#[derive(Clone, Copy, Debug)]
pub struct BackupReport {
    /// The last position of the log that is in it.
    pub position: u64,
    /// Files.
    pub files: u64,
    /// Bytes of snapshot and log.
    pub bytes: u64,
}

impl Broker {
    /// Asks the driver for a backup, for a client that waits with this ticket.
    pub(crate) fn want_backup(&mut self, client: ClientId, ticket: u64, directory: &[u8]) {
        self.is_backing_up = true;
        self.ask(Action::Backup(BackupOrder { directory: directory.to_vec(), asker: Asker { client, ticket } }));
    }

    /// Whether whoever asked for this backup still waits for it.
    pub fn is_backup_wanted(&self, order: &BackupOrder) -> bool {
        self.still_waits(order.asker)
    }

    /// Takes note that the backup that was asked for is complete, or why there is none, and answers who waits for it.
    pub fn finish_backup(&mut self, order: &BackupOrder, outcome: &Result<BackupReport, String>) {
        self.is_backing_up = false;
        self.answer(order.asker, |reply| match outcome {
            Ok(report) => {
                let figures = [("position", report.position), ("files", report.files), ("bytes", report.bytes)];
                reply.map(figures.len());
                for (name, figure) in figures {
                    reply.bulk(name.as_bytes());
                    reply.integer(figure as i64);
                }
            }
            Err(why) => reply.error(&format!("ERR {why}")),
        });
    }
}
