//! `rbq export`: the keys of a server at work as commands, for `redis-cli --pipe` and for keeping.
//!
//! Each key is as it was at one moment (where the server has no DUMP, a long stream's entries are an exception, see
//! [`read_stream`](crate::transfer)); two keys may be of different moments. A snapshot of everything at one moment is what
//! `rbq backup` makes.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use rbq_client::{Request, reason};
use rbq_rdb::Event;
use rbq_resp::encode_request;

use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::interrupt::Interrupt;
use crate::open::ServerArgs;
use crate::output::Output;
use crate::progress::Progress;
use crate::transfer::Found;
use crate::transfer::compose::Composer;
use crate::transfer::live::{Depth, Live, Selection};
use crate::transfer::tally::{Tally, Why};

/// Write strings, lists and streams as commands that `redis-cli --pipe` reads
#[derive(Debug, Clone, Args)]
#[command(after_help = "Groups, consumers and pending entries are among them. Exit code 3: something has no commands.")]
pub(crate) struct ExportArgs {
    /// Where to; stdout without it. A file that is there already is refused
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
        let how = if written.is_err() || interrupt.was_pressed() { "exported so far" } else { "exported" };
        say(&format!("{how} {}", tally.summary()));
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
    let (mut db, mut done) = (0, 0);
    let mut requests = Vec::new();
    while let Some(found) = source.next().await? {
        progress.add(source.done_keys() - done);
        done = source.done_keys();
        match found {
            Found::Event(Event::Key(key)) => {
                if key.db != db {
                    db = key.db;
                    sink.put(&Request::from(["SELECT", &db.to_string()]))?;
                }
                if args.replace {
                    sink.put(&Request::new("DEL").arg(&key.name))?;
                }
                // Whoever has no counters could not take these commands back.
                composer = Some(Composer::new(key, source.counters()));
            }
            Found::Event(Event::KeyEnd) => {
                if let Some(composer) = composer.take() {
                    composer.kind().into_iter().for_each(|kind| tally.key(kind));
                    for request in composer.end() {
                        sink.put(&request)?;
                    }
                }
            }
            Found::Event(Event::Other { key, kind }) => tally.skip(kind, Some(key.db), Why::NoSuchType, &key.name),
            Found::Lost { db, name, what, why } => tally.skip(what, Some(db), Why::NoWay(why), &name),
            Found::Event(event) => {
                if let Some(composer) = &mut composer {
                    composer.add(event, &mut requests);
                }
                for request in requests.drain(..) {
                    sink.put(&request)?;
                }
            }
            Found::Command { .. } | Found::Torn(_) => {}
        }
        if composer.is_none() && interrupt.was_pressed() {
            break;
        }
    }
    sink.end()?;
    progress.finish();
    Ok(())
}

/// Where the commands go.
#[derive(Debug)]
enum Sink {
    Stdout(Output),
    File(BufWriter<File>),
}

impl Sink {
    fn open(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self::Stdout(Output::new())) };
        let shown = path.display();
        match File::create_new(path) {
            Ok(file) => Ok(Self::File(BufWriter::new(file))),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(Failure::new(format!("`{shown}` is there already")).hint("an export makes a file of its own"))
            }
            Err(error) => Err(Failure::new(format!("cannot make `{shown}`: {}", reason(&error).to_lowercase()))),
        }
    }

    fn put(&mut self, request: &Request) -> Result<()> {
        match self {
            Self::Stdout(output) => {
                encode_request(request.iter(), output.buffer());
                output.relieve()?;
            }
            Self::File(file) => {
                let mut bytes = Vec::new();
                encode_request(request.iter(), &mut bytes);
                file.write_all(&bytes)?;
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        match self {
            Self::Stdout(output) => output.flush()?,
            Self::File(file) => {
                file.flush()?;
                file.get_ref().sync_all()?;
            }
        }
        Ok(())
    }
}
