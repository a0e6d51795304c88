//! What a command says on stderr: passed on as it comes, and its last line kept, which is mostly why it failed.
//!
//! A process that the command leaves behind may hold its stderr open for ever, so nobody waits for the end of it: when the command
//! has ended, all that it said is in the pipe, and is read until there is no more for now.

use std::io::{ErrorKind, Write, stderr};
use std::process::Stdio;

use tokio::net::unix::pipe::{Receiver, pipe};

/// What is kept of a line: enough for an error and where it was, and little beside a message.
const LINE_BYTES_MAX: usize = 300;
const PIECE_BYTES: usize = 4096;

/// The reading end of a command's stderr.
#[derive(Debug)]
pub(super) struct LastWords {
    from: Receiver,
    line: Line,
}

/// The last line that is not blank.
#[derive(Debug, Default)]
struct Line {
    last: Vec<u8>,
    /// The line that has not ended yet.
    open: Vec<u8>,
}

impl LastWords {
    /// Both ends; the second is for the command.
    pub(super) fn listen() -> std::io::Result<(Self, Stdio)> {
        let (into, from) = pipe()?;
        Ok((Self { from, line: Line::default() }, into.into_blocking_fd()?.into()))
    }

    /// Passes on what is said, for as long as anybody can say something; then there is nothing to wait for.
    pub(super) async fn follow(&mut self) {
        while self.from.readable().await.is_ok() && self.pass_on() {}
        std::future::pending().await
    }

    /// What was said last, when the command has ended.
    pub(super) fn finish(mut self) -> String {
        self.pass_on();
        self.line.text()
    }

    /// Takes all there is for now; false when nobody can say more.
    fn pass_on(&mut self) -> bool {
        let mut piece = [0; PIECE_BYTES];
        loop {
            match self.from.try_read(&mut piece) {
                Ok(0) => return false,
                Ok(read) => {
                    // Nobody may be listening; the command goes on all the same.
                    let _ = stderr().write_all(&piece[..read]);
                    self.line.take(&piece[..read]);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
    }
}

impl Line {
    fn take(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let line = piece.strip_suffix(b"\n").unwrap_or(piece);
            let room = LINE_BYTES_MAX - self.open.len();
            self.open.extend_from_slice(&line[..line.len().min(room)]);
            if line.len() < piece.len() {
                self.end();
            }
        }
    }

    fn end(&mut self) {
        if !self.open.trim_ascii().is_empty() {
            std::mem::swap(&mut self.last, &mut self.open);
        }
        self.open.clear();
    }

    /// As one line of text, without what would steer a terminal.
    fn text(mut self) -> String {
        self.end();
        let text = String::from_utf8_lossy(&self.last);
        let text: String = text.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect();
        text.trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(pieces: &[&[u8]]) -> String {
        let mut line = Line::default();
        pieces.iter().for_each(|piece| line.take(piece));
        line.text()
    }

    #[test]
    fn the_last_line_that_says_something_is_kept_however_it_comes() {
        assert_eq!(last(&[]), "");
        assert_eq!(last(&[b"one\ntw", b"o\n", b"\n  \n"]), "two");
        assert_eq!(last(&[b"one\ntwo"]), "two");
        assert_eq!(last(&[b"\x1b[31mred\tand \xff\r\n"]), "[31mred and \u{fffd}");
        assert_eq!(last(&[&[b'x'; 1000], b"y\n"]), "x".repeat(LINE_BYTES_MAX));
    }
}
