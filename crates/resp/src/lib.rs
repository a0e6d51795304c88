//! The Redis wire protocol: bytes to requests, replies to bytes.
//!
//! Everything here is a pure function of the bytes it was fed: no socket, clock, task or file. A server feeds what it
//! read and gets requests ([`Decoder`]); it writes replies through a [`Sink`]; a client encodes requests
//! ([`encode_request`]) and gets [`Value`]s back ([`ValueDecoder`]).
//!
//! ```text
//!   socket ──► Decoder ──► Batch of Request ──► (a command) ──► Sink = Encoder ──► socket      the server's side
//!   socket ◄── encode_request                       Value ◄── ValueDecoder ◄── socket          the client's side
//! ```
//!
//! The hostile case shapes both decoders. They are iterative, so nesting cannot overflow a stack; resumable, so a
//! slow sender cannot make them look at a byte twice; and they take memory for bytes that arrived, never for a length
//! that was only promised.
//!
//! ```
//! use rbq_resp::{Batch, Decoder, Encoder, Limits, Proto, Sink};
//!
//! let mut decoder = Decoder::new(Limits::DEFAULT);
//! let mut batch = Batch::default();
//! let mut replies = Vec::new();
//!
//! decoder.feed(b"*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\nPI");
//! decoder.decode(&mut batch, 128, 64 * 1024)?;
//! for request in decoder.requests(&batch) {
//!     Encoder::new(&mut replies, Proto::Resp3).bulk(request.arg(1));
//! }
//! decoder.release(&mut batch);
//!
//! assert_eq!(replies, b"$5\r\nhello\r\n");
//! assert_eq!(decoder.buffered(), 2);
//! # Ok::<(), rbq_resp::ProtocolError>(())
//! ```
//!
//! `redis-protocol` is named by this crate alone. It computes the slot of a key and is the other side of the
//! differential tests; why it does not decode replies is told in [`value`](mod@value).

#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]
#![warn(missing_docs)]

mod args;
mod batch;
mod big_bulk;
mod decoder;
mod double;
mod encoder;
mod frame_error;
mod framing;
mod limits;
mod number;
mod protocol_error;
mod quote;
mod request;
mod request_encoder;
mod scanner;
mod sink;
mod slot;
mod split;
pub mod value;
mod value_decoder;

pub use batch::Batch;
pub use decoder::Decoder;
pub use double::{Double, format_double};
pub use encoder::Encoder;
pub use frame_error::FrameError;
pub use limits::{BIG_BULK_BYTES, Limits, ScanLimits, Stage};
pub use number::parse_integer;
pub use protocol_error::ProtocolError;
pub use quote::{quote, quote_into};
pub use request::{Bulk, OwnedRequest, Request};
pub use request_encoder::encode_request;
pub use scanner::FrameScanner;
pub use sink::{LazyReply, NullSink, Progress, Proto, Sink};
pub use slot::{SLOTS, slot};
pub use split::{UnbalancedQuotes, split_args};
pub use value::Value;
pub use value_decoder::ValueDecoder;
