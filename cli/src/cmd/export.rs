//! `rbq export`: the keys of a server at work as commands, for `redis-cli --pipe` and for keeping.
//!
//! Each key is as it was at one moment (where the server has no DUMP, a long stream's entries are an exception, see
//! [`read_stream`](crate::transfer)); two keys may be of different moments. A snapshot of everything at one moment is what
//! `rbq backup` makes.
//!
//! Of a stream that was replaced while it was read a part may be written already. A DEL behind it takes that back wherever the
//! commands are sent to, and the key is written anew.
//!
//! A key counts as exported once the system has taken all of its commands: what a full disk cut off is not told as done.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use rbq_client::Request;
use rbq_rdb::Event;
use rbq_resp::encode_request;

use crate::exit::Exit;
use crate::failure::{Failure, Result, say, spoken};
use crate::interrupt::Interrupt;
use crate::open::ServerArgs;
use crate::output::{BUFFER_BYTES, Output};
use crate::progress::Progress;
use crate::transfer::abilities::{Abilities, Idempotence, Unowned};
use crate::transfer::compose::Composer;
use crate::transfer::live::{Depth, Live, Selection};
use crate::transfer::tally::{Tally, Why};
use crate::transfer::{Found, temporary};

/// Write strings, lists and streams as commands that `redis-cli --pipe` reads
#[derive(Debug, Clone, Args)]
#[command(after_help = "Groups, consumers and pending entries are among them. Exit code 3: something has no commands.")]
pub(crate) struct ExportArgs {
    /// Where to; stdout without it, and for `-`. A file that is there already is refused
    file: Option<PathBuf>,
    /// Only keys that match this glob
    #[arg(long = "match", value_name = "GLOB")]
    pattern: Option<String>,
    /// Only this database
    #[arg(long, value_name = "N")]
    db: Option<u32>,
    /// Begin each key with a DEL, so that it replaces what is there
    #[arg(long)]
    replace: bool,
    /// Use commands that only rbq and Redis 8.8 have, for what no older Redis has: pending entries that are nobody's (XNACK), the
    /// limits of idempotent producers (XCFGSET)
    #[arg(long)]
    exact: bool,
    /// No progress and no summary on stderr
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn run(args: ExportArgs) -> Result<Exit> {
    let selection = Selection { pattern: args.pattern.clone(), db: args.db };
    let mut source = Live::open(&args.server.target()?, selection, Depth::Values).await?;
    let mut sink = Sink::open(args.file.as_deref())?;
    let interrupt = Interrupt::listen()?;
    let progress = match args.quiet {
        true => Progress::silent(),
        false => Progress::start("keys exported", Some(source.total_keys())),
    };
    let mut tally = Tally::default();
    let written = pour(&mut source, &mut sink, &args, &interrupt, progress, &mut tally).await;
    if matches!(written, Err(Failure::ClosedPipe)) {
        return written.map(|()| Exit::Done);
    }
    if !args.quiet {
        match sink.failed {
            true => {
                say(&format!("read {}, and the first {} are whole {}", tally.summary(), sink.whole_keys, sink.place()))
            }
            false if written.is_err() || interrupt.was_pressed() => {
                say(&format!("exported so far {}", tally.summary()))
            }
            false => say(&format!("exported {}", tally.summary())),
        }
        tally.say_changed();
        tally.say();
    }
    written?;
    Ok(match interrupt.exit() {
        Exit::Done if tally.has_losses() => Exit::Partly,
        exit => exit,
    })
}

async fn pour(
    source: &mut Live,
    sink: &mut Sink,
    args: &ExportArgs,
    interrupt: &Interrupt,
    mut progress: Progress,
    tally: &mut Tally,
) -> Result<()> {
    let mut composer: Option<Composer> = None;
    let (unowned, idempotence) = match args.exact {
        true => (Unowned::Kept, Idempotence::Kept),
        false => (Unowned::Given, Idempotence::NotKept),
    };
    // Whoever has no counters could not take these commands back.
    let abilities = Abilities { counters: source.counters(), unowned, idempotence };
    let (mut db, mut done) = (0, 0);
    let mut requests = Vec::new();
    while let Some(found) = source.next().await? {
        progress.add(source.done_keys() - done);
        done = source.done_keys();
        match found {
            Found::Event(Event::Key(key)) if temporary::run_of(&key.name).is_some() => {
                tally.skip("key", Some(key.db), Why::Unfinished, &key.name);
            }
            Found::Event(Event::Key(key)) => {
                if key.db != db {
                    db = key.db;
                    sink.put(&Request::from(["SELECT", &db.to_string()]))?;
                }
                if args.replace {
                    sink.put(&Request::new("DEL").arg(&key.name))?;
                }
                composer = Some(Composer::new(key, abilities));
            }
            Found::Event(Event::KeyEnd) => {
                if let Some(composer) = composer.take() {
                    composer.kind().into_iter().for_each(|kind| tally.key(kind));
                    tally.otherwise(composer.otherwise());
                    for request in composer.end() {
                        sink.put(&request)?;
                    }
                    sink.begun_keys += 1;
                }
            }
            Found::Event(Event::Other { key, kind }) => tally.skip(kind, Some(key.db), Why::NoSuchType, &key.name),
            Found::Event(Event::Library) => {
                tally.skip("function library", None, Why::NoWay("rbq has no functions"), b"")
            }
            Found::Withdrawn => {
                // What was put may be anywhere by now, and cannot be taken back.
                if let Some(composer) = composer.take() {
                    sink.put(&Request::new("DEL").arg(&composer.otherwise().0.name))?;
                }
            }
            Found::Lost { db, name, what, why } => tally.skip(what, Some(db), Why::NoWay(why), &name),
            Found::Event(event) => {
                if let Some(composer) = &mut composer {
                    composer.add(event, &mut requests);
                }
                for request in requests.drain(..) {
                    sink.put(&request)?;
                }
            }
            Found::Command { .. } | Found::Torn(_) | Found::Unverified(_) => {}
        }
        if composer.is_none() && interrupt.was_pressed() {
            break;
        }
    }
    sink.end()?;
    progress.finish();
    Ok(())
}

/// Where the commands go, and how many keys are whole there.
#[derive(Debug)]
struct Sink {
    to: To,
    /// All of whose commands were put.
    begun_keys: u64,
    /// All of whose commands were taken.
    whole_keys: u64,
    /// Whether something was not taken.
    failed: bool,
}

#[derive(Debug)]
enum To {
    Stdout(Output),
    File { file: File, path: PathBuf, buffer: Vec<u8> },
}

impl Sink {
    fn open(path: Option<&Path>) -> Result<Self> {
        let to = match path.filter(|path| *path != Path::new("-")) {
            None => To::Stdout(Output::new()),
            Some(path) => To::create(path)?,
        };
        Ok(Self { to, begun_keys: 0, whole_keys: 0, failed: false })
    }

