//! Requests out of an input, made beside the connection that sends them.
//!
//! ```text
//!   thread       read ► split ► encode ► [chunk: many requests in one buffer] ──┐
//!                                                                               ▼ at most CHUNKS_MAX
//!   connection                                                  write ► replies ► forget the chunk
//! ```
//!
//! Invariant: whoever types waits for nothing. A chunk is handed over before the input is asked for more than has arrived, and
//! at the latest when it holds [`CHUNK_BYTES`]. Reading blocks, so it has a thread; that thread encodes too, because on the
//! connection's side a message then costs neither a look nor an allocation, only its share of a copy.

use std::cell::RefCell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;
use std::thread;

use rbq_client::Request;
use rbq_resp::encode_request;
use tokio::sync::mpsc;

use crate::failure::{Failure, Result};

/// Chunks waiting for the connection: half a megabyte, some milliseconds of what one connection carries.
const CHUNKS_MAX: usize = 8;

/// A chunk is handed over from this size on.
const CHUNK_BYTES: usize = 64 * 1024;

/// The buffer of one read.
const READ_BYTES: usize = 64 * 1024;

/// The longest message: the largest bulk that a server takes by default (`proto-max-bulk-len`).
const MESSAGE_BYTES_MAX: usize = 512 * 1024 * 1024;

/// Requests as they go over the wire, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    bytes: Vec<u8>,
    /// Where each request ends.
    ends: Vec<usize>,
    /// Where each message stood in the input.
    places: Vec<Place>,
    /// How much of the input had been read when the last of them was made.
    read_bytes: u64,
}

/// Where a message stood in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which of the input's parts, from 0 on.
    pub(crate) source: usize,
    /// Which line or message of it, from 1 on.
    pub(crate) number: u64,
}

impl Chunk {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// How much memory they take.
    pub(crate) fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The requests from `first` to before `end`.
    pub(crate) fn requests(&self, first: usize, end: usize) -> &[u8] {
        let at = |request: usize| if request == 0 { 0 } else { self.ends[request - 1] };
        &self.bytes[at(first)..at(end)]
    }

    /// Where the message of a request stood.
    pub(crate) fn place(&self, request: usize) -> Place {
        self.places[request]
    }

    /// How much of the input these and all before them have taken.
    pub(crate) fn read_bytes(&self) -> u64 {
        self.read_bytes
    }

    /// Those from `first` to before `end` of another chunk, behind its own.
    pub(crate) fn append(&mut self, other: &Self, first: usize, end: usize) {
        for request in first..end {
            self.bytes.extend_from_slice(other.requests(request, request + 1));
            self.ends.push(self.bytes.len());
            self.places.push(other.places[request]);
        }
        self.read_bytes = other.read_bytes;
    }
}

/// Where the connection takes its requests from. It ends with the input, or after an error.
pub(crate) type Requests = mpsc::Receiver<Result<Chunk>>;

/// Where the thread puts them.
#[derive(Debug, Clone)]
pub(crate) struct Feed(Rc<RefCell<Filling>>);

#[derive(Debug)]
struct Filling {
    chunk: Chunk,
    full: mpsc::Sender<Result<Chunk>>,
    /// Of the last message.
    place: Place,
    read_bytes: u64,
}

impl Feed {
    /// One more request.
    ///
    /// # Errors
    /// Nobody takes them any more.
    pub(crate) fn request(&self, request: &Request) -> Result<()> {
        let mut filling = self.0.borrow_mut();
        let filling = &mut *filling;
        filling.place.number += 1;
        let chunk = &mut filling.chunk;
        encode_request(request.iter(), &mut chunk.bytes);
        chunk.ends.push(chunk.bytes.len());
        chunk.places.push(filling.place);
        if chunk.bytes.len() >= CHUNK_BYTES { Ok(filling.hand_over()?) } else { Ok(()) }
    }

    /// What comes next is the first of another part of the input.
    pub(crate) fn begin(&self, source: usize) {
        self.0.borrow_mut().place = Place { source, number: 0 };
    }

    /// What comes next stood here, where that is not just behind the one before.
    pub(crate) fn at(&self, number: u64) {
        self.0.borrow_mut().place.number = number - 1;
    }
}

