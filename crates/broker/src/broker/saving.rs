//! Durable state out to a snapshot, and back in from snapshot and log.
//!
//! A snapshot is of one moment, and is written while the broker goes on: the driver begins it, then takes slices of
//! [`Image`]s, one in each short hold, until there are no more. How that can be is told in `keyspace::saving`. A
//! database that is flushed meanwhile is kept until it was handed out.

use rbq_resp::{OwnedRequest, Sink};
use smallvec::SmallVec;
use thiserror::Error;

use super::{Action, Broker, Snapshots};
use crate::apply::apply;
use crate::catalog::Known;
use crate::command::EmptyReply;
use crate::keyspace::{Db, Image};
use crate::log::Record;
use crate::op::wire::{DecodeError, Input};
use crate::session::ClientId;
use crate::snapshot::{Reader, Writer};
use crate::time::Now;
use crate::waiters::Parked;

/// Keys walked over in a slice: a tenth of a millisecond's work.
const SLICE_KEYS: usize = 512;

/// Why the log cannot be replayed.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// It does not hold ops of this version.
    #[error("log record: {0}")]
    Field(#[from] DecodeError),
    /// It tells of more databases than there are.
    #[error("log record of {needed} databases at least; `databases` allows {allowed}")]
    Databases {
        /// As many it needs.
        needed: u64,
        /// As many there are.
        allowed: usize,
    },
    /// It leads elsewhere than it did: a record is missing, or belongs to another state.
    #[error("log record of index {recorded} leads to index {reached}")]
    Index {
        /// The index it led to when it was written.
        recorded: u64,
        /// The index it leads to now.
        reached: u64,
    },
}

impl Broker {
    /// Asks the driver for a snapshot; false if one is under way.
    pub fn want_snapshot(&mut self, now: Now) -> bool {
        if self.snapshots.begun_us.is_some() {
            return false;
        }
        self.snapshots.begun_us = Some(now.monotonic_us);
        self.snapshots.dirty_at_begin = self.stats.dirty;
        self.ask(Action::Snapshot);
        true
    }

    /// How snapshots stand.
    pub fn snapshots(&self) -> &Snapshots {
        &self.snapshots
    }

    /// Takes note that the snapshot that was asked for came to be, or why not, and answers who waits for it.
    pub fn finish_snapshot(&mut self, outcome: Result<(), String>, now: Now) {
        let begun_us = self.snapshots.begun_us.take().unwrap_or(now.monotonic_us);
        self.snapshots.last_took_s = Some((now.monotonic_us - begun_us) / 1_000_000);
        self.snapshots.has_failed = outcome.is_err();
        if outcome.is_ok() {
            self.snapshots.taken += 1;
            self.snapshots.last_good_s = now.unix_us / 1_000_000;
            self.snapshots.dirty_before = self.snapshots.dirty_at_begin;
        }
        let waiting = self.sessions().into_iter().filter(|session| session.saves());
        let waiting: Vec<ClientId> = waiting.map(|session| session.id).collect();
        for client in waiting {
            self.end_wait(client, |_, reply| match &outcome {
                Ok(()) => reply.status("OK"),
                Err(why) => reply.error(&format!("ERR {why}")),
            });
        }
        if std::mem::take(&mut self.snapshots.is_scheduled) {
            self.want_snapshot(now);
        }
    }

    /// Parks a client until the driver has done what it was asked for, and answers the ticket of its wait.
    pub(crate) fn park_until_done(&mut self, client: ClientId, command: &'static Known, now: Now) -> u64 {
        let ticket = self.waiters.ticket();
        let parked = Parked {
            command,
            request: OwnedRequest::from_args([command.name]),
            keys: SmallVec::new(),
            class: None,
            deadline_us: None,
            recheck_us: None,
            on_timeout: EmptyReply::Null,
            ticket,
            since_us: now.monotonic_us,
        };
        self.waiters.enter(client, &parked);
        self.session_mut(client).parked = Some(Box::new(parked));
        ticket
    }

    /// Begins a snapshot of this moment, ending one that is under way.
    pub fn begin_snapshot(&mut self) -> Writer {
        self.end_snapshot();
        let group = &mut self.groups[0];
        for (number, db) in group.dbs.iter_mut().enumerate() {
            if !db.is_empty() {
                db.begin_saving(number as u8);
            }
        }
        Writer::new(group.index, group.dbs.len())
    }

    /// Adds the next images of the snapshot under way to `images`; whether there are more.
    pub fn snapshot_slice(&mut self, images: &mut Vec<Image>) -> bool {
        self.snapshot_slice_of(SLICE_KEYS, images)
    }

    pub(crate) fn snapshot_slice_of(&mut self, keys: usize, images: &mut Vec<Image>) -> bool {
        if let Some(db) = self.flushed.last_mut() {
            db.save_slice(keys, images);
            if !db.is_saving() {
                self.garbage.dbs.extend(self.flushed.pop());
            }
            return true;
        }
        match self.groups[0].dbs.iter_mut().find(|db| db.is_saving()) {
            Some(db) => {
                db.save_slice(keys, images);
                true
            }
            None => false,
        }
    }

    /// Gives up the snapshot under way, if there is one.
    pub fn end_snapshot(&mut self) {
        let waiting = self.groups[0].dbs.iter_mut().map(Db::end_saving).filter(|waiting| !waiting.is_empty());
        self.garbage.images.extend(waiting);
        self.garbage.dbs.append(&mut self.flushed);
    }

    /// Reads a snapshot into this broker, which is empty. When a key was used last is not in it: it counts as used at `now_ms`.
    pub fn load(&mut self, now_ms: u64) -> Reader<'_> {
        Reader::new(&mut self.groups[0], now_ms)
    }

    /// Applies what one hold logged; answers how many ops that were.
    ///
    /// # Errors
    /// When it is not what this broker's state was followed by.
    pub fn replay(&mut self, records: &[u8]) -> Result<u64, ReplayError> {
        let group = &mut self.groups[0];
        let mut input = Input::new(records);
        let mut ops = 0;
        while let Some(record) = Record::next(&mut input)? {
            for (stamp, op) in &record.ops {
                let last = op.other_databases().fold(stamp.db, u8::max);
                if usize::from(last) >= group.dbs.len() {
                    return Err(ReplayError::Databases { needed: u64::from(last) + 1, allowed: group.dbs.len() });
                }
                apply(group, op, *stamp, &mut rbq_resp::NullSink);
                ops += 1;
            }
            if group.index != record.index {
                return Err(ReplayError::Index { recorded: record.index, reached: group.index });
            }
        }
        Ok(ops)
    }
}