    fn put(&mut self, request: &Request) -> Result<()> {
        let buffer = self.to.buffer();
        encode_request(request.iter(), buffer);
        if buffer.len() < BUFFER_BYTES { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<()> {
        let flushed = self.to.flush();
        self.taken(flushed)?;
        self.whole_keys = self.begun_keys;
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.flush()?;
        let To::File { file, .. } = &self.to else { return Ok(()) };
        let synced = file.sync_all();
        self.taken(synced).inspect_err(|_| self.whole_keys = 0)
    }

    fn taken(&mut self, done: io::Result<()>) -> Result<()> {
        done.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
            _ => {
                self.failed = true;
                Failure::new(format!("cannot write all of the export {}: {}", self.place(), spoken(&error)))
                    .hint("what is there ends in the middle; export it again where there is room")
            }
        })
    }

    fn place(&self) -> String {
        match &self.to {
            To::Stdout(_) => "on stdout".to_owned(),
            To::File { path, .. } => format!("in `{}`", path.display()),
        }
    }
}

impl To {
    fn create(path: &Path) -> Result<Self> {
        let shown = path.display();
        match File::create_new(path) {
            Ok(file) => Ok(Self::File { file, path: path.to_owned(), buffer: Vec::new() }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(Failure::new(format!("`{shown}` is there already")).hint("an export makes a file of its own"))
            }
            Err(error) => Err(Failure::new(format!("cannot make `{shown}`: {}", spoken(&error)))),
        }
    }

    fn buffer(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Stdout(output) => output.buffer(),
            Self::File { buffer, .. } => buffer,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(output) => output.flush(),
            Self::File { file, buffer, .. } => {
                file.write_all(buffer)?;
                buffer.clear();
                Ok(())
            }
        }
    }
}
