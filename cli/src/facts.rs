//! What a server tells about a key: named values, of which older servers know fewer.
//!
//! `XINFO` and its kind answer with a map in RESP3 and with a flat list in RESP2; a name that this server does not know is simply
//! not there, and everything here returns `None` for it.

use rbq_resp::Value;

use crate::failure::Failure;

/// Named values.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Facts {
    pairs: Vec<(String, Value)>,
}

impl Facts {
    /// Of a map, or of the flat list it is in RESP2; of anything else, none.
    pub(crate) fn of(value: Value) -> Self {
        let pairs = match value {
            Value::Map(pairs) => pairs.into_iter().map(|(name, value)| (text(&name), value)).collect(),
            other => {
                let mut values = array(other).into_iter();
                std::iter::from_fn(|| Some((text(&values.next()?), values.next()?))).collect()
            }
        };
        Self { pairs }
    }

    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// A count; what is negative or nil is not known.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        number(self.value(name)?)
    }

    pub(crate) fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.value(name)?.as_bytes()
    }

    /// What reads as something, such as an ID.
    pub(crate) fn parsed<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        text(self.value(name)?).parse().ok()
    }
}

/// The elements of an array; of anything else, none.
pub(crate) fn array(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) | Value::Set(values) => values,
        _ => Vec::new(),
    }
}

/// A text; of what is none, the empty one.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Status(text) => text.clone(),
        other => String::from_utf8_lossy(other.as_bytes().unwrap_or_default()).into_owned(),
    }
}

/// A count; what is negative, nil or an error is not known.
pub(crate) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Integer(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}

/// The failure that a reply stands for which is not what was asked for.
pub(crate) fn unexpected(value: Value) -> Failure {
    match value {
        Value::Error(text) if text.starts_with("WRONGTYPE") => {
            Failure::new("the key holds something of another kind").hint("`rbq cli TYPE key` tells what it is")
        }
        Value::Error(text) => rbq_client::Error::from_error_reply(text).into(),
        other => Failure::new(format!("the server answered with something unexpected: {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_does_not_tell_is_not_known() {
        let name = |text: &'static str| Value::Bulk(text.into());
        let flat = Value::Array(vec![name("length"), Value::Integer(3), name("lag"), Value::Null]);
        let map = Value::Map(vec![(name("length"), Value::Integer(3)), (name("lag"), Value::Null)]);
        for facts in [Facts::of(flat), Facts::of(map)] {
            assert_eq!(facts.number("length"), Some(3));
            assert_eq!((facts.number("lag"), facts.number("entries-added")), (None, None));
        }
        assert_eq!(Facts::of(Value::Error("ERR no".into())), Facts::default());
    }
}
