//! A string or a list read with commands that every server has, where `DUMP` is not to be had.
//!
//! Each is one reply of one transaction: whole, of one moment, and as large in memory here as it is there.

use rbq_client::{Client, Error, Request, Value};
use rbq_rdb::Event;

use super::expiry::Expiry;
use super::reply::{Look, Ran, elements, is_of_another_type, transact, unexpected};
use crate::failure::Result;

/// Elements told at once.
const ELEMENTS_AT_ONCE: usize = 512;

/// A value and when it expires.
#[derive(Debug)]
pub(crate) struct Plain {
    /// What it tells, the next one last.
    pub(crate) events: Vec<Event>,
    pub(crate) expires_ms: Option<u64>,
}

/// Reads a key.
pub(crate) async fn read(client: &Client, key: &[u8], is_list: bool, expiry: Expiry) -> Result<Look<Plain>> {
    let value = match is_list {
        true => Request::new("LRANGE").arg(key).args(["0", "-1"]),
        false => Request::new("GET").arg(key),
    };
    let replies = match transact(client, vec![Request::new("TIME"), value, expiry.request(key)]).await? {
        Ran::Replies(replies) => replies,
        Ran::Refused(text) => return Err(Error::from_error_reply(text).into()),
    };
    let [time, value, expires] = replies.as_slice() else { return Err(unexpected("EXEC", None)) };
    let events = match value {
        Value::Bulk(bytes) => vec![Event::String(bytes.to_vec())],
        Value::Null | Value::NullArray => return Ok(Look::Gone),
        value if is_of_another_type(value) => return Ok(Look::OfAnotherType),
        value => {
            let listed = elements(value).ok_or_else(|| unexpected("LRANGE", Some(value)))?;
            if listed.is_empty() {
                return Ok(Look::Gone);
            }
            let bytes = |value: &Value| value.as_bytes().unwrap_or_default().to_vec();
            let chunk = |chunk: &[Value]| Event::Elements(chunk.iter().map(bytes).collect());
            listed.chunks(ELEMENTS_AT_ONCE).rev().map(chunk).collect()
        }
    };
    let now_ms = super::reply::millis(time).ok_or_else(|| unexpected("TIME", Some(time)))?;
    Ok(Look::There(Plain { events, expires_ms: expiry.read(expires, now_ms)? }))
}
