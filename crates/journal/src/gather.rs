//! Records on their way: laid out as batches while they arrive, so that whoever drives the log only has to fill in headers
//! and write.
//!
//! Appending is done under the caller's own lock, so it is a copy and a few words. The buffer holds whole batches one
//! after another, each with room for its header:
//!
//! ```text
//!  │header│ record record record │pad│header│ record record │
//!  └───── mark 0 ────────────────────┘└──── mark 1, open ───┘
//! ```
//!
//! Two buffers are in use and change places: one gathers while the other is written.

use crate::batch::{HEADER_BYTES, Kind, LENGTH_BYTES, aligned};
use crate::options::Lsn;

/// A buffer that grew over this for a burst or a giant record is let go of afterwards.
const BUFFER_KEPT_BYTES_MAX: usize = 8 << 20;

/// One batch in the buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub start: usize,
    pub end: usize,
    pub kind: Kind,
    pub first_lsn: Lsn,
    pub records: u32,
    pub time_ms: u64,
}

/// The buffer that gathers.
pub(crate) struct Gather {
    buffer: Vec<u8>,
    marks: Vec<Mark>,
    /// The last batch takes further records.
    is_open: bool,
    next_lsn: Lsn,
    time_ms: u64,
    batch_bytes_max: usize,
}

/// The buffer that is written.
#[derive(Default)]
pub(crate) struct Taken {
    pub buffer: Vec<u8>,
    pub marks: Vec<Mark>,
    /// The first batch that is not written yet.
    pub next: usize,
}

impl Taken {
    pub(crate) fn is_done(&self) -> bool {
        self.next == self.marks.len()
    }

    /// How many bytes were gathered.
    pub(crate) fn bytes(&self) -> u64 {
        self.marks.last().map_or(0, |mark| mark.end as u64)
    }

    fn clear(&mut self) {
        if self.buffer.capacity() > BUFFER_KEPT_BYTES_MAX {
            self.buffer = Vec::new();
        }
        self.buffer.clear();
        self.marks.clear();
        self.next = 0;
    }
}

impl Gather {
    pub(crate) fn new(next_lsn: Lsn, time_ms: u64, batch_bytes_max: u32) -> Self {
        let batch_bytes_max = batch_bytes_max as usize;
        Self { buffer: Vec::new(), marks: Vec::new(), is_open: false, next_lsn, time_ms, batch_bytes_max }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// The record appended last.
    pub(crate) fn newest(&self) -> Lsn {
        self.next_lsn - 1
    }

    pub(crate) fn bytes(&self) -> usize {
        self.buffer.len()
    }

    pub(crate) fn note_time(&mut self, ms: u64) {
        self.time_ms = ms;
    }

    /// The record's number, and what it was counted without being kept: for a journal that has stopped.
    pub(crate) fn skip(&mut self) -> Lsn {
        self.next_lsn += 1;
        self.next_lsn - 1
    }

    pub(crate) fn append(&mut self, record: &[u8]) -> Lsn {
        let lsn = self.next_lsn;
        let need = LENGTH_BYTES + record.len();
        if aligned(HEADER_BYTES + need) > self.batch_bytes_max {
            self.append_pieces(record);
        } else {
            let fits = self.is_open && aligned(self.open_bytes() + need) <= self.batch_bytes_max;
            if !fits {
                self.begin(Kind::Records);
            }
            self.put(record);
            let mark = self.marks.last_mut().expect("a batch was begun");
            mark.records += 1;
            mark.time_ms = self.time_ms;
        }
        self.next_lsn = lsn + 1;
        lsn
    }

    fn append_pieces(&mut self, record: &[u8]) {
        let piece_bytes_max =
            self.batch_bytes_max / crate::batch::ALIGN * crate::batch::ALIGN - HEADER_BYTES - LENGTH_BYTES;
        let count = record.len().div_ceil(piece_bytes_max);
        for (index, piece) in record.chunks(piece_bytes_max).enumerate() {
            let kind = match index {
                0 => Kind::Begin,
                _ if index + 1 == count => Kind::End,
                _ => Kind::Middle,
            };
            self.begin(kind);
            self.put(piece);
            self.marks.last_mut().expect("a batch was begun").records = u32::from(kind == Kind::End);
        }
        self.close();
    }

    fn open_bytes(&self) -> usize {
        self.marks.last().map_or(0, |mark| self.buffer.len() - mark.start)
    }

    fn begin(&mut self, kind: Kind) {
        self.close();
        let start = self.buffer.len();
        self.buffer.resize(start + HEADER_BYTES, 0);
        let (first_lsn, time_ms) = (self.next_lsn, self.time_ms);
        self.marks.push(Mark { start, end: start, kind, first_lsn, records: 0, time_ms });
        self.is_open = true;
    }

    fn put(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).expect("a piece is no longer than a batch");
        self.buffer.extend_from_slice(&length.to_le_bytes());
        self.buffer.extend_from_slice(bytes);
    }

    fn close(&mut self) {
        if self.is_open {
            self.buffer.resize(aligned(self.buffer.len()), 0);
            self.marks.last_mut().expect("an open batch is there").end = self.buffer.len();
            self.is_open = false;
        }
    }

    /// Exchanges what was gathered for an empty buffer, and returns by how much padding it grew.
    pub(crate) fn take(&mut self, into: &mut Taken) -> usize {
        debug_assert!(into.is_done(), "what was taken before is written");
        let before = self.buffer.len();
        self.close();
        let grown = self.buffer.len() - before;
        into.clear();
        std::mem::swap(&mut self.buffer, &mut into.buffer);
        std::mem::swap(&mut self.marks, &mut into.marks);
        grown
    }
}

/// The most that records of `bytes` in all can take in a segment when each is a batch of its own.
pub(crate) fn cost(bytes: u64, batch_bytes_max: u32) -> u64 {
    let around = (HEADER_BYTES + 2 * LENGTH_BYTES + crate::batch::ALIGN) as u64;
    let pieces = 1 + bytes / (u64::from(batch_bytes_max) - around);
    bytes.saturating_add(pieces.saturating_mul(around))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_records_share_a_batch_and_a_large_one_is_cut() {
        let mut gather = Gather::new(5, 0, 256);
        assert_eq!(gather.append(b"one"), 5);
        assert_eq!(gather.append(b"two"), 6);
        assert_eq!(gather.append(&[7; 500]), 7);
        assert_eq!(gather.append(b"three"), 8);
        let mut taken = Taken::default();
        gather.take(&mut taken);
        let kinds: Vec<_> = taken.marks.iter().map(|mark| (mark.kind, mark.first_lsn, mark.records)).collect();
        let expected = [
            (Kind::Records, 5, 2),
            (Kind::Begin, 7, 0),
            (Kind::Middle, 7, 0),
            (Kind::End, 7, 1),
            (Kind::Records, 8, 1),
        ];
        assert_eq!(kinds, expected);
        assert!(taken.marks.iter().all(|mark| mark.start % 16 == 0 && mark.end - mark.start <= 256));
        assert!(gather.is_empty());
    }

    #[test]
    fn what_is_gathered_costs_no_more_than_was_asked_for() {
        for length in 0..2_000 {
            let mut gather = Gather::new(1, 0, 256);
            gather.append(&vec![1; length]);
            let mut taken = Taken::default();
            gather.take(&mut taken);
            assert!(taken.buffer.len() as u64 <= cost(length as u64, 256), "{length}");
        }
    }
}
