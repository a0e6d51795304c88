//! Where messages come from and how the bytes are divided: arguments, lines, zero bytes, JSON, CSV.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value as Json;

use super::entry::Maker;
use super::once::Once;
use super::quotes::Quotes;
use super::{Kind, ProduceArgs};
use crate::failure::{Failure, Result, spoken};
use crate::feed::{self, Feed, Input, Requests};
use crate::print::message;
use crate::sending::Source;

/// Starts to read.
pub(super) fn start(args: ProduceArgs, once: Option<Once>) -> Requests {
    feed::start(move |feed| {
        let mut maker = Maker::new(&args, once);
        if !args.reads_input() {
            return arguments(&args, &mut maker, feed);
        }
        if args.file.is_empty() {
            return read(&args, "stdin", io::stdin(), &mut maker, feed);
        }
        for (index, path) in args.file.iter().enumerate() {
            feed.begin(index);
            if path.as_os_str() == "-" {
                read(&args, "stdin", io::stdin(), &mut maker, feed)?;
                continue;
            }
            let shown = shown(path);
            let file =
                File::open(path).map_err(|error| Failure::new(format!("cannot read {shown}: {}", spoken(&error))))?;
            read(&args, &shown, file, &mut maker, feed)?;
        }
        Ok(())
    })
}

/// What the parts of the input are called.
pub(super) fn sources(args: &ProduceArgs) -> Vec<Source> {
    let unit = if args.form.null { "message" } else { "line" };
    let source = |name| Source { unit, name };
    match args.file.as_slice() {
        _ if !args.reads_input() => vec![Source::messages()],
        [] => vec![source("stdin".to_owned())],
        files => {
            let name = |path: &PathBuf| if path.as_os_str() == "-" { "stdin".to_owned() } else { shown(path) };
            files.iter().map(|path| source(name(path))).collect()
        }
    }
}

/// How many bytes there are to be read, where that is known.
pub(super) fn size_bytes(args: &ProduceArgs) -> Option<u64> {
    let size = |path: &PathBuf| Some(path.metadata().ok().filter(Metadata::is_file)?.len());
    args.file.iter().map(size).sum::<Option<u64>>().filter(|_| !args.file.is_empty())
}

fn shown(path: &Path) -> String {
    format!("`{}`", path.display())
}

/// An input whose errors say which it is.
struct Named<'a, R> {
    name: &'a str,
    inner: R,
}

impl<R: Read> Read for Named<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            _ => io::Error::other(format!("cannot read {}: {}", self.name, spoken(&error))),
        })
    }
}

fn arguments(args: &ProduceArgs, maker: &mut Maker, feed: &Feed) -> Result<()> {
    for (index, message) in args.messages.iter().enumerate() {
        let message = message.clone().into_vec();
        if is_json(args) {
            json(&message, args, maker, feed, || format!("message {}", index + 1))?;
        } else {
            feed.request(maker.message(&message))?;
        }
    }
    Ok(())
}

fn read(args: &ProduceArgs, source: &str, input: impl Read, maker: &mut Maker, feed: &Feed) -> Result<()> {
    let input = Input::new(feed, Named { name: source, inner: input });
    if args.form.csv {
        return rows(args.kind, source, input, maker, feed);
    }
    let separator = if args.form.null { 0 } else { b'\n' };
    let mut line = 0_u64;
    feed::split(input, separator, |message| {
        line += 1;
        if !is_json(args) {
            return feed.request(maker.message(message));
        }
        feed.at(line);
        match message.trim_ascii() {
            b"" => Ok(()),
            message => json(message, args, maker, feed, || format!("line {line} of {source}")),
        }
    })
}

fn is_json(args: &ProduceArgs) -> bool {
    args.form.jsonl || args.entry.json_fields
}

/// A JSON text: as it is, once it is known to be one, or its members as fields.
fn json(text: &[u8], args: &ProduceArgs, maker: &mut Maker, feed: &Feed, at: impl Fn() -> String) -> Result<()> {
    if !args.entry.json_fields {
        serde_json::from_slice::<IgnoredAny>(text).map_err(|_| Failure::new(format!("{} is no JSON", at())))?;
        return feed.request(maker.message(text));
    }
    let Members(members) =
        serde_json::from_slice(text).map_err(|_| Failure::new(format!("{} is no JSON object", at())))?;
    if members.is_empty() {
        return Err(Failure::new(format!("{} has no members, and an entry needs a field", at())));
    }
    feed.request(maker.fields(members.iter().map(|(name, value)| (name.as_bytes(), value.as_slice()))))
}

/// The members of an object in their order, as bytes: strings without their quotes, `{"base64": …}` as what it stands for,
/// everything else as JSON.
struct Members(Vec<(String, Vec<u8>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Json>()? {
                    let bytes = message::from_json(&value).map(|bytes| bytes.to_vec());
                    members.push((name, bytes.unwrap_or_else(|| value.to_string().into_bytes())));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// Rows of CSV under the names of the first: fields of an entry, or a JSON object for a queue.
fn rows(kind: Kind, source: &str, input: impl Read, maker: &mut Maker, feed: &Feed) -> Result<()> {
    let quotes = Quotes::default();
    let mut reader = csv::Reader::from_reader(quotes.watch(input));
    let wrong = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(error) => Failure::from(error),
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.map_or(0, |at| at.line());
            Failure::new(format!("line {line} of {source} has {len} columns, and the first row {expected_len}"))
        }
        _ => Failure::new(format!("{source} is no CSV")),
    };
    let names = reader.byte_headers().map_err(wrong)?.clone();
    let mut row = csv::ByteRecord::new();
    let mut object = Vec::new();
    while reader.read_byte_record(&mut row).map_err(wrong)? {
        let line = row.position().map_or(0, csv::Position::line);
        if quotes.are_cut_off() {
            let failure =
                Failure::new(format!("{source} ends inside quotes; the row that begins on line {line} is cut off"));
            return Err(failure.hint("nothing of that row was sent"));
        }
        feed.at(line.max(1));
        match kind {
            Kind::Stream => feed.request(maker.fields(names.iter().zip(row.iter())))?,
            Kind::Queue => {
                object.clear();
                let names: Vec<_> = names.iter().map(String::from_utf8_lossy).collect();
                let members = names.iter().zip(row.iter()).map(|(name, value)| (&**name, message::json(value)));
                message::object(members, &mut object);
                feed.request(maker.message(object.trim_ascii_end()))?;
            }
        }
    }
    Ok(())
}
