//! Reading a segment batch by batch, each compared with what must come next.
//!
//! The walk ends at the first thing that is not the next batch. It does not judge: whether that is the end, a torn
//! tail or damage depends on what comes after, and is decided in `tail` and `replay`.

use crate::batch::{self, ALIGN, HEADER_BYTES, Header, Kind, NotAHeader};
use crate::error::{IoFailure, OpenError};
use crate::fault::Faults;
use crate::options::Lsn;
use crate::segment;
use crate::storage::Access;
use crate::store::{NamedFile, Store};

/// How much is read at a time.
const WINDOW_BYTES: usize = 256 << 10;

/// A file read through a window, so that small batches do not cost a system call each.
pub(crate) struct Window {
    file: NamedFile,
    len: u64,
    start: u64,
    buffer: Vec<u8>,
}

impl Window {
    pub(crate) fn open(store: &Store, name: &str) -> Result<Self, IoFailure> {
        let file = store.open(name, Access::Read)?;
        let len = file.len()?;
        Ok(Self { file, len, start: 0, buffer: Vec::new() })
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn name(&self) -> &str {
        &self.file.name
    }

    /// The bytes from `offset` on: `count` of them, or fewer where the file ends.
    pub(crate) fn bytes(&mut self, offset: u64, count: usize) -> Result<&[u8], IoFailure> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = count.min(left);
        let end = self.start + self.buffer.len() as u64;
        if offset < self.start || offset + count as u64 > end {
            self.buffer.resize(count.max(WINDOW_BYTES).min(left), 0);
            let read = self.file.read_at(offset, &mut self.buffer)?;
            self.buffer.truncate(read);
            self.start = offset;
        }
        let from = usize::try_from(offset - self.start).expect("it lies in the window");
        let to = (from + count).min(self.buffer.len());
        Ok(&self.buffer[from..to])
    }
}

/// What the next batch must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    pub sequence: u64,
    pub lsn: Lsn,
    pub crc_before: u32,
    /// A large record is unfinished.
    pub mid_record: bool,
}

impl Chain {
    pub(crate) fn at_start_of(header: &segment::Header) -> Self {
        Self {
            sequence: header.first_sequence,
            lsn: header.next_lsn,
            crc_before: header.crc_before,
            mid_record: header.mid_record(),
        }
    }

    /// Why the batch is not the next one.
    fn problem_with(&self, header: &Header) -> Option<String> {
        if header.sequence != self.sequence {
            return Some(format!("batch {} stands where batch {} belongs", header.sequence, self.sequence));
        }
        if header.crc_before != self.crc_before {
            return Some("the batch does not follow the one before it".into());
        }
        if header.first_lsn != self.lsn {
            return Some(format!("record {} stands where record {} belongs", header.first_lsn, self.lsn));
        }
        if header.kind.continues() && !self.mid_record {
            return Some("the batch continues a record that was not begun".into());
        }
        let completes = match header.kind {
            Kind::Records => header.records > 0,
            Kind::Begin | Kind::Middle => header.records == 0,
            Kind::End => header.records == 1,
        };
        (!completes).then(|| "the batch counts its records wrong".into())
    }

    /// What this batch is the next one of.
    fn at(header: &Header) -> Self {
        Self {
            sequence: header.sequence,
            lsn: header.first_lsn,
            crc_before: header.crc_before,
            mid_record: header.kind.continues(),
        }
    }

    pub(crate) fn after(header: &Header, crc: u32) -> Self {
        Self {
            sequence: header.sequence + 1,
            lsn: header.next_lsn(),
            crc_before: crc,
            mid_record: header.kind.leaves_open(),
        }
    }
}

/// What stands at a place.
pub(crate) enum Found<'a> {
    /// The next batch, whole.
    Batch(Header, &'a [u8]),
    /// Nothing of this file's life.
    Nothing,
    /// Something of this file's life that is not the next batch.
    Bad(String),
}

/// A walk through one segment.
pub(crate) struct Walker {
    window: Window,
    pub(crate) header: segment::Header,
    /// Where the next batch begins.
    pub(crate) at: u64,
    pub(crate) chain: Chain,
    state_version: u32,
    pub(crate) faults: Faults,
}

impl Walker {
    /// Opens a segment and reads its header.
    pub(crate) fn open(store: &Store, name: &str) -> Result<Self, OpenError> {
        let mut window = Window::open(store, name)?;
        let bytes = window.bytes(0, usize::try_from(segment::HEADER_BYTES).expect("it is a small number"))?;
        let header = segment::Header::decode(name, bytes)?;
        if header.state_version > store.state_version {
            return Err(newer(name, header.state_version, store.state_version));
        }
        Ok(Self::through(window, header, store))
    }

    /// A walk under a header that is known in another way than by reading it: what stands in its place may be damaged.
    pub(crate) fn under(store: &Store, name: &str, header: segment::Header) -> Result<Self, OpenError> {
        Ok(Self::through(Window::open(store, name)?, header, store))
    }

    fn through(window: Window, header: segment::Header, store: &Store) -> Self {
        let (state_version, faults) = (store.state_version, store.faults);
        let chain = Chain::at_start_of(&header);
        Self { window, header, at: segment::HEADER_BYTES, chain, state_version, faults }
    }

