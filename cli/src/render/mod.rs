//! Replies for a person, by what they are: streams as tables of their fields, XINFO and XPENDING as tables, messages as lines,
//! JSON over several lines. Everything else looks as redis-cli prints it.
//!
//! Invariant: nothing a server sends can steer the terminal. What is no printable text is shown in quotes with escapes.
//!
//! The kind is told by the request, because replies do not say what they are; a reply that does not look like its kind is
//! printed like any other, so that no server can be shown wrongly, only plainly.

mod cell;
mod entries;
mod full;
mod json;
mod message;
mod pending;
mod table;
mod xinfo;

use rbq_client::Request;
use rbq_resp::Value;

use crate::print::{Form, Printer};

pub(crate) use cell::inert;
pub(crate) use message::{monitored, push};

/// How replies are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) tables: bool,
    pub(crate) json: bool,
    /// The width of the terminal; `None` where there is none, and rows are as long as they are.
    pub(crate) columns: Option<usize>,
}

/// Writes the reply to this request, with its line ends.
pub(crate) fn reply(request: &Request, value: &Value, look: Look, out: &mut Vec<u8>) {
    if look.tables
        && let Some(text) = by_kind(request, value, look)
    {
        return out.extend_from_slice(text.as_bytes());
    }
    plain(value, look, out);
}

/// Writes the reply of EXEC: each as the reply of its own request, if one of them has a kind of its own.
pub(crate) fn replies(requests: &[Request], value: &Value, look: Look, out: &mut Vec<u8>) {
    let Value::Array(values) = value else {
        return plain(value, look, out);
    };
    let texts: Vec<Option<String>> = match look.tables && requests.len() == values.len() {
        true => requests.iter().zip(values).map(|(request, value)| by_kind(request, value, look)).collect(),
        false => vec![],
    };
    if texts.iter().all(Option::is_none) {
        return plain(value, look, out);
    }
    let width = values.len().to_string().len();
    for (index, (text, value)) in texts.iter().zip(values).enumerate() {
        out.extend_from_slice(format!("{:>width$}) ", index + 1).as_bytes());
        match text {
            // A table begins at the left.
            Some(text) => out.extend_from_slice(format!("\n{text}").as_bytes()),
            None => plain(value, look, out),
        }
    }
}

fn plain(value: &Value, look: Look, out: &mut Vec<u8>) {
    match look.json {
        true => json::write(value, out),
        false => Printer::new(Form::Tty).reply(value, out),
    }
}

