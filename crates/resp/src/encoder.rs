//! Replies to bytes.
//!
//! ```text
//!              RESP2                RESP3              RESP2                    RESP3
//!   status     +OK                  +OK      map       *4 k v k v               %2 k v k v
//!   error      -ERR text            -ERR …   set       *2 a b                   ~2 a b
//!   integer    :7                   :7       push      *2 a b                   >2 a b
//!   bulk       $3 abc               $3 abc   double    $3 1.5                   ,1.5
//!   null       $-1                  _        boolean   :1 :0                    #t #f
//!   null array *-1                  _        verbatim  $3 abc                   =7 txt:abc
//!   array      *2 a b               *2 a b   big nr    $20 1844674407370955…    (1844674407370955…
//! ```
//!
//! Everything goes straight into the connection's output. There is no tree of frames, and no allocation but the
//! growth of that output.

use crate::double::format_double;
use crate::sink::{Proto, Sink};

const LINE_END: &[u8] = b"\r\n";

/// Writes replies as bytes of one protocol version to the end of a buffer.
pub struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    proto: Proto,
}

impl<'a> Encoder<'a> {
    /// Writes to the end of `out` in version `proto`.
    #[inline]
    #[must_use]
    pub fn new(out: &'a mut Vec<u8>, proto: Proto) -> Encoder<'a> {
        Encoder { out, proto }
    }

    /// The buffer written to.
    #[must_use]
    pub fn out(&mut self) -> &mut Vec<u8> {
        self.out
    }

    /// A type byte, a count and a line end.
    #[inline]
    fn head(&mut self, kind: u8, count: usize) {
        match count {
            0..=9 => self.out.extend_from_slice(&[kind, digit(count), b'\r', b'\n']),
            10..=99 => self.out.extend_from_slice(&[kind, digit(count / 10), digit(count % 10), b'\r', b'\n']),
            _ => self.line(kind, itoa::Buffer::new().format(count).as_bytes()),
        }
    }

    /// A type byte, a text and a line end.
    #[inline]
    fn line(&mut self, kind: u8, text: &[u8]) {
        self.out.reserve(text.len() + 3);
        self.out.push(kind);
        self.out.extend_from_slice(text);
        self.out.extend_from_slice(LINE_END);
    }

    /// The same for a text that may hold line ends, which would end the element early: each becomes a space, as in
    /// Redis.
    fn safe_line(&mut self, kind: u8, text: &[u8]) {
        let start = self.out.len() + 1;
        self.line(kind, text);
        for byte in &mut self.out[start..start + text.len()] {
            if matches!(*byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
    }

    fn by_proto(&mut self, resp2: &[u8], resp3: &[u8]) {
        self.out.extend_from_slice(match self.proto {
            Proto::Resp2 => resp2,
            Proto::Resp3 => resp3,
        });
    }

    fn aggregate(&mut self, resp3_kind: u8, len: usize) {
        match self.proto {
            Proto::Resp2 => self.head(b'*', len),
            Proto::Resp3 => self.head(resp3_kind, len),
        }
    }
}

#[inline]
fn digit(value: usize) -> u8 {
    b'0' + value as u8
}

impl Sink for Encoder<'_> {
    #[inline]
    fn proto(&self) -> Proto {
        self.proto
    }

    #[inline]
    fn status(&mut self, text: &str) {
        match text {
            "OK" => self.out.extend_from_slice(b"+OK\r\n"),
            text => self.safe_line(b'+', text.as_bytes()),
        }
    }

    fn error(&mut self, text: &str) {
        self.safe_line(b'-', text.trim_end_matches(['\r', '\n']).as_bytes());
    }

    #[inline]
    fn integer(&mut self, value: i64) {
        match usize::try_from(value) {
            Ok(count) => self.head(b':', count),
            Err(_) => self.line(b':', itoa::Buffer::new().format(value).as_bytes()),
        }
    }

    #[inline]
    fn bulk(&mut self, bytes: &[u8]) {
        // The longest head is `$` and 20 digits.
        self.out.reserve(bytes.len() + 26);
        self.head(b'$', bytes.len());
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(LINE_END);
    }

    #[inline]
    fn null(&mut self) {
        self.by_proto(b"$-1\r\n", b"_\r\n");
    }

    #[inline]
    fn null_array(&mut self) {
        self.by_proto(b"*-1\r\n", b"_\r\n");
    }

    #[inline]
    fn array(&mut self, len: usize) {
        self.head(b'*', len);
    }

    fn map(&mut self, pairs: usize) {
        match self.proto {
            Proto::Resp2 => self.head(b'*', pairs * 2),
            Proto::Resp3 => self.head(b'%', pairs),
        }
    }

    fn set(&mut self, len: usize) {
        self.aggregate(b'~', len);
    }

    fn push(&mut self, len: usize) {
        self.aggregate(b'>', len);
    }

    fn double(&mut self, value: f64) {
        let text = format_double(value);
        match self.proto {
            Proto::Resp2 => self.bulk(text.as_bytes()),
            Proto::Resp3 => self.line(b',', text.as_bytes()),
        }
    }

    fn boolean(&mut self, value: bool) {
        match value {
            true => self.by_proto(b":1\r\n", b"#t\r\n"),
            false => self.by_proto(b":0\r\n", b"#f\r\n"),
        }
    }

    fn verbatim(&mut self, format: &str, text: &[u8]) {
        debug_assert_eq!(format.len(), 3, "a format is three bytes");
        match self.proto {
            Proto::Resp2 => self.bulk(text),
            Proto::Resp3 => {
                self.head(b'=', format.len() + 1 + text.len());
                self.out.reserve(text.len() + 6);
                self.out.extend_from_slice(format.as_bytes());
                self.out.push(b':');
                self.out.extend_from_slice(text);
                self.out.extend_from_slice(LINE_END);
            }
        }
    }

    fn big_number(&mut self, digits: &str) {
        match self.proto {
            Proto::Resp2 => self.bulk(digits.as_bytes()),
            Proto::Resp3 => self.line(b'(', digits.as_bytes()),
        }
    }

    fn raw(&mut self, encoded: &[u8]) {
        self.out.extend_from_slice(encoded);
    }
}
