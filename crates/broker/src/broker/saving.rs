//! Durable state out to a snapshot, and back in from snapshot and log.
//!
//! A snapshot is of one moment, and is written while the broker goes on: the driver begins it, then takes slices of
//! [`Image`]s, one in each short hold, until there are no more. How that can be is told in `keyspace::saving`. A
//! database that is flushed meanwhile is kept until it was handed out.

use thiserror::Error;

use super::Broker;
use crate::apply::apply;
use crate::keyspace::Image;
use crate::log::Record;
use crate::op::wire::{DecodeError, Input};
use crate::snapshot::{Reader, Writer};

/// Keys walked over in a slice: a tenth of a millisecond's work.
const SLICE_KEYS: usize = 512;

/// Why the log cannot be replayed.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// It does not hold ops of this version.
    #[error("log record: {0}")]
    Field(#[from] DecodeError),
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
        self.groups[0].dbs.iter_mut().for_each(crate::keyspace::Db::end_saving);
        self.garbage.dbs.append(&mut self.flushed);
    }

    /// Reads a snapshot into this broker, which is empty.
    pub fn load(&mut self) -> Reader<'_> {
        Reader::new(&mut self.groups[0])
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
                if usize::from(stamp.db) >= group.dbs.len() {
                    return Err(DecodeError::Length.into());
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
