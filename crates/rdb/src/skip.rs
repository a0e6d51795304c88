//! Passing over values of types that are not read, to the very byte where the next key begins.

use std::io::{Read, Seek};

use crate::error::Result;
use crate::input::Input;
use crate::kind::Skip;

/// A score written out as text has this many bytes at most; above it the byte stands for infinity or no number.
const SCORE_TEXT_BYTES_MAX: u8 = 252;

/// Values of modules, each with a number before it that says what it is.
mod module {
    pub(super) const END: u64 = 0;
    pub(super) const SIGNED: u64 = 1;
    pub(super) const UNSIGNED: u64 = 2;
    pub(super) const FLOAT: u64 = 3;
    pub(super) const DOUBLE: u64 = 4;
    pub(super) const STRING: u64 = 5;
}

impl<R: Read + Seek> Input<R> {
    /// Passes over one value.
    pub(crate) fn skip_value(&mut self, skip: Skip) -> Result<()> {
        match skip {
            Skip::Blob => self.skip_string(),
            Skip::Strings => self.skip_each(Self::skip_string),
            Skip::Pairs => self.skip_each(Self::skip_pair),
            Skip::Scores { binary: true } => self.skip_each(|input| {
                input.skip_string()?;
                input.skip(8)
            }),
            Skip::Scores { binary: false } => self.skip_each(|input| {
                input.skip_string()?;
                match input.byte()? {
                    length @ 0..=SCORE_TEXT_BYTES_MAX => input.skip(length.into()),
                    _ => Ok(()),
                }
            }),
            Skip::ExpiringFields { earliest } => {
                self.skip(if earliest { 8 } else { 0 })?;
                self.skip_each(|input| {
                    input.length()?;
                    input.skip_pair()
                })
            }
            Skip::ExpiringFieldsOfValkey => self.skip_each(|input| {
                input.skip_pair()?;
                input.skip(8)
            }),
            Skip::EightBytesAndBlob => {
                self.skip(8)?;
                self.skip_string()
            }
            Skip::Module => {
                self.length()?;
                self.skip_module_values()
            }
        }
    }

    /// Passes over a module's values up to their end.
    pub(crate) fn skip_module_values(&mut self) -> Result<()> {
        loop {
            match self.length()? {
                module::END => return Ok(()),
                module::SIGNED | module::UNSIGNED => drop(self.length()?),
                module::FLOAT => self.skip(4)?,
                module::DOUBLE => self.skip(8)?,
                module::STRING => self.skip_string()?,
                _ => return Err(self.damaged("a module's value")),
            }
        }
    }

    fn skip_each(&mut self, each: impl Fn(&mut Self) -> Result<()>) -> Result<()> {
        for _ in 0..self.length()? {
            each(self)?;
        }
        Ok(())
    }

    fn skip_pair(&mut self) -> Result<()> {
        self.skip_string()?;
        self.skip_string()
    }
}
