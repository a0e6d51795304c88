//! Reading a block: in order, or one entry by its ID.

use super::{Block, DEAD, MARK, SAME_NAMES, STEP_MASK, STEP_SHIFT};
use crate::entry::{EntryRef, Fields};
use crate::id::StreamId;
use crate::varint::Reader;

/// An entry where it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawEntry<'a> {
    pub(crate) id: StreamId,
    pub(super) prev: StreamId,
    pub(super) at: usize,
    pub(super) flags: u8,
    pub(super) body: &'a [u8],
}

impl RawEntry<'_> {
    pub(crate) const fn is_dead(&self) -> bool {
        self.flags & DEAD != 0
    }

    /// Where to find it again with [`Cursor::entry_at`].
    pub(crate) fn place(&self) -> (u32, StreamId) {
        (self.at as u32, self.prev)
    }
}

/// Reads the entry at `reader`. `None` when the bytes are not one, which a block's own are.
#[inline]
pub(super) fn read_entry<'a>(reader: &mut Reader<'a>, key: StreamId, prev: StreamId) -> Option<RawEntry<'a>> {
    let at = reader.at();
    let flags = reader.byte()?;
    let base = if flags & MARK == 0 { prev } else { key };
    let id = match flags >> STEP_SHIFT & STEP_MASK {
        0 => StreamId::new(base.ms, base.seq.checked_add(1)?),
        1 => StreamId::new(base.ms, base.seq.checked_add(reader.varint()?)?),
        2 => StreamId::new(base.ms.checked_add(reader.varint()?)?, 0),
        _ => StreamId::new(base.ms.checked_add(reader.varint()?)?, reader.varint()?),
    };
    let body = reader.bytes()?;
    Some(RawEntry { id, prev, at, flags, body })
}

/// Walks a block forwards.
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
        let raw = read_entry(&mut self.at, self.block.first, self.prev).expect("a block holds whole entries");
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
        let raw = read_entry(&mut reader, self.block.first, prev).expect("a block holds whole entries");
        self.entry(&raw)
    }
}

impl Block {
    /// Begins at the first entry that is alive.
    pub(crate) fn cursor(&self) -> Cursor<'_> {
        self.cursor_at(self.head, self.head_prev)
    }

    /// Begins somewhere at or before `id`, as near as the marks allow.
    pub(crate) fn cursor_near(&self, id: StreamId) -> Cursor<'_> {
        let past = self.marks.partition_point(|at| self.mark_id(*at) <= id);
        match past.checked_sub(1).map(|mark| self.marks[mark]) {
            // A mark's own step does not count from the entry before it.
            Some(at) if at > self.head => self.cursor_at(at, self.first),
            _ => self.cursor(),
        }
    }

    fn mark_id(&self, at: u32) -> StreamId {
        let mut reader = Reader::new(&self.bytes, at as usize);
        read_entry(&mut reader, self.first, self.first).expect("a block holds whole entries").id
    }

    fn cursor_at(&self, at: u32, prev: StreamId) -> Cursor<'_> {
        let (names, names_count) = self.names();
        Cursor { block: self, names, names_count, at: Reader::new(&self.bytes, at as usize), prev }
    }

    /// The live entry `id` where it lies, and a cursor that has just passed it.
    pub(super) fn seek(&self, id: StreamId) -> Option<(Cursor<'_>, RawEntry<'_>)> {
        let mut cursor = self.cursor_near(id);
        while let Some(raw) = cursor.step() {
            if raw.id >= id {
                return (raw.id == id && !raw.is_dead()).then_some((cursor, raw));
            }
        }
        None
    }

    /// The live entry `id`.
    pub(crate) fn find(&self, id: StreamId) -> Option<EntryRef<'_>> {
        self.seek(id).map(|(cursor, raw)| cursor.entry(&raw))
    }

    /// Live entries after `id`.
    pub(crate) fn live_after(&self, id: StreamId) -> u32 {
        if id >= self.last {
            return 0;
        }
        let mut cursor = self.cursor_near(id);
        let mut count = 0;
        while let Some(raw) = cursor.step_live() {
            count += u32::from(raw.id > id);
        }
        count
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
}
