//! The op log as bytes: records for the driver to keep, and positions for gates to wait on.
//!
//! ```text
//!   record   length · group · term · index · n · n × (stamp · op)
//! ```
//! A record is atomic: a command's op, or all dirty ops of an EXEC. The broker only encodes; writing, syncing and
//! telling when a position is safe is the driver's. With the log off nothing is encoded and every gate is open.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::group::Group;
use crate::op::wire::{DecodeError, Field, Input, put_varint};
use crate::op::{Op, Stamp};
use crate::output::Gate;

/// Positions are remembered per bucket of keys' hashes rather than per key: a collision makes a reader wait for a
/// write it did not see, which is safe and rare, and the table stays half a megabyte.
const BUCKETS: usize = 1 << 16;

/// The encoder of records.
#[derive(Debug)]
pub struct OpLog {
    enabled: bool,
    records: Vec<u8>,
    position: u64,
    newest: Vec<u64>,
    hasher: FixedState,
    batch: Vec<u8>,
    batch_len: u64,
    touched: Vec<usize>,
}

impl OpLog {
    /// A log that keeps nothing until it is switched on.
    pub fn new(seed: u64) -> Self {
        Self {
            enabled: false,
            records: Vec::new(),
            position: 0,
            newest: Vec::new(),
            hasher: FixedState::with_seed(seed),
            batch: Vec::new(),
            batch_len: 0,
            touched: Vec::new(),
        }
    }

    /// Starts keeping records.
    pub fn enable(&mut self) {
        self.enabled = true;
        self.newest = vec![0; BUCKETS];
    }

    /// Whether records are kept.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// The records encoded since the last call, for the driver to write.
    pub fn take_records(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.records)
    }

    /// The position after the last record.
    pub fn position(&self) -> Gate {
        Gate(self.position)
    }

    /// Adds an op that changed something to the record under way.
    pub fn add(&mut self, stamp: Stamp, op: &Op<'_>) {
        if !self.enabled {
            return;
        }
        stamp.encode(&mut self.batch);
        op.encode(&mut self.batch);
        self.batch_len += 1;
        op.keys(|db, key| {
            let bucket = bucket(&self.hasher, db.unwrap_or(stamp.db), key);
            self.touched.push(bucket);
        });
    }

    /// Ends the record under way, if anything was added to it.
    pub fn commit(&mut self, group: &Group) {
        if self.batch_len == 0 {
            return;
        }
        let mut header = Vec::with_capacity(32);
        put_varint(&mut header, u64::from(group.id));
        put_varint(&mut header, group.term);
        put_varint(&mut header, group.index);
        put_varint(&mut header, self.batch_len);
        let before = self.records.len();
        put_varint(&mut self.records, (header.len() + self.batch.len()) as u64);
        self.records.extend_from_slice(&header);
        self.records.append(&mut self.batch);
        self.batch_len = 0;
        self.position += (self.records.len() - before) as u64;
        for bucket in self.touched.drain(..) {
            self.newest[bucket] = self.position;
        }
    }

    /// The newest position that may have changed this key.
    pub fn gate(&self, db: u8, key: &[u8]) -> Gate {
        if !self.enabled {
            return Gate::OPEN;
        }
        Gate(self.newest[bucket(&self.hasher, db, key)])
    }
}

fn bucket(hasher: &FixedState, db: u8, key: &[u8]) -> usize {
    hasher.hash_one((db, key)) as usize % BUCKETS
}

/// A record that was read back.
#[derive(Debug)]
pub struct Record<'a> {
    /// Which group it belongs to.
    pub group: u32,
    /// Under which leadership it was accepted.
    pub term: u64,
    /// The group's index after it.
    pub index: u64,
    /// Its ops, in order.
    pub ops: Vec<(Stamp, Op<'a>)>,
}

impl<'a> Record<'a> {
    /// Reads the next record, or none at the end of `input`.
    pub fn next(input: &mut Input<'a>) -> Result<Option<Self>, DecodeError> {
        if input.rest().is_empty() {
            return Ok(None);
        }
        let mut body = Input::new(input.bytes()?);
        let group = u32::try_from(body.varint()?).map_err(|_| DecodeError::Length)?;
        let (term, index, count) = (body.varint()?, body.varint()?, body.varint()?);
        let mut ops = Vec::new();
        for _ in 0..count {
            ops.push((Stamp::decode(&mut body)?, Op::decode(&mut body)?));
        }
        match body.rest().len() {
            0 => Ok(Some(Self { group, term, index, ops })),
            left => Err(DecodeError::Trailing(left)),
        }
    }
}
