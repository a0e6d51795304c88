//! What goes out to one client, in order, behind its gate.
//!
//! A reply may leave only when the log position it depends on is safe. The broker knows the position and not what safe
//! means; the driver knows that and not what is in the reply. So an output carries an opaque [`Gate`]: the newest
//! position that any reply in it depends on.
//!
//! One gate is enough, because an output lives for one hold of the broker, and all that is logged during a hold is handed
//! to the log as one record: its replies become safe together. A gate for each reply would cost a buffer for each.
//!
//! Small replies run together in one buffer; a large shared body or a reply that is encoded later is a piece of its own.

use std::collections::VecDeque;

use bytes::Bytes;
use rbq_resp::{Encoder, LazyReply, Proto, Sink};

/// What must be kept before what stands behind this gate may be seen: the log up to one position as the policy means it, and up to
/// another one synced, whatever the policy is. Gates are in no order: of two, each may wait for something that the other does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    position: u64,
    synced: u64,
}

impl Gate {
    /// Nothing to wait for.
    pub const OPEN: Self = Self::at(0);

    /// What depends on the log up to this position.
    #[must_use]
    pub const fn at(position: u64) -> Self {
        Self { position, synced: 0 }
    }

    /// The same position, to be synced whatever the policy is: an answer that says so itself.
    #[must_use]
    pub const fn synced(self) -> Self {
        Self { synced: self.position, ..self }
    }

    /// Open when both are.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { position: self.position.max(other.position), synced: self.synced.max(other.synced) }
    }

    /// Whether it is open whenever the other one is.
    #[must_use]
    pub fn is_behind(self, other: Self) -> bool {
        self.position <= other.position && self.synced <= other.synced
    }

    /// Whether it is open, when the log is safe up to `safe` as the policy means it and synced up to `synced`.
    #[must_use]
    pub const fn is_open(self, safe: u64, synced: u64) -> bool {
        self.position <= safe && !self.waits_for_sync(synced)
    }

    /// Whether it waits for a sync, when the log is synced up to `synced`.
    #[must_use]
    pub const fn waits_for_sync(self, synced: u64) -> bool {
        self.synced > synced
    }

    /// The position in the log.
    #[must_use]
    pub const fn position(self) -> u64 {
        self.position
    }
}

/// A piece of output.
pub enum Body {
    /// Encoded replies.
    Bytes(Vec<u8>),
    /// A large body that is shared with the value it shows.
    Shared(Bytes),
    /// A reply that is encoded as the socket drains.
    Lazy(Box<dyn LazyReply>, Proto),
}

/// Bodies of at least this many bytes are shared rather than copied: below, copying is cheaper than one more piece
/// in the write.
const SHARED_BYTES_MIN: usize = 16 * 1024;

/// A client's output, being written.
#[derive(Default)]
pub struct Output {
    pieces: VecDeque<Body>,
    tail: Vec<u8>,
    gate: Gate,
    errors: u64,
    last_error: String,
}

/// A place in an output to come back to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pieces: usize,
    tail: usize,
}

impl Output {
    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.tail.is_empty()
    }

    /// Bytes encoded so far.
    pub fn len(&self) -> usize {
        self.tail.len() + self.pieces.iter().map(Body::len).sum::<usize>()
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
        Mark { pieces: self.pieces.len(), tail: self.tail.len() }
    }

    /// Takes back everything since `mark`.
    pub fn rewind(&mut self, mark: Mark) {
        if self.pieces.len() > mark.pieces {
            self.pieces.truncate(mark.pieces + 1);
            match self.pieces.pop_back() {
                Some(Body::Bytes(bytes)) => self.tail = bytes,
                _ => self.tail.clear(),
            }
        }
        self.tail.truncate(mark.tail);
    }

    /// Puts everything so far behind `gate`.
    pub fn raise(&mut self, gate: Gate) {
        self.gate = self.gate.and(gate);
    }

    /// Behind which gate it stands.
    pub fn gate(&self) -> Gate {
        self.gate
    }

    /// Takes the pieces in order, the running buffer last.
    pub fn drain(&mut self) -> impl Iterator<Item = Body> {
        self.close_tail();
        self.gate = Gate::OPEN;
        std::mem::take(&mut self.pieces).into_iter()
    }

    /// The whole output as the one buffer that it is in the common case; none if it is more than that.
    pub fn simple(&mut self) -> Option<&mut Vec<u8>> {
        self.pieces.is_empty().then_some(&mut self.tail)
    }

    /// Forgets what was taken; keeps the allocation.
    pub fn clear(&mut self) {
        self.pieces.clear();
        self.tail.clear();
        self.gate = Gate::OPEN;
    }

    fn close_tail(&mut self) {
        if !self.tail.is_empty() {
            self.pieces.push_back(Body::Bytes(std::mem::take(&mut self.tail)));
        }
    }
}

impl Body {
    /// Bytes in this piece, as far as known before a lazy one is encoded.
    #[allow(clippy::len_without_is_empty)] // a piece is never empty
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Shared(bytes) => bytes.len(),
            Self::Lazy(body, _) => body.pending_bytes_hint(),
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
        self.out.pieces.push_back(Body::Shared(bytes.clone()));
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
        self.out.pieces.push_back(Body::Lazy(body, self.proto));
    }
    fn raw(&mut self, bytes: &[u8]) {
        self.out.tail.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_a_sync_says_nothing_of_what_comes_later() {
        let (told_synced, later) = (Gate::at(5).synced(), Gate::at(6));
        assert!(!later.is_behind(told_synced) && !told_synced.is_behind(later));
        assert!(Gate::at(5).is_behind(told_synced) && told_synced.is_behind(told_synced.and(later)));
        assert!(told_synced.is_open(5, 5) && !later.is_open(5, 5));
        assert!(later.is_open(6, 4) && !told_synced.is_open(6, 4));
        assert!(!told_synced.and(later).is_open(6, 4) && !told_synced.and(later).is_open(5, 5));
        assert!(told_synced.and(later).is_open(6, 5), "what comes later need not be synced");
    }
}
