//! The rbq message broker as a server: sockets, threads, configuration, logs.
//!
//! ```text
//!   listen ──► threads: connection ─┐
//!                                   ├──► hub: one lock, one Broker ──► outboxes ──► sockets
//!   housekeeping: timer, measures ──┘
//! ```
//!
//! Everything that decides what a client sees is in `rbq-broker`; this crate moves bytes, knows the time, and keeps one
//! client's behaviour from becoming another's problem.

#![forbid(unsafe_code)]

mod aside;
mod clock;
mod config;
mod connection;
mod durable;
mod facts;
mod files;
mod flusher;
mod gates;
mod histogram;
mod housekeeping;
mod hub;
mod limits;
mod listen;
mod logs;
mod memory;
mod neighbour;
mod news;
mod outbox;
mod rewrite;
mod scribe;
mod signals;
mod socket;
mod sweeper;
mod threads;
mod turn;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rbq_broker::Broker;
use rbq_broker::settings::Settings;
use rbq_journal::{Directory, Storage, said};

use crate::clock::Clock;
pub use crate::config::{Config, command};
use crate::durable::Home;
pub use crate::durable::{Recovered, clock_refusal, lone, room};
use crate::gates::Gates;
use crate::hub::{Lines, Shared};
use crate::listen::Listeners;
use crate::signals::Outlived;
use crate::threads::Threads;

/// I/O threads when `io-threads` is 0, at most: more only wait for the one lock.
const IO_THREADS_DEFAULT_MAX: usize = 4;
/// Cores that they leave to the system's side of the sockets, to what else runs here, and to whoever is on the other end. With
/// a thread on every core, one that is taken off its core while it holds the lock stops all others: on two cores the
/// 99th percentile at full load is then ten times that of a single thread, and every command a fifth dearer.
const CORES_LEFT: usize = 1;

/// Runs the server as a program: reads `args` (the program's name first), serves until it is told to stop, and says
/// on stderr what went wrong. `name` is what help calls it.
pub fn main(name: &'static str, args: impl IntoIterator<Item = OsString>) -> ExitCode {
    abort_on_panic();
    let config = match Config::from_args(name, args) {
        Ok(config) => config,
        Err(error) => {
            let is_told = error.downcast_ref::<clap::Error>().is_some();
            let ended = complain(&error, USAGE);
            if !is_told && !error.to_string().contains("\nhint: ") {
                eprintln_quietly(&format!("hint: `{name} --help` lists the parameters and what they may be"));
            }
            return ended;
        }
    };
    let done = if config.check_only { check(&config) } else { run(config) };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error, FAILURE),
    }
}

/// From here on a panic of any thread ends the process, however it was built: the other threads would go on with an invariant that
/// does not hold, and the clients of that thread would wait for ever.
pub fn abort_on_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tell(panic);
        std::process::abort();
    }));
}

/// A command line, a variable or a file that makes no sense: what sysexits and clap agree on.
const USAGE: u8 = 2;
/// Everything else that is in the way.
const FAILURE: u8 = 1;

/// What `--check-config` finds out besides: whether a start would find its directory.
fn check(config: &Config) -> Result<()> {
    let dir = &config.settings.dir.0;
    std::fs::read_dir(dir).map_err(|error| no_entry(dir, &error))?;
    for warning in &config.warnings {
        eprintln_quietly(&format!("warning: {warning}"));
    }
    eprintln_quietly("configuration is fine");
    Ok(())
}

fn no_entry(dir: &str, error: &std::io::Error) -> anyhow::Error {
    anyhow::anyhow!("cannot change to `dir` {dir}: {}", no_directory(error))
}

/// Why `dir` is of no use, and what may help: it is not made by itself, because a path that was mistyped, or a disk that is not
/// mounted, must not begin an empty broker.
fn no_directory(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            "there is no such directory\nhint: it is not made by itself: make it, or mount the disk that it is on"
                .to_owned()
        }
        std::io::ErrorKind::PermissionDenied => {
            "permission denied\nhint: it has to belong to the user that the server runs as".to_owned()
        }
        _ => said(error),
    }
}

fn complain(error: &anyhow::Error, code: u8) -> ExitCode {
    match error.downcast_ref::<clap::Error>() {
        Some(usage) => {
            let _ = usage.print();
            ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(USAGE))
        }
        None => {
            eprintln_quietly(&format!("error: {}", durable::in_full(error)));
            ExitCode::from(code)
        }
    }
}