    pub(crate) fn name(&self) -> &str {
        self.window.name()
    }

    pub(crate) fn file_bytes(&self) -> u64 {
        self.window.len()
    }

    /// The next batch, if it is one. After anything else the walk stays where it is.
    pub(crate) fn next(&mut self) -> Result<Found<'_>, OpenError> {
        let bytes = self.window.bytes(self.at, HEADER_BYTES)?;
        let (header, crc) = match Header::decode(bytes) {
            Ok(found) => found,
            // What another epoch left behind says nothing, whatever it looks like: a payload can look like anything.
            Err(_) if bytes.get(batch::EPOCH) != Some(&self.header.epoch.to_le_bytes()) => return Ok(Found::Nothing),
            Err(NotAHeader::Other) => return Ok(Found::Nothing),
            Err(NotAHeader::Newer(found)) => {
                let (file, known) = (self.window.name().into(), batch::FORMAT_VERSION);
                return Err(OpenError::Newer { file, what: "format", found, known });
            }
            Err(NotAHeader::Checksum) => {
                return Ok(Found::Bad("the checksum of a batch's header does not fit".into()));
            }
            Err(NotAHeader::Nonsense) => return Ok(Found::Bad("a batch's header makes no sense".into())),
        };
        if !self.faults.ignore_file_epoch() {
            if header.epoch != self.header.epoch {
                return Ok(Found::Nothing);
            }
            if let Some(problem) = self.chain.problem_with(&header) {
                return Ok(Found::Bad(problem));
            }
        }
        if header.state_version > self.state_version {
            return Err(newer(self.window.name(), header.state_version, self.state_version));
        }
        if self.at + header.batch_bytes() > self.window.len() {
            return Ok(Found::Bad("the batch is longer than the file".into()));
        }
        let body = self.window.bytes(self.at + HEADER_BYTES as u64, header.body_bytes as usize)?;
        if body.len() < header.body_bytes as usize {
            return Ok(Found::Bad("the batch is longer than the file".into()));
        }
        if crc32c::crc32c(body) != header.body_crc && !self.faults.ignore_body_crc() {
            return Ok(Found::Bad("the checksum of a batch's records does not fit".into()));
        }
        let count = if header.kind == Kind::Records { header.records } else { 1 };
        if batch::records(body, count).is_none() {
            return Ok(Found::Bad("a batch's records are longer than the batch".into()));
        }
        self.at += header.batch_bytes();
        self.chain = Chain::after(&header, crc);
        Ok(Found::Batch(header, body))
    }

    /// Shows the headers of this file's life from here on, with where they stand.
    pub(crate) fn later_headers(&mut self, mut each: impl FnMut(u64, &Header)) -> Result<(), OpenError> {
        let mut from = self.at;
        while let Some((at, header)) = self.header_after(from)? {
            each(at, &header);
            from = at + ALIGN as u64;
        }
        Ok(())
    }

    /// The first header of this file's life from a place on, and where it stands.
    fn header_after(&mut self, from: u64) -> Result<Option<(u64, Header)>, OpenError> {
        let mut at = from;
        while at + HEADER_BYTES as u64 <= self.window.len() {
            // A step at a time through the window, and only what begins like a batch is looked at closely.
            let bytes = self.window.bytes(at, HEADER_BYTES)?;
            let here = if bytes[..4] == batch::MAGIC { Header::decode(bytes).ok() } else { None };
            let ours = here.filter(|(header, _)| header.epoch == self.header.epoch || self.faults.ignore_file_epoch());
            if let Some((header, _)) = ours {
                return Ok(Some((at, header)));
            }
            at += ALIGN as u64;
        }
        Ok(None)
    }

    /// Goes on, after something that is not the next batch, with the first later batch of this file's life; false when there is
    /// none. What is skipped is a gap: whoever goes on like this must not take what follows for what comes next.
    pub(crate) fn skip(&mut self) -> Result<bool, OpenError> {
        let mut from = self.at;
        while let Some((at, header)) = self.header_after(from)? {
            // An earlier number is in the bytes of a record that somebody stored, and is not the log going on.
            if header.sequence > self.chain.sequence {
                self.at = at;
                self.chain = Chain::at(&header);
                return Ok(true);
            }
            from = at + ALIGN as u64;
        }
        Ok(false)
    }

    /// Copies a stretch of the file, in pieces.
    pub(crate) fn stretch(
        &mut self,
        from: u64,
        to: u64,
        mut each: impl FnMut(u64, &[u8]) -> Result<(), OpenError>,
    ) -> Result<(), OpenError> {
        let mut at = from;
        while at < to {
            let piece = usize::try_from((to - at).min(WINDOW_BYTES as u64)).expect("it is at most a window");
            let bytes = self.window.bytes(at, piece)?;
            if bytes.is_empty() {
                break;
            }
            each(at - from, bytes)?;
            at += bytes.len() as u64;
        }
        Ok(())
    }
}

pub(crate) fn newer(file: &str, found: u32, known: u32) -> OpenError {
    OpenError::Newer { file: file.into(), what: "state machine", found, known }
}
