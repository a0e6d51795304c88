//! Commands from stdin, one a line, as redis-cli's interactive mode reads them: from a pipe, or typed at its prompt.
//!
//! A number before a command repeats it; a line whose quotes do not match is reported in its place and skipped; `quit`, `exit`,
//! `clear`, `connect HOST PORT`, `help` and `?` are no commands of the server.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};
use std::{env, vec};

use rbq_client::{Endpoint, Request};
use rbq_resp::split_args;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::dial::sentence;
use super::flags::CliArgs;
use super::guard::Guard;
use super::talk::Talk;
use super::{Run, Stop, help, pause};
use crate::cmd::repl::history::is_secret;
use crate::exit::Exit;
use crate::failure::{Failure, say};
use crate::lines;
use crate::output::Output;
use crate::repeat::{Repeat, repetitions};
use crate::session::{Manner, Turn, manner_of};

/// From here on redis-cli tells people how long a command took.
const SLOW: Duration = Duration::from_millis(500);

/// Where redis-cli keeps its history, unless it is told otherwise; `/dev/null` keeps none.
const HISTORY_VARIABLE: &str = "REDISCLI_HISTFILE";
const HISTORY_FILE: &str = ".rediscli_history";

pub(super) async fn run(talk: &mut Talk, args: &CliArgs, out: &mut Output) -> Run<Exit> {
    let mut source = Source::open()?;
    let connected = talk.connect().await;
    source.bear(connected, talk)?;
    let mut refused = false;
    // Listened to from the first command without an end on; until then Ctrl-C ends the program by itself.
    let mut interrupts = None;
    while let Some(line) = source.next(talk).await? {
        if interrupts.is_none() && source.is_prompt() && is_endless(&line) {
            interrupts = Some(signal(SignalKind::interrupt())?);
        }
        let start = Instant::now();
        let stepped = tokio::select! {
            step = step(talk, &line, args.interval(), out) => step,
            () = pressed(interrupts.as_mut()) => {
                if !talk.is_endless {
                    return Ok(Exit::Interrupted);
                }
                // The server has no other way to be told that nobody listens any more.
                tell_time(talk, start.elapsed(), out)?;
                let connected = talk.connect().await;
                source.bear(connected, talk)?;
                continue;
            }
        };
        match source.bear(stepped, talk)? {
            Some(Step::Quit) => break,
            Some(Step::Refused) => refused = true,
            Some(Step::Next) | None => {}
        }
    }
    Ok(if refused && args.exit_error { Exit::Failed } else { Exit::Done })
}

async fn pressed(interrupts: Option<&mut Signal>) {
    match interrupts {
        Some(interrupts) => drop(interrupts.recv().await),
        None => std::future::pending().await,
    }
}

/// Whether what comes back will have no end of its own.
fn is_endless(line: &[u8]) -> bool {
    let Ok(words) = split_args(line) else { return false };
    let first = usize::from(matches!(repetitions(&words), Repeat::Times(_)));
    matches!(manner_of(&Request::from(&words[first..])), Manner::Messages | Manner::Monitor)
}

/// Where lines come from.
enum Source {
    Pipe(mpsc::Receiver<lines::Batch>, vec::IntoIter<Vec<u8>>),
    Prompt(Box<DefaultEditor>),
}

impl Source {
    fn open() -> Run<Self> {
        if !io::stdin().is_terminal() {
            return Ok(Self::Pipe(lines::of_stdin(), vec![].into_iter()));
        }
        let mut editor = DefaultEditor::new().map_err(|error| Failure::new(error.to_string()))?;
        if let Some(file) = history() {
            // There is none before the first use.
            let _ = editor.load_history(&file);
        }
        Ok(Self::Prompt(Box::new(editor)))
    }

    fn is_prompt(&self) -> bool {
        matches!(self, Self::Prompt(_))
    }

    /// At a prompt a failure is told, and the next command connects anew; it ends a script.
    fn bear<T>(&self, result: Run<T>, talk: &mut Talk) -> Run<Option<T>> {
        match result {
            Err(Stop::Failed(Failure::Server(error))) if self.is_prompt() => {
                say(&sentence(&error));
                talk.part();
                Ok(None)
            }
            Err(Stop::Tell(text)) if self.is_prompt() => {
                say(&text);
                Ok(None)
            }
            result => result.map(Some),
        }
    }

    async fn next(&mut self, talk: &Talk) -> Run<Option<Vec<u8>>> {
        match self {
            Self::Pipe(batches, batch) => loop {
                if let Some(line) = batch.next() {
                    return Ok(Some(line));
                }
                match batches.recv().await {
                    Some(lines) => *batch = lines?.into_iter(),
                    None => return Ok(None),
                }
            },
            Self::Prompt(editor) => match editor.readline(&prompt(talk)) {
                Ok(line) => {
                    remember(editor, &line);
                    Ok(Some(line.into_bytes()))
                }
                Err(ReadlineError::Interrupted | ReadlineError::Eof) => Ok(None),
                Err(ReadlineError::Io(error)) => Err(error.into()),
                Err(error) => Err(Failure::new(error.to_string()).into()),
            },
        }
    }
}

