//! The grammar of requests: where the next argument stands in the bytes received so far.
//!
//! ```text
//!   request    = multibulk | inline
//!   multibulk  = "*" count CRLF  { "$" length CRLF  byte × length  any any }
//!   inline     = text LF          read by `split`
//! ```
//!
//! The one function of this module looks at bytes and moves a [`Cursor`]; it neither owns nor copies any. It stops
//! where bytes are missing and goes on from there when more have come: nothing is looked at twice but a length line
//! of a few bytes, since a longer one remembers how far it was searched. An error leaves the cursor where it was, so
//! that the same bytes may be judged again under other limits.
//!
//! Every rule here is Redis's, also the lenient ones: of a line end only CR is compared, and the two bytes after a
//! bulk are skipped unseen. A count of 0 or less is a request of nothing, skipped in silence.

use std::ops::Range;

use memchr::memchr;

use crate::args::Span;
use crate::big_bulk::LINE_END_BYTES;
use crate::limits::{BIG_BULK_BYTES, Limits, Stage, UNAUTHENTICATED_ARGS_MAX, UNAUTHENTICATED_BULK_BYTES_MAX};
use crate::number::{parse_integer, short_count};
use crate::protocol_error::ProtocolError;

/// How far the bytes have been understood.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cursor {
    /// The first byte of the request under way.
    pub(crate) base: usize,
    /// The next byte to look at.
    pub(crate) pos: usize,
    /// So many bytes from `pos` on are known to hold no line end.
    pub(crate) scanned: usize,
    /// Arguments still to come; 0 between requests.
    pub(crate) missing: u32,
    /// Bytes between `base` and `pos` that belong to big bulks, and were copied to buffers of their own.
    pub(crate) dead: usize,
    /// The length of the small argument whose header has been read, while its bytes are incomplete.
    pub(crate) body: Option<u32>,
}

/// What the next bytes are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The last argument of a request: it ends at the cursor.
    Request,
    /// A request of nothing, to be skipped.
    Nothing,
    /// A line of an inline request, without its line end; it ends at the cursor.
    Inline(Range<usize>),
    /// The header of a bulk of this many bytes, which is to get a buffer of its own.
    BigBulk(usize),
    /// Not enough bytes to say.
    Incomplete,
}

/// Understands bytes from the cursor on, up to the end of a request or to the next thing that needs more than a look.
pub(crate) fn advance(
    buf: &[u8],
    cursor: &mut Cursor,
    limits: &Limits,
    spans: &mut Vec<Span>,
) -> Result<Found, ProtocolError> {
    if cursor.missing == 0 {
        match buf.get(cursor.pos) {
            None => return Ok(Found::Incomplete),
            Some(b'*') => {}
            Some(_) => return inline_line(buf, cursor, limits),
        }
        match multibulk_count(buf, cursor, limits)? {
            None => return Ok(Found::Incomplete),
            Some(0) => return Ok(Found::Nothing),
            Some(count) => cursor.missing = count,
        }
    }
    arguments(buf, cursor, limits, spans)
}

/// Reads arguments until the request is complete, bytes are missing, or a big bulk begins.
fn arguments(buf: &[u8], cursor: &mut Cursor, limits: &Limits, spans: &mut Vec<Span>) -> Result<Found, ProtocolError> {
    loop {
        plain_arguments(buf, cursor, limits, spans);
        if cursor.missing == 0 {
            return Ok(Found::Request);
        }
        let len = match cursor.body {
            Some(len) => len as usize,
            None => match bulk_length(buf, cursor, limits)? {
                None => return Ok(Found::Incomplete),
                Some(len) if len >= BIG_BULK_BYTES => return Ok(Found::BigBulk(len)),
                Some(len) => len,
            },
        };
        let end = cursor.pos + len + LINE_END_BYTES;
        if end > buf.len() {
            cursor.body = Some(len as u32);
            return Ok(Found::Incomplete);
        }
        spans.push(Span::slice(cursor.pos - cursor.base, len));
        cursor.pos = end;
        cursor.body = None;
        cursor.missing -= 1;
    }
}

