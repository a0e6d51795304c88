//! Bytes from a socket to requests.
//!
//! ```text
//!   read buffer   │ released │ requests of the batch │ request under way │ spare
//!                 0         head                    base      pos        len
//! ```
//!
//! The owner reads into [`space`](Decoder::space), calls [`decode`](Decoder::decode), runs the requests of the batch,
//! and gives the batch back with [`release`](Decoder::release); only then do bytes move. `framing` says what the
//! bytes mean, this module owns them: it hands the bytes of a big bulk a buffer of their own (`big_bulk`), rewrites
//! the escapes of an inline line in place (an argument is never longer than what it was written as), and keeps the
//! arguments of a request that is still incomplete aside, so that a batch holds complete requests only.
//!
//! Memory is bounded by what was received: a length that is only promised costs at most 32 KiB. How much may be
//! received before it is released is the owner's decision, by [`buffered`](Decoder::buffered).

use std::ops::Range;

use bytes::BytesMut;

use crate::args::{Args, Mark, Span};
use crate::batch::{Batch, Entry};
use crate::big_bulk::{BigBulk, LINE_END_BYTES};
use crate::framing::{self, Cursor, Found};
use crate::limits::Limits;
use crate::protocol_error::ProtocolError;
use crate::request::Request;
use crate::split::{UnbalancedQuotes, split_one};

/// The least room for a read: below it the buffer grows. A quarter of the usual read, so that a nearly complete
/// request does not double a buffer.
const SPARE_BYTES_MIN: usize = 4 * 1024;

/// The room made for a read at first: what Redis reads at once, and enough for hundreds of small requests.
const READ_BYTES_MIN: usize = 16 * 1024;

/// The room made for a read once reads have filled theirs: a pipeline worth one turn under the broker's lock.
const READ_BYTES_MAX: usize = 64 * 1024;

/// A buffer larger than this is given back as soon as no more than a quarter of it is in use. Twice the largest read,
/// as a buffer for it may also hold the beginning of a request, and giving back what the next read needs again would
/// be a waste.
const KEPT_BYTES_MAX: usize = 2 * READ_BYTES_MAX;

/// Finds requests in bytes that arrive in any pieces.
pub struct Decoder {
    limits: Limits,
    buf: BytesMut,
    /// Bytes before this are released: dead, and moved over when that is cheap.
    head: usize,
    cursor: Cursor,
    /// Arguments so far of the request under way, when it did not fit in one call of `decode`.
    partial: Args,
    /// The big bulk under way. While it is incomplete, nothing lies in `buf` beyond the cursor.
    big: Option<BigBulk>,
    /// Bytes of big bulks, with their line ends, that did not go through the read buffer: in the request under way,
    /// with all that is promised of the last; and in the batch that has not been released.
    partial_aside: usize,
    batch_aside: usize,
    /// How much room to make for the next read.
    read_bytes: usize,
    /// Where the room that was last offered for a read ends.
    offered: Option<usize>,
}

/// Whether the request at the cursor is there.
enum Step {
    Request,
    Nothing,
    Incomplete,
}

impl Decoder {
    /// A decoder that has seen no byte and holds no buffer.
    #[must_use]
    pub fn new(limits: Limits) -> Decoder {
        Decoder {
            limits,
            buf: BytesMut::new(),
            head: 0,
            cursor: Cursor::default(),
            partial: Args::default(),
            big: None,
            partial_aside: 0,
            batch_aside: 0,
            read_bytes: READ_BYTES_MIN,
            offered: None,
        }
    }

    /// Judges everything not decoded yet by other limits, also a request that was just refused.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Where the next bytes from the socket go: the read buffer, or the buffer of the big bulk under way. It has spare
    /// capacity; read into that and no more, so that a bulk is not read beyond its end.
    pub fn space(&mut self) -> &mut BytesMut {
        self.settle_big();
        if self.big.as_ref().is_some_and(|big| !big.is_complete()) {
            return self.big.as_mut().expect("checked on the line above").space();
        }
        let spare = self.buf.capacity() - self.buf.len();
        if spare < SPARE_BYTES_MIN || self.buf.capacity() < self.read_bytes {
            self.buf.reserve(self.read_bytes);
        }
        self.offered = Some(self.buf.capacity());
        &mut self.buf
    }

