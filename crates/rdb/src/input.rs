//! The bytes of a file: counted, summed, and never believed.
//!
//! Invariant: memory is taken for bytes that were read. A length that is only promised is read in steps, so that a false one
//! ends at the end of the file and not at the end of the memory.
//!
//! A reader may go back, to read a stream's entries after what stands behind them. Bytes count into the checksum the first
//! time only.

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use crate::crc64;
use crate::error::{Error, Problem, Result};
use crate::event::StreamId;
use crate::lzf;

/// Read from the system at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// Memory is taken in steps of this size while a long string arrives.
const STEP_BYTES: u64 = 1024 * 1024;

/// What stands where a length may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Plain(u64),
    /// A special form of a string follows.
    Encoded(u8),
}

#[derive(Debug)]
pub(crate) struct Input<R> {
    reader: BufReader<R>,
    /// Where the first byte stands in the reader.
    base: u64,
    offset: u64,
    /// The first byte that was never read.
    fresh: u64,
    crc: u64,
}

impl<R: Read + Seek> Input<R> {
    /// Reads from where the reader stands; that byte has offset 0.
    pub(crate) fn new(mut reader: R) -> Result<Self> {
        let base = reader.stream_position().map_err(|error| Problem::Io(error).at(0))?;
        let reader = BufReader::with_capacity(BUFFER_BYTES, reader);
        Ok(Self { reader, base, offset: 0, fresh: 0, crc: 0 })
    }

    /// The offset of the next byte.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The checksum of all bytes that were ever read.
    pub(crate) fn checksum(&self) -> u64 {
        self.crc
    }

    /// What is wrong here.
    pub(crate) fn error(&self, problem: Problem) -> Error {
        problem.at(self.offset)
    }

    pub(crate) fn damaged(&self, what: &'static str) -> Error {
        self.error(Problem::Damaged(what))
    }

    /// Goes to another offset.
    pub(crate) fn seek(&mut self, offset: u64) -> Result<()> {
        let distance = i64::try_from(i128::from(offset) - i128::from(self.offset));
        let moved = match distance {
            // Within the buffer that costs nothing.
            Ok(distance) => self.reader.seek_relative(distance),
            Err(_) => self.reader.seek(SeekFrom::Start(self.base + offset)).map(|_| ()),
        };
        moved.map_err(|error| self.error(Problem::Io(error)))?;
        self.offset = offset;
        Ok(())
    }

    /// The reader, standing behind the last byte that was taken.
    pub(crate) fn into_reader(self) -> Result<R> {
        let offset = self.offset;
        let at = self.base + offset;
        let mut reader = self.reader.into_inner();
        reader.seek(SeekFrom::Start(at)).map_err(|error| Problem::Io(error).at(offset))?;
        Ok(reader)
    }

    /// The next bytes, as many as the array has.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    pub(crate) fn byte(&mut self) -> Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u64_le(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A number written as a length.
    pub(crate) fn length(&mut self) -> Result<u64> {
        match self.length_or_encoding()? {
            Length::Plain(length) => Ok(length),
            Length::Encoded(_) => Err(self.damaged("a string stands where a number must")),
        }
    }

    /// An ID in its sixteen bytes.
    pub(crate) fn raw_id(&mut self) -> Result<StreamId> {
        self.array().map(StreamId::from_be_bytes)
    }

    /// An ID as two numbers.
    pub(crate) fn id(&mut self) -> Result<StreamId> {
        Ok(StreamId { ms: self.length()?, seq: self.length()? })
    }

    /// A string in any of its forms.
    pub(crate) fn string(&mut self) -> Result<Vec<u8>> {
        match self.length_or_encoding()? {
            Length::Plain(length) => self.bytes(length),
            Length::Encoded(0) => Ok(self.array().map(i8::from_le_bytes)?.to_string().into_bytes()),
            Length::Encoded(1) => Ok(self.array().map(i16::from_le_bytes)?.to_string().into_bytes()),
            Length::Encoded(2) => Ok(self.array().map(i32::from_le_bytes)?.to_string().into_bytes()),
            Length::Encoded(3) => {
                let (compressed, length) = (self.length()?, self.length()?);
                let compressed = self.bytes(compressed)?;
                lzf::decompress(&compressed, length).ok_or_else(|| self.damaged("a compressed string"))
            }
            Length::Encoded(_) => Err(self.damaged("a string in an unknown form")),
        }
    }

    /// Passes over a string.
    pub(crate) fn skip_string(&mut self) -> Result<()> {
        match self.length_or_encoding()? {
            Length::Plain(length) => self.skip(length),
            Length::Encoded(0) => self.skip(1),
            Length::Encoded(1) => self.skip(2),
            Length::Encoded(2) => self.skip(4),
            Length::Encoded(3) => {
                let (compressed, _) = (self.length()?, self.length()?);
                self.skip(compressed)
            }
            Length::Encoded(_) => Err(self.damaged("a string in an unknown form")),
        }
    }

    /// Passes over so many bytes. They are read all the same, for the checksum.
    pub(crate) fn skip(&mut self, mut count: u64) -> Result<()> {
        while count > 0 {
            let offset = self.offset;
            let ready = match self.reader.fill_buf() {
                Ok([]) => return Err(Problem::Truncated.at(offset)),
                Ok(ready) => ready,
                Err(error) => return Err(Problem::Io(error).at(offset)),
            };
            let taken = (ready.len() as u64).min(count) as usize;
            (self.crc, self.fresh) = summed(self.crc, self.fresh, offset, &ready[..taken]);
            self.reader.consume(taken);
            self.offset += taken as u64;
            count -= taken as u64;
        }
        Ok(())
    }

    fn length_or_encoding(&mut self) -> Result<Length> {
        let first = self.byte()?;
        Ok(match (first >> 6, first) {
            (0, _) => Length::Plain(u64::from(first)),
            (1, _) => Length::Plain(u64::from(first & 0x3f) << 8 | u64::from(self.byte()?)),
            (2, 0x80) => Length::Plain(self.array().map(u32::from_be_bytes)?.into()),
            (2, 0x81) => Length::Plain(self.array().map(u64::from_be_bytes)?),
            (2, _) => return Err(self.damaged("a length in an unknown form")),
            _ => Length::Encoded(first & 0x3f),
        })
    }

    fn bytes(&mut self, count: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut left = count;
        while left > 0 {
            let step = left.min(STEP_BYTES) as usize;
            let start = bytes.len();
            bytes.resize(start + step, 0);
            self.fill(&mut bytes[start..])?;
            left -= step as u64;
        }
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        self.reader.read_exact(bytes).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => self.error(Problem::Truncated),
            _ => self.error(Problem::Io(error)),
        })?;
        (self.crc, self.fresh) = summed(self.crc, self.fresh, self.offset, bytes);
        self.offset += bytes.len() as u64;
        Ok(())
    }
}

/// The checksum and the first byte never read, after these bytes at this offset.
fn summed(crc: u64, fresh: u64, offset: u64, bytes: &[u8]) -> (u64, u64) {
    let known = fresh.saturating_sub(offset).min(bytes.len() as u64) as usize;
    (crc64::update(crc, &bytes[known..]), fresh.max(offset + bytes.len() as u64))
}
