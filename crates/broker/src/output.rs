//! What goes out to one client, in order, each piece behind its gate.
//!
//! A reply may leave only when the log position it depends on is safe (DESIGN: reply gate). The broker knows the
//! position and not what safe means; the driver knows that and not what is in the reply. So an output is a queue of
//! chunks with an opaque [`Gate`] each. Small replies of one gate run together in one buffer; a large shared body or
//! a reply that is encoded later is a chunk of its own.

use std::collections::VecDeque;

use bytes::Bytes;
use rbq_resp::{Encoder, LazyReply, Proto, Sink};

/// A position in the op log that must be safe before what stands behind this gate may be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gate(pub u64);

impl Gate {
    /// Nothing to wait for.
    pub const OPEN: Self = Self(0);
}

/// The content of a chunk.
pub enum Body {
    /// Encoded replies.
    Bytes(Vec<u8>),
    /// A large body that is shared with the value it shows.
    Shared(Bytes),
    /// A reply that is encoded as the socket drains.
    Lazy(Box<dyn LazyReply>, Proto),
}

/// A piece of output.
pub struct Chunk {
    /// What.
    pub body: Body,
    /// When.
    pub gate: Gate,
}

/// Bodies of at least this many bytes are shared rather than copied: below, copying is cheaper than one more piece
/// in the write.
const SHARED_BYTES_MIN: usize = 16 * 1024;

/// A client's output, being written.
#[derive(Default)]
pub struct Output {
    chunks: VecDeque<Chunk>,
    tail: Vec<u8>,
    tail_gate: Gate,
    errors: u64,
    last_error: String,
}

/// A place in an output to come back to.
#[derive(Clone, Copy)]
pub struct Mark {
    chunks: usize,
    tail: usize,
}

impl Output {
    /// An empty output that writes into this buffer, to reuse its allocation.
    pub fn with_buffer(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        Self { tail: buffer, ..Self::default() }
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.tail.is_empty()
    }

    /// Bytes encoded so far.
    pub fn len(&self) -> usize {
        self.tail.len() + self.chunks.iter().map(Chunk::len).sum::<usize>()
    }

    /// How many error replies were written.
    pub fn errors(&self) -> u64 {
        self.errors
    }

    /// The text of the newest error reply.
    pub fn last_error(&self) -> &str {
        &self.last_error
    }

    /// Where the output ends now.
    pub fn mark(&self) -> Mark {
        Mark { chunks: self.chunks.len(), tail: self.tail.len() }
    }

    /// Takes back everything since `mark`.
    pub fn rewind(&mut self, mark: Mark) {
        if self.chunks.len() > mark.chunks {
            self.chunks.truncate(mark.chunks + 1);
            match self.chunks.pop_back() {
                Some(Chunk { body: Body::Bytes(bytes), gate }) => {
                    self.tail = bytes;
                    self.tail_gate = gate;
                }
                _ => self.tail.clear(),
            }
        }
        self.tail.truncate(mark.tail);
    }

    /// Puts everything since `mark` behind `gate`. Replies before it may leave earlier; nothing overtakes.
    pub fn gate(&mut self, mark: Mark, gate: Gate) {
        if gate == Gate::OPEN || gate <= self.tail_gate {
            return;
        }
        for chunk in self.chunks.iter_mut().skip(mark.chunks) {
            chunk.gate = chunk.gate.max(gate);
        }
        if self.chunks.len() == mark.chunks && mark.tail > 0 {
            let rest = self.tail.split_off(mark.tail);
            let before = std::mem::replace(&mut self.tail, rest);
            self.chunks.push_back(Chunk { body: Body::Bytes(before), gate: self.tail_gate });
        }
        self.tail_gate = gate;
    }

    /// Takes the chunks in order, the running buffer last.
    pub fn drain(&mut self) -> impl Iterator<Item = Chunk> {
        self.close_tail();
        std::mem::take(&mut self.chunks).into_iter()
    }

