//! An RDB file: a header, then opcodes and keys with their values, then a checksum.
//!
//! ```text
//!   REDIS0011 │ AUX … │ SELECTDB │ RESIZEDB │ [expiry] [idle, frequency] type key value │ … │ EOF │ CRC-64
//! ```
//!
//! Versions up to 4 have no checksum, and a writer that was told not to compute it writes zero.

use std::io::{Read, Seek};

use crate::error::{Problem, Result};
use crate::event::{Event, Key};
use crate::input::Input;
use crate::kind::{Kind, VALKEY_VERSION_MIN, Writer};
use crate::value::{self, Left};

/// The first version with a checksum at the end.
const CHECKSUM_VERSION_MIN: u32 = 5;

/// Bytes that are no type of a value.
mod opcode {
    /// Metadata of a key (Redis 8.6), or a running import of slots (Valkey 9).
    pub(super) const KEY_META: u8 = 243;
    pub(super) const SLOT_INFO: u8 = 244;
    pub(super) const FUNCTION: u8 = 245;
    /// As the release candidates of 7.0 wrote functions.
    pub(super) const FUNCTION_EARLY: u8 = 246;
    pub(super) const MODULE_AUX: u8 = 247;
    pub(super) const IDLE: u8 = 248;
    pub(super) const FREQUENCY: u8 = 249;
    pub(super) const AUX: u8 = 250;
    pub(super) const RESIZE_DB: u8 = 251;
    pub(super) const EXPIRES_MS: u8 = 252;
    pub(super) const EXPIRES_S: u8 = 253;
    pub(super) const SELECT_DB: u8 = 254;
    pub(super) const END: u8 = 255;
}

/// A file being read.
///
/// ```no_run
/// let mut file = rbq_rdb::RdbFile::open(std::fs::File::open("dump.rdb")?)?;
/// while let Some(event) = file.read()? {
///     println!("{event:?}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RdbFile<R> {
    input: Input<R>,
    version: u32,
    writer: Writer,
    db: u32,
    state: State,
    is_verified: bool,
}

#[derive(Debug)]
enum State {
    BetweenKeys,
    InValue(Left),
    Ended,
}

impl<R: Read + Seek> RdbFile<R> {
    /// Begins to read where the reader stands.
    ///
    /// # Errors
    /// [`Problem::Magic`], or what the system says.
    pub fn open(reader: R) -> Result<Self> {
        let mut input = Input::new(reader)?;
        let magic: [u8; 9] = input.array()?;
        let (writer, digits) = match (magic.strip_prefix(b"REDIS"), magic.strip_prefix(b"VALKEY")) {
            (Some(digits), _) => (Writer::Redis, digits),
            (_, Some(digits)) => (Writer::Valkey, digits),
            _ => return Err(Problem::Magic.at(0)),
        };
        let version = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        let version = version.ok_or_else(|| Problem::Magic.at(0))?;
        let writer = if version >= VALKEY_VERSION_MIN { Writer::Valkey } else { writer };
        Ok(Self { input, version, writer, db: 0, state: State::BetweenKeys, is_verified: false })
    }

    /// Whether these bytes begin an RDB file.
    #[must_use]
    pub fn begins(bytes: &[u8]) -> bool {
        bytes.starts_with(b"REDIS") || bytes.starts_with(b"VALKEY")
    }

    /// The version of the format.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// How many bytes were told so far, for showing progress: what a reader looked at ahead does not count yet.
    #[must_use]
    pub fn read_bytes(&self) -> u64 {
        self.input.offset()
    }

