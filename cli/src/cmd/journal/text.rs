//! An op as a line of text or of JSON.
//!
//! In text, bytes stand as they are where they look like a word, and otherwise in quotes with escapes, as everywhere in
//! this program. In JSON every value is a string, numbers too: many are larger than what a reader of JSON keeps exact.

use std::io::Write as _;

use rbq_broker::op::{Op, Shown, Stamp};
use rbq_resp::quote;
use serde_json::Value as Json;

use crate::print::message;

/// An op, and what the log says about it.
pub(super) struct Line<'l> {
    pub(super) position: u64,
    pub(super) index: u64,
    pub(super) stamp: Stamp,
    pub(super) op: &'l Op<'l>,
}

impl Line<'_> {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let Self { position, index, stamp, op } = self;
        let Stamp { db, now_ms } = stamp;
        let name = op.name();
        write!(out, "position={position} index={index} time_ms={now_ms} db={db} {name}").expect(GROWS);
        for (name, shown) in op.fields() {
            write!(out, " {name}=").expect(GROWS);
            write_shown(&shown, out);
        }
        out.push(b'\n');
    }

    pub(super) fn write_json(&self, out: &mut Vec<u8>) {
        let members = [
            ("position", self.position.into()),
            ("index", self.index.into()),
            ("time_ms", self.stamp.now_ms.into()),
            ("db", self.stamp.db.into()),
            ("op", self.op.name().into()),
            ("fields", json_parts(&self.op.fields())),
        ];
        message::object(members, out);
    }
}

const GROWS: &str = "a vector takes every write";

fn write_shown(shown: &Shown, out: &mut Vec<u8>) {
    match shown {
        Shown::Word(word) => out.extend_from_slice(word.as_bytes()),
        Shown::Bytes(bytes) => {
            let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.:/@*$+".contains(byte);
            if !bytes.is_empty() && bytes.iter().all(is_plain) {
                out.extend_from_slice(bytes);
            } else {
                out.extend_from_slice(quote(bytes).as_bytes());
            }
        }
        Shown::List(all) => {
            out.push(b'[');
            for (index, one) in all.iter().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                write_shown(one, out);
            }
            out.push(b']');
        }
        Shown::Parts(parts) => {
            out.push(b'(');
            for (index, (name, part)) in parts.iter().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                write!(out, "{name}=").expect(GROWS);
                write_shown(part, out);
            }
            out.push(b')');
        }
    }
}

fn json(shown: &Shown) -> Json {
    match shown {
        Shown::Word(word) => word.as_str().into(),
        Shown::Bytes(bytes) => message::json(bytes),
        Shown::List(all) => all.iter().map(json).collect(),
        Shown::Parts(parts) => json_parts(parts),
    }
}

fn json_parts(parts: &[(&'static str, Shown)]) -> Json {
    Json::Object(parts.iter().map(|(name, part)| ((*name).to_owned(), json(part))).collect())
}

#[cfg(test)]
mod tests {
    use rbq_broker::op::End;

    use super::*;

    #[test]
    fn any_bytes_fit_a_line_and_read_back() {
        let op = Op::ListPop { key: b"two words\n\xff", end: End::Head, count: Some(u64::MAX) };
        let line = Line { position: 1, index: 2, stamp: Stamp { db: 3, now_ms: 4 }, op: &op };
        let (mut text, mut json) = (Vec::new(), Vec::new());
        line.write(&mut text);
        line.write_json(&mut json);
        let expected = "position=1 index=2 time_ms=4 db=3 ListPop key=\"two words\\n\\xff\" end=Head \
                        count=18446744073709551615\n";
        assert_eq!(String::from_utf8_lossy(&text), expected);
        let expected = "{\"position\":1,\"index\":2,\"time_ms\":4,\"db\":3,\"op\":\"ListPop\",\"fields\":\
                        {\"key\":{\"base64\":\"dHdvIHdvcmRzCv8=\"},\"end\":\"Head\",\"count\":\"18446744073709551615\"}}\n";
        assert_eq!(String::from_utf8_lossy(&json), expected);
    }
}
