//! Values as text, in the four forms of redis-cli, byte for byte.
//!
//! | form | for | where |
//! |---|---|---|
//! | tty  | people: types, indices, quotes | a terminal, `--no-raw` |
//! | raw  | programs: the bytes alone      | a pipe or file, `--raw` |
//! | csv  | tables                         | `--csv` |
//! | json | programs                       | `--json`, `--quoted-json` |
//!
//! Checked against redis-cli itself by `tests/redis_cli.rs`. Walking a value may recurse: the decoder bounds its depth.

mod csv;
mod json;
mod raw;
mod tty;

pub(crate) mod message;

use rbq_resp::Value;

/// One of the four forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Tty,
    Raw,
    Csv,
    Json,
    /// JSON in ASCII: strings are quoted as on a terminal, and the escapes escaped.
    QuotedJson,
}

/// A form and, for raw, what stands between elements and after a reply.
#[derive(Debug, Clone)]
pub(crate) struct Printer {
    pub(crate) form: Form,
    pub(crate) element_end: Vec<u8>,
    pub(crate) reply_end: Vec<u8>,
}

impl Printer {
    pub(crate) fn new(form: Form) -> Self {
        Self { form, element_end: b"\n".to_vec(), reply_end: b"\n".to_vec() }
    }

    /// One whole reply, with what ends it.
    pub(crate) fn reply(&self, value: &Value, out: &mut Vec<u8>) {
        match self.form {
            Form::Tty => tty::write(value, out),
            Form::Raw => {
                raw::write(value, &self.element_end, out);
                out.extend_from_slice(&self.reply_end);
            }
            Form::Csv => {
                csv::write(value, out);
                out.push(b'\n');
            }
            Form::Json => {
                json::write(value, json::Strings::Utf8, out);
                out.push(b'\n');
            }
            Form::QuotedJson => {
                json::write(value, json::Strings::Quoted, out);
                out.push(b'\n');
            }
        }
    }

    /// A reply that is a text of many lines, such as that of INFO: as it is, in every form.
    pub(crate) fn text(&self, value: &Value, out: &mut Vec<u8>) {
        raw::write(value, &self.element_end, out);
    }
}

#[cfg(test)]
mod tests;
