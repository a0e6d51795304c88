//! What is wrong with the bytes a client sent, in Redis's own words.

use std::fmt;

/// The framing of a client's bytes is broken; where its next request would start is unknown, so the connection must
/// close.
///
/// `Display` is the text that Redis writes after `-ERR `, byte for byte. It never holds CR, LF or any other control
/// byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The number after `*` is no integer, or above [`Limits::args_max`](crate::Limits::args_max).
    #[error("Protocol error: invalid multibulk length")]
    InvalidMultibulkLength,
    /// The line after `*` does not end within [`Limits::inline_bytes_max`](crate::Limits::inline_bytes_max).
    #[error("Protocol error: too big mbulk count string")]
    TooBigMultibulkCount,
    /// A stranger announced more than 10 arguments.
    #[error("Protocol error: unauthenticated multibulk length")]
    UnauthenticatedMultibulkLength,
    /// An argument does not begin with `$`.
    #[error("Protocol error: expected '$', got '{}'", Shown(*.got))]
    ExpectedBulk {
        /// The byte in its place.
        got: u8,
    },
    /// The number after `$` is no integer, negative, or above
    /// [`Limits::bulk_bytes_max`](crate::Limits::bulk_bytes_max).
    #[error("Protocol error: invalid bulk length")]
    InvalidBulkLength,
    /// The line after `$` does not end within [`Limits::inline_bytes_max`](crate::Limits::inline_bytes_max).
    #[error("Protocol error: too big bulk count string")]
    TooBigBulkCount,
    /// A stranger announced a bulk of more than 16 KiB.
    #[error("Protocol error: unauthenticated bulk length")]
    UnauthenticatedBulkLength,
    /// An inline request does not end within [`Limits::inline_bytes_max`](crate::Limits::inline_bytes_max).
    #[error("Protocol error: too big inline request")]
    TooBigInline,
    /// An inline request opens a quote that it does not close, or has text right after a closing one.
    #[error("Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
    /// A request takes more than [`Limits::request_bytes_max`](crate::Limits::request_bytes_max) of the read buffer.
    /// Redis has no such text: its query buffer limit closes the connection without one.
    #[error("Protocol error: too big request")]
    TooBigRequest,
}

/// A byte as an error may show it. Redis writes the raw byte, with CR and LF as spaces; we show what is no printable
/// ASCII as `\xHH`, so that a hostile byte can neither forge a line nor break a terminal or a log.
struct Shown(u8);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            b'\r' | b'\n' => f.write_str(" "),
            byte @ b' '..=b'~' => write!(f, "{}", char::from(byte)),
            byte => write!(f, "\\x{byte:02x}"),
        }
    }
}
