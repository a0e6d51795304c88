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
//!
//! Every piece stands behind a gate, a position in the log: it may leave once the log is safe up to there. Nothing
//! overtakes, so what waits for no more than what is before it is one piece with it.

use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice};
use std::task::Waker;

use bytes::Bytes;
use rbq_broker::{Body, Gate, Output};
use rbq_resp::{LazyReply, Progress, Proto};

use crate::gates::Gates;
use crate::socket::Writer;

/// A lazy reply is encoded in pieces of this size: what one write takes.
const PIECE_BYTES: usize = 64 * 1024;
/// Buffers above this size are given back once sent.
const KEPT_BYTES_MAX: usize = 64 * 1024;
/// Bytes sent in one go: a peer that reads as fast as we write must not keep a thread to itself.
const FLUSH_BYTES_MAX: usize = 1024 * 1024;
/// Pieces handed to the system in one write.
const SLICES_MAX: usize = 16;

enum Content {
    Bytes(Vec<u8>),
    Shared(Bytes),
    Lazy(Box<dyn LazyReply>, Proto),
}

struct Piece {
    content: Content,
    gate: Gate,
}

/// Whether everything could be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Nothing is left.
    All,
    /// The socket takes no more for now, or it is others' turn.
    Blocked,
    /// What comes next waits for its gate.
    Gated(Gate),
    /// The connection is broken.
    Broken,
}

/// One connection's pending output and the signals to its task.
#[derive(Default)]
pub(crate) struct Outbox {
    /// Closed pieces, then `tail`.
    pieces: VecDeque<Piece>,
    tail: Vec<u8>,
    tail_gate: Gate,
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
    /// It is in its thread's line of connections that wait for a gate.
    pub(crate) gated: bool,
    /// The task wants to know when what was gated is sent: it closes then, or goes on.
    pub(crate) wants_news: bool,
    /// The task is to look again.
    pub(crate) nudged: bool,
    /// It runs nothing until there is room in the log again: it will be nudged.
    pub(crate) held_back: bool,
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

    /// Appends replies and empties `out`.
    pub(crate) fn append(&mut self, out: &mut Output) {
        let gate = out.gate();
        match out.simple() {
            Some(bytes) => self.append_buffer(bytes, gate),
            None => out.drain().for_each(|piece| self.append_piece(piece, gate)),
        }
        out.clear();
    }

    fn append_piece(&mut self, piece: Body, gate: Gate) {
        match piece {
            Body::Bytes(mut bytes) => self.append_buffer(&mut bytes, gate),
            Body::Shared(bytes) => self.append_shared(bytes, gate),
            Body::Lazy(body, proto) => {
                self.pending += body.pending_bytes_hint();
                self.push(Content::Lazy(body, proto), gate);
            }
        }
    }

    /// Appends encoded bytes. With nothing before them their buffer is taken over and the old one left instead.
    pub(crate) fn append_buffer(&mut self, bytes: &mut Vec<u8>, gate: Gate) {
        if !self.tail.is_empty() {
            return self.append_bytes(bytes, gate);
        }
        self.pending += bytes.len();
        self.tail_gate = gate;
        std::mem::swap(&mut self.tail, bytes);
    }

    /// Appends encoded bytes.
    pub(crate) fn append_bytes(&mut self, bytes: &[u8], gate: Gate) {
        if !gate.is_behind(self.tail_gate) {
            // What waits for less must not wait for this too: under a steady load it would never leave.
            self.close_tail();
            self.tail_gate = gate;
        }
        self.pending += bytes.len();
        self.tail.extend_from_slice(bytes);
    }

    /// Appends encoded bytes that others get too.
    pub(crate) fn append_shared(&mut self, bytes: Bytes, gate: Gate) {
        self.pending += bytes.len();
        self.push(Content::Shared(bytes), gate);
    }

    fn push(&mut self, content: Content, gate: Gate) {
        self.close_tail();
        self.pieces.push_back(Piece { content, gate });
    }

    fn close_tail(&mut self) {
        if !self.tail.is_empty() {
            let content = Content::Bytes(std::mem::take(&mut self.tail));
            self.pieces.push_back(Piece { content, gate: self.tail_gate });
        }
    }

