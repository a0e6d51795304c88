//! When a key expires, asked of a server of any age: Redis tells the time itself only from 7.0 on.

use rbq_client::{Request, Value};

use super::reply::unexpected;
use crate::failure::Result;

/// How to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// `PEXPIRETIME`: the time.
    At,
    /// `PTTL`: how long from now on.
    In,
}

impl Expiry {
    pub(crate) fn request(self, key: &[u8]) -> Request {
        Request::new(match self {
            Self::At => "PEXPIRETIME",
            Self::In => "PTTL",
        })
        .arg(key)
    }

    /// The time in Unix milliseconds; none where the key stays.
    pub(crate) fn read(self, reply: &Value, now_ms: u64) -> Result<Option<u64>> {
        let Value::Integer(number) = reply else { return Err(unexpected("PTTL", Some(reply))) };
        let number = u64::try_from(*number).ok();
        Ok(match self {
            Self::At => number,
            Self::In => number.map(|left_ms| now_ms + left_ms),
        })
    }
}
