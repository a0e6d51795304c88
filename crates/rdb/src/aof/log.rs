//! The commands in an append-only file, one by one.
//!
//! They are requests as a client would send them, with comments between them (`#TS:1764165000`, when it was). The end may be
//! torn: the server may have died while it wrote. That is told, and is no error; so is a transaction that was begun and not
//! ended, which the server would not run either.

use std::io::{BufRead, BufReader, Read};

use crate::error::{Error, Problem, Result};

/// A line that announces a number has fewer bytes; a comment is cut here.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// Memory is taken in steps of this size while a long argument arrives.
const STEP_BYTES: u64 = 1024 * 1024;

/// What stands in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Logged {
    /// A command: its name and its arguments.
    Command(Vec<Vec<u8>>),
    /// The log ends in the middle of a command or of a transaction, which began at this offset.
    Torn {
        /// The offset of what is incomplete.
        offset: u64,
    },
}

/// A log being read.
#[derive(Debug)]
pub struct CommandLog<R> {
    reader: BufReader<R>,
    offset: u64,
    /// The commands of a transaction whose end was not found yet, and where it began.
    transaction: Option<(u64, Vec<Vec<Vec<u8>>>)>,
    /// What was found whole and not told yet.
    ready: std::vec::IntoIter<Vec<Vec<u8>>>,
    ended: bool,
}

impl<R: Read> CommandLog<R> {
    /// Reads from the beginning; `offset` is where in the file that is.
    pub fn new(reader: R, offset: u64) -> Self {
        let reader = BufReader::with_capacity(STEP_BYTES as usize / 16, reader);
        Self { reader, offset, transaction: None, ready: Vec::new().into_iter(), ended: false }
    }

    /// How many bytes were read so far, the ones before the beginning included.
    #[must_use]
    pub fn read_bytes(&self) -> u64 {
        self.offset
    }

    /// The next command; `None` at the end. Those of a transaction come without `MULTI` and `EXEC`.
    ///
    /// # Errors
    /// Bytes that are no command, or what the system says.
    pub fn read(&mut self) -> Result<Option<Logged>> {
        loop {
            if let Some(command) = self.ready.next() {
                return Ok(Some(Logged::Command(command)));
            }
            if self.ended {
                return Ok(None);
            }
            let start = self.offset;
            let command = match self.command() {
                Ok(Some(command)) => command,
                Ok(None) => {
                    self.ended = true;
                    return Ok(self.transaction.take().map(|(offset, _)| Logged::Torn { offset }));
                }
                Err(Error { problem: Problem::Truncated, .. }) => {
                    self.ended = true;
                    let offset = self.transaction.take().map_or(start, |(offset, _)| offset);
                    return Ok(Some(Logged::Torn { offset }));
                }
                Err(error) => return Err(error),
            };
            if let Some(command) = self.transact(start, command) {
                return Ok(Some(Logged::Command(command)));
            }
        }
    }

    /// Gathers what stands between MULTI and EXEC.
    fn transact(&mut self, start: u64, command: Vec<Vec<u8>>) -> Option<Vec<Vec<u8>>> {
        let name = &command[0];
        if name.eq_ignore_ascii_case(b"MULTI") {
            self.transaction = Some((start, Vec::new()));
        } else if name.eq_ignore_ascii_case(b"EXEC") {
            self.ready = self.transaction.take().map(|(_, commands)| commands).unwrap_or_default().into_iter();
        } else if let Some((_, commands)) = &mut self.transaction {
            commands.push(command);
        } else {
            return Some(command);
        }
        None
    }

