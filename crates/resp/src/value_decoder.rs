//! Bytes from a server to values.
//!
//! Two passes over each reply: the scanner finds its end and bounds it, then [`build`] decodes it by plain recursion,
//! in which nothing can be missing any more. Strings are slices of the received bytes, not copies.

use bytes::{Buf, Bytes, BytesMut};

use crate::big_bulk::LINE_END_BYTES;
use crate::frame_error::FrameError;
use crate::limits::ScanLimits;
use crate::number::parse_integer;
use crate::scanner::FrameScanner;
use crate::value::Value;

/// The least room for a read.
const SPARE_BYTES_MIN: usize = 4 * 1024;

/// The room made for a read.
const READ_BYTES: usize = 16 * 1024;

/// Finds replies in bytes that arrive in any pieces, RESP2 and RESP3 alike.
#[derive(Debug)]
pub struct ValueDecoder {
    scanner: FrameScanner,
    buf: BytesMut,
    failed: Option<FrameError>,
}

impl ValueDecoder {
    /// A decoder that has seen no byte.
    #[must_use]
    pub fn new(limits: ScanLimits) -> ValueDecoder {
        ValueDecoder { scanner: FrameScanner::new(limits), buf: BytesMut::new(), failed: None }
    }

    /// Where the next bytes from the socket go. It has spare capacity.
    pub fn space(&mut self) -> &mut BytesMut {
        if self.buf.capacity() - self.buf.len() < SPARE_BYTES_MIN {
            self.buf.reserve(READ_BYTES);
        }
        &mut self.buf
    }

    /// Takes bytes that were read elsewhere.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
    }

    /// The next reply, if it is whole. Attributes are read and dropped: no command of Redis sends any.
    ///
    /// # Errors
    /// [`FrameError`] if the bytes are broken or beyond the limits, and the same again at every later call.
    #[expect(clippy::should_implement_trait, reason = "an iterator's end would say that no reply can come any more")]
    pub fn next(&mut self) -> Result<Option<Value>, FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let value = self.decode();
        self.failed = value.as_ref().err().copied();
        value
    }

    fn decode(&mut self) -> Result<Option<Value>, FrameError> {
        let Some(len) = self.scanner.scan(&self.buf)? else {
            return Ok(None);
        };
        let mut frame = self.buf.split_to(len).freeze();
        build(&mut frame).map(Some)
    }

    /// Bytes received and not returned as values yet.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.buf.len()
    }
}

/// Takes one value from the front of a frame that the scanner has found whole.
fn build(frame: &mut Bytes) -> Result<Value, FrameError> {
    loop {
        let line = take_line(frame);
        let (kind, text) = (line[0], line.slice(1..));
        return Ok(match kind {
            b'+' => Value::Status(lossy(&text)),
            b'-' => Value::Error(lossy(&text)),
            b':' => Value::Integer(integer(&text)?),
            b',' => Value::Double(parse(&text).ok_or(FrameError::InvalidScalar("double"))?),
            b'(' => Value::BigNumber(big_number(&text)?),
            b'#' => Value::Boolean(boolean(&text)?),
            b'_' if text.is_empty() => Value::Null,
            b'_' => return Err(FrameError::InvalidScalar("null")),
            b'$' if text == "-1" => Value::Null,
            b'$' => Value::Bulk(take_body(frame, count(&text))),
            b'!' => Value::Error(lossy(&take_body(frame, count(&text)))),
            b'=' => verbatim(take_body(frame, count(&text)))?,
            b'*' if text == "-1" => Value::NullArray,
            b'*' => Value::Array(values(frame, count(&text))?),
            b'~' => Value::Set(values(frame, count(&text))?),
            b'>' => Value::Push(values(frame, count(&text))?),
            b'%' => Value::Map(pairs(frame, count(&text))?),
            _ => {
                // The scanner lets only attributes get here; the value they describe follows.
                pairs(frame, count(&text))?;
                continue;
            }
        });
    }
}

// All elements are there, so their number is no mere promise.
fn values(frame: &mut Bytes, len: usize) -> Result<Vec<Value>, FrameError> {
    let mut values = Vec::with_capacity(len);
    for _ in 0..len {
        values.push(build(frame)?);
    }
    Ok(values)
}

fn pairs(frame: &mut Bytes, len: usize) -> Result<Vec<(Value, Value)>, FrameError> {
    let mut pairs = Vec::with_capacity(len);
    for _ in 0..len {
        pairs.push((build(frame)?, build(frame)?));
    }
    Ok(pairs)
}

fn take_line(frame: &mut Bytes) -> Bytes {
    let end = memchr::memmem::find(frame, b"\r\n").expect("the scanner found the end of every line");
    let line = frame.split_to(end);
    frame.advance(LINE_END_BYTES);
    line
}

fn take_body(frame: &mut Bytes, len: usize) -> Bytes {
    let body = frame.split_to(len);
    frame.advance(LINE_END_BYTES);
    body
}

fn count(text: &[u8]) -> usize {
    parse_integer(text).and_then(|len| usize::try_from(len).ok()).expect("the scanner read this length")
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

fn parse<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    str::from_utf8(text).ok()?.parse().ok()
}

/// An integer value may have a `+` and leading zeros, by the letter of RESP3; a length may not.
fn integer(text: &[u8]) -> Result<i64, FrameError> {
    parse_integer(text).or_else(|| parse(text)).ok_or(FrameError::InvalidScalar("integer"))
}

fn boolean(text: &[u8]) -> Result<bool, FrameError> {
    match text {
        b"t" => Ok(true),
        b"f" => Ok(false),
        _ => Err(FrameError::InvalidScalar("boolean")),
    }
}

fn big_number(text: &[u8]) -> Result<String, FrameError> {
    let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(FrameError::InvalidScalar("big number"));
    }
    Ok(lossy(text))
}

fn verbatim(body: Bytes) -> Result<Value, FrameError> {
    match body.get(..4) {
        Some([format @ .., b':']) if format.iter().all(u8::is_ascii_graphic) => {
            Ok(Value::Verbatim { format: lossy(format), text: body.slice(4..) })
        }
        _ => Err(FrameError::InvalidScalar("verbatim string")),
    }
}
