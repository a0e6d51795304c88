//! Pub/sub messages and confirmations, read out of values.
//!
//! RESP3 sends them as pushes, RESP2 as arrays that only their first word and the state of the connection tell from a reply.
//! The words are the same: `message`, `pmessage`, `smessage` and, for the six verbs, the verb.

use bytes::Bytes;
use rbq_resp::Value;

/// A name space of subscriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `SUBSCRIBE`: a channel by its name.
    Channel,
    /// `PSUBSCRIBE`: channels by a glob pattern.
    Pattern,
    /// `SSUBSCRIBE`: a shard channel by its name.
    Shard,
}

/// One message, or one confirmation that a subscription began or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PubSub {
    /// Somebody published.
    Message {
        /// By which kind of subscription it came.
        kind: Kind,
        /// The pattern that matched; of [`Kind::Pattern`] alone.
        pattern: Option<Bytes>,
        /// Where it was published.
        channel: Bytes,
        /// What was published.
        payload: Bytes,
    },
    /// A subscription began.
    Subscribed {
        /// Of which kind.
        kind: Kind,
        /// The channel or pattern.
        name: Bytes,
        /// Subscriptions the connection has now: channels and patterns together, or shard channels.
        count: i64,
    },
    /// A subscription ended, or there was none to end.
    Unsubscribed {
        /// Of which kind.
        kind: Kind,
        /// The channel or pattern; `None` if there was none at all.
        name: Option<Bytes>,
        /// Subscriptions the connection has left: channels and patterns together, or shard channels.
        count: i64,
    },
}

impl PubSub {
    /// Reads the elements of a push, or of a RESP2 array that may be one; `None` if they are something else.
    #[must_use]
    pub fn read(elements: &[Value]) -> Option<Self> {
        let word = elements.first()?.as_bytes()?;
        match (word, &elements[1..]) {
            (b"message", [channel, payload]) => message(Kind::Channel, None, channel, payload),
            (b"smessage", [channel, payload]) => message(Kind::Shard, None, channel, payload),
            (b"pmessage", [pattern, channel, payload]) => message(Kind::Pattern, Some(pattern), channel, payload),
            (verb, [name, Value::Integer(count)]) => {
                let (verb, count) = (Verb::parse(verb)?, *count);
                match (verb.what, name) {
                    (What::Begin, Value::Bulk(name)) => {
                        Some(Self::Subscribed { kind: verb.kind, name: name.clone(), count })
                    }
                    (What::End, Value::Bulk(name)) => {
                        Some(Self::Unsubscribed { kind: verb.kind, name: Some(name.clone()), count })
                    }
                    (What::End, Value::Null) => Some(Self::Unsubscribed { kind: verb.kind, name: None, count }),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The verb that this confirms; `None` for a message.
    pub(crate) fn confirms(&self) -> Option<Verb> {
        match self {
            Self::Message { .. } => None,
            Self::Subscribed { kind, .. } => Some(Verb { what: What::Begin, kind: *kind }),
            Self::Unsubscribed { kind, .. } => Some(Verb { what: What::End, kind: *kind }),
        }
    }
}

fn message(kind: Kind, pattern: Option<&Value>, channel: &Value, payload: &Value) -> Option<PubSub> {
    let bulk = |value: &Value| match value {
        Value::Bulk(bytes) => Some(bytes.clone()),
        _ => None,
    };
    let pattern = match pattern {
        Some(value) => Some(bulk(value)?),
        None => None,
    };
    Some(PubSub::Message { kind, pattern, channel: bulk(channel)?, payload: bulk(payload)? })
}

/// One of the six commands that are answered by confirmations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verb {
    pub(crate) what: What,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Begin,
    End,
}

impl Verb {
    pub(crate) fn parse(word: &[u8]) -> Option<Self> {
        let word = word.to_ascii_lowercase();
        let (what, kind) = match word.as_slice() {
            b"subscribe" => (What::Begin, Kind::Channel),
            b"psubscribe" => (What::Begin, Kind::Pattern),
            b"ssubscribe" => (What::Begin, Kind::Shard),
            b"unsubscribe" => (What::End, Kind::Channel),
            b"punsubscribe" => (What::End, Kind::Pattern),
            b"sunsubscribe" => (What::End, Kind::Shard),
            _ => return None,
        };
        Some(Self { what, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &'static str) -> Value {
        Value::Bulk(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn messages_and_confirmations_are_read() {
        let (kind, channel) = (Kind::Pattern, Bytes::from_static(b"news.eu"));
        let (pattern, payload) = (Some(Bytes::from_static(b"news.*")), Bytes::from_static(b"hi"));
        assert_eq!(
            PubSub::read(&[bulk("pmessage"), bulk("news.*"), bulk("news.eu"), bulk("hi")]),
            Some(PubSub::Message { kind, pattern, channel, payload })
        );
        assert_eq!(
            PubSub::read(&[bulk("sunsubscribe"), Value::Null, Value::Integer(0)]),
            Some(PubSub::Unsubscribed { kind: Kind::Shard, name: None, count: 0 })
        );
    }

    #[test]
    fn other_pushes_are_something_else() {
        for elements in [
            vec![],
            vec![bulk("invalidate"), Value::Array(vec![bulk("key")])],
            vec![bulk("message"), bulk("channel")],
            vec![bulk("message"), bulk("channel"), Value::Integer(1)],
            vec![bulk("subscribe"), Value::Null, Value::Integer(1)],
            vec![Value::Integer(1)],
        ] {
            assert_eq!(PubSub::read(&elements), None, "{elements:?}");
        }
    }
}