/// Writes a line to stderr; nobody reading it is no reason to fail.
fn eprintln_quietly(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Serves with this configuration until SIGTERM, SIGINT or SHUTDOWN.
pub fn run(config: Config) -> Result<()> {
    run_with_storage(config, |path| Ok(Arc::new(Directory::create(path)?)))
}

/// The same with the log on a storage of the caller's: for a program that embeds the server and has its own idea of a disk,
/// and for tests that need one that loses what was not synced. `open` is called with the path of the data directory
/// whenever something begins to be kept, at the start or later, and makes the directory if it is not there.
pub fn run_with_storage<F>(mut config: Config, open: F) -> Result<()>
where
    F: Fn(&Path) -> std::io::Result<Arc<dyn Storage>> + Send + Sync + 'static,
{
    logs::start(&config.settings);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    limit_connections(&mut config.settings)?;
    let dir = &config.settings.dir.0;
    std::env::set_current_dir(dir).map_err(|error| no_entry(dir, &error))?;
    let home = Home::new(&config.settings, open)?;
    let listeners = Listeners::bind(&config.settings)?;
    let count = io_threads(&config);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
    runtime.block_on(serve(config, listeners, count, home))
}

fn io_threads(config: &Config) -> usize {
    match config.settings.io_threads.0 {
        0 => std::thread::available_parallelism()
            .map_or(1, |cores| cores.get().saturating_sub(CORES_LEFT).clamp(1, IO_THREADS_DEFAULT_MAX)),
        count => count as usize,
    }
}

async fn serve(config: Config, listeners: Listeners, io_threads: usize, home: Home) -> Result<()> {
    let signals = Outlived::install().context("cannot handle signals")?;
    let clock = Clock::new();
    let fixed = facts::fixed(&config, io_threads);
    let seed = facts::seed();
    let mut broker = Broker::new(config.settings.clone(), seed, clock.now());
    let gates = Arc::new(Gates::new(io_threads));
    let kept = match config.settings.appendonly.0 {
        true => Some(durable::open(&config.settings, &home, &mut broker, &gates)?),
        false => None,
    };
    let (shared, lines) = Shared::new(broker, clock, gates, home);
    let shared = Arc::new(shared);
    let sync_us = kept.as_ref().and_then(|kept| kept.sync_us);
    if let Some(kept) = kept {
        shared.lock().keep_in(kept);
    }
    start_helpers(&shared, lines, config.file.clone())?;
    let threads = Arc::new(Threads::start(io_threads, &shared)?);
    let names = listeners.names();
    let unix_path = listeners.unix.as_ref().map(|(_, path)| path.clone());
    for listener in listeners.tcp {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tokio::spawn(listen::accept_tcp(listener, shared.clone(), threads.clone()));
    }
    if let Some((listener, path)) = listeners.unix {
        let listener = tokio::net::UnixListener::from_std(listener)?;
        tokio::spawn(listen::accept_unix(listener, path, shared.clone(), threads.clone()));
    }
    tokio::spawn(housekeeping::run_timer(shared.clone()));
    tokio::spawn(housekeeping::run_measurements(shared.clone(), fixed));
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        process = std::process::id(),
        listening = names.join(" "),
        io_threads,
        maxclients = config.settings.maxclients.0,
        maxmemory = config.settings.maxmemory.0,
        durability = durable::price(&config.settings, sync_us),
        "ready to accept connections"
    );
    let why = wait_for_the_end(&shared, signals).await?;
    tracing::info!(why, "shutting down");
    housekeeping::stop(&shared).await;
    let (journal, left) = {
        let mut hub = shared.lock();
        (hub.journal.take(), hub.left.take())
    };
    for journal in [journal, left].into_iter().flatten() {
        journal.finish().context("the log could not be completed")?;
    }
    if let Some(path) = unix_path {
        let _ = std::fs::remove_file(path);
    }
    tracing::info!("bye");
    Ok(())
}

/// Starts the threads beside those that serve: each does one thing that may take its time.
fn start_helpers(shared: &Arc<Shared>, lines: Lines, file: Option<PathBuf>) -> Result<()> {
    durable::start(shared.clone(), lines.wishes)?;
    sweeper::start(shared.clone(), lines.calls)?;
    news::start(shared.clone(), lines.news)?;
    // Without a file CONFIG REWRITE is refused before anybody is asked.
    file.map_or(Ok(()), |file| scribe::start(shared.clone(), file, lines.askers))
}

async fn wait_for_the_end(shared: &Arc<Shared>, mut signals: Outlived) -> Result<&'static str> {
    tokio::select! {
        signal = signals.until_the_end() => signal.context("cannot wait for signals"),
        () = housekeeping::run_chores(shared.clone()) => Ok("SHUTDOWN"),
    }
}

/// Lowers `maxclients` to what the limit of open files allows.
fn limit_connections(settings: &mut Settings) -> Result<()> {
    let wanted = settings.maxclients.0 as u64;
    let allowed = files::allowed_connections(files::raise_limit(), settings);
    if allowed == 0 {
        bail!("the limit of open files leaves none for connections\nhint: {}", files::HINT);
    }
    if allowed < wanted {
        tracing::warn!(
            wanted,
            maxclients = allowed,
            hint = files::HINT,
            "the limit of open files allows fewer connections"
        );
        settings.maxclients.0 = allowed.try_into().expect("it is less than before");
    }
    Ok(())
}
