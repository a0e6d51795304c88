//! Messages onto stdout: `--output` and `--format`.
//!
//! | | a message is |
//! |---|---|
//! | text     | a line: a lone field `data` bare, otherwise names and values that read back; a terminal is not steered |
//! | json     | an element of one array |
//! | jsonl    | a line of JSON |
//! | raw      | the values' bytes, nothing added |
//! | --format | what the format says |

use serde_json::Value as Json;

use super::format::Format;
use super::message::Message;
use crate::cmd::produce::Kind;
use crate::failure::Result;
use crate::output::Output;
use crate::print::message;
use crate::records::Form;

/// Messages under way to stdout.
#[derive(Debug)]
pub(super) struct Writer {
    key: Vec<u8>,
    form: Form,
    format: Option<Format>,
    out: Output,
    is_terminal: bool,
    /// Whether the array of `json` has an element.
    begun: bool,
}

impl Writer {
    pub(super) fn new(key: &[u8], form: Form, format: Option<Format>) -> Self {
        let out = Output::new();
        Self { key: key.to_vec(), form, format, is_terminal: out.is_terminal(), out, begun: false }
    }

    /// Puts a message behind the others; [`flush`](Self::flush) writes them.
    pub(super) fn add(&mut self, message: &Message) -> Result<()> {
        let out = self.out.buffer();
        match (&self.format, self.form) {
            (Some(format), _) => format.write(&self.key, message, out),
            (None, Form::Raw) => message.fields.iter().for_each(|(_, value)| out.extend_from_slice(value)),
            (None, Form::Text) => {
                let mut line = Vec::new();
                message::text_fields(&message.fields, &mut line);
                out.extend_from_slice(if self.is_terminal { message::harmless(&line) } else { line.into() }.as_ref());
                out.push(b'\n');
            }
            (None, Form::Jsonl) => message::object(members(&self.key, message), out),
            (None, Form::Json) => {
                out.extend_from_slice(if self.begun { b"," } else { b"[" });
                self.begun = true;
                message::object(members(&self.key, message), out);
                // The comma stands at the end of the line before, which is not known to be needed until now.
                let end = out.pop();
                debug_assert_eq!(end, Some(b'\n'), "an object ends its line");
            }
        }
        Ok(self.out.relieve()?)
    }

    /// Writes everything; on success the system has all of it.
    pub(super) fn flush(&mut self) -> Result<()> {
        Ok(self.out.flush()?)
    }

    /// Closes the array of `json`.
    pub(super) fn finish(mut self) -> Result<()> {
        if self.form == Form::Json && self.format.is_none() {
            self.out.buffer().extend_from_slice(if self.begun { b"]\n" } else { b"[]\n" });
        }
        self.flush()
    }
}

/// What an object of `json` and `jsonl` has.
pub(super) fn members(key: &[u8], message: &Message) -> Vec<(&'static str, Json)> {
    match message.kind {
        Kind::Queue => vec![("queue", message::json(key)), ("payload", message::json(message.payload()))],
        Kind::Stream => vec![
            ("stream", message::json(key)),
            ("id", message.id.as_str().into()),
            ("fields", message::json_fields(&message.fields)),
        ],
    }
}
