//! What `DUMP` answers: a type, a value, the version of the format, and a checksum over all of it.

use std::io::Cursor;

use crate::crc64;
use crate::error::{Problem, Result};
use crate::event::Event;
use crate::file::KEY_META;
use crate::input::Input;
use crate::kind::{Kind, VALKEY_VERSION_MIN, Writer};
use crate::value::{self, Left};

/// Version and checksum.
const FOOTER_BYTES: usize = 10;

/// A value being read. It tells what stands between [`Event::Key`] and [`Event::KeyEnd`], and neither of them.
#[derive(Debug)]
pub struct Payload {
    input: Input<Cursor<Vec<u8>>>,
    kind: Kind,
    left: Left,
    end: u64,
}

impl Payload {
    /// Checks the checksum, and begins to read.
    ///
    /// # Errors
    /// [`Problem::Checksum`], [`Problem::Truncated`], or [`Problem::Type`].
    pub fn open(mut bytes: Vec<u8>) -> Result<Self> {
        let length = bytes.len() as u64;
        let end = bytes.len().checked_sub(FOOTER_BYTES).ok_or_else(|| Problem::Truncated.at(length))?;
        let version = u16::from_le_bytes([bytes[end], bytes[end + 1]]);
        let written = bytes[end + 2..].try_into().map(u64::from_le_bytes).expect("eight bytes are left");
        // Zero: a server that was told not to compute checksums.
        if written != 0 && written != crc64::update(0, &bytes[..end + 2]) {
            return Err(Problem::Checksum.at(length));
        }
        bytes.truncate(end);
        let writer = if u32::from(version) >= VALKEY_VERSION_MIN { Writer::Valkey } else { Writer::Redis };
        let mut input = Input::new(Cursor::new(bytes))?;
        let mut code = input.byte()?;
        if code == KEY_META && writer == Writer::Redis {
            input.skip_key_meta()?;
            code = input.byte()?;
        }
        let kind = Kind::of(code, writer).map_err(|problem| input.error(problem))?;
        Ok(Self { input, kind, left: Left::Whole(kind), end: end as u64 })
    }

    /// The name of the value's type if it is one that is passed over.
    #[must_use]
    pub fn other(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Other(name, _) => Some(name),
            _ => None,
        }
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// What is wrong with the value.
    pub fn read(&mut self) -> Result<Option<Event>> {
        let event = value::next(&mut self.left, &mut self.input)?;
        if event.is_none() && self.input.offset() != self.end {
            return Err(self.input.damaged("something follows the value"));
        }
        Ok(event)
    }
}
