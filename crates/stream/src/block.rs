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
//!   step    0  the next sequence               nothing
//!           1  the same millisecond            sequence difference
//!           2  a later one, sequence 0         millisecond difference
//!           3  a later one                     millisecond difference, sequence
//!   body    same names   [len value]… value
//!           own names    n  [len name  len value]…  len name  value
//! ```
//!
//! All numbers are varints. The last value's length follows from the body's, so an entry with one known field costs its
//! value and about three bytes. Entries are found by scanning; a scan starts at `head`, past the dead ones that trimming
//! leaves at the front, so trimming by one entry a time stays cheap.
//!
//! The deleted are only marked. When three quarters of a sealed block are dead it is written anew without them.

use crate::entry::{EntryRef, Fields};
use crate::id::StreamId;
use crate::listpack::{self, Names};
use crate::varint::{self, Reader};

const DEAD: u8 = 1;
const SAME_NAMES: u8 = 1 << 1;
const STEP_SHIFT: u8 = 2;
const STEP_MASK: u8 = 3;
const KNOWN_FLAGS: u8 = DEAD | SAME_NAMES | STEP_MASK << STEP_SHIFT;

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

/// A scan inside a block is linear, so no configuration makes it longer than this.
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
    /// The key: not after any entry. Steps begin from here.
    first: StreamId,
    /// The newest entry, dead or alive.
    last: StreamId,
    /// The entry before `head`, from which the step at `head` counts.
    head_prev: StreamId,
    head: u32,
    total: u32,
    live: u32,
    /// What names and entries would take in Redis's node.
    cost: u32,
    bytes: Vec<u8>,
}

/// An entry where it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawEntry<'a> {
    pub(crate) id: StreamId,
    prev: StreamId,
    at: usize,
    flags: u8,
    body: &'a [u8],
}

impl RawEntry<'_> {
    pub(crate) const fn is_dead(&self) -> bool {
        self.flags & DEAD != 0
    }
}

/// Walks a block from its first entry that may be alive.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    block: &'a Block,
    names: Reader<'a>,
    names_count: usize,
    at: Reader<'a>,
    prev: StreamId,
}

impl<'a> Cursor<'a> {
    /// The next entry, dead ones included.
    #[inline]
    pub(crate) fn step(&mut self) -> Option<RawEntry<'a>> {
        if self.at.is_at_end() {
            return None;
        }
        let raw = read_entry(&mut self.at, self.prev).expect("a block holds whole entries");
        self.prev = raw.id;
        Some(raw)
    }

    /// The next entry that is alive.
    #[inline]
    pub(crate) fn step_live(&mut self) -> Option<RawEntry<'a>> {
        loop {
            let raw = self.step()?;
            if !raw.is_dead() {
                return Some(raw);
            }
        }
    }

    pub(crate) fn entry(&self, raw: &RawEntry<'a>) -> EntryRef<'a> {
        let fields = if raw.flags & SAME_NAMES != 0 {
            Fields::with_names(self.names, self.names_count, raw.body)
        } else {
            Fields::with_own_names(raw.body).expect("a block holds whole entries")
        };
        EntryRef { id: raw.id, fields }
    }

    /// Goes back to an entry this cursor has passed.
    pub(crate) fn entry_at(&self, at: u32, prev: StreamId) -> EntryRef<'a> {
        let mut reader = Reader::new(&self.block.bytes, at as usize);
        let raw = read_entry(&mut reader, prev).expect("a block holds whole entries");
        self.entry(&raw)
    }
}

impl RawEntry<'_> {
    /// Where to find it again with [`Cursor::entry_at`].
    pub(crate) fn place(&self) -> (u32, StreamId) {
        (self.at as u32, self.prev)
    }
}

