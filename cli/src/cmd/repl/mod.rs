//! `rbq repl`: commands typed by a person, with history, completion, hints and help.
//!
//! Ctrl-C ends what runs (a subscription, a blocking command) and not the REPL: the connection is given up, for the server
//! has no other way to be told, and made anew. A connection lost while nobody typed is made anew before the next command is
//! sent; a command that was sent is never sent twice, because it may have been carried out.

mod assist;
mod help;
pub(super) mod history;

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use clap::Args;
use rbq_client::{Endpoint, Link, Options, Request, Target};
use rbq_resp::{Value, split_args};
use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, Editor};
use tokio::signal::unix::{SignalKind, signal};

use self::assist::{Assist, Colors};
use crate::catalog::{self, Catalog};
use crate::embedded::Embedded;
use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::open::ServerArgs;
use crate::output::Output;
use crate::print::{Form, Printer};
use crate::repeat::{Repeat, repetitions};
use crate::session::{Errors, Pushes, Session, Turn};

/// From here on a person is told how long a command took.
const SLOW: Duration = Duration::from_millis(500);

/// Lines kept in the history: a year of daily use, some 100 KiB.
const HISTORY_LINES_MAX: usize = 2000;

/// Type commands: history, completion, hints and help
#[derive(Debug, Clone, Args)]
pub(crate) struct ReplArgs {
    /// Talk to a broker in this process, empty at first and gone at the end, instead of a server
    #[arg(long)]
    embedded: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// Whether a person sits at both ends.
pub(crate) fn is_for_a_person() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

pub(crate) async fn run(args: ReplArgs) -> Result<Exit> {
    let mut editor = editor()?;
    let history = history::file();
    if let Some(file) = &history {
        // There is none before the first use.
        let _ = editor.load_history(file);
    }
    let mut repl = Repl::open(args).await?;
    loop {
        if let Some(helper) = editor.helper_mut()
            && let Some(catalog) = repl.catalog.take()
        {
            helper.catalog = catalog;
        }
        // Blocks the runtime, in which nothing else runs.
        let line = match editor.readline(&repl.prompt()) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(Exit::Done),
            Err(ReadlineError::Io(error)) => return Err(error.into()),
            Err(error) => return Err(Failure::new(error.to_string())),
        };
        let words = split_args(line.as_bytes());
        if !words.as_deref().is_ok_and(history::is_secret) && !line.trim().is_empty() {
            let _ = editor.add_history_entry(line.as_str());
            // Written at once: a REPL is often killed. A full disk must not end it.
            let _ = history.as_ref().map(|file| editor.append_history(file));
        }
        let Ok(words) = words else {
            say("error: the quotes do not match");
            continue;
        };
        match repl.obey(&words, editor.helper()).await? {
            Next::Prompt => {}
            Next::Clear => drop(editor.clear_screen()),
            Next::Leave => return Ok(Exit::Done),
        }
    }
}

fn editor() -> Result<Editor<Assist, FileHistory>> {
    let config = Config::builder()
        .max_history_size(HISTORY_LINES_MAX)
        .and_then(|config| config.history_ignore_dups(true))
        .map(|config| config.completion_type(rustyline::CompletionType::List).build())
        .map_err(|error| Failure::new(error.to_string()))?;
    let mut editor = Editor::with_config(config).map_err(|error| Failure::new(error.to_string()))?;
    let colors = match anstream::AutoStream::choice(&io::stdout()) {
        anstream::ColorChoice::Never => Colors::Off,
        _ => Colors::On,
    };
    if colors == Colors::Off {
        editor.set_color_mode(rustyline::ColorMode::Disabled);
    }
    editor.set_helper(Some(Assist { catalog: Catalog::default(), colors }));
    Ok(editor)
}

/// What the loop does after a line.
enum Next {
    Prompt,
    Clear,
    Leave,
}

struct Repl {
    target: Target,
    embedded: Option<Embedded>,
    session: Option<Session>,
    /// Of a server just connected to, until the editor has it.
    catalog: Option<Catalog>,
    transaction: bool,
    out: Output,
}

impl Repl {
    async fn open(args: ReplArgs) -> Result<Self> {
        let embedded = args.embedded.then(Embedded::start);
        let target = if args.embedded { Target::default() } else { args.server.target()? };
        let mut repl = Self { target, embedded, session: None, catalog: None, transaction: false, out: Output::new() };
        repl.connect().await?;
        Ok(repl)
    }

    async fn connect(&mut self) -> Result<()> {
        self.session = None;
        self.transaction = false;
        let options = Options::default();
        let mut link = match &self.embedded {
            None => Link::connect(&self.target, &options).await?,
            Some(embedded) => {
                let mut link = Link::over(embedded.connect(), &options);
                link.greet(&self.target, &options).await?;
                link
            }
        };
        self.catalog = Some(catalog_of(&mut link).await?);
        self.session = Some(Session::new(link, Printer::new(Form::Tty), Errors::Print, Pushes::Show));
        Ok(())
    }

    fn prompt(&self) -> String {
        let Some(_) = &self.session else {
            return "not connected> ".to_owned();
        };
        let db = if self.target.db > 0 { format!("[{}]", self.target.db) } else { String::new() };
        let transaction = if self.transaction { "(TX)" } else { "" };
        match &self.embedded {
            Some(_) => format!("embedded{db}{transaction}> "),
            None => format!("{}{db}{transaction}> ", self.target.endpoint),
        }
    }