    /// Sends as much as the socket takes and as gates let through, within reason.
    pub(crate) fn flush(&mut self, socket: &Writer, gates: &Gates) -> Sent {
        let enough = self.total_out + FLUSH_BYTES_MAX as u64;
        loop {
            // First, as it may come to nothing: what is in front then has a gate of its own.
            self.encode_front(gates);
            let gate = match self.pieces.front() {
                Some(piece) => piece.gate,
                None if self.tail.is_empty() => return Sent::All,
                None => self.tail_gate,
            };
            if !gates.is_open(gate) {
                return Sent::Gated(gate);
            }
            if self.total_out >= enough {
                return Sent::Blocked;
            }
            let written = match self.write_once(socket, gates) {
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

    /// Makes sure that the first piece is bytes, unless it may not leave yet.
    fn encode_front(&mut self, gates: &Gates) {
        while let Some(Piece { content: Content::Lazy(body, proto), gate }) = self.pieces.front_mut() {
            let (proto, gate, hint) = (*proto, *gate, body.pending_bytes_hint());
            if !gates.is_open(gate) {
                return;
            }
            let mut bytes = Vec::with_capacity(PIECE_BYTES + 1024);
            let progress = body.encode(&mut bytes, proto, PIECE_BYTES);
            let left = if progress == Progress::Done { 0 } else { body.pending_bytes_hint() };
            self.pending = (self.pending + bytes.len() + left).saturating_sub(hint);
            if progress == Progress::Done {
                self.pieces.pop_front();
            }
            if !bytes.is_empty() {
                self.pieces.push_front(Piece { content: Content::Bytes(bytes), gate });
            }
        }
    }

    fn write_once(&self, socket: &Writer, gates: &Gates) -> std::io::Result<usize> {
        if self.pieces.is_empty() {
            return socket.try_write(&self.tail[self.sent..]);
        }
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut count = 0;
        for piece in self.pieces.iter().take(SLICES_MAX - 1).take_while(|piece| gates.is_open(piece.gate)) {
            let bytes: &[u8] = match &piece.content {
                Content::Bytes(bytes) => bytes,
                Content::Shared(bytes) => bytes,
                Content::Lazy(..) => break,
            };
            let skip = if count == 0 { self.sent } else { 0 };
            slices[count] = IoSlice::new(&bytes[skip..]);
            count += 1;
        }
        if count == self.pieces.len() && !self.tail.is_empty() && gates.is_open(self.tail_gate) {
            slices[count] = IoSlice::new(&self.tail);
            count += 1;
        }
        socket.try_write_vectored(&slices[..count])
    }

    /// Drops what was written.
    fn advance(&mut self, mut written: usize) {
        while let Some(piece) = self.pieces.front() {
            let len = match &piece.content {
                Content::Bytes(bytes) => bytes.len(),
                Content::Shared(bytes) => bytes.len(),
                Content::Lazy(..) => break,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::Accepted;

    /// A reply whose last piece turns out to be empty, as of a range that ended with the piece before.
    struct Ended;

    impl LazyReply for Ended {
        fn encode(&mut self, _: &mut Vec<u8>, _: Proto, _: usize) -> Progress {
            Progress::Done
        }

        fn pending_bytes_hint(&self) -> usize {
            64
        }
    }

    #[tokio::test]
    async fn what_follows_a_reply_that_comes_to_nothing_waits_for_its_own_gate() {
        use std::io::Read as _;

        let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().expect("a pair of sockets");
        ours.set_nonblocking(true).expect("it is a socket");
        theirs.set_nonblocking(true).expect("it is a socket");
        let (_reader, writer, _) = Accepted::Unix(ours).split().expect("there is a runtime");
        std::future::poll_fn(|cx| writer.poll_ready(cx)).await.expect("it is a socket");
        let gates = Gates::new(1);
        for in_a_piece in [false, true] {
            let mut outbox = Outbox::default();
            outbox.append_piece(Body::Lazy(Box::new(Ended), Proto::Resp2), Gate::OPEN);
            outbox.append_buffer(&mut b"+OK\r\n".to_vec(), Gate::at(7));
            if in_a_piece {
                outbox.append_shared(Bytes::from_static(b"more"), Gate::at(8));
            }
            assert_eq!(outbox.flush(&writer, &gates), Sent::Gated(Gate::at(7)));
            let received = theirs.read(&mut [0; 16]);
            assert_eq!(received.expect_err("nothing was sent").kind(), ErrorKind::WouldBlock);
        }
    }

    #[test]
    fn an_answer_never_leaves_with_one_that_waits_for_something_else() {
        let mut outbox = Outbox::default();
        let (told_synced, later) = (Gate::at(5).synced(), Gate::at(6));
        for (answer, gate) in
            [("1", told_synced), ("2", Gate::at(5)), ("3", later), ("4", Gate::OPEN), ("5", later.synced())]
        {
            outbox.append_buffer(&mut answer.into(), gate);
        }
        outbox.append_shared(Bytes::from_static(b"6"), Gate::at(7));
        let pieces = outbox.pieces.iter().map(|piece| match &piece.content {
            Content::Bytes(bytes) => (&bytes[..], piece.gate),
            Content::Shared(bytes) => (&bytes[..], piece.gate),
            Content::Lazy(..) => unreachable!("none was appended"),
        });
        let expected: [(&[u8], Gate); 4] =
            [(b"12", told_synced), (b"34", later), (b"5", later.synced()), (b"6", Gate::at(7))];
        assert_eq!(pieces.collect::<Vec<_>>(), expected);
    }
}
