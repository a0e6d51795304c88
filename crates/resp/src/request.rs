//! A request as the broker sees it: its arguments, wherever their bytes are.
//!
//! ```text
//!   read buffer   *3␍␊ $5␍␊LPUSH␍␊ $4␍␊mail␍␊ $20000␍␊ ····
//!                          └───┘      └──┘
//!   spans                  slice      slice     shared 0 ──► Bytes of 20,000
//! ```
//!
//! [`Request`] borrows all of it and is three slices, so it is passed by copy. [`OwnedRequest`] is for the request
//! that must outlive the read buffer: queued by `MULTI`, or parked by a blocking command.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::args::Span;
use crate::limits::BIG_BULK_BYTES;

/// One argument of a request.
#[derive(Clone, Copy)]
pub enum Bulk<'a> {
    /// A slice of the read buffer.
    Slice(&'a [u8]),
    /// A big bulk, at least [`BIG_BULK_BYTES`] long, in a buffer of its own: kept by a cheap clone.
    Shared(&'a Bytes),
}

impl<'a> Bulk<'a> {
    /// The bytes, for as long as the request lives.
    #[inline]
    #[must_use]
    pub fn as_slice(self) -> &'a [u8] {
        match self {
            Bulk::Slice(bytes) => bytes,
            Bulk::Shared(bytes) => bytes,
        }
    }

    /// The bytes to keep: a copy of a slice, another handle on a shared buffer.
    #[must_use]
    pub fn to_bytes(self) -> Bytes {
        match self {
            Bulk::Slice(bytes) => Bytes::copy_from_slice(bytes),
            Bulk::Shared(bytes) => bytes.clone(),
        }
    }
}

impl Deref for Bulk<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl fmt::Debug for Bulk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.escape_ascii())
    }
}

/// A view of one complete request: its command name and arguments, in order.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
    shared: &'a [Bytes],
}

impl<'a> Request<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8], spans: &'a [Span], shared: &'a [Bytes]) -> Request<'a> {
        Request { bytes, spans, shared }
    }

    /// How many arguments there are, the command name among them.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is no argument. A decoded request has at least one; a view left by [`Request::skip`] may have
    /// none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Argument number `index`; the command name is number 0.
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Bulk<'a>> {
        self.spans.get(index).map(|span| span.resolve(self.bytes, self.shared))
    }

    /// The bytes of argument number `index`.
    ///
    /// # Panics
    /// If there is no such argument: whoever calls it has checked the arity.
    #[inline]
    #[must_use]
    pub fn arg(&self, index: usize) -> &'a [u8] {
        self.spans[index].resolve(self.bytes, self.shared).as_slice()
    }

    /// All arguments in order.
    #[inline]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Bulk<'a>> + ExactSizeIterator + Clone + use<'a> {
        let Request { bytes, spans, shared } = *self;
        spans.iter().map(move |span| span.resolve(bytes, shared))
    }

    /// The same request without its first `count` arguments; empty if it has no more than that.
    #[inline]
    #[must_use]
    pub fn skip(&self, count: usize) -> Request<'a> {
        Request { spans: self.spans.get(count..).unwrap_or_default(), ..*self }
    }

    /// The lengths of all arguments together.
    #[must_use]
    pub fn bytes_len(&self) -> usize {
        self.iter().map(|bulk| bulk.len()).sum()
    }

    /// A copy that outlives the read buffer. Big bulks are shared, not copied.
    #[must_use]
    pub fn to_owned(&self) -> OwnedRequest {
        let mut builder = Builder::with_capacity(self.len(), self.iter().map(|bulk| small_len(bulk.len())).sum());
        for bulk in self.iter() {
            match bulk {
                Bulk::Slice(bytes) => builder.push(bytes),
                Bulk::Shared(bytes) => builder.push_shared(bytes.clone()),
            }
        }
        builder.finish()
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Request<'_> {
    fn eq(&self, other: &Request<'_>) -> bool {
        self.iter().map(Bulk::as_slice).eq(other.iter().map(Bulk::as_slice))
    }
}

/// A request that outlives the read buffer. All small arguments share one allocation; big bulks stay shared.
#[derive(Clone)]
pub struct OwnedRequest {
    bytes: Box<[u8]>,
    spans: SmallVec<[Span; 6]>,
    shared: Vec<Bytes>,
}

impl OwnedRequest {
    /// A request of these arguments, the command name first.
    pub fn from_args<I>(args: I) -> OwnedRequest
    where
        I: IntoIterator<Item: AsRef<[u8]>>,
    {
        let mut builder = Builder::with_capacity(0, 0);
        for arg in args {
            builder.push(arg.as_ref());
        }
        builder.finish()
    }

    /// The request as every command takes it.
    #[inline]
    #[must_use]
    pub fn view(&self) -> Request<'_> {
        Request::new(&self.bytes, &self.spans, &self.shared)
    }

    /// Bytes that this request keeps alive, itself among them; a big bulk counts whole although others may share it.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let spilled = if self.spans.spilled() { self.spans.capacity() * size_of::<Span>() } else { 0 };
        let shared: usize = self.shared.iter().map(Bytes::len).sum();
        size_of::<OwnedRequest>() + self.bytes.len() + spilled + self.shared.capacity() * size_of::<Bytes>() + shared
    }
}

impl fmt::Debug for OwnedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

impl PartialEq for OwnedRequest {
    fn eq(&self, other: &OwnedRequest) -> bool {
        self.view() == other.view()
    }
}

/// Gathers the arguments of an [`OwnedRequest`].
struct Builder {
    bytes: Vec<u8>,
    spans: SmallVec<[Span; 6]>,
    shared: Vec<Bytes>,
}

impl Builder {
    fn with_capacity(args: usize, bytes: usize) -> Builder {
        Builder { bytes: Vec::with_capacity(bytes), spans: SmallVec::with_capacity(args), shared: Vec::new() }
    }

    fn push(&mut self, arg: &[u8]) {
        let at = self.bytes.len();
        // An argument may also lie beyond the 4 GiB that a span can point at; then it gets a buffer of its own as well.
        if small_len(arg.len()) == 0 && !arg.is_empty() || at + arg.len() >= u32::MAX as usize {
            self.push_shared(Bytes::copy_from_slice(arg));
            return;
        }
        self.bytes.extend_from_slice(arg);
        self.spans.push(Span::slice(at, arg.len()));
    }

    fn push_shared(&mut self, bulk: Bytes) {
        self.spans.push(Span::shared(self.shared.len()));
        self.shared.push(bulk);
    }

    fn finish(self) -> OwnedRequest {
        OwnedRequest { bytes: self.bytes.into_boxed_slice(), spans: self.spans, shared: self.shared }
    }
}

/// What an argument of this length adds to the common buffer: nothing if it is big.
fn small_len(len: usize) -> usize {
    if len >= BIG_BULK_BYTES { 0 } else { len }
}