fn by_kind(request: &Request, value: &Value, look: Look) -> Option<String> {
    let word = |index, words: &[&str]| words.iter().any(|word| request.is_word(index, word));
    if matches!(value, Value::Error(_) | Value::Status(_)) {
        return None;
    }
    if word(0, &["XRANGE", "XREVRANGE", "XCLAIM"]) {
        return entries::range(value, look);
    }
    if word(0, &["XREAD", "XREADGROUP"]) {
        return entries::streams(value, look);
    }
    if word(0, &["XAUTOCLAIM"]) {
        return entries::claimed(value, look);
    }
    if word(0, &["XPENDING"]) {
        return pending::render(value, look);
    }
    if word(0, &["XINFO"]) {
        return xinfo::render(value, look);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look { tables: true, json: false, columns: None };

    fn bulk(text: &str) -> Value {
        Value::Bulk(text.to_owned().into())
    }

    fn array(values: Vec<Value>) -> Value {
        Value::Array(values)
    }

    fn entry(id: &str, fields: &[&str]) -> Value {
        array(vec![bulk(id), array(fields.iter().map(|field| bulk(field)).collect())])
    }

    fn shown(line: &str, value: &Value, look: Look) -> String {
        let mut out = Vec::new();
        reply(&Request::from(line.split(' ')), value, look, &mut out);
        String::from_utf8(out).expect("it is text")
    }

    #[test]
    fn entries_are_rows_and_their_fields_columns() {
        let value = array(vec![entry("1-1", &["user", "ann", "n", "1"]), entry("2-1", &["user", "b\x1bob", "ok", ""])]);
        insta::assert_snapshot!(shown("xrange s - +", &value, LOOK), @r#"
        ID   user       n  ok
        1-1  ann        1
        2-1  "b\x1bob"     ""
        "#);
        let twice = array(vec![entry("1-1", &["a", "1", "a", "2"])]);
        insta::assert_snapshot!(shown("XREVRANGE s + -", &twice, LOOK), @r"
        ID   FIELD  VALUE
        1-1  a      1
             a      2
        ");
        let streams = Value::Map(vec![(bulk("s"), array(vec![entry("1-1", &["a", "1"])]))]);
        insta::assert_snapshot!(shown("xread streams s 0", &streams, LOOK), @r"
        s
        ID   a
        1-1  1
        ");
        assert_eq!(shown("xrange s - +", &array(vec![]), LOOK), "(empty array)\n");
        assert_eq!(shown("xread streams s 0", &Value::Null, LOOK), "(nil)\n");
        let claimed = array(vec![bulk("0-0"), array(vec![entry("1-1", &["a", "1"])]), array(vec![bulk("2-2")])]);
        insta::assert_snapshot!(shown("xautoclaim s g c 0 0", &claimed, LOOK), @r"
        ID   a
        1-1  1
        next: 0-0
        deleted: 2-2
        ");
    }

    #[test]
    fn what_is_pending_and_what_there_is_are_tables() {
        let row =
            |id: &str, idle, count| array(vec![bulk(id), bulk("ann"), Value::Integer(idle), Value::Integer(count)]);
        insta::assert_snapshot!(shown("xpending s g - + 10", &array(vec![row("1-1", 1500, 1), row("2-1", 90_061_000, 7)]), LOOK), @r"
        ID   CONSUMER  IDLE  DELIVERIES
        1-1  ann       1.5s  1
        2-1  ann       1d1h  7
        ");
        let consumers = array(vec![array(vec![bulk("ann"), bulk("2")])]);
        let summary = array(vec![Value::Integer(2), bulk("1-1"), bulk("2-1"), consumers]);
        insta::assert_snapshot!(shown("xpending s g", &summary, LOOK), @r"
        2 pending, from 1-1 to 2-1
        CONSUMER  PENDING
        ann       2
        ");
        let none = array(vec![Value::Integer(0), Value::Null, Value::Null, Value::Null]);
        assert_eq!(shown("xpending s g", &none, LOOK), "nothing is pending\n");
        let group = |name: &str| array(vec![bulk("name"), bulk(name), bulk("lag"), Value::Integer(3)]);
        insta::assert_snapshot!(shown("xinfo groups s", &array(vec![group("a"), group("b")]), LOOK), @r"
        NAME  LAG
        a     3
        b     3
        ");
        let stream =
            Value::Map(vec![(bulk("length"), Value::Integer(1)), (bulk("first-entry"), entry("1-1", &["a", "b c"]))]);
        insta::assert_snapshot!(shown("xinfo stream s", &stream, LOOK), @r"
        length       1
        first-entry  1-1 a b c
        ");
    }

    #[test]
    fn what_does_not_look_like_its_kind_is_printed_plainly() {
        for line in ["xrange s - +", "xread streams s 0", "xpending s g", "xinfo groups s", "xautoclaim s g c 0 0"] {
            let value = array(vec![Value::Integer(1), array(vec![bulk("x")])]);
            assert_eq!(shown(line, &value, LOOK), "1) (integer) 1\n2) 1) \"x\"\n", "{line}");
            assert_eq!(shown(line, &Value::Error("ERR no".to_owned()), LOOK), "(error) ERR no\n");
        }
        let value = array(vec![entry("1-1", &["a", "1"])]);
        assert!(shown("xrange s - +", &value, Look { tables: false, ..LOOK }).starts_with("1) 1) \"1-1\"\n"));
    }

    #[test]
    fn json_is_shown_over_several_lines_on_request_and_keeps_its_order() {
        let look = Look { json: true, ..LOOK };
        let value = bulk(r#"{"b":[1,{"a":"x, {y}"}],"a":{},"n":12345678901234567890}"#);
        insta::assert_snapshot!(shown("get k", &value, look), @r#"
        {
          "b": [
            1,
            {
              "a": "x, {y}"
            }
          ],
          "a": {},
          "n": 12345678901234567890
        }
        "#);
        insta::assert_snapshot!(shown("lrange k 0 -1", &array(vec![bulk("[1]"), bulk("{no json"), bulk("12")]), look), @r#"
        1) [
             1
           ]
        2) "{no json"
        3) "12"
        "#);
        let entries = array(vec![entry("1-1", &["data", r#"{"a":1}"#])]);
        insta::assert_snapshot!(shown("xrange s - +", &entries, look), @r#"
        ID   data
        1-1  {
               "a": 1
             }
        "#);
        assert!(!shown("get k", &bulk("[\"\u{9b}31m\"]"), look).contains('\u{9b}'));
    }

    #[test]
    fn a_transaction_shows_each_reply_by_its_kind() {
        let requests = ["XRANGE s - +", "INCR n"].map(|line| Request::from(line.split(' ')));
        let values = array(vec![array(vec![entry("1-1", &["a", "1"])]), Value::Integer(5)]);
        let mut out = Vec::new();
        replies(&requests, &values, LOOK, &mut out);
        insta::assert_snapshot!(String::from_utf8_lossy(&out), @r"
        1) 
        ID   a
        1-1  1
        2) (integer) 5
        ");
        out.clear();
        replies(&requests[1..], &array(vec![Value::Integer(5)]), LOOK, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), "1) (integer) 5\n");
    }
}
