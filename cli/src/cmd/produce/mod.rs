//! `rbq produce`: messages into a queue (a list) or a stream: arguments, lines, JSON, CSV.
//!
//! ```text
//!   queue NAME    LPUSH NAME message             taken from the other end by `rbq consume queue NAME`
//!   stream NAME   XADD NAME * data message       read by `rbq consume stream NAME`
//! ```
//!
//! What a connection loses is sent again (see [`sending`](crate::sending)). With `--producer-id` each message has a name of its
//! own (see [`once`]), so that neither that nor a file that is sent again doubles anything.

mod entry;
mod input;
mod once;
mod quotes;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use rbq_client::{Link, Request};
use rbq_resp::Value;

use crate::cmd::keyspace::kind::{shell_word, shown};
use crate::duration;
use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::interrupt::Interrupt;
use crate::open::{ServerArgs, options};
use crate::progress::Progress;
use crate::sending::{Again, Manner, Sending, Source};

/// Requests in flight unless told otherwise: over a round trip of 1 ms more than one connection carries.
pub(crate) const BATCH: usize = 1024;

/// Send messages to a queue or a stream
#[derive(Debug, Clone, Args)]
pub(crate) struct ProduceArgs {
    /// What NAME is
    kind: Kind,
    /// The queue's or stream's name
    name: OsString,
    /// The messages; without any, or with `-`, those of stdin
    messages: Vec<OsString>,
    /// Read messages from this file; `-` is stdin. May be given again
    #[arg(short, long, value_name = "FILE", conflicts_with = "messages")]
    file: Vec<PathBuf>,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    entry: EntryArgs,
    /// Queue: push on the right, where consumers take first (RPUSH)
    #[arg(long)]
    right: bool,
    /// Stream: name every message by PRODUCER and its place, so that one sent again is added once (IDMP)
    #[arg(long, value_name = "PRODUCER", conflicts_with = "id")]
    producer_id: Option<OsString>,
    /// Stream: have it know its messages again for this long, up to 1d [default: as it is; 1d for a new stream]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, requires = "producer_id")]
    remember: Option<Duration>,
    #[command(flatten)]
    pace: PaceArgs,
    /// No summary on stderr
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// How the input is divided into messages; one a line without any of these.
#[derive(Debug, Clone, Copy, Args)]
struct FormArgs {
    /// A message ends with a zero byte instead of a line end
    #[arg(short = '0', long, conflicts_with_all = ["jsonl", "csv"])]
    null: bool,
    /// Each line is a JSON value; a line that is none ends the sending
    #[arg(long, conflicts_with = "csv")]
    jsonl: bool,
    /// CSV whose first row names the columns: the fields of an entry, or of a JSON object in a queue
    #[arg(long)]
    csv: bool,
}

/// What a stream's entry looks like.
#[derive(Debug, Clone, Args)]
struct EntryArgs {
    /// Stream: the field that holds the message [default: data]; NAME=VALUE adds a field to every entry
    #[arg(long, value_name = "NAME[=VALUE]")]
    field: Vec<OsString>,
    /// Stream: each message is a JSON object, whose members become the fields
    #[arg(long, conflicts_with_all = ["csv", "null"])]
    json_fields: bool,
    /// Stream: keep about this many entries, or `=N` for exactly so many (MAXLEN)
    #[arg(long, value_name = "[=]N", value_parser = entry::max_len)]
    maxlen: Option<entry::MaxLen>,
    /// Stream: the entry's ID [default: `*`, the server's choice]
    #[arg(long)]
    id: Option<String>,
    /// Stream: do not create it
    #[arg(long)]
    nomkstream: bool,
}

/// How fast to send, how much, and how long to try.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct PaceArgs {
    /// Messages sent before the first of them is acknowledged, at most
    #[arg(long, value_name = "MESSAGES", default_value_t = BATCH as u64,
        value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    batch: u64,
    /// Messages a second, at most
    #[arg(long, value_name = "MESSAGES", value_parser = rate)]
    rate: Option<f64>,
    /// End after this many messages
    #[arg(short = 'n', long, value_name = "MESSAGES")]
    count: Option<u64>,
    /// When the connection is lost, try this long to reach the server again; `0s` gives up at once
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration::parse)]
    reconnect: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A list: each message goes to one consumer
    Queue,
    /// A stream: messages stay and can be read again
    Stream,
}

impl PaceArgs {
    pub(crate) fn manner(self, again: Again, nil: &'static str, sources: Vec<Source>) -> Manner {
        let Self { batch, rate, count, reconnect } = self;
        Manner { batch: batch as usize, rate, count, reconnect, again, nil, sources }
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| format!("`{text}` is no rate; write messages a second, as in `500` or `0.5`"))
}