/// Reads arguments as long as they are whole, small and within every limit, as nearly all are. What is anything else is
/// left to the careful way, which knows why. This loop is where a server under load spends its time in this crate.
#[inline]
fn plain_arguments(buf: &[u8], cursor: &mut Cursor, limits: &Limits, spans: &mut Vec<Span>) {
    if cursor.body.is_some() {
        return;
    }
    let Cursor { base, dead, .. } = *cursor;
    let len_max = limits.bulk_bytes_max.min(BIG_BULK_BYTES - 1);
    let held_max = limits.request_bytes_max.saturating_add(dead).min(u32::MAX as usize);
    let buf = &buf[..buf.len().min(base.saturating_add(held_max))];
    let mut pos = cursor.pos;
    let mut missing = cursor.missing;
    while missing > 0 {
        let Some([b'$', line @ ..]) = buf.get(pos..) else { break };
        let Some((len, taken)) = short_count(line) else { break };
        let start = pos + 1 + taken;
        let end = start + len as usize + LINE_END_BYTES;
        if len as usize > len_max || end > buf.len() {
            break;
        }
        spans.push(Span::slice(start - base, len as usize));
        pos = end;
        missing -= 1;
    }
    if pos != cursor.pos {
        (cursor.pos, cursor.missing, cursor.scanned) = (pos, missing, 0);
    }
}

/// Reads `*count` and moves past it. A count of 0 or less is a request of nothing.
#[inline]
fn multibulk_count(buf: &[u8], cursor: &mut Cursor, limits: &Limits) -> Result<Option<u32>, ProtocolError> {
    let allowed = match limits.stage {
        Stage::Authenticated => limits.args_max,
        Stage::Unauthenticated => limits.args_max.min(UNAUTHENTICATED_ARGS_MAX),
    };
    if let Some((count, taken)) = short_count(&buf[cursor.pos + 1..])
        && count as usize <= allowed
    {
        cursor.pos += 1 + taken;
        cursor.scanned = 0;
        return Ok(Some(count));
    }
    multibulk_count_carefully(buf, cursor, limits)
}

#[cold]
fn multibulk_count_carefully(buf: &[u8], cursor: &mut Cursor, limits: &Limits) -> Result<Option<u32>, ProtocolError> {
    let Some(end) = line_end(buf, cursor, b'\r', limits, ProtocolError::TooBigMultibulkCount)? else {
        return Ok(None);
    };
    let count = parse_integer(&buf[cursor.pos + 1..end])
        .filter(|&count| count <= limits.args_max.min(i32::MAX as usize) as i64)
        .ok_or(ProtocolError::InvalidMultibulkLength)?;
    if limits.stage == Stage::Unauthenticated && count > UNAUTHENTICATED_ARGS_MAX as i64 {
        return Err(ProtocolError::UnauthenticatedMultibulkLength);
    }
    cursor.pos = end + LINE_END_BYTES;
    cursor.scanned = 0;
    Ok(Some(u32::try_from(count).unwrap_or(0)))
}

/// Reads `$length` and moves past it.
#[cold]
fn bulk_length(buf: &[u8], cursor: &mut Cursor, limits: &Limits) -> Result<Option<usize>, ProtocolError> {
    let Some(end) = line_end(buf, cursor, b'\r', limits, ProtocolError::TooBigBulkCount)? else {
        return Ok(None);
    };
    if buf[cursor.pos] != b'$' {
        return Err(ProtocolError::ExpectedBulk { got: buf[cursor.pos] });
    }
    let len = parse_integer(&buf[cursor.pos + 1..end])
        .and_then(|len| usize::try_from(len).ok())
        .filter(|&len| len <= limits.bulk_bytes_max)
        .ok_or(ProtocolError::InvalidBulkLength)?;
    if limits.stage == Stage::Unauthenticated && len > UNAUTHENTICATED_BULK_BYTES_MAX {
        return Err(ProtocolError::UnauthenticatedBulkLength);
    }
    let past = end + LINE_END_BYTES;
    let in_buffer = if len < BIG_BULK_BYTES { len } else { 0 };
    // Offsets have 32 bits, dead bytes or not; but the limit itself must not depend on how the bytes were cut.
    let held = past + in_buffer + LINE_END_BYTES - cursor.base;
    if held > u32::MAX as usize || held - cursor.dead > limits.request_bytes_max {
        return Err(ProtocolError::TooBigRequest);
    }
    cursor.pos = past;
    cursor.scanned = 0;
    Ok(Some(len))
}

