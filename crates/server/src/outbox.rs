//! What waits to be sent to one connection.
//!
//! ```text
//!   replies of its own commands ─┐
//!   messages, served waiters ────┼──► pieces, in order ──► socket
//!   (from any thread)            ─┘
//! ```
//!
//! Appending happens while the broker is held, so that every connection sees one order; sending happens afterwards,
//! from whichever thread produced the output: waking the connection's own thread costs more than the write. Only
//! when the socket would block does the owner take over.
//!
//! A reply that is encoded as the socket drains keeps its place in the queue and is encoded a piece at a time.

use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice};
use std::task::Waker;

use bytes::Bytes;
use rbq_broker::{Body, Output};
use rbq_resp::{LazyReply, Progress, Proto};

use crate::socket::Writer;

/// A lazy reply is encoded in pieces of this size: what one write takes.
const PIECE_BYTES: usize = 64 * 1024;
/// Buffers above this size are given back once sent.
const KEPT_BYTES_MAX: usize = 64 * 1024;
/// Bytes sent in one go: a peer that reads as fast as we write must not keep a thread to itself.
const FLUSH_BYTES_MAX: usize = 1024 * 1024;
/// Pieces handed to the system in one write.
const SLICES_MAX: usize = 16;

enum Piece {
    Bytes(Vec<u8>),
    Shared(Bytes),
    Lazy(Box<dyn LazyReply>, Proto),
}

/// Whether everything could be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Nothing is left.
    All,
    /// The socket takes no more for now, or it is others' turn.
    Blocked,
    /// The connection is broken.
    Broken,
}

/// One connection's pending output and the signals to its task.
#[derive(Default)]
pub(crate) struct Outbox {
    /// Closed pieces, then `tail`.
    pieces: VecDeque<Piece>,
    tail: Vec<u8>,
    /// Bytes of the first piece that were sent.
    sent: usize,
    /// Bytes pending, lazy ones by their hint.
    pending: usize,
    /// Bytes sent in all.
    pub(crate) total_out: u64,
    /// The task's waker, while it sleeps.
    pub(crate) waker: Option<Waker>,
    /// The answer of a parked command was appended, or a pause is over.
    pub(crate) resumed: bool,
    /// The task has requests that wait for `resumed`.
    pub(crate) backlog: bool,
    /// Why the connection is to be closed once `resumed` or at once.
    pub(crate) close: Option<&'static str>,
    /// It is on somebody's list of connections to flush.
    pub(crate) listed: bool,
    /// When the soft limit was exceeded first, in monotonic microseconds.
    pub(crate) over_soft_since_us: Option<u64>,
}

impl Outbox {
    /// Bytes waiting.
    pub(crate) fn pending(&self) -> usize {
        self.pending
    }

    /// Pieces waiting.
    pub(crate) fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// Appends a reply. With nothing else waiting its buffer is taken over and `out` gets the old one.
    pub(crate) fn append(&mut self, out: &mut Output) {
        if let Some((bytes, _gate)) = out.take_simple() {
            self.pending += bytes.len();
            if self.tail.is_empty() && self.pieces.is_empty() {
                let spare = std::mem::replace(&mut self.tail, bytes);
                *out = Output::with_buffer(spare);
            } else {
                self.tail.extend_from_slice(&bytes);
                *out = Output::with_buffer(bytes);
            }
            return;
        }
        for chunk in out.drain() {
            self.pending += chunk.len();
            match chunk.body {
                Body::Bytes(bytes) if self.pieces.is_empty() && self.tail.is_empty() => self.tail = bytes,
                Body::Bytes(bytes) => self.tail.extend_from_slice(&bytes),
                Body::Shared(bytes) => self.push(Piece::Shared(bytes)),
                Body::Lazy(body, proto) => self.push(Piece::Lazy(body, proto)),
            }
        }
    }

    /// Appends encoded bytes.
    pub(crate) fn append_bytes(&mut self, bytes: &[u8]) {
        self.pending += bytes.len();
        self.tail.extend_from_slice(bytes);
    }

    /// Appends encoded bytes that others get too.
    pub(crate) fn append_shared(&mut self, bytes: Bytes) {
        self.pending += bytes.len();
        self.push(Piece::Shared(bytes));
    }

    fn push(&mut self, piece: Piece) {
        if !self.tail.is_empty() {
            self.pieces.push_back(Piece::Bytes(std::mem::take(&mut self.tail)));
        }
        self.pieces.push_back(piece);
    }

    /// Sends as much as the socket takes, within reason.
    pub(crate) fn flush(&mut self, socket: &Writer) -> Sent {
        let enough = self.total_out + FLUSH_BYTES_MAX as u64;
        loop {
            if self.pieces.is_empty() && self.tail.is_empty() {
                return Sent::All;
            }
            if self.total_out >= enough {
                return Sent::Blocked;
            }
            self.encode_front();
            let written = match self.write_once(socket) {
                Ok(written) => written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Sent::Blocked,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return Sent::Broken,
            };
            self.total_out += written as u64;
            self.pending = self.pending.saturating_sub(written);
            self.advance(written);
        }
    }

    /// Makes sure that the first piece is bytes.
    fn encode_front(&mut self) {
        while let Some(Piece::Lazy(body, proto)) = self.pieces.front_mut() {
            let (proto, hint) = (*proto, body.pending_bytes_hint());
            let mut bytes = Vec::with_capacity(PIECE_BYTES + 1024);
            let progress = body.encode(&mut bytes, proto, PIECE_BYTES);
            let left = if progress == Progress::Done { 0 } else { body.pending_bytes_hint() };
            self.pending = (self.pending + bytes.len() + left).saturating_sub(hint);
            if progress == Progress::Done {
                self.pieces.pop_front();
            }
            if !bytes.is_empty() {
                self.pieces.push_front(Piece::Bytes(bytes));
            }
        }
    }

    fn write_once(&self, socket: &Writer) -> std::io::Result<usize> {
        if self.pieces.is_empty() {
            return socket.try_write(&self.tail[self.sent..]);
        }
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut count = 0;
        for piece in self.pieces.iter().take(SLICES_MAX - 1) {
            let bytes: &[u8] = match piece {
                Piece::Bytes(bytes) => bytes,
                Piece::Shared(bytes) => bytes,
                Piece::Lazy(..) => break,
            };
            let skip = if count == 0 { self.sent } else { 0 };
            slices[count] = IoSlice::new(&bytes[skip..]);
            count += 1;
        }
        if count == self.pieces.len() && !self.tail.is_empty() {
            slices[count] = IoSlice::new(&self.tail);
            count += 1;
        }
        socket.try_write_vectored(&slices[..count])
    }

    /// Drops what was written.
    fn advance(&mut self, mut written: usize) {
        while let Some(piece) = self.pieces.front() {
            let len = match piece {
                Piece::Bytes(bytes) => bytes.len(),
                Piece::Shared(bytes) => bytes.len(),
                Piece::Lazy(..) => break,
            } - self.sent;
            if written < len {
                self.sent += written;
                return;
            }
            written -= len;
            self.sent = 0;
            self.pieces.pop_front();
        }
        self.sent += written;
        if !self.pieces.is_empty() {
            return;
        }
        if self.sent == self.tail.len() {
            self.sent = 0;
            self.tail.clear();
            if self.tail.capacity() > KEPT_BYTES_MAX {
                self.tail = Vec::new();
            }
        } else if self.sent > KEPT_BYTES_MAX && self.sent > self.tail.len() / 2 {
            // A receiver that never quite catches up: what it has read must not pile up before what it has not.
            self.tail.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Wakes the connection's task, if it sleeps.
    pub(crate) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}
