//! The op log as bytes: records for the driver to keep, and positions for gates to wait on.
//!
//! ```text
//!   what one hold of the broker logged   record · record · …
//!   record                               length · group · term · index · n · n × (stamp · op)
//! ```
//! A record is atomic: a command's op, or all dirty ops of an EXEC. The broker only encodes; writing, syncing and
//! telling when a position is safe is the driver's.
//!
//! A position counts holds, not records: the driver takes all that a hold logged at its end and keeps it as one piece,
//! so it becomes safe at once, and one position for it is as exact as can be. With the log off nothing is encoded and
//! every gate is open.
//!
//! ```text
//!   off ──enable_quietly──► quiet ──close_gates──► on ──leave──► leaving ──disable──► off
//!    └──────────────────────enable (a start)────────┘
//! ```
//! In between the log is on for the one side and off for the other: *quiet*, what changes is kept and nobody waits for it, as
//! it counts only with the base that is being written; *leaving*, nothing is kept any more, and everybody waits until what was
//! kept is complete. So nobody is ever told, while the log is said to be on, of what is not in it.
//!
//! Positions never go back, over all of that: a gate of the past is open for good.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::group::Group;
use crate::op::wire::{DecodeError, Field, Input, put_varint};
use crate::op::{Op, Stamp};
use crate::output::Gate;

/// Positions are remembered per bucket of keys' hashes rather than per key: a collision makes a reader wait for a
/// write it did not see, which is safe and rare, and the table stays half a megabyte.
const BUCKETS: usize = 1 << 16;

/// A record buffer above this size is given back once it was taken.
const KEPT_BYTES_MAX: usize = 256 * 1024;

/// Which gates answers stand behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gating {
    /// None.
    Open,
    /// Those of the positions that they may tell of.
    Exact,
    /// All behind the one of the end.
    Last,
}

/// The encoder of records.
#[derive(Debug)]
pub struct OpLog {
    /// Whether records are kept.
    encodes: bool,
    gating: Gating,
    /// Records since the driver last took them.
    records: Vec<u8>,
    /// The position of what was taken last.
    taken: u64,
    newest: Vec<u64>,
    hasher: FixedState,
    header: Vec<u8>,
    /// The ops of the record under way.
    ops: Vec<u8>,
    ops_len: u64,
    touched: Vec<usize>,
}

impl OpLog {
    /// A log that keeps nothing until it is switched on.
    pub fn new(seed: u64) -> Self {
        Self {
            encodes: false,
            gating: Gating::Open,
            records: Vec::new(),
            taken: 0,
            newest: Vec::new(),
            hasher: FixedState::with_seed(seed),
            header: Vec::new(),
            ops: Vec::new(),
            ops_len: 0,
            touched: Vec::new(),
        }
    }

    /// Starts keeping records; the next hold's are at the position after `taken`.
    pub fn enable(&mut self, taken: u64) {
        self.enable_quietly(taken);
        self.close_gates();
    }

    /// The same, with every gate open until they are [closed](Self::close_gates).
    pub fn enable_quietly(&mut self, taken: u64) {
        debug_assert!(taken >= self.taken, "positions never go back");
        self.encodes = true;
        self.taken = taken;
        self.newest = vec![0; BUCKETS];
    }

    /// From here on answers wait for what they may tell of.
    pub fn close_gates(&mut self) {
        self.gating = Gating::Exact;
    }

    /// Keeps no more records. All answers from here on stand behind the position that is returned, which no record has.
    pub fn leave(&mut self) -> u64 {
        debug_assert!(self.records.is_empty(), "what was logged was handed over");
        self.encodes = false;
        self.gating = Gating::Last;
        self.taken += 1;
        self.taken
    }

    /// Keeps no more records, and all gates are open. What was not handed over is forgotten.
    pub fn disable(&mut self) {
        self.encodes = false;
        self.gating = Gating::Open;
        self.records.clear();
        self.newest = Vec::new();
    }

    /// Whether answers wait for what is kept.
    pub fn is_enabled(&self) -> bool {
        self.gating != Gating::Open
    }

    /// The newest position there ever was.
    pub fn newest(&self) -> u64 {
        self.taken
    }

    /// Hands what this hold logged to `keep`, if it logged anything: with its position, which `keep` answers too.
    pub fn hand_over(&mut self, keep: impl FnOnce(&[u8]) -> u64) {
        if self.records.is_empty() {
            return;
        }
        self.taken = keep(&self.records);
        self.records.clear();
        if self.records.capacity() > KEPT_BYTES_MAX {
            self.records = Vec::new();
        }
    }

    /// The position of the newest thing logged, under way or not.
    pub fn position(&self) -> Gate {
        match (self.gating, self.records.is_empty() && self.ops_len == 0) {
            (Gating::Open, _) => Gate::OPEN,
            (Gating::Exact | Gating::Last, true) => Gate(self.taken),
            (Gating::Exact | Gating::Last, false) => Gate(self.taken + 1),
        }
    }

    /// Adds an op that changed something to the record under way.
    #[inline]
    pub fn add(&mut self, stamp: Stamp, op: &Op<'_>) {
        if self.encodes {
            self.encode(stamp, op);
        }
    }

    fn encode(&mut self, stamp: Stamp, op: &Op<'_>) {
        stamp.encode(&mut self.ops);
        op.encode(&mut self.ops);
        self.ops_len += 1;
        op.keys(|db, key| {
            let bucket = bucket(&self.hasher, db.unwrap_or(stamp.db), key);
            self.touched.push(bucket);
        });
    }

    /// Ends the record under way; whether anything was added to it.
    #[inline]
    pub fn commit(&mut self, group: &Group) -> bool {
        let is_record = self.ops_len > 0;
        if is_record {
            self.finish_record(group);
        }
        is_record
    }

    fn finish_record(&mut self, group: &Group) {
        self.header.clear();
        put_varint(&mut self.header, u64::from(group.id));
        put_varint(&mut self.header, group.term);
        put_varint(&mut self.header, group.index);
        put_varint(&mut self.header, self.ops_len);
        put_varint(&mut self.records, (self.header.len() + self.ops.len()) as u64);
        self.records.extend_from_slice(&self.header);
        self.records.extend_from_slice(&self.ops);
        self.ops.clear();
        if self.ops.capacity() > KEPT_BYTES_MAX {
            self.ops = Vec::new();
        }
        self.ops_len = 0;
        let position = self.taken + 1;
        for bucket in self.touched.drain(..) {
            self.newest[bucket] = position;
        }
    }

    /// The newest position that may have changed this key.
    pub fn gate(&self, db: u8, key: &[u8]) -> Gate {
        match self.gating {
            Gating::Exact => Gate(self.newest[bucket(&self.hasher, db, key)]),
            Gating::Open => Gate::OPEN,
            Gating::Last => Gate(self.taken),
        }
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
