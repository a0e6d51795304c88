//! What is wrong with the bytes a server sent.

/// A server's reply is broken, or larger than the client agreed to. Where its next reply would start is unknown, so the
/// connection must close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// No type of RESP2 or RESP3 begins with this byte.
    #[error("reply begins with unknown type byte 0x{0:02x}")]
    UnknownType(u8),
    /// A length is no number, has a sign or leading zeros, or is negative where nothing can be missing.
    #[error("reply has an invalid length")]
    InvalidLength,
    /// A number, double, boolean, null or verbatim string does not read as one.
    #[error("reply has an invalid {0}")]
    InvalidScalar(&'static str),
    /// A bulk is not followed by CR and LF.
    #[error("reply has no line end after a bulk")]
    MissingLineEnd,
    /// A streamed string or aggregate (`$?`, `*?`): part of RESP3 that no server sends, and without a bound.
    #[error("reply is of a streamed type, which is not supported")]
    Streamed,
    /// Deeper nested than [`ScanLimits::depth_max`](crate::ScanLimits::depth_max).
    #[error("reply is nested too deep")]
    TooDeep,
    /// Larger, or promising to be, than [`ScanLimits::frame_bytes_max`](crate::ScanLimits::frame_bytes_max).
    #[error("reply is too large")]
    TooLarge,
    /// A line is longer than [`ScanLimits::line_bytes_max`](crate::ScanLimits::line_bytes_max).
    #[error("reply has a line that is too long")]
    LineTooLong,
}
