//! A block: up to about a hundred entries in one run of bytes.
//!
//! ```text
//!   names of the first entry      entries, oldest first
//!  ┌───┬─────┬──────┬─────┬─…─┐ ┌───────┬──────┬─────────┬──────┐ ┌───────┬─…
//!  │ n │ len │ name │ len │ … │ │ flags │ step │ bodylen │ body │ │ flags │ …
//!  └───┴─────┴──────┴─────┴─…─┘ └───────┴──────┴─────────┴──────┘ └───────┴─…
//!
//!   flags   bit 0     dead: deleted, stepped over
//!           bit 1     same names as the block: the body holds values only
//!           bits 2-3  how the ID follows from the one before
//!           bit 4     mark: the ID follows from the block's key instead
//!   step    0  the next sequence               nothing
//!           1  the same millisecond            sequence difference
//!           2  a later one, sequence 0         millisecond difference
//!           3  a later one                     millisecond difference, sequence
//!   body    same names   [len value]… value
//!           own names    n  [len name  len value]…  len name  value
//! ```
//!
//! All numbers are varints. The last value's length follows from the body's, so an entry with one known field costs its
//! value and about three bytes.
//!
//! Every sixteenth entry is a *mark*: its ID can be told without the entries before it, and its place is kept. A search
//! goes over the marks by halves and then reads on to the entry. Reading from the front begins at `head`, past the dead
//! that trimming leaves there, so trimming by one entry a time stays cheap.
//!
//! The deleted are only marked so. When three quarters of a sealed block are dead it is written anew without them.

mod dead;
mod parts;
mod scan;

pub(crate) use scan::Cursor;

use crate::id::StreamId;
use crate::listpack::{self, Names};
use crate::varint::{self, Reader};

const DEAD: u8 = 1;
const SAME_NAMES: u8 = 1 << 1;
const STEP_SHIFT: u8 = 2;
const STEP_MASK: u8 = 3;
const MARK: u8 = 1 << 4;
const KNOWN_FLAGS: u8 = DEAD | SAME_NAMES | STEP_MASK << STEP_SHIFT | MARK;

/// Entries from one mark to the next. A mark costs four bytes here and one or two in the step.
const MARK_EVERY: u32 = 16;

/// How large a block may grow before the next one is begun.
///
/// Redis's `stream-node-max-entries` and `stream-node-max-bytes`; 0 lifts a limit up to the cap below. They are
/// arguments of every append, so that a log replays to the same blocks whatever the configuration says later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockLimits {
    /// Entries a block may hold, dead ones included.
    pub max_entries: u32,
    /// Bytes a block may take, counted as Redis's encoding would take them.
    pub max_bytes: u32,
}

impl Default for BlockLimits {
    fn default() -> Self {
        Self { max_entries: 100, max_bytes: 4096 }
    }
}

/// What no configuration lifts: parts of the work on a block are linear in its entries.
const ENTRIES_CAP: u32 = 4096;
/// Copying a shared block is the price of one write; 1 MiB bounds it. A larger entry still gets a block of its own.
const BYTES_CAP: u32 = 1 << 20;

impl BlockLimits {
    fn entries(self) -> u32 {
        if self.max_entries == 0 { ENTRIES_CAP } else { self.max_entries.min(ENTRIES_CAP) }
    }

    fn bytes(self) -> usize {
        let bytes = if self.max_bytes == 0 { BYTES_CAP } else { self.max_bytes.min(BYTES_CAP) };
        bytes as usize
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// The key: not after any entry. The first step counts from here, and those of marks.
    first: StreamId,
    /// The newest entry, dead or alive.
    last: StreamId,
    /// The entry before `head`.
    head_prev: StreamId,
    /// Where the first entry lies that is alive.
    head: u32,
    total: u32,
    live: u32,
    /// What names and entries would take in Redis's node.
    cost: u32,
    bytes: Vec<u8>,
    /// Where the marks lie, but for the first entry.
    marks: Vec<u32>,
}

/// The step from `base` to `id` as flag bits; `out` gets them and the numbers.
fn put_step(out: &mut Vec<u8>, base: StreamId, id: StreamId, flags: u8) {
    let ms = id.ms - base.ms;
    let step = match (ms, id.seq) {
        (0, seq) if seq.wrapping_sub(base.seq) == 1 => 0,
        (0, _) => 1,
        (_, 0) => 2,
        _ => 3,
    };
    out.push(flags | step << STEP_SHIFT);
    match step {
        0 => {}
        1 => varint::put(out, id.seq - base.seq),
        2 => varint::put(out, ms),
        _ => {
            varint::put(out, ms);
            varint::put(out, id.seq);
        }
    }
}

/// What an entry to be written takes.
struct Weight {
    names: Names,
    count: usize,
    body: usize,
}

impl Block {
    /// A block that begins with the entry `id`, which is yet to be pushed.
    pub(crate) fn new<'f>(id: StreamId, fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone) -> Self {
        let mut bytes = Vec::new();
        varint::put(&mut bytes, fields.clone().count() as u64);
        for (name, _) in fields.clone() {
            varint::put_bytes(&mut bytes, name);
        }
        let cost = listpack::names(fields.map(|(name, _)| name)) as u32;
        let head = bytes.len() as u32;
        Self { first: id, last: id, head_prev: id, head, total: 0, live: 0, cost, bytes, marks: Vec::new() }
    }

