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
use std::ops::Range;

use foldhash::fast::FixedState;

use crate::group::Group;
use crate::op::wire::{DecodeError, Field, Input, put_varint, varint_word};
use crate::op::{Op, Reach, Stamp};
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
    /// Per bucket, the position of the newest op that named a key of it.
    newest: Vec<u64>,
    /// The position of the newest op that reached whole databases, and so every bucket.
    swept: u64,
    hasher: FixedState,
    /// The record under way, at the end of `records`.
    open: Option<Open>,
}

/// A record under way. It is encoded in its place, with a header that is right for a single op: of thousands of records one may have
/// more, or be so long that its length takes more than a byte, and is moved then.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// Where it begins.
    start: usize,
    /// Where its first op does.
    ops_start: usize,
    ops_len: u64,
    /// What its header says.
    index: u64,
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
            swept: 0,
            hasher: FixedState::with_seed(seed),
            open: None,
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
        self.swept = 0;
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
        self.open = None;
        self.newest = Vec::new();
    }

    /// Whether answers wait for what is kept.
    pub fn is_enabled(&self) -> bool {
        self.gating != Gating::Open
    }

    /// Whether nothing more is kept, and everybody waits until what was kept is complete.
    pub fn is_leaving(&self) -> bool {
        self.gating == Gating::Last
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
        assert!(self.open.is_none(), "a record is ended in the hold that began it: no start could read it");
        self.taken = keep(&self.records);
        self.records.clear();
        if self.records.capacity() > KEPT_BYTES_MAX {
            self.records = Vec::new();
        }
    }

    /// Whether a record is under way.
    pub fn is_recording(&self) -> bool {
        self.open.is_some()
    }

    /// How much was logged in this hold.
    pub fn pending_bytes(&self) -> usize {
        self.records.len()
    }

    /// The position of the newest thing logged, under way or not.
    pub fn position(&self) -> Gate {
        match (self.gating, self.records.is_empty()) {
            (Gating::Open, _) => Gate::OPEN,
            (Gating::Exact | Gating::Last, true) => Gate::at(self.taken),
            (Gating::Exact | Gating::Last, false) => Gate::at(self.taken + 1),
        }
    }

    /// Adds an op that changed something to the record under way.
    #[inline]
    pub fn add(&mut self, stamp: Stamp, op: &Op<'_>, group: &Group) {
        if self.encodes {
            self.encode(stamp, op, group);
        }
    }

    fn encode(&mut self, stamp: Stamp, op: &Op<'_>, group: &Group) {
        match &mut self.open {
            Some(open) => open.ops_len += 1,
            None => self.begin_record(group),
        }
        stamp.encode(&mut self.records);
        op.encode(&mut self.records);
        let position = self.taken + 1;
        let reach = op.keys(|db, key| self.newest[bucket(&self.hasher, db.unwrap_or(stamp.db), key)] = position);
        if reach == Reach::Databases {
            self.swept = position;
        }
    }

    fn begin_record(&mut self, group: &Group) {
        let start = self.records.len();
        self.records.push(0);
        put_header(&mut self.records, group, 1);
        self.open = Some(Open { start, ops_start: self.records.len(), ops_len: 1, index: group.index });
    }

    /// Ends the record under way; whether anything was added to it.
    #[inline]
    pub fn commit(&mut self, group: &Group) -> bool {
        let open = self.open.take();
        if let Some(open) = open {
            self.finish_record(open, group);
        }
        open.is_some()
    }

    fn finish_record(&mut self, open: Open, group: &Group) {
        if open.ops_len > 1 || open.index != group.index {
            let mut header = Vec::new();
            put_header(&mut header, group, open.ops_len);
            self.replace(open.start + 1..open.ops_start, &header);
        }
        let length = self.records.len() - open.start - 1;
        match u8::try_from(length) {
            Ok(byte @ ..0x80) => self.records[open.start] = byte,
            _ => {
                let (word, word_bytes) = varint_word(length as u64);
                self.replace(open.start..open.start + 1, &word.to_le_bytes()[..word_bytes]);
            }
        }
    }

    /// Puts `bytes` into the place of others.
    fn replace(&mut self, range: Range<usize>, bytes: &[u8]) {
        let (from, end) = (range.end, self.records.len());
        let to = range.start + bytes.len();
        self.records.resize(end.max(end - from + to), 0);
        self.records.copy_within(from..end, to);
        self.records.truncate(end - from + to);
        self.records[range.start..to].copy_from_slice(bytes);
    }

    /// The newest position that may have changed this key.
    pub fn gate(&self, db: u8, key: &[u8]) -> Gate {
        match self.gating {
            Gating::Exact => Gate::at(self.newest[bucket(&self.hasher, db, key)].max(self.swept)),
            Gating::Open => Gate::OPEN,
            Gating::Last => Gate::at(self.taken),
        }
    }
}

fn put_header(out: &mut Vec<u8>, group: &Group, ops_len: u64) {
    put_varint(out, u64::from(group.id));
    put_varint(out, group.term);
    put_varint(out, group.index);
    put_varint(out, ops_len);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Logs records of so many ops each, and reads them back.
    fn round_trip(ops_lens: impl IntoIterator<Item = usize>, value_bytes: usize) {
        let mut log = OpLog::new(1);
        log.enable(0);
        let mut group = Group::new(0, 1, 1);
        let stamp = Stamp { db: 0, now_ms: 1_700_000_000_000 };
        let value = vec![b'v'; value_bytes];
        let mut expected = Vec::new();
        for ops_len in ops_lens {
            for _ in 0..ops_len {
                group.index += 1;
                log.add(stamp, &Op::StringAppend { key: b"k", value: &value }, &group);
            }
            // An op that changes nothing is counted and not logged.
            group.index += u64::from(ops_len % 2 == 0);
            assert_eq!(log.commit(&group), ops_len > 0);
            expected.extend((ops_len > 0).then_some((group.index, ops_len)));
        }
        let mut records = Vec::new();
        log.hand_over(|bytes| {
            records = bytes.to_vec();
            1
        });
        let mut input = Input::new(&records);
        for (index, ops_len) in expected {
            let record = Record::next(&mut input).unwrap().unwrap();
            assert_eq!((record.group, record.term, record.index, record.ops.len()), (0, 1, index, ops_len));
            for (read, op) in &record.ops {
                assert_eq!(*read, stamp);
                assert!(matches!(op, Op::StringAppend { key: b"k", value: bytes } if *bytes == value));
            }
        }
        assert!(Record::next(&mut input).unwrap().is_none());
    }

    #[test]
    fn records_of_any_length_and_number_of_ops_are_read_back() {
        for value_bytes in 0..300 {
            round_trip([1, 0, 2, 1], value_bytes);
        }
        round_trip([1, 20_000, 1, 127, 128, 1], 0);
        round_trip([1, 2, 1], 3_000_000);
    }

    #[test]
    fn what_was_not_handed_over_when_it_is_switched_off_is_in_no_later_log() {
        let (mut log, group) = (OpLog::new(1), Group::new(0, 1, 1));
        log.enable(0);
        log.add(Stamp { db: 0, now_ms: 1 }, &Op::KeyPersist { key: b"k" }, &group);
        log.commit(&group);
        log.disable();
        log.enable(4);
        assert_eq!(log.position(), Gate::at(4));
        log.hand_over(|records| panic!("{} bytes of another log", records.len()));
    }
}
