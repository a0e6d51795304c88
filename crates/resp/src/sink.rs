//! What a command writes its reply to.
//!
//! A command says what its reply *is* (a map, a double, nothing) and the sink decides how that looks in the protocol
//! version of the client. So no command asks for the version, and the rules of falling back to RESP2 stand in one
//! place ([`Encoder`](crate::Encoder)). A reply is written front to back: an aggregate first says how many elements
//! follow.

use bytes::Bytes;

/// The version of the protocol that a client chose with `HELLO`; without it, RESP2.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Proto {
    /// The protocol of Redis 1.2: statuses, errors, integers, bulks and arrays.
    #[default]
    Resp2,
    /// The protocol of Redis 6: maps, sets, doubles, pushes and more besides.
    Resp3,
}

/// The receiver of replies. Each call writes one element, or the head of an aggregate whose elements are the next
/// calls.
pub trait Sink {
    /// The version replies are written in.
    fn proto(&self) -> Proto;

    /// A short text that is no error: `+OK`.
    fn status(&mut self, text: &str);

    /// An error with its first word, such as `ERR no such key`. Line ends in it become spaces.
    fn error(&mut self, text: &str);

    /// An integer.
    fn integer(&mut self, value: i64);

    /// A string of bytes.
    fn bulk(&mut self, bytes: &[u8]);

    /// A string of bytes that is already shared, so that a sink may keep it rather than copy it.
    fn bulk_shared(&mut self, bytes: &Bytes) {
        self.bulk(bytes);
    }

    /// The absence of a value. RESP2: a null bulk.
    fn null(&mut self);

    /// The absence of an array. RESP2: a null array, which differs from a null bulk there only.
    fn null_array(&mut self);

    /// The head of an array: `len` elements follow.
    fn array(&mut self, len: usize);

    /// The head of a map: `pairs` times a key and a value follow. RESP2: an array of twice as many.
    fn map(&mut self, pairs: usize);

    /// The head of a set: `len` elements follow. RESP2: an array.
    fn set(&mut self, len: usize);

    /// The head of a message that answers no request: `len` elements follow. RESP2: an array.
    fn push(&mut self, len: usize);

    /// A number with a fraction. RESP2: a bulk with the same text.
    fn double(&mut self, value: f64);

    /// True or false. RESP2: the integer 1 or 0.
    fn boolean(&mut self, value: bool);

    /// A text with its format, three bytes such as `txt`. RESP2: a bulk without the format.
    fn verbatim(&mut self, format: &str, text: &[u8]);

    /// An integer of any length, in decimal. RESP2: a bulk.
    fn big_number(&mut self, digits: &str);

    /// A large body that may be encoded later, piece by piece. The default encodes it at once.
    fn lazy(&mut self, mut body: Box<dyn LazyReply>) {
        let mut piece = Vec::new();
        let proto = self.proto();
        loop {
            let progress = body.encode(&mut piece, proto, PIECE_BYTES);
            self.raw(&piece);
            piece.clear();
            if progress == Progress::Done {
                return;
            }
        }
    }

    /// Bytes that are already encoded in this sink's version: any number of whole elements, or a part of one whose
    /// other parts are written the same way.
    fn raw(&mut self, encoded: &[u8]);
}

/// How much of a lazy body is encoded at once when nobody asks for less: about a socket buffer.
const PIECE_BYTES: usize = 64 * 1024;

/// Whether a lazy body has been written to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// There is more: call again.
    More,
    /// All of it is written.
    Done,
}

/// A reply body, any number of whole elements, that shares what it shows and is encoded as the socket drains. So a
/// reply of a gigabyte costs a few pieces of memory, and its encoding no time under the broker's lock.
pub trait LazyReply: Send {
    /// Appends the next piece to `out`: about `bytes_max` bytes, beyond it by one element at most. It makes progress at
    /// every call, if only by being done.
    fn encode(&mut self, out: &mut Vec<u8>, proto: Proto, bytes_max: usize) -> Progress;

    /// About how many bytes are still to be encoded; for limits and `CLIENT LIST`.
    fn pending_bytes_hint(&self) -> usize;
}

/// A sink for replies that nobody reads: of a replayed command, or after `CLIENT REPLY OFF`.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullSink;

impl Sink for NullSink {
    fn proto(&self) -> Proto {
        Proto::Resp2
    }
    fn status(&mut self, _: &str) {}
    fn error(&mut self, _: &str) {}
    fn integer(&mut self, _: i64) {}
    fn bulk(&mut self, _: &[u8]) {}
    fn null(&mut self) {}
    fn null_array(&mut self) {}
    fn array(&mut self, _: usize) {}
    fn map(&mut self, _: usize) {}
    fn set(&mut self, _: usize) {}
    fn push(&mut self, _: usize) {}
    fn double(&mut self, _: f64) {}
    fn boolean(&mut self, _: bool) {}
    fn verbatim(&mut self, _: &str, _: &[u8]) {}
    fn big_number(&mut self, _: &str) {}
    fn lazy(&mut self, _: Box<dyn LazyReply>) {}
    fn raw(&mut self, _: &[u8]) {}
}

impl<S: Sink + ?Sized> Sink for &mut S {
    fn proto(&self) -> Proto {
        (**self).proto()
    }
    fn status(&mut self, text: &str) {
        (**self).status(text);
    }
    fn error(&mut self, text: &str) {
        (**self).error(text);
    }
    fn integer(&mut self, value: i64) {
        (**self).integer(value);
    }
    fn bulk(&mut self, bytes: &[u8]) {
        (**self).bulk(bytes);
    }
    fn bulk_shared(&mut self, bytes: &Bytes) {
        (**self).bulk_shared(bytes);
    }
    fn null(&mut self) {
        (**self).null();
    }
    fn null_array(&mut self) {
        (**self).null_array();
    }
    fn array(&mut self, len: usize) {
        (**self).array(len);
    }
    fn map(&mut self, pairs: usize) {
        (**self).map(pairs);
    }
    fn set(&mut self, len: usize) {
        (**self).set(len);
    }
    fn push(&mut self, len: usize) {
        (**self).push(len);
    }
    fn double(&mut self, value: f64) {
        (**self).double(value);
    }
    fn boolean(&mut self, value: bool) {
        (**self).boolean(value);
    }
    fn verbatim(&mut self, format: &str, text: &[u8]) {
        (**self).verbatim(format, text);
    }
    fn big_number(&mut self, digits: &str) {
        (**self).big_number(digits);
    }
    fn lazy(&mut self, body: Box<dyn LazyReply>) {
        (**self).lazy(body);
    }
    fn raw(&mut self, encoded: &[u8]) {
        (**self).raw(encoded);
    }
}