    pub(crate) const fn first(&self) -> StreamId {
        self.first
    }

    pub(crate) const fn last(&self) -> StreamId {
        self.last
    }

    pub(crate) const fn live(&self) -> u32 {
        self.live
    }

    /// Bytes allocated for this block, counters of the sharing pointer included.
    pub(crate) fn heap_bytes(&self) -> usize {
        let marks = self.marks.capacity() * size_of::<u32>();
        size_of::<Self>() + 2 * size_of::<usize>() + self.bytes.capacity() + marks
    }

    /// Whether an entry with `payload` bytes of names and values still goes into this block. The rule is Redis's: the
    /// node's size before the entry plus the raw payload must stay below the limit, and its entries, dead ones included,
    /// below theirs.
    pub(crate) fn has_room(&self, payload: usize, limits: BlockLimits) -> bool {
        let node = listpack::node(self.live, self.total - self.live, self.cost as usize);
        self.total < limits.entries() && node + payload < limits.bytes()
    }

    /// Appends an entry. `id` is greater than every ID in the block, or equal to the key of an empty one.
    pub(crate) fn push<'f>(&mut self, id: StreamId, fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone) {
        debug_assert!(if self.total == 0 { id == self.first } else { id > self.last }, "entries ascend");
        let weight = self.weigh(fields.clone());
        let same = if weight.names == Names::Same { SAME_NAMES } else { 0 };
        self.put_head(id, same);
        varint::put(&mut self.bytes, weight.body as u64);
        if weight.names == Names::Own {
            varint::put(&mut self.bytes, weight.count as u64);
        }
        for (at, (name, value)) in fields.clone().enumerate() {
            if weight.names == Names::Own {
                varint::put_bytes(&mut self.bytes, name);
            }
            if at + 1 < weight.count {
                varint::put(&mut self.bytes, value.len() as u64);
            }
            self.bytes.extend_from_slice(value);
        }
        self.cost = self.cost.saturating_add(listpack::entry(self.first, id, weight.names, fields) as u32);
        self.last = id;
        self.total += 1;
        self.live += 1;
    }

    /// Writes an entry's flags and step, and notes the place of a mark.
    fn put_head(&mut self, id: StreamId, flags: u8) {
        if self.total > 0 && self.total.is_multiple_of(MARK_EVERY) {
            self.marks.push(self.bytes.len() as u32);
            put_step(&mut self.bytes, self.first, id, flags | MARK);
        } else {
            put_step(&mut self.bytes, self.last, id, flags);
        }
    }

    fn weigh<'f>(&self, fields: impl Iterator<Item = (&'f [u8], &'f [u8])>) -> Weight {
        let (mut known, known_count) = self.names();
        let (mut same, mut count, mut names, mut values, mut last) = (true, 0usize, 0, 0, 0);
        for (name, value) in fields {
            same = same && count < known_count && known.bytes() == Some(name);
            names += varint::len(name.len() as u64) + name.len();
            last = varint::len(value.len() as u64);
            values += last + value.len();
            count += 1;
        }
        values -= last;
        if same && count == known_count {
            return Weight { names: Names::Same, count, body: values };
        }
        Weight { names: Names::Own, count, body: varint::len(count as u64) + names + values }
    }

    /// The names every entry may share, and how many.
    fn names(&self) -> (Reader<'_>, usize) {
        let mut reader = Reader::new(&self.bytes, 0);
        let count = reader.varint().expect("a block begins with its names");
        (reader, count as usize)
    }

    fn names_end(&self) -> usize {
        let (mut reader, count) = self.names();
        for _ in 0..count {
            reader.bytes().expect("a block begins with its names");
        }
        reader.at()
    }

    /// Gives back what growing reserved; the block takes no more entries.
    pub(crate) fn seal(&mut self) {
        self.bytes.shrink_to_fit();
        self.marks.shrink_to_fit();
    }
}
