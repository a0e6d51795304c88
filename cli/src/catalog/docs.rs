//! The reply of `COMMAND DOCS` (Redis 7 and later) as a catalog.
//!
//! Arguments come as a tree of names, types, tokens and flags.

use rbq_resp::Value;

use super::grammar::{Arg, Kind, Presence, Times};
use super::{Catalog, Entry};

/// The commands that a reply of `COMMAND DOCS` describes; what it does not understand is left out.
pub(crate) fn from_docs(reply: &Value) -> Catalog {
    let mut entries = Vec::new();
    for (name, doc) in pairs(reply) {
        add(&text(name).to_uppercase(), doc, &mut entries);
    }
    Catalog::new(entries)
}

fn add(name: &str, doc: &Value, entries: &mut Vec<Entry>) {
    let string = |field_name| field(doc, field_name).map(text).unwrap_or_default();
    entries.push(Entry {
        name: name.to_owned(),
        args: field(doc, "arguments").map(arguments).unwrap_or_default(),
        summary: string("summary"),
        group: string("group"),
        since: string("since"),
        complexity: string("complexity"),
        arity: None,
        example: String::new(),
        lacks: Vec::new(),
    });
    for (sub, doc) in field(doc, "subcommands").map(pairs).into_iter().flatten() {
        // `xgroup|create`
        add(&text(sub).to_uppercase().replace('|', " "), doc, entries);
    }
}

fn arguments(list: &Value) -> Vec<Arg> {
    items(list).iter().map(argument).collect()
}

fn argument(arg: &Value) -> Arg {
    let string = |name| field(arg, name).map(text);
    let flag = |name: &str| field(arg, "flags").is_some_and(|flags| items(flags).iter().any(|flag| text(flag) == name));
    let parts = || field(arg, "arguments").map(arguments).unwrap_or_default();
    let name = string("name").unwrap_or_default();
    Arg {
        shown: string("display_text").unwrap_or_else(|| name.clone()),
        name,
        kind: match string("type").unwrap_or_default().as_str() {
            "key" => Kind::Key,
            "integer" | "double" | "unix-time" => Kind::Number,
            "pure-token" => Kind::Token,
            "oneof" => Kind::OneOf(parts()),
            "block" => Kind::Block(parts()),
            _ => Kind::Text,
        },
        token: string("token"),
        presence: if flag("optional") { Presence::Optional } else { Presence::Required },
        times: match (flag("multiple"), flag("multiple_token")) {
            (false, _) => Times::Once,
            (true, false) => Times::Many,
            (true, true) => Times::ManyWithToken,
        },
    }
}

/// The pairs of a map of RESP3, or of the flat array that stands for it in RESP2.
pub(crate) fn pairs(value: &Value) -> Vec<(&Value, &Value)> {
    match value {
        Value::Map(pairs) => pairs.iter().map(|(key, value)| (key, value)).collect(),
        Value::Array(flat) => flat.chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect(),
        _ => vec![],
    }
}

/// What a map has under this name.
pub(crate) fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    pairs(value).into_iter().find(|(key, _)| key.as_bytes() == Some(name.as_bytes())).map(|(_, value)| value)
}

/// The elements of an array or set; of anything else none.
pub(crate) fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) | Value::Set(items) => items,
        _ => &[],
    }
}

/// A string as text.
pub(crate) fn text(value: &Value) -> String {
    String::from_utf8_lossy(value.as_bytes().unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::Bulk(text.to_owned().into())
    }

    /// `name=value` pairs; `flags` and `arguments` are given apart.
    fn arg(fields: &[(&str, &str)], flags: &[&str], children: Vec<Value>) -> Value {
        let mut pairs: Vec<(Value, Value)> = fields.iter().map(|(name, value)| (bulk(name), bulk(value))).collect();
        pairs.push((bulk("flags"), Value::Set(flags.iter().map(|flag| Value::Status((*flag).to_owned())).collect())));
        pairs.push((bulk("arguments"), Value::Array(children)));
        Value::Map(pairs)
    }

    fn token(name: &str) -> Value {
        arg(&[("type", "pure-token"), ("token", name)], &[], vec![])
    }

    #[test]
    fn arguments_read_as_in_the_manual() {
        let string = |name| arg(&[("name", name), ("type", "string")], &[], vec![]);
        let choice = || vec![token("LEFT"), token("RIGHT")];
        for (argument_, expected) in [
            (string("key"), "key"),
            (arg(&[("name", "element")], &["multiple"], vec![]), "element [element ...]"),
            (arg(&[("name", "n"), ("token", "COUNT")], &["optional"], vec![]), "[COUNT n]"),
            (
                arg(&[("name", "k"), ("token", "GET")], &["optional", "multiple", "multiple_token"], vec![]),
                "[GET k [GET k ...]]",
            ),
            (arg(&[("name", "w"), ("type", "oneof")], &[], choice()), "<LEFT | RIGHT>"),
            (arg(&[("name", "w"), ("type", "oneof")], &["optional"], choice()), "[LEFT | RIGHT]"),
            (arg(&[("name", "w"), ("type", "oneof"), ("token", "BY")], &["optional"], choice()), "[BY <LEFT | RIGHT>]"),
            (arg(&[("type", "block")], &["multiple"], vec![string("f"), string("v")]), "f v [f v ...]"),
            (arg(&[("name", "x"), ("display_text", "shown")], &[], vec![]), "shown"),
        ] {
            assert_eq!(argument(&argument_).notation(), expected);
        }
    }

    #[test]
    fn subcommands_stand_under_their_container_and_resp2_says_the_same() {
        let doc = Value::Array(vec![bulk("summary"), bulk("Make a group")]);
        let subs = Value::Array(vec![bulk("xgroup|create"), doc]);
        let container = Value::Array(vec![bulk("group"), bulk("stream"), bulk("subcommands"), subs]);
        let catalog = from_docs(&Value::Array(vec![bulk("xgroup"), container]));
        let names: Vec<&str> = catalog.entries().iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["XGROUP", "XGROUP CREATE"]);
        assert_eq!(catalog.entries()[1].summary, "Make a group");
        let (found, words) = catalog.find(&[b"xgroup".to_vec(), b"create".to_vec()]).expect("it is there");
        assert_eq!((found.name.as_str(), words), ("XGROUP CREATE", 2));
    }
}