    /// One command; `None` where the file ends between two.
    fn command(&mut self) -> Result<Option<Vec<Vec<u8>>>> {
        let count = loop {
            let Some(line) = self.line()? else { return Ok(None) };
            match line.split_first() {
                Some((b'#', _)) => {}
                Some((b'*', digits)) => break self.number(digits)?,
                _ => return Err(self.damaged()),
            }
        };
        let mut arguments = Vec::new();
        for _ in 0..count {
            let line = self.line()?.ok_or_else(|| self.truncated())?;
            let length = match line.split_first() {
                Some((b'$', digits)) => self.number(digits)?,
                _ => return Err(self.damaged()),
            };
            arguments.push(self.bytes(length)?);
            if self.bytes(2)? != b"\r\n" {
                return Err(self.damaged());
            }
        }
        if arguments.is_empty() { Err(self.damaged()) } else { Ok(Some(arguments)) }
    }

    /// A line without its end; `None` at the end of the file.
    fn line(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let limited = (&mut self.reader).take(LINE_BYTES_MAX as u64);
        let read = { limited }.read_until(b'\n', &mut line).map_err(|error| Problem::Io(error).at(self.offset))?;
        self.offset += read as u64;
        match line.strip_suffix(b"\n") {
            _ if read == 0 => Ok(None),
            Some(line) => Ok(Some(line.strip_suffix(b"\r").unwrap_or(line).to_vec())),
            None if read == LINE_BYTES_MAX => Err(self.damaged()),
            None => Err(self.truncated()),
        }
    }

    fn bytes(&mut self, count: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < count {
            let step = (count - bytes.len() as u64).min(STEP_BYTES);
            let read = (&mut self.reader).take(step).read_to_end(&mut bytes);
            let read = read.map_err(|error| Problem::Io(error).at(self.offset))?;
            self.offset += read as u64;
            if (read as u64) < step {
                return Err(self.truncated());
            }
        }
        Ok(bytes)
    }

    fn number(&self, digits: &[u8]) -> Result<u64> {
        std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or_else(|| self.damaged())
    }

    fn damaged(&self) -> Error {
        Problem::Damaged("what stands here is no command").at(self.offset)
    }

    fn truncated(&self) -> Error {
        Problem::Truncated.at(self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<String> {
        let mut log = CommandLog::new(bytes, 0);
        let mut all = Vec::new();
        loop {
            match log.read() {
                Ok(Some(Logged::Command(command))) => all.push(String::from_utf8_lossy(&command.join(&b' ')).into()),
                Ok(Some(Logged::Torn { offset })) => all.push(format!("torn at {offset}")),
                Ok(None) => return all,
                Err(error) => {
                    all.push(error.to_string());
                    return all;
                }
            }
        }
    }

    const SELECT: &str = "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n";
    const DEL: &str = "*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n";

    #[test]
    fn commands_come_out_and_comments_do_not() {
        let text = format!("#TS:1\r\n{SELECT}#TS:2\r\n*1\r\n$5\r\nMULTI\r\n{DEL}{DEL}*1\r\n$4\r\nEXEC\r\n{DEL}");
        assert_eq!(all(text.as_bytes()), ["SELECT 3", "DEL k", "DEL k", "DEL k"]);
    }

    #[test]
    fn a_torn_end_is_told_wherever_it_is_torn() {
        for cut in 1..DEL.len() {
            let text = format!("{SELECT}{}", &DEL[..cut]);
            assert_eq!(all(text.as_bytes()), ["SELECT 3", &format!("torn at {}", SELECT.len())], "{cut}");
        }
        let open = format!("{SELECT}*1\r\n$5\r\nmulti\r\n{DEL}");
        assert_eq!(all(open.as_bytes()), ["SELECT 3", &format!("torn at {}", SELECT.len())]);
    }

    #[test]
    fn what_is_no_command_is_an_error() {
        for wrong in ["hello\r\n", "*0\r\n", "*1\r\nDEL\r\n", "*1\r\n$3\r\nDELxx", "*x\r\n"] {
            let told = all(format!("{SELECT}{wrong}").as_bytes());
            assert!(told[1].ends_with("damaged: what stands here is no command"), "{told:?}");
        }
        assert_eq!(all(b"*1\r\n$99999999999\r\nDEL"), ["torn at 0"]);
    }
}