    async fn obey(&mut self, words: &[Vec<u8>], assist: Option<&Assist>) -> Result<Next> {
        let Some(first) = words.first() else {
            return Ok(Next::Prompt);
        };
        match (first.to_ascii_lowercase().as_slice(), words) {
            (b"quit" | b"exit", _) => return Ok(Next::Leave),
            (b"clear", [_]) => return Ok(Next::Clear),
            (b"help" | b"?", _) => {
                if let Some(assist) = assist {
                    let text = help::text(&assist.catalog, &words[1..], assist.colors);
                    self.out.buffer().extend_from_slice(text.as_bytes());
                    self.out.flush()?;
                }
                return Ok(Next::Prompt);
            }
            (b"connect", [_, host, port]) => {
                self.turn_to(host, port).await?;
                return Ok(Next::Prompt);
            }
            _ => {}
        }
        let (words, times) = match repetitions(words) {
            Repeat::Not => (words, 1),
            Repeat::Times(times) => (&words[1..], times),
            Repeat::Invalid => {
                say("error: a command can be repeated once or more");
                return Ok(Next::Prompt);
            }
        };
        self.ask(&Request::from(words), times).await
    }

    async fn turn_to(&mut self, host: &[u8], port: &[u8]) -> Result<()> {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let Ok(port) = text(port).parse() else {
            say(&format!("error: `{}` is not a port", text(port)));
            return Ok(());
        };
        self.embedded = None;
        self.target.endpoint = Endpoint::Tcp { host: text(host), port };
        self.target.db = 0;
        tell(self.connect().await)
    }

    async fn ask(&mut self, request: &Request, times: i64) -> Result<Next> {
        tell(self.freshen().await)?;
        // Listening before anything is sent: what the server already works on is never without somebody to interrupt it.
        let mut interrupts = signal(SignalKind::interrupt())?;
        let start = Instant::now();
        for _ in 0..times {
            let Some(session) = &mut self.session else {
                return Ok(Next::Prompt);
            };
            let turn = tokio::select! {
                turn = session.ask(request, &mut self.out) => turn,
                _ = interrupts.recv() => {
                    say("");
                    tell(self.connect().await)?;
                    return Ok(Next::Prompt);
                }
            };
            match turn {
                Ok(Turn::Answered) => self.note(request),
                Ok(Turn::Refused(_)) => {}
                // The embedded broker is gone for good, and with it what there was to talk to.
                Ok(Turn::Ended) if self.embedded.is_some() => return Ok(Next::Leave),
                Ok(Turn::Ended) => self.session = None,
                Err(Failure::ClosedPipe) => return Err(Failure::ClosedPipe),
                Err(failure) => {
                    self.session = None;
                    let _ = failure.report();
                }
            }
        }
        let elapsed = start.elapsed();
        if elapsed >= SLOW {
            self.out.buffer().extend_from_slice(format!("({:.2}s)\n", elapsed.as_secs_f64()).as_bytes());
            self.out.flush()?;
        }
        Ok(Next::Prompt)
    }

    /// Shows pushes that have come meanwhile, and connects again if the connection has ended meanwhile.
    async fn freshen(&mut self) -> Result<()> {
        while let Some(session) = &mut self.session {
            match session.link.receive_now().await {
                Ok(Some(push)) => {
                    session.printer.reply(&push, self.out.buffer());
                    self.out.flush()?;
                }
                Ok(None) => return Ok(()),
                Err(_) => {
                    let lost = if self.transaction { ", and with it the transaction" } else { "" };
                    say(&format!("note: the connection was lost{lost}; connecting again"));
                    self.session = None;
                }
            }
        }
        self.connect().await
    }

    /// Keeps the prompt true.
    fn note(&mut self, request: &Request) {
        let second = request.iter().nth(1).and_then(|arg| std::str::from_utf8(arg).ok());
        if request.is_word(0, "SELECT") && !self.transaction {
            self.target.db = second.and_then(|db| db.parse().ok()).unwrap_or(self.target.db);
        } else if request.is_word(0, "RESET") {
            (self.target.db, self.transaction) = (0, false);
        } else if request.is_word(0, "MULTI") {
            self.transaction = true;
        } else if request.is_word(0, "EXEC") || request.is_word(0, "DISCARD") {
            self.transaction = false;
        }
    }
}

/// What the server says of its commands; of one that says nothing (it is too old, or the user may not ask) what ours would say.
async fn catalog_of(link: &mut Link) -> Result<Catalog> {
    let question = Request::from(["COMMAND", "DOCS"]);
    let answer = match link.call(question.clone()).await? {
        Value::Error(_) => Link::over(Embedded::start().connect(), &Options::default()).call(question).await?,
        docs => docs,
    };
    Ok(catalog::from_docs(&answer))
}

/// Lets a person hear of a failure without being thrown out.
fn tell(result: Result<()>) -> Result<()> {
    match result {
        Err(Failure::ClosedPipe) => Err(Failure::ClosedPipe),
        Err(failure) => {
            let _ = failure.report();
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}
