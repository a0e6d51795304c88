//! stdin, a line at a time, without holding up the connection.
//!
//! Reading blocks, so a thread of its own does it and hands over lines in batches through a short channel: a batch is what one
//! read gave, so a fast producer costs one hand-over for hundreds of lines and a person at a keyboard waits for nothing.
//! A line ends at `\n`, which is not part of it; every other byte is kept. A last line without `\n` counts.

use std::io::{self, BufRead};
use std::thread;

use tokio::sync::mpsc;

/// Batches waiting: with lines of ordinary size 16 x 64 KiB.
const BATCHES_MAX: usize = 16;

/// The buffer of one read.
const READ_BYTES: usize = 64 * 1024;

/// The longest line: the largest bulk that a server takes by default (`proto-max-bulk-len`).
const LINE_BYTES_MAX: usize = 512 * 1024 * 1024;

/// The lines of one read.
pub(crate) type Batch = io::Result<Vec<Vec<u8>>>;

/// Starts reading stdin. The channel ends with stdin, or after an error.
pub(crate) fn of_stdin() -> mpsc::Receiver<Batch> {
    let (sender, receiver) = mpsc::channel(BATCHES_MAX);
    // Not joined: a read that blocks for ever must not keep the process from ending.
    thread::spawn(move || {
        let mut reader = io::BufReader::with_capacity(READ_BYTES, io::stdin());
        let mut line = Vec::new();
        loop {
            let batch = next_batch(&mut reader, &mut line);
            let last = !matches!(&batch, Ok(Some(_)));
            if let Some(batch) = batch.transpose()
                && sender.blocking_send(batch).is_err()
            {
                return;
            }
            if last {
                return;
            }
        }
    });
    receiver
}

/// The lines that end in the next read; `None` at the end. `line` keeps what has begun.
fn next_batch(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<Vec<Vec<u8>>>> {
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            let rest = std::mem::take(line);
            return Ok(if rest.is_empty() { None } else { Some(vec![rest]) });
        }
        let read = bytes.len();
        let mut batch = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(piece);
            if line.len() > LINE_BYTES_MAX {
                return Err(io::Error::other("a line on stdin is longer than 512 MiB"));
            }
            if line.last() == Some(&b'\n') {
                line.pop();
                batch.push(std::mem::take(line));
            }
        }
        reader.consume(read);
        if !batch.is_empty() {
            return Ok(Some(batch));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn lines(text: &[u8], capacity: usize) -> Vec<String> {
        let mut reader = io::BufReader::with_capacity(capacity, text);
        let (mut line, mut all) = (Vec::new(), Vec::new());
        while let Some(batch) = next_batch(&mut reader, &mut line).unwrap() {
            all.extend(batch.into_iter().map(|line| String::from_utf8(line).unwrap()));
        }
        all
    }

    #[test]
    fn lines_are_the_same_however_they_arrive() {
        for capacity in [1, 2, 3, 64] {
            assert_eq!(lines(b"one\n\ntwo\r\nlast", capacity), ["one", "", "two\r", "last"], "{capacity}");
            assert_eq!(lines(b"one\n", capacity), ["one"], "{capacity}");
            assert_eq!(lines(b"", capacity), [""; 0], "{capacity}");
        }
    }
}