    /// Takes bytes that were read elsewhere.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let space = self.space();
            let take = bytes.len().min(space.capacity() - space.len());
            space.extend_from_slice(&bytes[..take]);
            bytes = &bytes[take..];
        }
    }

    /// Appends complete requests to `batch` until it holds `commands_max` requests or `bytes_max` bytes of requests.
    /// It is `Ok` also when none is complete: then read more into [`Decoder::space`].
    ///
    /// # Errors
    /// When the bytes are broken and this call has added no request: the requests before the broken one come first. The
    /// error stays until other limits are set; the owner replies with it and closes the connection.
    pub fn decode(&mut self, batch: &mut Batch, commands_max: usize, bytes_max: usize) -> Result<(), ProtocolError> {
        let before = batch.len();
        if std::mem::take(&mut self.offered).is_some_and(|end| self.buf.len() >= end) {
            // The last read took all the room there was, so there was probably more to read.
            self.read_bytes = READ_BYTES_MAX.min(self.read_bytes * 2);
        }
        if before == 0 {
            self.reclaim();
        }
        while batch.len() < commands_max && batch.bytes() < bytes_max {
            match self.step(batch) {
                Ok(Step::Request) => {}
                Ok(Step::Nothing) => self.cursor.base = self.cursor.pos,
                Ok(Step::Incomplete) => break,
                Err(error) if batch.len() == before => return Err(error),
                Err(_) => break,
            }
        }
        Ok(())
    }

    /// The requests of a batch in the order they came.
    pub fn requests<'a>(&'a self, batch: &'a Batch) -> impl ExactSizeIterator<Item = Request<'a>> + use<'a> {
        (0..batch.len()).map(move |index| self.request(batch, index))
    }

    /// Request number `index` of a batch.
    ///
    /// # Panics
    /// If the batch has no such request, or was filled by another decoder.
    #[inline]
    #[must_use]
    pub fn request<'a>(&'a self, batch: &'a Batch, index: usize) -> Request<'a> {
        let (Entry { base, start }, end) = batch.bounds(index);
        let Args { spans, shared } = &batch.args;
        Request::new(&self.buf[base..], &spans[start.spans..end.spans], &shared[start.shared..end.shared])
    }

    /// Forgets the requests of `batch` and frees their bytes. Allocations are kept for the next batch, but an
    /// outsized buffer is given back.
    pub fn release(&mut self, batch: &mut Batch) {
        batch.clear();
        self.reclaim();
    }

    /// Gives back all memory that holds no bytes: for a connection that has nothing to say for now. Not while a batch
    /// is in use, as bytes move.
    pub fn shrink(&mut self) {
        self.reclaim();
        self.fit();
        self.partial.fit();
    }

    /// Bytes received and not released yet, those of the batch and of big bulks included: what a
    /// `client-query-buffer-limit` bounds.
    #[must_use]
    pub fn buffered(&self) -> usize {
        let promised = self.big.as_ref().map_or(0, BigBulk::whole);
        let received = self.big.as_ref().map_or(0, BigBulk::received);
        self.buf.len() - self.head + self.batch_aside + self.partial_aside + received - promised
    }

    /// Bytes of memory taken: the read buffer, the big bulk under way, and the arguments so far of the request under
    /// way.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buf.capacity() + self.big.as_ref().map_or(0, BigBulk::capacity) + self.partial.memory_bytes()
    }

    /// Reads one request. One that is whole goes to the batch directly; of one that is not, the arguments so far are
    /// set aside, and it goes on there the next time, so that a request of a million arguments is never moved more
    /// than once.
    fn step(&mut self, batch: &mut Batch) -> Result<Step, ProtocolError> {
        let start = batch.args.mark();
        let resumed = self.cursor.missing > 0;
        let step = if resumed {
            let mut partial = std::mem::take(&mut self.partial);
            let step = self.read(&mut partial, Mark::default());
            if matches!(step, Ok(Step::Request)) {
                partial.move_tail(Mark::default(), &mut batch.args);
                partial.clear();
            }
            self.partial = partial;
            step
        } else {
            let step = self.read(&mut batch.args, start);
            if !matches!(step, Ok(Step::Request)) {
                batch.args.move_tail(start, &mut self.partial);
            }
            step
        };
        if matches!(step, Ok(Step::Request)) {
            let Cursor { base, pos, .. } = self.cursor;
            let aside = std::mem::take(&mut self.partial_aside);
            batch.push(Entry { base, start }, pos - base + aside);
            self.batch_aside += aside;
            self.cursor.base = pos;
            self.cursor.dead = 0;
        }
        step
    }

    /// Reads up to the end of a request, as far as there are bytes; its arguments begin at `start` in `args`.
    fn read(&mut self, args: &mut Args, start: Mark) -> Result<Step, ProtocolError> {
        loop {
            if self.big.is_some() {
                if !self.finish_big(args, start) {
                    return Ok(Step::Incomplete);
                }
                if self.cursor.missing == 0 {
                    return Ok(Step::Request);
                }
            }
            match framing::advance(&self.buf, &mut self.cursor, &self.limits, &mut args.spans)? {
                Found::Request => return Ok(Step::Request),
                Found::Nothing => return Ok(Step::Nothing),
                Found::Incomplete => return Ok(Step::Incomplete),
                Found::BigBulk(len) => self.begin_big(len),
                Found::Inline(line) => return self.split_line(line, args),
            }
        }
    }

    /// Moves what is here of a big bulk to a buffer of its own.
    fn begin_big(&mut self, len: usize) {
        let pos = self.cursor.pos;
        let received = (self.buf.len() - pos).min(len + LINE_END_BYTES);
        self.big = Some(BigBulk::new(len, &self.buf[pos..pos + received]));
        if pos + received == self.buf.len() {
            self.buf.truncate(pos);
            self.partial_aside += len + LINE_END_BYTES;
        } else {
            self.cursor.pos += received;
            self.cursor.dead += received;
        }
    }

    /// Makes the big bulk an argument if it is complete, and says whether it was.
    fn finish_big(&mut self, args: &mut Args, start: Mark) -> bool {
        self.settle_big();
        match self.big.take_if(|big| big.is_complete()) {
            None => false,
            Some(big) => {
                args.push_shared(big.finish(), start);
                self.cursor.missing -= 1;
                true
            }
        }
    }

    /// Brings bytes read beyond the end of a big bulk back where they belong, before others follow them.
    fn settle_big(&mut self) {
        if let Some(big) = &mut self.big {
            let overrun = big.take_overrun();
            self.buf.extend_from_slice(&overrun);
        }
    }

    /// Splits an inline line into arguments, which take the place of their text in the read buffer.
    fn split_line(&mut self, line: Range<usize>, args: &mut Args) -> Result<Step, ProtocolError> {
        let mark = args.mark();
        let mut text = Vec::with_capacity(line.len());
        let mut rest = &self.buf[line.clone()];
        loop {
            let at = text.len();
            match split_one(rest, &mut text) {
                Ok(None) => break,
                Ok(Some(after)) => {
                    args.spans.push(Span::slice(at, text.len() - at));
                    rest = after;
                }
                Err(UnbalancedQuotes) => {
                    args.spans.truncate(mark.spans);
                    self.cursor.pos = line.start;
                    return Err(ProtocolError::UnbalancedQuotes);
                }
            }
        }
        self.buf[line.start..line.start + text.len()].copy_from_slice(&text);
        Ok(if args.spans.len() == mark.spans { Step::Nothing } else { Step::Request })
    }

    /// Drops the bytes of released requests, and the buffer if it is outsized.
    fn reclaim(&mut self) {
        self.batch_aside = 0;
        self.head = self.cursor.base;
        let live = self.buf.len() - self.head;
        // Never more bytes move than were released since the last move, so the cost of all moves is linear.
        if self.head > 0 && self.head >= live {
            self.buf.copy_within(self.head.., 0);
            self.buf.truncate(live);
            self.start_at_head();
        }
        if self.buf.capacity() > KEPT_BYTES_MAX.max(4 * self.buf.len()) {
            self.fit();
        }
    }

    /// Takes a buffer that is no larger than what is in it.
    fn fit(&mut self) {
        let live = &self.buf[self.head..];
        let mut smaller = BytesMut::with_capacity(live.len());
        smaller.extend_from_slice(live);
        self.buf = smaller;
        self.start_at_head();
        self.read_bytes = READ_BYTES_MIN;
        self.offered = None;
    }

    /// What stood at `head` has become the first byte of the buffer.
    fn start_at_head(&mut self) {
        self.cursor.base -= self.head;
        self.cursor.pos -= self.head;
        self.head = 0;
    }
}
