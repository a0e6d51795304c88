//! Requests and replies as tests of the comparison write them.

use bytes::Bytes;
use rbq_resp::Value;

use super::turn::Args;

/// A request: its words, separated by spaces.
pub(super) fn args(line: &str) -> Args {
    line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect()
}

/// A bulk string.
pub(super) fn bulk(text: &str) -> Value {
    Value::Bulk(Bytes::copy_from_slice(text.as_bytes()))
}