pub(crate) async fn run(args: ProduceArgs) -> Result<Exit> {
    args.check()?;
    let target = args.server.target()?;
    let options = options()?;
    let mut link = Link::connect(&target, &options).await?;
    check_kind(&mut link, args.kind, args.name.as_bytes()).await?;
    let (quiet, pace) = (args.quiet, args.pace);
    let once = match args.producer_id.clone() {
        Some(producer) => once::prepare(&args, producer.into_vec(), &mut link).await?,
        None => None,
    };
    let again = if once.is_some() { Again::Recognised } else { Again::Doubled };
    let interrupt = Interrupt::listen()?;
    let nil = "there is no such stream, and --nomkstream creates none";
    let manner = pace.manner(again, nil, input::sources(&args));
    // Where stdin is read, somebody may be typing.
    let has_bar = !quiet && !args.file.is_empty() && args.file.iter().all(|file| file.as_os_str() != "-");
    let progress = match (pace.count, input::size_bytes(&args)) {
        _ if !has_bar => Progress::silent(),
        (None, Some(bytes)) => Progress::through("acknowledged", bytes),
        (count, _) => Progress::start("acknowledged", count),
    };
    if !quiet && args.reads_stdin() && io::stdin().is_terminal() {
        say("reading messages, one a line; Ctrl-D ends");
    }
    let mut sending = Sending::new((target, options), link, interrupt, manner, progress);
    let sent = if pace.count == Some(0) { Ok(()) } else { sending.run(input::start(args, once), |_| ()).await };
    sending.end_progress();
    let exit = match sent {
        Ok(()) => sending.exit(),
        // What was sent before the input broke off is there.
        Err(failure) if sending.has_acknowledged() => failure.after_a_part().report(),
        Err(failure) => failure.report(),
    };
    sending.tell_failed();
    if !quiet {
        say(&sending.summary());
    }
    Ok(exit)
}

/// Refuses a key of the other kind before anything is read. A cluster's other node has no say in it, and a user who may not ask is not
/// kept from sending: then the server refuses each message.
async fn check_kind(link: &mut Link, kind: Kind, key: &[u8]) -> Result<()> {
    let held = match link.call(Request::new("TYPE").arg(key)).await? {
        Value::Status(held) => held,
        _ => return Ok(()),
    };
    let (name, word) = (shown(key), shell_word(key));
    let (is, hint) = match (held.as_str(), kind) {
        ("none", _) | ("list", Kind::Queue) | ("stream", Kind::Stream) => return Ok(()),
        ("list", _) => ("a queue".to_owned(), format!("`rbq produce queue {word}` pushes onto it")),
        ("stream", _) => ("a stream".to_owned(), format!("`rbq produce stream {word}` adds to it")),
        (other, _) => (format!("a {other}"), "messages are in queues (lists) and streams".to_owned()),
    };
    Err(Failure::new(format!("`{name}` is {is}")).hint(hint))
}

impl ProduceArgs {
    fn check(&self) -> Result<()> {
        let EntryArgs { field, json_fields, maxlen, id, nomkstream } = &self.entry;
        let of_streams = [
            ("--field", !field.is_empty()),
            ("--json-fields", *json_fields),
            ("--maxlen", maxlen.is_some()),
            ("--id", id.is_some()),
            ("--nomkstream", *nomkstream),
        ];
        let wrong = of_streams.into_iter().find(|(_, is_given)| *is_given);
        match (self.kind, wrong) {
            (Kind::Queue, Some((option, _))) => {
                Err(Failure::usage(format!("a queue's message is bytes alone; {option} is for streams")))
            }
            (Kind::Queue, None) if self.producer_id.is_some() => {
                let failure = Failure::usage("a queue does not know a message again; --producer-id is for streams");
                Err(failure.hint("without it a message may arrive twice when its connection is lost"))
            }
            (Kind::Stream, _) if self.right => {
                Err(Failure::usage("a stream has one end to add to; --right is for queues"))
            }
            _ if !self.reads_input() && self.messages.iter().any(|message| message == "-") => {
                let failure = Failure::usage("`-` is stdin, and does not go with other messages");
                Err(failure.hint("on stdin, a line with a `-` is a message like any other"))
            }
            _ if field.iter().filter(|field| !field.as_bytes().contains(&b'=')).count() > 1 => {
                let failure = Failure::usage("a message is in one field, and --field names two for it");
                Err(failure.hint("NAME=VALUE adds a field with that value"))
            }
            _ if self.form.csv && !self.reads_input() => {
                Err(Failure::usage("arguments are messages by themselves; --csv is for --file and stdin"))
            }
            _ => Ok(()),
        }
    }

    fn reads_stdin(&self) -> bool {
        match self.file.as_slice() {
            [] => self.reads_input(),
            files => files.iter().any(|file| file.as_os_str() == "-"),
        }
    }

    /// Whether messages come from files or stdin, and are no arguments.
    fn reads_input(&self) -> bool {
        self.messages.is_empty() || self.messages == ["-"]
    }
}
