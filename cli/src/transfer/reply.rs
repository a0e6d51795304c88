//! Looking into replies: the same member in RESP2 and RESP3.

use rbq_client::{Client, Error, Request, Value};
use rbq_rdb::{Entry, StreamId};

use crate::failure::{Failure, Result};

/// What a transaction may come to.
#[derive(Debug)]
pub(crate) enum Ran {
    /// It ran; each reply in order, errors among them.
    Replies(Vec<Value>),
    /// The server did not even queue a command of it, and said so.
    Refused(String),
}

/// What there is under a name that was of a certain type a moment ago.
#[derive(Debug)]
pub(crate) enum Look<T> {
    There(T),
    Gone,
    /// It is something else by now.
    OfAnotherType,
    /// It cannot be read, because of this.
    Unsteady(&'static str),
}

impl<T> Look<T> {
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Look<U> {
        match self {
            Self::There(value) => Look::There(change(value)),
            Self::Gone => Look::Gone,
            Self::OfAnotherType => Look::OfAnotherType,
            Self::Unsteady(why) => Look::Unsteady(why),
        }
    }
}

/// Whether XINFO STREAM found nothing.
pub(crate) fn is_gone(reply: &Value) -> bool {
    matches!(reply, Value::Error(text) if text.starts_with("ERR no such key"))
}

/// Whether a command of one type met another.
pub(crate) fn is_of_another_type(reply: &Value) -> bool {
    matches!(reply, Value::Error(text) if text.starts_with("WRONGTYPE"))
}

/// Runs requests in one transaction: nothing of others comes between.
pub(crate) async fn transact(client: &Client, requests: Vec<Request>) -> Result<Ran> {
    let mut all = vec![Request::new("MULTI")];
    all.extend(requests);
    all.push(Request::new("EXEC"));
    Ok(ran(client.pipeline(all).await?))
}

/// What an answer to a transaction refused begins with, where EXEC itself is what was refused.
const ABORTED: &str = "EXECABORT Transaction discarded because of: ";

/// What a step came to, from its answers: one, or those to MULTI, to what follows it, and to EXEC.
pub(crate) fn ran(mut replies: Vec<Value>) -> Ran {
    let is_transaction = replies.len() > 1;
    match replies.pop() {
        Some(Value::Array(replies)) if is_transaction => Ran::Replies(replies),
        Some(Value::Error(last)) => {
            let refused = replies.into_iter().find_map(|reply| match reply {
                Value::Error(text) => Some(text),
                _ => None,
            });
            let text = refused.unwrap_or(last);
            Ran::Refused(text.strip_prefix(ABORTED).map(str::to_owned).unwrap_or(text))
        }
        last => Ran::Replies(last.into_iter().collect()),
    }
}

/// A reply that no server of the Redis kind gives.
pub(crate) fn unexpected(command: &str, reply: Option<&Value>) -> Failure {
    match reply {
        Some(Value::Error(text)) => Error::from_error_reply(text.clone()).into(),
        _ => Failure::new(format!("the server's answer to {command} makes no sense")),
    }
}

/// A member of a map, or of a list of names and values in turn.
pub(crate) fn member<'v>(reply: &'v Value, name: &str) -> Option<&'v Value> {
    let is_it = |value: &Value| value.as_bytes() == Some(name.as_bytes());
    match reply {
        Value::Map(pairs) => pairs.iter().find(|(key, _)| is_it(key)).map(|(_, value)| value),
        Value::Array(values) => values.as_chunks::<2>().0.iter().find(|[key, _]| is_it(key)).map(|[_, value]| value),
        _ => None,
    }
}

/// A member that is a number and not below zero.
pub(crate) fn count(reply: &Value, name: &str) -> Option<u64> {
    match member(reply, name)? {
        Value::Integer(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}

/// A member that is a string.
pub(crate) fn bytes<'v>(reply: &'v Value, name: &str) -> Option<&'v [u8]> {
    member(reply, name)?.as_bytes()
}

/// The elements of an array.
pub(crate) fn elements(reply: &Value) -> Option<&[Value]> {
    match reply {
        Value::Array(values) | Value::Set(values) => Some(values),
        _ => None,
    }
}

/// `ms-seq`.
pub(crate) fn id(text: &[u8]) -> Option<StreamId> {
    let (ms, seq) = std::str::from_utf8(text).ok()?.split_once('-')?;
    Some(StreamId { ms: ms.parse().ok()?, seq: seq.parse().ok()? })
}

/// An entry of a stream, as XRANGE and XINFO STREAM tell it.
pub(crate) fn entry(reply: &Value) -> Option<Entry> {
    let [entry_id, fields] = elements(reply)? else { return None };
    let fields = elements(fields)?.iter().map(|field| field.as_bytes().map(<[u8]>::to_vec)).collect::<Option<_>>()?;
    Some(Entry { id: id(entry_id.as_bytes()?)?, fields })
}

/// What TIME says, in milliseconds.
pub(crate) fn millis(time: &Value) -> Option<u64> {
    let number = |value: &Value| std::str::from_utf8(value.as_bytes()?).ok()?.parse::<u64>().ok();
    let [seconds, micros] = elements(time)? else { return None };
    Some(number(seconds)? * 1000 + number(micros)? / 1000)
}
