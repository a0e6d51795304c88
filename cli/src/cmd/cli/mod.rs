//! `rbq cli`: one command, or commands from stdin, with redis-cli's flags and redis-cli's output.
//!
//! Scripts written for redis-cli run with `rbq cli` in its place: the same bytes on stdout and stderr, the same exit codes.
//! `tests/redis_cli` holds the two against each other; where they differ on purpose, `docs/redis-cli.md` says so and why.
//!
//! ```text
//!   flags ──► dial ──┬─► talk       one command                        follows redirects with -c
//!                    ├─► stdin      commands, one a line               the same
//!                    └─► keys, sizes, hotkeys, latency, stat, pipe     instead of a command
//! ```

mod askpass;
mod dial;
mod flags;
mod guard;
mod help;
mod hotkeys;
mod intrinsic;
mod keys;
mod latency;
mod pipe;
mod sizes;
mod stat;
mod stdin;
mod talk;

use rbq_client::Request;

pub(crate) use self::flags::{CliArgs, Complaint, complaint, unrecognized};

use self::dial::{Dial, Login, sentence};
use self::guard::Guard;
use self::talk::Talk;
use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::open::Server;
use crate::output::Output;
use crate::session::Turn;

/// The end of a run before its work was done, in redis-cli's words.
#[derive(Debug)]
enum Stop {
    /// To be told on stderr, as it stands. Exit code 1.
    Tell(String),
    /// The same on stdout.
    Print(String),
    /// Told already. Exit code 1.
    Told,
    /// The server, stdout, or what is not redis-cli's.
    Failed(Failure),
}

type Run<T> = std::result::Result<T, Stop>;

fn wrong(text: impl Into<String>) -> Stop {
    Stop::Tell(text.into())
}

impl<E: Into<Failure>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

pub(crate) async fn run(args: CliArgs) -> Result<Exit> {
    let stop = match act(&args).await {
        Ok(exit) => return Ok(exit),
        Err(stop) => stop,
    };
    match stop {
        Stop::Tell(text) => say(&text),
        Stop::Print(text) => println(&text)?,
        Stop::Told => {}
        Stop::Failed(Failure::Server(error)) => say(&sentence(&error)),
        Stop::Failed(failure) => return Err(failure),
    }
    Ok(Exit::Failed)
}

fn println(text: &str) -> Result<()> {
    let mut out = Output::new();
    out.buffer().extend_from_slice(text.as_bytes());
    out.buffer().push(b'\n');
    Ok(out.flush()?)
}

async fn act(args: &CliArgs) -> Run<Exit> {
    args.check()?;
    let url = args.url()?;
    args.warn(url.as_ref());
    let named = args.named_server()?;
    let guard = Guard::new(args, named.as_ref().unwrap_or(&Server::default()))?;
    let is_named = named.is_some();
    let mut dial = Dial::from_args(args, url.as_ref(), named)?;
    if args.askpass {
        dial.login = askpass::ask()?.map(|password| Login { user: args.user(), password });
    }
    let mut out = Output::new();
    let (mode, interval) = (&args.mode, args.interval());
    if mode.latency || mode.latency_history {
        return latency::run(&dial, args, &mut out).await;
    }
    if mode.pipe {
        if let Some(exit) = guard.objects_to_pipe()? {
            return Ok(exit);
        }
        return pipe::run(&dial, mode.pipe_timeout, &mut out).await;
    }
    let measure = match (mode.bigkeys, mode.memkeys, mode.memkeys_samples) {
        (true, ..) => Some(sizes::Measure::Elements),
        (_, _, Some(samples)) => Some(sizes::Measure::Memory { samples: Some(samples) }),
        (_, true, None) => Some(sizes::Measure::Memory { samples: None }),
        _ => None,
    };
    if let Some(measure) = measure {
        return sizes::run(&dial, keys::Walk::new(mode, interval)?, measure, &mut out).await;
    }
    if mode.hotkeys {
        return hotkeys::run(&dial, keys::Walk::new(mode, interval)?, &mut out).await;
    }
    if mode.stat {
        return stat::run(&dial, interval, &mut out).await;
    }
    if mode.scan {
        let form = args.printer(out.is_terminal()).form;
        return keys::list(&dial, keys::Walk::new(mode, interval)?, form, &mut out).await;
    }
    if let Some(seconds) = mode.intrinsic_latency {
        return intrinsic::run(seconds, &mut out);
    }
    let request = match &mode.eval {
        Some(file) => Some(args.script(file)?),
        None => args.request()?,
    };
    if let Some(topic) = request.as_ref().and_then(help::topic) {
        // Once, whatever -r says.
        out.buffer().extend_from_slice(help::text(&dial, &topic).await?.as_bytes());
        out.flush()?;
        return Ok(Exit::Done);
    }
    let mut talk = Talk::new(dial, guard, args, request.is_some(), &out);
    match request {
        Some(request) => one_command(args, &request, &mut talk, &mut out).await,
        None => {
            if !is_named {
                args.note_the_current_context();
            }
            stdin::run(&mut talk, args, &mut out).await
        }
    }
}

async fn one_command(args: &CliArgs, request: &Request, talk: &mut Talk, out: &mut Output) -> Run<Exit> {
    if let Some(exit) = talk.guard.objects(request)? {
        return Ok(exit);
    }
    let mut left = args.repeat;
    // redis-cli connects first, and says so if it cannot, even if nothing is to be sent then.
    talk.connect().await?;
    while left != 0 {
        match talk.ask(request, out).await? {
            Turn::Refused(text) if args.exit_error => return Err(wrong(text)),
            Turn::Ended => break,
            Turn::Answered | Turn::Refused(_) => {}
        }
        left -= i64::from(left > 0);
        pause(args.interval()).await;
    }
    Ok(Exit::Done)
}

async fn pause(interval: std::time::Duration) {
    if !interval.is_zero() {
        tokio::time::sleep(interval).await;
    }
}

/// The error that a mode's own request was answered by, as redis-cli tells it.
fn refused(text: &str) -> Stop {
    wrong(format!("Error: {text}"))
}