    /// The whole output as one buffer behind one gate, which is the common case; none if it is more than that.
    pub fn take_simple(&mut self) -> Option<(Vec<u8>, Gate)> {
        self.chunks.is_empty().then(|| (std::mem::take(&mut self.tail), std::mem::take(&mut self.tail_gate)))
    }

    fn close_tail(&mut self) {
        if !self.tail.is_empty() {
            let body = Body::Bytes(std::mem::take(&mut self.tail));
            self.chunks.push_back(Chunk { body, gate: self.tail_gate });
        }
    }
}

impl Chunk {
    /// Bytes in this chunk, as far as known before a lazy one is encoded.
    #[allow(clippy::len_without_is_empty)] // a chunk is never empty
    pub fn len(&self) -> usize {
        match &self.body {
            Body::Bytes(bytes) => bytes.len(),
            Body::Shared(bytes) => bytes.len(),
            Body::Lazy(body, _) => body.pending_bytes_hint(),
        }
    }
}

/// Writes one client's replies into its output, in the protocol version it speaks.
pub struct Reply<'o> {
    out: &'o mut Output,
    proto: Proto,
}

impl<'o> Reply<'o> {
    /// Replies in `proto`, appended to `out`.
    pub fn new(out: &'o mut Output, proto: Proto) -> Self {
        Self { out, proto }
    }

    /// From here on replies in `proto`: HELLO answers in the version it switched to.
    pub fn speak(&mut self, proto: Proto) {
        self.proto = proto;
    }

    /// The output this writes to.
    pub fn output(&mut self) -> &mut Output {
        self.out
    }

    #[inline]
    fn encoder(&mut self) -> Encoder<'_> {
        Encoder::new(&mut self.out.tail, self.proto)
    }
}

impl Sink for Reply<'_> {
    fn proto(&self) -> Proto {
        self.proto
    }
    #[inline]
    fn status(&mut self, text: &str) {
        self.encoder().status(text);
    }
    fn error(&mut self, text: &str) {
        self.out.errors += 1;
        text.clone_into(&mut self.out.last_error);
        self.encoder().error(text);
    }
    #[inline]
    fn integer(&mut self, value: i64) {
        self.encoder().integer(value);
    }
    #[inline]
    fn bulk(&mut self, bytes: &[u8]) {
        self.encoder().bulk(bytes);
    }
    fn bulk_shared(&mut self, bytes: &Bytes) {
        if bytes.len() < SHARED_BYTES_MIN {
            return self.bulk(bytes);
        }
        let header = format!("${}\r\n", bytes.len());
        self.raw(header.as_bytes());
        self.out.close_tail();
        self.out.chunks.push_back(Chunk { body: Body::Shared(bytes.clone()), gate: self.out.tail_gate });
        self.raw(b"\r\n");
    }
    #[inline]
    fn null(&mut self) {
        self.encoder().null();
    }
    fn null_array(&mut self) {
        self.encoder().null_array();
    }
    #[inline]
    fn array(&mut self, len: usize) {
        self.encoder().array(len);
    }
    fn map(&mut self, pairs: usize) {
        self.encoder().map(pairs);
    }
    fn set(&mut self, len: usize) {
        self.encoder().set(len);
    }
    fn push(&mut self, len: usize) {
        self.encoder().push(len);
    }
    fn double(&mut self, value: f64) {
        self.encoder().double(value);
    }
    fn boolean(&mut self, value: bool) {
        self.encoder().boolean(value);
    }
    fn verbatim(&mut self, format: &str, text: &[u8]) {
        self.encoder().verbatim(format, text);
    }
    fn big_number(&mut self, digits: &str) {
        self.encoder().big_number(digits);
    }
    fn lazy(&mut self, body: Box<dyn LazyReply>) {
        self.out.close_tail();
        self.out.chunks.push_back(Chunk { body: Body::Lazy(body, self.proto), gate: self.out.tail_gate });
    }
    fn raw(&mut self, bytes: &[u8]) {
        self.out.tail.extend_from_slice(bytes);
    }
}