impl Filling {
    fn hand_over(&mut self) -> io::Result<()> {
        if self.chunk.len() == 0 {
            return Ok(());
        }
        let chunk = Chunk { read_bytes: self.read_bytes, ..std::mem::take(&mut self.chunk) };
        self.full.blocking_send(Ok(chunk)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Starts the thread that makes requests.
pub(crate) fn start(make: impl FnOnce(&Feed) -> Result<()> + Send + 'static) -> Requests {
    let (full, requests) = mpsc::channel(CHUNKS_MAX);
    // Not joined: a read that blocks for ever must not keep the process from ending.
    thread::spawn(move || {
        let feed = Feed(Rc::new(RefCell::new(Filling {
            chunk: Chunk::default(),
            full,
            place: Place { source: 0, number: 0 },
            read_bytes: 0,
        })));
        let made = make(&feed);
        let mut filling = feed.0.borrow_mut();
        let handed_over = filling.hand_over();
        if let (Err(failure), Ok(())) = (made, handed_over) {
            // With the receiver gone there is nobody to tell.
            let _ = filling.full.blocking_send(Err(failure));
        }
    });
    requests
}

/// An input that hands over what was made of it before it waits for more.
#[derive(Debug)]
pub(crate) struct Input<R> {
    feed: Feed,
    inner: R,
}

impl<R: Read> Input<R> {
    pub(crate) fn new(feed: &Feed, inner: R) -> Self {
        Self { feed: feed.clone(), inner }
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.feed.0.borrow_mut().hand_over()?;
        let read = self.inner.read(buffer)?;
        self.feed.0.borrow_mut().read_bytes += read as u64;
        Ok(read)
    }
}

/// The messages of an input: what stands before each `separator`, and what follows the last one, if anything. Every other
/// byte is kept.
///
/// # Errors
/// Of the input, a message above the limit, or what `each` returned.
pub(crate) fn split(input: impl Read, separator: u8, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut reader = io::BufReader::with_capacity(READ_BYTES, input);
    // What has begun in an earlier read; a message that lies in one read is never copied.
    let mut begun = Vec::new();
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return if begun.is_empty() { Ok(()) } else { each(&begun) };
        }
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(separator, rest) {
            if begun.is_empty() {
                each(&rest[..end])?;
            } else {
                begun.extend_from_slice(&rest[..end]);
                each(&begun)?;
                begun.clear();
            }
            rest = &rest[end + 1..];
        }
        begun.extend_from_slice(rest);
        if begun.len() > MESSAGE_BYTES_MAX {
            return Err(Failure::new("a message is longer than 512 MiB"));
        }
        let read = bytes.len();
        reader.consume(read);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Gives its bytes in pieces of this size, as a pipe may.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let size = self.1.min(self.0.len()).min(buffer.len());
            let (now, later) = self.0.split_at(size);
            buffer[..size].copy_from_slice(now);
            self.0 = later;
            Ok(size)
        }
    }

    fn lines(text: &[u8], piece: usize) -> Vec<String> {
        let mut all = Vec::new();
        split(Drip(text, piece), b'\n', |line| {
            all.push(String::from_utf8(line.to_vec()).unwrap());
            Ok(())
        })
        .unwrap();
        all
    }

    #[test]
    fn lines_are_the_same_however_they_arrive() {
        for piece in [1, 2, 3, 64] {
            assert_eq!(lines(b"one\n\ntwo\r\nlast", piece), ["one", "", "two\r", "last"], "{piece}");
            assert_eq!(lines(b"one\n", piece), ["one"], "{piece}");
            assert_eq!(lines(b"", piece), [""; 0], "{piece}");
        }
    }

    #[tokio::test]
    async fn what_has_arrived_is_handed_over_before_more_is_awaited() {
        let mut requests = start(|feed| {
            let mut request = Request::new("P");
            split(Input::new(feed, Drip(b"one\ntwo\nthree\n", 8)), b'\n', |line| {
                request.truncate(1);
                request.push(line);
                feed.request(&request)
            })
        });
        let first = requests.recv().await.unwrap().unwrap();
        assert_eq!(first.len(), 2);
        assert_eq!(first.requests(1, 2), b"*2\r\n$1\r\nP\r\n$3\r\ntwo\r\n");
        assert_eq!(requests.recv().await.unwrap().unwrap().requests(0, 1), b"*2\r\n$1\r\nP\r\n$5\r\nthree\r\n");
        assert!(requests.recv().await.is_none());
    }
}