    /// Whether a checksum has shown that every byte is what was written; known once [`read`](Self::read) has told the end.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.is_verified
    }

    /// The reader, standing behind the file's last byte once [`read`](Self::read) has told the end.
    ///
    /// # Errors
    /// What the system says.
    pub fn into_reader(self) -> Result<R> {
        self.input.into_reader()
    }

    /// The next piece; `None` behind the last key, when the checksum was found right.
    ///
    /// # Errors
    /// What is wrong with the file. Nothing can be read after an error.
    pub fn read(&mut self) -> Result<Option<Event>> {
        match &mut self.state {
            State::Ended => Ok(None),
            State::InValue(left) => match value::next(left, &mut self.input)? {
                Some(event) => Ok(Some(event)),
                None => {
                    self.state = State::BetweenKeys;
                    Ok(Some(Event::KeyEnd))
                }
            },
            State::BetweenKeys => {
                let mut expires_ms = None;
                loop {
                    let code = self.input.byte()?;
                    if code == opcode::END {
                        self.check()?;
                        self.state = State::Ended;
                        return Ok(None);
                    }
                    if let Some(event) = self.step(code, &mut expires_ms)? {
                        return Ok(Some(event));
                    }
                }
            }
        }
    }

    /// One opcode or key; `None` if it has nothing to tell.
    fn step(&mut self, code: u8, expires_ms: &mut Option<u64>) -> Result<Option<Event>> {
        let input = &mut self.input;
        match code {
            opcode::SELECT_DB => {
                let db = input.length()?;
                self.db = u32::try_from(db).map_err(|_| input.damaged("the number of a database"))?;
            }
            opcode::EXPIRES_S => {
                let seconds = input.array().map(i32::from_le_bytes)?;
                *expires_ms = Some(u64::try_from(seconds).unwrap_or(0) * 1000);
            }
            opcode::EXPIRES_MS => {
                // A time before 1970 is as past as any other.
                *expires_ms = Some(u64::try_from(input.array().map(i64::from_le_bytes)?).unwrap_or(0));
            }
            opcode::RESIZE_DB => input.lengths(2)?,
            opcode::SLOT_INFO => input.lengths(3)?,
            opcode::FREQUENCY => drop(input.byte()?),
            opcode::IDLE => drop(input.length()?),
            opcode::AUX => return Ok(Some(Event::Aux { name: input.string()?, value: input.string()? })),
            opcode::FUNCTION => {
                input.skip_string()?;
                return Ok(Some(Event::Library));
            }
            opcode::FUNCTION_EARLY => {
                input.skip_string()?;
                input.skip_string()?;
                if input.length()? != 0 {
                    input.skip_string()?;
                }
                input.skip_string()?;
                return Ok(Some(Event::Library));
            }
            opcode::MODULE_AUX => {
                input.lengths(3)?;
                input.skip_module_values()?;
                return Ok(Some(Event::ModuleData));
            }
            opcode::KEY_META => self.skip_meta()?,
            code => return self.key(code, expires_ms.take()).map(Some),
        }
        Ok(None)
    }

    fn skip_meta(&mut self) -> Result<()> {
        let input = &mut self.input;
        match self.writer {
            Writer::Redis => input.skip_key_meta(),
            Writer::Valkey => {
                input.skip_string()?;
                for _ in 0..input.length()? {
                    input.lengths(2)?;
                }
                Ok(())
            }
        }
    }

    fn key(&mut self, code: u8, expires_ms: Option<u64>) -> Result<Event> {
        let kind = Kind::of(code, self.writer).map_err(|problem| self.input.error(problem))?;
        let key = Key { db: self.db, name: self.input.string()?, expires_ms };
        match kind {
            Kind::Other(name, skip) => {
                self.input.skip_value(skip)?;
                Ok(Event::Other { key, kind: name })
            }
            _ => {
                self.state = State::InValue(Left::Whole(kind));
                Ok(Event::Key(key))
            }
        }
    }

    fn check(&mut self) -> Result<()> {
        if self.version < CHECKSUM_VERSION_MIN {
            return Ok(());
        }
        let computed = self.input.checksum();
        match self.input.u64_le()? {
            0 => Ok(()),
            written if written == computed => {
                self.is_verified = true;
                Ok(())
            }
            _ => Err(self.input.error(Problem::Checksum)),
        }
    }
}

impl<R: Read + Seek> Input<R> {
    /// Passes over so many numbers.
    fn lengths(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            self.length()?;
        }
        Ok(())
    }

    /// Passes over what modules keep with a key: how many, then four bytes and values of each.
    pub(crate) fn skip_key_meta(&mut self) -> Result<()> {
        for _ in 0..self.length()? {
            self.skip(4)?;
            self.skip_module_values()?;
        }
        Ok(())
    }
}

/// The opcode that may stand before the type in a payload too.
pub(crate) const KEY_META: u8 = opcode::KEY_META;
