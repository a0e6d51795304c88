//! Messages in a listing: one cell, whatever they are made of.
//!
//! A message that is JSON can be shown as JSON: spread over lines for people, as a member of the output for programs. For people
//! the text itself is indented, so that the order of members and every digit of a number stay as they were sent; what is embedded
//! in JSON output has been read and written again.

use bytes::Bytes;
use clap::Args;
use serde::de::IgnoredAny;
use serde_json::Value as Json;

use crate::entries::Entry;
use crate::print::message;
use crate::records::Cell;

/// How messages are shown.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct LookArgs {
    /// Show messages that are JSON as JSON: on several lines, or as a part of the output with --output json
    #[arg(short, long)]
    json_values: bool,
}

impl LookArgs {
    /// A queue's message.
    pub(crate) fn payload(self, bytes: &[u8]) -> Cell {
        match self.document(bytes) {
            Some((json, text)) => Cell::bytes(bytes).with_json(json).with_text(text),
            None => Cell::bytes(bytes),
        }
    }

    /// A stream's message.
    pub(crate) fn fields(self, entry: &Entry) -> Cell {
        let fields = &entry.fields;
        let mut raw = Vec::new();
        for (index, (_, value)) in fields.iter().enumerate() {
            if index > 0 {
                raw.push(b'\t');
            }
            raw.extend_from_slice(value);
        }
        let text = self.text(fields);
        Cell::bytes(&raw).with_json(self.object(fields)).with_text(text)
    }

    fn text(self, fields: &[(Bytes, Bytes)]) -> String {
        match fields {
            [(name, value)] if name == "data" => self.payload(value).into_text(),
            _ if self.json_values => {
                let lines: Vec<String> = fields
                    .iter()
                    .map(|(name, value)| {
                        format!("{} {}", Cell::bytes(name).into_text(), self.payload(value).into_text())
                    })
                    .collect();
                lines.join("\n")
            }
            _ => {
                let mut line = Vec::new();
                message::text_fields(fields, &mut line);
                String::from_utf8_lossy(&line).into_owned()
            }
        }
    }

    fn object(self, fields: &[(Bytes, Bytes)]) -> Json {
        let mut object = message::json_fields(fields);
        if self.json_values
            && let Some(members) = object.as_object_mut()
        {
            for value in members.values_mut() {
                let document = value.as_str().and_then(|text| serde_json::from_str::<Json>(text).ok());
                if let Some(document) = document.filter(is_document) {
                    *value = document;
                }
            }
        }
        object
    }

    /// The message read as JSON, and its text indented; none if it is no object or array, or that was not asked for.
    fn document(self, bytes: &[u8]) -> Option<(Json, String)> {
        if !self.json_values {
            return None;
        }
        let text = std::str::from_utf8(bytes).ok()?;
        let json = serde_json::from_str(text).ok().filter(is_document)?;
        Some((json, indented(text)))
    }
}

/// A number or a string alone is better left as it was sent.
fn is_document(json: &Json) -> bool {
    json.is_object() || json.is_array()
}

/// JSON spread over lines. It has to be JSON: brackets, commas and colons outside of strings are all that is looked at.
fn indented(json: &str) -> String {
    debug_assert!(serde_json::from_str::<IgnoredAny>(json).is_ok(), "only JSON is indented");
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth = 0;
    let (mut in_string, mut is_escaped) = (false, false);
    let mut rest = json.chars().peekable();
    while let Some(letter) = rest.next() {
        if in_string {
            out.push(letter);
            in_string = is_escaped || letter != '"';
            is_escaped = !is_escaped && letter == '\\';
            continue;
        }
        match letter {
            '{' | '[' => {
                out.push(letter);
                while rest.next_if(|letter| letter.is_ascii_whitespace()).is_some() {}
                if rest.peek().is_some_and(|letter| "}]".contains(*letter)) {
                    out.extend(rest.next());
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth -= 1;
                new_line(&mut out, depth);
                out.push(letter);
            }
            ',' => {
                out.push(letter);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            letter if letter.is_ascii_whitespace() => {}
            letter => {
                in_string = letter == '"';
                out.push(letter);
            }
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn json_is_indented_and_nothing_in_it_changes() {
        let text = r#" {"b":1.10,"a" : [ ], "c":{"s":"x, {\"y\": \\"}, "d":[1,
        2]} "#;
        assert_eq!(
            indented(text),
            "{\n  \"b\": 1.10,\n  \"a\": [],\n  \"c\": {\n    \"s\": \"x, {\\\"y\\\": \\\\\"\n  },\n  \"d\": [\n    1,\n    2\n  ]\n}"
        );
    }

    #[test]
    fn only_objects_and_arrays_are_shown_as_json_and_only_when_asked() {
        let asked = LookArgs { json_values: true };
        assert_eq!(asked.payload(b"[1]").into_text(), "[\n  1\n]");
        assert_eq!(LookArgs::default().payload(b"[1]").into_text(), "[1]");
        for plain in [&b"12"[..], b"{", b"text"] {
            assert_eq!(asked.payload(plain).into_text(), String::from_utf8_lossy(plain));
        }
    }
}
