//! Whether a server counts what was ever in a stream.
//!
//! Since 7.0 Redis keeps three figures beside a stream's entries: how many were ever added, the highest ID that was deleted, and how
//! many each group has read. The commands that set them (`XSETID … ENTRIESADDED … MAXDELETEDID`, `XGROUP CREATE … ENTRIESREAD`)
//! are errors before, and a group that was not created takes what is pending in it along. So a server is asked: where XSETID
//! takes nothing but an ID there are no such figures.

use rbq_client::{Client, Error, Value};

use super::reply::elements;
use crate::failure::Result;

/// Whether a server has those figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counters {
    Kept,
    NotKept,
}

/// `XSETID key id` alone has three words; a number below zero means at least so many.
const WORDS_WITHOUT: i64 = 3;

impl Counters {
    /// Of this server; one that will not say is taken for a new one.
    ///
    /// # Errors
    /// Of the connection.
    pub(crate) async fn of(client: &Client) -> Result<Self> {
        let reply = match client.call(["COMMAND", "INFO", "XSETID"]).await {
            Ok(reply) => reply,
            Err(Error::Reply(_)) => return Ok(Self::Kept),
            Err(error) => return Err(error.into()),
        };
        Ok(Self::read(&reply))
    }

    fn read(reply: &Value) -> Self {
        let info = elements(reply).and_then(<[Value]>::first).and_then(elements);
        match info.and_then(|info| info.get(1)) {
            Some(Value::Integer(WORDS_WITHOUT)) => Self::NotKept,
            _ => Self::Kept,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_whose_xsetid_takes_an_id_alone_has_no_figures() {
        let told = |words| Value::Array(vec![Value::Array(vec![Value::Bulk("xsetid".into()), Value::Integer(words)])]);
        assert_eq!(Counters::read(&told(3)), Counters::NotKept);
        for new in [told(-3), Value::Array(vec![Value::NullArray]), Value::Null] {
            assert_eq!(Counters::read(&new), Counters::Kept);
        }
    }
}
