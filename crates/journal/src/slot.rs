//! What was durable when the journal last fell silent, or about a second ago: a small file of two slots, written in turn.
//!
//! The last batch of all has no later batch that vouches for it. Without this note, damage to it would pass for a torn
//! tail, and an acknowledged record would be gone without a word. Each slot has a block and a checksum of its own, so
//! that a crash while one is written leaves the other.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::batch::FORMAT_VERSION;
use crate::error::{IoFailure, OpenError};
use crate::fields::{Put, Take};
use crate::names::DURABLE;
use crate::options::Lsn;
use crate::storage::Access;
use crate::store::{NamedFile, Store};

/// Each slot has a block of its own.
const SLOT_BYTES: usize = 4096;
const MAGIC: [u8; 8] = *b"RBQ-DURA";
const USED: usize = 8 + 4 + 4 + 8 + 8 + 8 + 8 + 4;

/// The generation of the last note that is made with the file.
const LAST_EMPTY: u64 = 1;

/// What a slot says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Note {
    generation: u64,
    /// The newest batch known to be durable.
    pub sequence: u64,
    /// The newest record known to be durable.
    pub lsn: Lsn,
    /// The newest snapshot that was there: one more than its cut, 0 for none. The log alone does not tell when a
    /// snapshot of the state before its first record is gone.
    pub snapshot: u64,
    /// When whoever wrote the log went on without it, in Unix seconds; 0 while it did not.
    pub left_s: u32,
}

impl Note {
    /// A log was begun, whether or not there is anything in it: the first start that found its segment has noted so.
    pub(crate) fn is_of_a_log(&self) -> bool {
        self.generation > LAST_EMPTY
    }

    /// The same with what is known besides, where that is more.
    pub(crate) fn raised(self, sequence: u64, lsn: Lsn, snapshot: Option<Lsn>) -> Self {
        let (sequence, lsn) = (self.sequence.max(sequence), self.lsn.max(lsn));
        Self { sequence, lsn, snapshot: self.snapshot.max(snapshot_number(snapshot)), ..self }
    }
}

/// The open file.
pub(crate) struct Slots {
    file: NamedFile,
    pub(crate) note: Note,
}

/// A note that is made while others write.
pub(crate) struct DueNote {
    pub slots: Arc<Mutex<Slots>>,
    pub sequence: u64,
    pub lsn: Lsn,
    pub snapshot: Option<Lsn>,
}

impl DueNote {
    /// Another one may have been made since it fell due, and knows more.
    pub(crate) fn make(&self) -> Result<(), IoFailure> {
        let mut slots = self.slots.lock();
        let Note { sequence, lsn, snapshot, .. } = slots.note.raised(self.sequence, self.lsn, self.snapshot);
        slots.note(sequence, lsn, snapshot.checked_sub(1))
    }
}

impl Slots {
    /// Makes the file with an empty note in both slots. The directory is synced by the caller.
    pub(crate) fn create(store: &Store) -> Result<Self, IoFailure> {
        let file = store.create(DURABLE)?;
        let mut slots = Self { file, note: Note::default() };
        for generation in 0..=LAST_EMPTY {
            slots.note.generation = generation;
            slots.file.write_at(place(generation), &encode(&slots.note))?;
        }
        slots.file.sync_all()?;
        Ok(slots)
    }

    pub(crate) fn open(store: &Store) -> Result<Self, OpenError> {
        let note = read(store)?;
        Ok(Self { file: store.open(DURABLE, Access::Write)?, note })
    }

    /// Notes that everything up to this batch and record is durable, durably.
    pub(crate) fn note(&mut self, sequence: u64, lsn: Lsn, snapshot: Option<Lsn>) -> Result<(), IoFailure> {
        let snapshot = snapshot_number(snapshot);
        self.write(Note { generation: self.note.generation + 1, sequence, lsn, snapshot, left_s: 0 })
    }

    /// The same for a log that is complete, and that whoever wrote it goes on without from this Unix second on.
    pub(crate) fn leave(
        &mut self,
        sequence: u64,
        lsn: Lsn,
        snapshot: Option<Lsn>,
        left_s: u32,
    ) -> Result<(), IoFailure> {
        let snapshot = snapshot_number(snapshot);
        self.write(Note { generation: self.note.generation + 1, sequence, lsn, snapshot, left_s })
    }

    fn write(&mut self, note: Note) -> Result<(), IoFailure> {
        self.file.write_at(place(note.generation), &encode(&note))?;
        self.file.sync_data()?;
        self.note = note;
        Ok(())
    }
}

/// Reads the newer of the slots that are readable.
pub(crate) fn read(store: &Store) -> Result<Note, OpenError> {
    Ok(read_both(store)?.newest)
}

/// What the slots say.
pub(crate) struct Slate {
    pub newest: Note,
    /// One of them is not readable. A crash while it was written leaves that, and so does damage: it may have been the newer one.
    pub lacks_one: bool,
    /// The file is as long as it is written.
    pub has_its_size: bool,
}

/// Reads the newer of the slots that are readable, and tells whether both are.
pub(crate) fn read_both(store: &Store) -> Result<Slate, OpenError> {
    let bytes = store.read_small(DURABLE, 2 * SLOT_BYTES + 1)?;
    let mut notes = Vec::new();
    for slot in 0..2 {
        let from = slot * SLOT_BYTES;
        if let Some(bytes) = bytes.get(from..from + SLOT_BYTES) {
            notes.extend(decode(bytes)?);
        }
    }
    let lacks_one = notes.len() < 2;
    let newest = notes.into_iter().max_by_key(|note: &Note| note.generation).ok_or_else(|| {
        let meaning = "one of them is always whole after a crash, so both were damaged later";
        OpenError::corrupt(DURABLE, 0, "neither of the two slots is readable", meaning)
    })?;
    Ok(Slate { newest, lacks_one, has_its_size: bytes.len() == 2 * SLOT_BYTES })
}

/// How a snapshot is noted.
pub(crate) fn snapshot_number(cut: Option<Lsn>) -> u64 {
    cut.map_or(0, |cut| cut + 1)
}

fn place(generation: u64) -> u64 {
    generation % 2 * SLOT_BYTES as u64
}

fn encode(note: &Note) -> Vec<u8> {
    let mut bytes = vec![0; SLOT_BYTES];
    let mut put = Put::new(&mut bytes);
    put.bytes(&MAGIC)
        .u32(FORMAT_VERSION)
        .u32(note.left_s)
        .u64(note.generation)
        .u64(note.sequence)
        .u64(note.lsn)
        .u64(note.snapshot);
    let crc = crc32c::crc32c(&bytes[..USED - 4]);
    bytes[USED - 4..USED].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Result<Option<Note>, OpenError> {
    let stored = Take::new(&bytes[USED - 4..]).u32();
    // The rest of the block is written too, as zeros: anything else is of whatever damaged the block.
    let is_whole = stored == crc32c::crc32c(&bytes[..USED - 4]) && bytes[USED..].iter().all(|byte| *byte == 0);
    if bytes[..8] != MAGIC || !is_whole {
        return Ok(None);
    }
    let mut take = Take::new(&bytes[8..]);
    let (format, left_s) = (take.u32(), take.u32());
    if format > FORMAT_VERSION {
        return Err(OpenError::Newer { file: DURABLE.into(), what: "format", found: format, known: FORMAT_VERSION });
    }
    Ok(Some(Note { generation: take.u64(), sequence: take.u64(), lsn: take.u64(), snapshot: take.u64(), left_s }))
}
