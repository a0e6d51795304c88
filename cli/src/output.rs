//! stdout: data, written whole and flushed where it matters. A reader who has gone is [`Failure::ClosedPipe`].
//!
//! [`Failure::ClosedPipe`]: crate::failure::Failure::ClosedPipe

use std::io::{self, IsTerminal, Stdout, Write};

/// Flushed at the latest when this much is waiting.
pub(crate) const BUFFER_BYTES: usize = 64 * 1024;

/// A buffered stdout. What was not flushed when it is dropped is lost on purpose: it was never promised to anybody.
#[derive(Debug)]
pub(crate) struct Output {
    stdout: Stdout,
    buffer: Vec<u8>,
}

impl Output {
    pub(crate) fn new() -> Self {
        Self { stdout: io::stdout(), buffer: Vec::new() }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.stdout.is_terminal()
    }

    /// Where the next bytes go.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Writes out if much is waiting.
    pub(crate) fn relieve(&mut self) -> io::Result<()> {
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    /// Writes everything out; on success the system has all of it.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let mut stdout = self.stdout.lock();
        stdout.write_all(&self.buffer)?;
        stdout.flush()?;
        self.buffer.clear();
        Ok(())
    }
}
