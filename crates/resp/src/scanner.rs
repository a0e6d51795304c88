//! Is one whole reply there, and is it one we are willing to take?
//!
//! The scanner walks a reply without decoding it. It is iterative (a stack of counts, bounded), resumable (it goes on
//! where bytes ended, inside a line as well), and bounds depth and size before anything is allocated for the reply.
//! What it lets pass may be decoded by plain recursion.
//!
//! ```text
//!   *2␍␊ :1␍␊ %1␍␊ $1␍␊a␍␊ #t␍␊          open: [array 2] → [array 1] → [array 1, map 2] → … → []  whole
//! ```
//!
//! An attribute (`|1 …`) stands before a value without being one: when its pairs are over, the value is still awaited.

use memchr::memchr;

use crate::big_bulk::LINE_END_BYTES;
use crate::frame_error::FrameError;
use crate::limits::ScanLimits;
use crate::number::parse_integer;

/// The least a value takes on the wire: `_␍␊`.
const VALUE_BYTES_MIN: usize = 3;

/// Finds the end of one reply in bytes that arrive in any pieces.
#[derive(Debug)]
pub struct FrameScanner {
    limits: ScanLimits,
    /// The next byte to look at, counted from the first byte of the reply.
    pos: usize,
    /// So many bytes from `pos` on are known to hold no line end.
    scanned: usize,
    /// Bytes of the bulk at `pos`, with its line end, once its length is known.
    body: Option<usize>,
    /// What is open around `pos`, outermost first.
    open: Vec<Open>,
}

/// An aggregate whose elements are not all there.
#[derive(Debug)]
struct Open {
    missing: usize,
    kind: OpenKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OpenKind {
    Value,
    Attribute,
}

impl FrameScanner {
    /// A scanner at the first byte of a reply.
    #[must_use]
    pub fn new(limits: ScanLimits) -> FrameScanner {
        FrameScanner { limits, pos: 0, scanned: 0, body: None, open: Vec::new() }
    }

    /// Looks at what is new in `bytes`, which begin with the first byte of the reply and hold what earlier calls saw.
    /// Returns the length of the reply once it is whole, and is then ready for the next.
    ///
    /// # Errors
    /// [`FrameError`] if the reply is broken or beyond the limits. The scanner is of no use after that.
    pub fn scan(&mut self, bytes: &[u8]) -> Result<Option<usize>, FrameError> {
        loop {
            if let Some(body) = self.body {
                let Some(body_bytes) = bytes.get(self.pos..self.pos + body) else {
                    return Ok(None);
                };
                if !body_bytes.ends_with(b"\r\n") {
                    return Err(FrameError::MissingLineEnd);
                }
                self.pos += body;
                self.body = None;
                if self.value_ends() {
                    return Ok(Some(self.finish()));
                }
            }
            let Some(end) = self.line_end(bytes)? else {
                return Ok(None);
            };
            let whole = self.line(&bytes[self.pos..end])?;
            self.pos = end + LINE_END_BYTES;
            self.scanned = 0;
            if self.pos > self.limits.frame_bytes_max {
                return Err(FrameError::TooLarge);
            }
            if whole {
                return Ok(Some(self.finish()));
            }
        }
    }

    /// Takes the first line of a value and says whether it was the last of the reply.
    fn line(&mut self, line: &[u8]) -> Result<bool, FrameError> {
        let (&kind, text) = line.split_first().ok_or(FrameError::UnknownType(b'\r'))?;
        match kind {
            b'+' | b'-' | b':' | b',' | b'(' | b'#' | b'_' => Ok(self.value_ends()),
            b'$' | b'!' | b'=' => match length(text)? {
                None if kind == b'$' => Ok(self.value_ends()),
                None => Err(FrameError::InvalidLength),
                Some(len) => {
                    self.promise(len)?;
                    self.body = Some(len + LINE_END_BYTES);
                    Ok(false)
                }
            },
            b'*' | b'~' | b'>' | b'%' | b'|' => match length(text)? {
                None if kind == b'*' => Ok(self.value_ends()),
                None => Err(FrameError::InvalidLength),
                Some(len) => self.open(kind, len),
            },
            other => Err(FrameError::UnknownType(other)),
        }
    }

    /// Goes into an aggregate and says whether it ended the reply, being empty.
    fn open(&mut self, kind: u8, len: usize) -> Result<bool, FrameError> {
        let values = if matches!(kind, b'%' | b'|') { len.checked_mul(2).ok_or(FrameError::TooLarge)? } else { len };
        self.promise(values.checked_mul(VALUE_BYTES_MIN).ok_or(FrameError::TooLarge)?)?;
        let kind = if kind == b'|' { OpenKind::Attribute } else { OpenKind::Value };
        if values == 0 {
            return Ok(kind == OpenKind::Value && self.value_ends());
        }
        if self.open.len() >= usize::from(self.limits.depth_max) {
            return Err(FrameError::TooDeep);
        }
        self.open.push(Open { missing: values, kind });
        Ok(false)
    }

    /// A value is over, and with it every aggregate whose last element it was. Says whether that ended the reply.
    fn value_ends(&mut self) -> bool {
        while let Some(open) = self.open.last_mut() {
            open.missing -= 1;
            if open.missing > 0 {
                return false;
            }
            let kind = open.kind;
            self.open.pop();
            if kind == OpenKind::Attribute {
                return false;
            }
        }
        true
    }

    /// Refuses a reply as soon as it promises to become too large.
    fn promise(&self, bytes: usize) -> Result<(), FrameError> {
        let end = self.pos.checked_add(bytes).ok_or(FrameError::TooLarge)?;
        if end > self.limits.frame_bytes_max { Err(FrameError::TooLarge) } else { Ok(()) }
    }

    /// Finds the CR of the next CR LF. A CR alone belongs to the text.
    fn line_end(&mut self, bytes: &[u8]) -> Result<Option<usize>, FrameError> {
        let mut from = self.pos + self.scanned;
        loop {
            let cr = memchr(b'\r', &bytes[from..]).map(|at| from + at);
            let looked_at = cr.unwrap_or(bytes.len()) - self.pos;
            if looked_at > self.limits.line_bytes_max {
                return Err(FrameError::LineTooLong);
            }
            match cr.map(|cr| (cr, bytes.get(cr + 1))) {
                Some((cr, Some(b'\n'))) => return Ok(Some(cr)),
                Some((cr, Some(_))) => from = cr + 1,
                _ => {
                    self.scanned = looked_at;
                    return Ok(None);
                }
            }
        }
    }

    fn finish(&mut self) -> usize {
        let len = self.pos;
        self.pos = 0;
        self.scanned = 0;
        len
    }
}

/// Reads a length; `None` for the -1 of a null.
fn length(text: &[u8]) -> Result<Option<usize>, FrameError> {
    if text == b"?" {
        return Err(FrameError::Streamed);
    }
    match parse_integer(text) {
        Some(-1) => Ok(None),
        Some(len) => usize::try_from(len).map(Some).map_err(|_| FrameError::InvalidLength),
        None => Err(FrameError::InvalidLength),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_searched_once() {
        let mut scanner = FrameScanner::new(ScanLimits::default());
        let bytes = b"*2\r\n+a\rb\r\n$3";
        let searched: Vec<usize> = (1..=bytes.len())
            .map(|len| {
                assert_eq!(scanner.scan(&bytes[..len]), Ok(None));
                scanner.scanned
            })
            .collect();
        // A CR at the end may be half a line end, so it is looked at again.
        assert_eq!(searched, [1, 2, 2, 0, 1, 2, 2, 4, 4, 0, 1, 2]);
    }
}