#[inline]
fn read_entry<'a>(reader: &mut Reader<'a>, prev: StreamId) -> Option<RawEntry<'a>> {
    let at = reader.at();
    let flags = reader.byte()?;
    let id = match flags >> STEP_SHIFT & STEP_MASK {
        0 => StreamId::new(prev.ms, prev.seq.checked_add(1)?),
        1 => StreamId::new(prev.ms, prev.seq.checked_add(reader.varint()?)?),
        2 => StreamId::new(prev.ms.checked_add(reader.varint()?)?, 0),
        _ => StreamId::new(prev.ms.checked_add(reader.varint()?)?, reader.varint()?),
    };
    let body = reader.bytes()?;
    Some(RawEntry { id, prev, at, flags, body })
}

/// The step from `prev` to `id` as flag bits; `out` gets the numbers.
fn put_step(out: &mut Vec<u8>, prev: StreamId, id: StreamId, flags: u8) {
    let ms = id.ms - prev.ms;
    let step = match (ms, id.seq) {
        (0, seq) if seq.wrapping_sub(prev.seq) == 1 => 0,
        (0, _) => 1,
        (_, 0) => 2,
        _ => 3,
    };
    out.push(flags | step << STEP_SHIFT);
    match step {
        0 => {}
        1 => varint::put(out, id.seq - prev.seq),
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
        Self { first: id, last: id, head_prev: id, head, total: 0, live: 0, cost, bytes }
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
        size_of::<Self>() + 2 * size_of::<usize>() + self.bytes.capacity()
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
        let weight = self.weigh(fields.clone());
        let same = if weight.names == Names::Same { SAME_NAMES } else { 0 };
        put_step(&mut self.bytes, self.last, id, same);
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

    fn names(&self) -> (Reader<'_>, usize) {
        let mut reader = Reader::new(&self.bytes, 0);
        let count = reader.varint().expect("a block begins with its names");
        (reader, count as usize)
    }

    pub(crate) fn cursor(&self) -> Cursor<'_> {
        let (names, names_count) = self.names();
        let at = Reader::new(&self.bytes, self.head as usize);
        Cursor { block: self, names, names_count, at, prev: self.head_prev }
    }

    /// The live entry `id`.
    pub(crate) fn find(&self, id: StreamId) -> Option<EntryRef<'_>> {
        let mut cursor = self.cursor();
        let raw = Self::seek(&mut cursor, id)?;
        Some(cursor.entry(&raw))
    }

    fn seek<'a>(cursor: &mut Cursor<'a>, id: StreamId) -> Option<RawEntry<'a>> {
        while let Some(raw) = cursor.step() {
            if raw.id >= id {
                return (raw.id == id && !raw.is_dead()).then_some(raw);
            }
        }
        None
    }

    /// Live entries after `id`.
    pub(crate) fn live_after(&self, id: StreamId) -> u32 {
        if id >= self.last {
            return 0;
        }
        let mut cursor = self.cursor();
        let mut before = 0;
        while let Some(raw) = cursor.step() {
            if raw.id > id {
                break;
            }
            before += u32::from(!raw.is_dead());
        }
        self.live - before
    }

    pub(crate) fn first_live(&self) -> Option<StreamId> {
        self.cursor().step_live().map(|raw| raw.id)
    }

    pub(crate) fn last_live(&self) -> Option<StreamId> {
        let mut cursor = self.cursor();
        let mut last = None;
        while let Some(raw) = cursor.step_live() {
            last = Some(raw.id);
        }
        last
    }

    /// Whether the live entry `id` is here, without changing anything: a shared block is copied only for a real change.
    pub(crate) fn has(&self, id: StreamId) -> bool {
        Self::seek(&mut self.cursor(), id).is_some()
    }

    /// Marks the live entry `id` dead. Says whether it was there.
    pub(crate) fn kill(&mut self, id: StreamId) -> bool {
        let Some(at) = Self::seek(&mut self.cursor(), id).map(|raw| raw.at) else {
            return false;
        };
        self.mark(at);
        true
    }

    /// Marks dead, from the front, up to `count` live entries with IDs below `below`. Returns how many.
    pub(crate) fn kill_front(&mut self, count: u64, below: StreamId) -> u32 {
        let mut killed = 0;
        while u64::from(killed) < count {
            let mut cursor = self.cursor();
            // The head is at the first live entry, or at the end.
            let Some(raw) = cursor.step_live().filter(|raw| raw.id < below) else {
                break;
            };
            let at = raw.at;
            self.mark(at);
            killed += 1;
        }
        killed
    }

    fn mark(&mut self, at: usize) {
        self.bytes[at] |= DEAD;
        self.live -= 1;
        if at as u32 == self.head {
            self.advance_head();
        }
    }

    fn advance_head(&mut self) {
        let mut cursor = self.cursor();
        let (mut head, mut head_prev) = (self.bytes.len() as u32, self.last);
        while let Some(raw) = cursor.step() {
            if !raw.is_dead() {
                (head, head_prev) = raw.place();
                break;
            }
        }
        (self.head, self.head_prev) = (head, head_prev);
    }

    /// Gives back what growing reserved; the block takes no more entries.
    pub(crate) fn seal(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Whether writing the block anew without its dead entries pays: three quarters are dead.
    pub(crate) const fn is_sparse(&self) -> bool {
        self.total >= 8 && self.live * 4 <= self.total
    }

    /// The same block without its dead entries. Key and last ID stay: other IDs are compared with them.
    pub(crate) fn without_dead(&self) -> Self {
        let (_, names_end) = self.names_end();
        let mut bytes = Vec::with_capacity(names_end + (self.bytes.len() - names_end) / 2);
        bytes.extend_from_slice(&self.bytes[..names_end]);
        let mut cursor = self.cursor();
        let mut prev = self.first;
        while let Some(raw) = cursor.step_live() {
            put_step(&mut bytes, prev, raw.id, raw.flags & SAME_NAMES);
            varint::put_bytes(&mut bytes, raw.body);
            prev = raw.id;
        }
        bytes.shrink_to_fit();
        let head = names_end as u32;
        // What it would take in Redis's node is past knowing, so it is closed to further entries.
        Self { head_prev: self.first, head, total: self.live, cost: u32::MAX, bytes, ..*self }
    }

    fn names_end(&self) -> (usize, usize) {
        let (mut reader, count) = self.names();
        for _ in 0..count {
            reader.bytes().expect("a block begins with its names");
        }
        (count, reader.at())
    }

    /// The bytes a snapshot keeps, beside key, last ID and cost.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) const fn cost(&self) -> u32 {
        self.cost
    }

    /// A block from bytes nobody vouches for; `None` when they are not one.
    pub(crate) fn from_parts(first: StreamId, last: StreamId, cost: u32, bytes: Vec<u8>) -> Option<Self> {
        let mut reader = Reader::new(&bytes, 0);
        let count = usize::try_from(reader.varint()?).ok()?;
        let names = reader;
        for _ in 0..count {
            reader.bytes()?;
        }
        let names_end = reader.at();
        if u32::try_from(bytes.len()).is_err() {
            return None;
        }
        let (mut prev, mut total, mut live) = (first, 0u32, 0);
        while !reader.is_at_end() {
            let raw = read_entry(&mut reader, prev)?;
            let ascends = raw.id > prev || (total == 0 && raw.id == first);
            if !ascends || raw.flags & !KNOWN_FLAGS != 0 || raw.id > last || raw.id.is_zero() {
                return None;
            }
            let fields = if raw.flags & SAME_NAMES != 0 {
                Fields::with_names(names, count, raw.body)
            } else {
                Fields::with_own_names(raw.body)?
            };
            if !fields.is_sound() {
                return None;
            }
            prev = raw.id;
            total += 1;
            live += u32::from(!raw.is_dead());
        }
        if live == 0 {
            return None;
        }
        let head = names_end as u32;
        let mut block = Self { first, last, head_prev: first, head, total, live, cost, bytes };
        block.advance_head();
        Some(block)
    }
}