/// Finds the next line of an inline request and moves past it.
fn inline_line(buf: &[u8], cursor: &mut Cursor, limits: &Limits) -> Result<Found, ProtocolError> {
    let Some(end) = line_end(buf, cursor, b'\n', limits, ProtocolError::TooBigInline)? else {
        return Ok(Found::Incomplete);
    };
    let start = cursor.pos;
    let text_end = if end > start && buf[end - 1] == b'\r' { end - 1 } else { end };
    cursor.pos = end + 1;
    cursor.scanned = 0;
    Ok(Found::Inline(start..text_end))
}

/// Finds the end of the line at the cursor. One that stands beyond the limit is an error even if it is there, so that
/// the answer does not depend on how the bytes were cut on their way.
fn line_end(
    buf: &[u8],
    cursor: &mut Cursor,
    byte: u8,
    limits: &Limits,
    too_long: ProtocolError,
) -> Result<Option<usize>, ProtocolError> {
    let from = cursor.pos + cursor.scanned;
    let line_bytes = memchr(byte, &buf[from..]).map_or(buf.len(), |at| from + at) - cursor.pos;
    if line_bytes > limits.inline_bytes_max {
        return Err(too_long);
    }
    let end = cursor.pos + line_bytes;
    // After CR one more byte is awaited.
    let needed = if byte == b'\r' { end + 1 } else { end };
    if needed >= buf.len() {
        cursor.scanned = line_bytes;
        return Ok(None);
    }
    Ok(Some(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offers ever longer prefixes of `bytes` and says how far each was searched for a line end.
    fn searched(bytes: &[u8]) -> Vec<usize> {
        let mut cursor = Cursor::default();
        let search = |len| {
            assert_eq!(advance(&bytes[..len], &mut cursor, &Limits::DEFAULT, &mut Vec::new()), Ok(Found::Incomplete));
            cursor.scanned
        };
        (1..=bytes.len()).map(search).collect()
    }

    #[test]
    fn a_line_is_searched_once() {
        assert_eq!(searched(b"inline line"), (1..=11).collect::<Vec<_>>());
        assert_eq!(searched(b"*0000000001"), (1..=11).collect::<Vec<_>>());
        // The CR is found again for every byte that is missing after it: one.
        assert_eq!(searched(b"*1\r"), [1, 2, 2]);
        assert_eq!(searched(b"*1\r\n$12345"), [1, 2, 2, 0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn an_error_leaves_the_cursor_where_it_was() {
        for bytes in [&b"*x\r\n"[..], b"*2\r\n$1\r\na\r\n:1\r\n", b"*1\r\n$536870913\r\n"] {
            let (mut cursor, mut spans) = (Cursor::default(), Vec::new());
            let error = advance(bytes, &mut cursor, &Limits::DEFAULT, &mut spans).expect_err("broken");
            let (pos, args) = (cursor.pos, spans.len());
            assert_eq!(advance(bytes, &mut cursor, &Limits::DEFAULT, &mut spans), Err(error));
            assert_eq!((cursor.pos, spans.len()), (pos, args));
        }
    }

    #[test]
    fn the_quick_and_the_careful_way_read_the_same() {
        let header = |len: &str| format!("*2\r\n${len}\r\n{}\r\n$1\r\nb\r\n", "a".repeat(3));
        for (text, quick) in [("3", true), ("03", false), ("0000003", false)] {
            let (bytes, mut cursor, mut spans) = (header(text).into_bytes(), Cursor::default(), Vec::new());
            let found = advance(&bytes, &mut cursor, &Limits::DEFAULT, &mut spans);
            assert_eq!(found.is_ok(), quick, "leading zeros are refused by both");
        }
        let (bytes, mut spans) = (header("3").into_bytes(), Vec::new());
        let mut careful = Cursor::default();
        for len in 1..bytes.len() {
            assert_eq!(advance(&bytes[..len], &mut careful, &Limits::DEFAULT, &mut spans), Ok(Found::Incomplete));
        }
        assert_eq!(advance(&bytes, &mut careful, &Limits::DEFAULT, &mut spans), Ok(Found::Request));
        let (mut quick, mut quick_spans) = (Cursor::default(), Vec::new());
        assert_eq!(advance(&bytes, &mut quick, &Limits::DEFAULT, &mut quick_spans), Ok(Found::Request));
        assert_eq!((careful.pos, spans), (quick.pos, quick_spans));
    }
}