fn history() -> Option<std::path::PathBuf> {
    let file = match env::var_os(HISTORY_VARIABLE) {
        Some(file) => file.into(),
        None => std::path::Path::new(&env::var_os("HOME")?).join(HISTORY_FILE),
    };
    (file.as_os_str() != "/dev/null").then_some(file)
}

fn remember(editor: &mut DefaultEditor, line: &str) {
    // A line whose quotes do not match is refused, and in the history all the same.
    let split = || line.split_ascii_whitespace().map(|word| word.trim_matches(['"', '\'']).into()).collect();
    let words: Vec<Vec<u8>> = split_args(line.as_bytes()).unwrap_or_else(|_| split());
    if is_secret(&words) || line.trim().is_empty() {
        return;
    }
    let _ = editor.add_history_entry(line);
    // Written at once: a prompt is often killed. A full disk must not end it.
    let _ = history().map(|file| editor.append_history(&file));
}

fn prompt(talk: &Talk) -> String {
    if !talk.is_connected() {
        return "not connected> ".to_owned();
    }
    let db = if talk.dial.db == 0 { String::new() } else { format!("[{}]", talk.dial.db) };
    let transaction = if talk.transaction { "(TX)" } else { "" };
    format!("{}{db}{transaction}> ", talk.dial.place())
}

enum Step {
    Next,
    Refused,
    Quit,
}

async fn step(talk: &mut Talk, line: &[u8], interval: Duration, out: &mut Output) -> Run<Step> {
    let Ok(words) = split_args(line) else {
        return print("Invalid argument(s)\n", out);
    };
    let (rest, times) = match repetitions(&words) {
        Repeat::Not => (words.as_slice(), 1),
        Repeat::Times(times) => (&words[1..], times),
        Repeat::Invalid => return print("Invalid redis-cli repeat command option value.\n", out),
    };
    // With a count before it only `help` is still ours.
    if let Some(step) = own_command(talk, &words, out).await? {
        return Ok(step);
    }
    let request = Request::from(rest);
    if let Some(topic) = help::topic(&request) {
        return print(&help::text(&talk.dial, &topic).await?, out);
    }
    if talk.guard.objects(&request)?.is_some() {
        return Ok(Step::Refused);
    }
    let start = Instant::now();
    let mut step = Step::Next;
    for _ in 0..times {
        match talk.ask(&request, out).await? {
            Turn::Answered => {}
            Turn::Refused(_) => step = Step::Refused,
            // A person goes on without it, as with redis-cli.
            Turn::Ended if talk.is_for_a_person() => {
                talk.part();
                return Ok(Step::Next);
            }
            Turn::Ended => return Ok(Step::Quit),
        }
        pause(interval).await;
    }
    tell_time(talk, start.elapsed(), out)?;
    Ok(step)
}

fn tell_time(talk: &Talk, elapsed: Duration, out: &mut Output) -> Run<()> {
    if elapsed >= SLOW && talk.is_for_a_person() {
        print(&format!("({:.2}s)\n", elapsed.as_secs_f64()), out)?;
    }
    Ok(())
}

/// What comes of a line that is for us; `None` if it is for the server.
async fn own_command(talk: &mut Talk, words: &[Vec<u8>], out: &mut Output) -> Run<Option<Step>> {
    let [first, rest @ ..] = words else {
        return Ok(Some(Step::Next));
    };
    let step = match (first.to_ascii_lowercase().as_slice(), rest) {
        (b"quit" | b"exit", _) => Step::Quit,
        (b"clear", []) => print("\x1b[H\x1b[2J", out)?,
        (b"restart", _) => print("Use 'restart' only in Lua debugging mode.\n", out)?,
        (word, _) if word.starts_with(b":") => print(&preference(first, rest), out)?,
        (b"connect", [host, port]) => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let port = text(port).parse().unwrap_or(0);
            talk.dial.target.endpoint = Endpoint::Tcp { host: text(host), port };
            // It is another server's, and so is its protection.
            talk.dial.context = None;
            talk.guard = Guard::default();
            talk.connect().await?;
            Step::Next
        }
        _ => return Ok(None),
    };
    Ok(Some(step))
}

/// What is said of a line like `:set hints`. Preferences are about redis-cli's prompt: in a script they change nothing there
/// either, and only those that are none are answered.
fn preference(word: &[u8], rest: &[Vec<u8>]) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match rest {
        [name, ..] if word.eq_ignore_ascii_case(b":set") => match name.to_ascii_lowercase().as_slice() {
            b"hints" | b"nohints" => String::new(),
            _ => format!("unknown redis-cli preference '{}'\n", text(name)),
        },
        _ => format!("unknown redis-cli internal command '{}'\n", text(word)),
    }
}

fn print(text: &str, out: &mut Output) -> Run<Step> {
    out.buffer().extend_from_slice(text.as_bytes());
    out.flush()?;
    Ok(Step::Next)
}
