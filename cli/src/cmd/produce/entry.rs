//! One message as a request: `LPUSH`, `RPUSH` or `XADD`.
//!
//! The request is cut back to what all have in common and built again, so that a message costs no allocation.

use std::os::unix::ffi::{OsStrExt, OsStringExt};

use rbq_client::Request;

use super::once::Once;
use super::{Kind, ProduceArgs};
use crate::deadletter::QUEUE_FIELD;

/// How many entries a stream may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MaxLen {
    entries: u64,
    /// To the entry, which costs the server more than trimming whole blocks.
    is_exact: bool,
}

pub(super) fn max_len(text: &str) -> Result<MaxLen, String> {
    let digits = text.strip_prefix(['=', '~']).unwrap_or(text);
    match digits.parse() {
        Ok(entries) => Ok(MaxLen { entries, is_exact: text.starts_with('=') }),
        Err(_) => Err(format!("`{text}` is no number of entries; write `1000`, or `=1000` for exactly so many")),
    }
}

/// Makes requests of messages.
#[derive(Debug)]
pub(super) struct Maker {
    kind: Kind,
    request: Request,
    /// Name and key, and of a stream's request what follows them always.
    common: usize,
    once: Option<Once>,
    /// Trimming and ID, between the message's name and its fields.
    middle: Vec<String>,
    field: Vec<u8>,
    constants: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Maker {
    pub(super) fn new(args: &ProduceArgs, once: Option<Once>) -> Self {
        let verb = match (args.kind, args.right) {
            (Kind::Queue, false) => "LPUSH",
            (Kind::Queue, true) => "RPUSH",
            (Kind::Stream, _) => "XADD",
        };
        let mut request = Request::new(verb).arg(args.name.as_bytes());
        if args.entry.nomkstream {
            request.push("NOMKSTREAM");
        }
        let mut middle = Vec::new();
        if let Some(MaxLen { entries, is_exact }) = args.entry.maxlen {
            middle.extend(["MAXLEN".to_owned(), if is_exact { "=" } else { "~" }.to_owned(), entries.to_string()]);
        }
        middle.push(args.entry.id.clone().unwrap_or_else(|| "*".to_owned()));
        let (mut field, mut constants) = (QUEUE_FIELD.as_bytes().to_vec(), Vec::new());
        for text in &args.entry.field {
            let bytes = text.clone().into_vec();
            match bytes.iter().position(|byte| *byte == b'=') {
                Some(at) => constants.push((bytes[..at].to_vec(), bytes[at + 1..].to_vec())),
                None => field = bytes,
            }
        }
        Self { kind: args.kind, common: request.len(), request, once, middle, field, constants }
    }

    /// A message of bytes alone.
    pub(super) fn message(&mut self, message: &[u8]) -> &Request {
        match self.kind {
            Kind::Queue => {
                self.request.truncate(self.common);
                self.request.push(message);
            }
            Kind::Stream => {
                self.begin([message]);
                self.request.push(&self.field);
                self.request.push(message);
            }
        }
        &self.request
    }

    /// A message of fields, of which there is at least one.
    pub(super) fn fields<'a>(&mut self, fields: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone) -> &Request {
        self.begin(fields.clone().flat_map(|(name, value)| [name, value]));
        for (name, value) in fields {
            self.request.push(name);
            self.request.push(value);
        }
        &self.request
    }

    /// Everything before the message's own fields; its bytes are what it is named by.
    fn begin<'a>(&mut self, bytes: impl IntoIterator<Item = &'a [u8]>) {
        self.request.truncate(self.common);
        if let Some(once) = &mut self.once {
            once.name(bytes, &mut self.request);
        }
        self.request.extend(&self.middle);
        for (name, value) in &self.constants {
            self.request.push(name);
            self.request.push(value);
        }
    }
}
