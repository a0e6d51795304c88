//! Replies as a client holds them.
//!
//! A [`Value`] is built by this crate from a frame that [`FrameScanner`](crate::FrameScanner) has found whole, rather
//! than by `redis-protocol`. Its version 6.0 keeps maps and sets in hash tables, so that the order in which a server
//! names the fields of `XINFO` or `HELLO` is lost, and equal keys as well; it refuses aggregates as keys, and verbatim
//! formats other than `txt` and `mkd`; it reads the nulls of RESP2 and the rest of RESP3 in two different decoders, the
//! first of which does not tell `*-1` from `$-1`; and it does not look at the line end of a bulk, by which a client
//! notices early that it is out of step. A test holds each of these facts; where both can represent a reply, the
//! differential tests hold the two decoders equal.

use bytes::Bytes;

use crate::double::Double;
use crate::sink::Sink;

/// One element of a reply, in the terms of RESP3; what RESP2 has is a part of that.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `+`: a short text. What is not UTF-8 in it is replaced, as it is for people to read.
    Status(String),
    /// `-` or `!`: an error, with its first word. What is not UTF-8 in it is replaced.
    Error(String),
    /// `:`: an integer.
    Integer(i64),
    /// `$`: a string of bytes.
    Bulk(Bytes),
    /// `$-1` of RESP2 or `_` of RESP3: nothing.
    Null,
    /// `*-1` of RESP2: no array.
    NullArray,
    /// `*`: values in order.
    Array(Vec<Value>),
    /// `%`: pairs in the order of the wire, equal keys kept.
    Map(Vec<(Value, Value)>),
    /// `~`: values in the order of the wire.
    Set(Vec<Value>),
    /// `>`: a message that answers no request.
    Push(Vec<Value>),
    /// `,`: a number with a fraction.
    Double(Double),
    /// `#`: true or false.
    Boolean(bool),
    /// `(`: an integer of any length, as its decimal digits.
    BigNumber(String),
    /// `=`: a text with its format.
    Verbatim {
        /// Three characters, such as `txt`.
        format: String,
        /// The text itself.
        text: Bytes,
    },
}

impl Value {
    /// Writes the value to a sink, which falls back to RESP2 if it must.
    pub fn write_to(&self, sink: &mut dyn Sink) {
        match self {
            Value::Status(text) => sink.status(text),
            Value::Error(text) => sink.error(text),
            Value::Integer(value) => sink.integer(*value),
            Value::Bulk(bytes) => sink.bulk_shared(bytes),
            Value::Null => sink.null(),
            Value::NullArray => sink.null_array(),
            Value::Array(values) => write_all(values, sink, |sink, len| sink.array(len)),
            Value::Set(values) => write_all(values, sink, |sink, len| sink.set(len)),
            Value::Push(values) => write_all(values, sink, |sink, len| sink.push(len)),
            Value::Map(pairs) => {
                sink.map(pairs.len());
                for (key, value) in pairs {
                    key.write_to(sink);
                    value.write_to(sink);
                }
            }
            Value::Double(number) => sink.double(number.value()),
            Value::Boolean(value) => sink.boolean(*value),
            Value::BigNumber(digits) => sink.big_number(digits),
            Value::Verbatim { format, text } => sink.verbatim(format, text),
        }
    }

    /// The bytes of a bulk, verbatim string or status; `None` for everything else.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Bulk(bytes) | Value::Verbatim { text: bytes, .. } => Some(bytes),
            Value::Status(text) => Some(text.as_bytes()),
            _ => None,
        }
    }
}

fn write_all(values: &[Value], sink: &mut dyn Sink, head: fn(&mut dyn Sink, usize)) {
    head(sink, values.len());
    for value in values {
        value.write_to(sink);
    }
}
