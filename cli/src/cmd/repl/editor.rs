//! The line editor, on a thread of its own: it blocks while a person types, and the connection must be read meanwhile.
//!
//! ```text
//!   REPL  ── Ask: a line, an answer, remember this ──►  editor's thread
//!         ◄─ Heard: the line, Ctrl-C, the end ────────
//! ```
//! One question at a time. Where stdin is no terminal lines are read as they come; a command may go on over several lines there
//! too.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::PathBuf;
use std::sync::mpsc as sync;

use rustyline::config::Configurer as _;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, ExternalPrinter};
use tokio::sync::mpsc;

use super::assist::{Assist, Colors, Typing};
use super::{history, line};
use crate::failure::{Failure, Result};

/// Lines kept in the history: a year of daily use, some 100 KiB.
const HISTORY_LINES_MAX: usize = 2000;

type Rustyline = rustyline::Editor<Assist, FileHistory>;

/// What the editor is to do.
enum Ask {
    Line { prompt: String },
    Answer { prompt: String },
    Secret { prompt: String },
    Remember(String),
    Clear,
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Heard {
    Line(String),
    /// Ctrl-C while something was typed, which is dropped.
    Dropped,
    /// Ctrl-C on an empty line.
    Interrupted,
    /// Ctrl-D, or the end of stdin.
    End,
    Failed(Failure),
}

/// Who prints while somebody types.
pub(super) type Printer = Box<dyn ExternalPrinter + Send>;

/// A handle on the editor's thread.
pub(super) struct Editor {
    asks: sync::Sender<Ask>,
    heard: mpsc::UnboundedReceiver<Heard>,
    /// Whether somebody types at a terminal.
    pub(super) is_terminal: bool,
}

/// Whether colours are wanted.
pub(super) fn colors() -> Colors {
    match anstream::AutoStream::choice(&io::stdout()) {
        anstream::ColorChoice::Never => Colors::Off,
        _ => Colors::On,
    }
}

impl Editor {
    /// Starts the thread. The printer is there if somebody types at a terminal.
    pub(super) fn start(assist: Assist) -> Result<(Self, Option<Printer>)> {
        let (asks, asked) = sync::channel();
        let (hear, heard) = mpsc::unbounded_channel();
        let (ready, readied) = sync::sync_channel(1);
        let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        let run = move || {
            let opened = open(assist).and_then(|mut editor| {
                let printer = is_terminal.then(|| editor.create_external_printer()).transpose().map_err(failure)?;
                Ok((editor, printer.map(|printer| Box::new(printer) as Printer)))
            });
            match opened {
                Ok((editor, printer)) => {
                    let _ = ready.send(Ok(printer));
                    serve(editor, is_terminal, &asked, &hear);
                }
                Err(failure) => drop(ready.send(Err(failure))),
            }
        };
        // Not joined: it may wait for a key for ever.
        std::thread::Builder::new().name("editor".to_owned()).spawn(run)?;
        let printer = readied.recv().expect("the thread answers before it ends")?;
        Ok((Self { asks, heard, is_terminal }, printer))
    }

    /// Shows the prompt; what is typed is [heard](Self::heard).
    pub(super) fn ask_line(&self, prompt: String) {
        self.tell(Ask::Line { prompt });
    }

    /// Asks a question, and waits for the answer.
    pub(super) async fn question(&mut self, prompt: &str) -> Heard {
        self.tell(Ask::Answer { prompt: prompt.to_owned() });
        self.heard().await
    }

    /// Asks for a password, whose letters are not shown, and waits for it.
    pub(super) async fn secret(&mut self, prompt: &str) -> Heard {
        self.tell(Ask::Secret { prompt: prompt.to_owned() });
        self.heard().await
    }

    /// What came of the last question. Cancellation-safe.
    pub(super) async fn heard(&mut self) -> Heard {
        self.heard.recv().await.unwrap_or(Heard::End)
    }

    /// Adds a line to the history.
    pub(super) fn remember(&self, line: &str) {
        self.tell(Ask::Remember(line.to_owned()));
    }

    pub(super) fn clear(&self) {
        self.tell(Ask::Clear);
    }

    fn tell(&self, ask: Ask) {
        // If the thread has gone, `heard` says so.
        let _ = self.asks.send(ask);
    }
}

fn open(assist: Assist) -> Result<Rustyline> {
    let config = Config::builder()
        .max_history_size(HISTORY_LINES_MAX)
        .and_then(|config| config.history_ignore_dups(true))
        .map(|config| config.completion_type(rustyline::CompletionType::List).build())
        .map_err(failure)?;
    let mut editor = Rustyline::with_config(config).map_err(failure)?;
    editor.set_color_mode(color_mode(assist.colors));
    editor.set_helper(Some(assist));
    Ok(editor)
}

fn color_mode(colors: Colors) -> rustyline::ColorMode {
    match colors {
        Colors::On => rustyline::ColorMode::Enabled,
        Colors::Off => rustyline::ColorMode::Disabled,
    }
}

fn serve(mut editor: Rustyline, is_terminal: bool, asked: &sync::Receiver<Ask>, hear: &mpsc::UnboundedSender<Heard>) {
    // What comes from a pipe was not typed, and may be of any length.
    let file = if is_terminal { history::file() } else { None };
    let colors = colors();
    if let Some(file) = &file {
        // There is none before the first use.
        let _ = editor.load_history(file);
    }
    while let Ok(ask) = asked.recv() {
        let heard = match ask {
            Ask::Line { prompt } if is_terminal => type_line(&mut editor, &prompt, Typing::Command),
            Ask::Answer { prompt } if is_terminal => type_line(&mut editor, &prompt, Typing::Answer),
            Ask::Secret { prompt } if is_terminal => {
                // What hides the letters is a colour to the editor, so that no colours would mean no stars.
                editor.set_color_mode(rustyline::ColorMode::Forced);
                let heard = type_line(&mut editor, &prompt, Typing::Secret);
                editor.set_color_mode(color_mode(colors));
                heard
            }
            Ask::Line { .. } => read_line(),
            // Nobody is there to answer.
            Ask::Answer { .. } | Ask::Secret { .. } => Heard::End,
            Ask::Remember(line) => {
                remember(&mut editor, &line, file.as_ref());
                continue;
            }
            Ask::Clear => {
                let _ = editor.clear_screen();
                continue;
            }
        };
        if hear.send(heard).is_err() {
            return;
        }
    }
}

fn remember(editor: &mut Rustyline, line: &str, file: Option<&PathBuf>) {
    let _ = editor.add_history_entry(line);
    // Written at once: a REPL is often killed. A full disk must not end it.
    let _ = file.map(|file| editor.append_history(file));
}

fn type_line(editor: &mut Rustyline, prompt: &str, typing: Typing) -> Heard {
    if let Some(assist) = editor.helper() {
        assist.typing.set(typing);
        assist.prompt_columns.set(prompt.chars().count());
        assist.last.borrow_mut().clear();
    }
    match editor.readline(prompt) {
        Ok(line) => Heard::Line(line),
        Err(ReadlineError::Interrupted) => {
            let was_empty = editor.helper().is_none_or(|assist| assist.last.borrow().trim().is_empty());
            if was_empty { Heard::Interrupted } else { Heard::Dropped }
        }
        Err(ReadlineError::Eof) => Heard::End,
        Err(error) => Heard::Failed(failure(error)),
    }
}

/// A command from a pipe or file, with the lines on which it goes on.
fn read_line() -> Heard {
    let mut input = String::new();
    loop {
        match io::stdin().lock().read_line(&mut input) {
            Ok(0) if input.is_empty() => return Heard::End,
            Ok(0) => return Heard::Line(input),
            Ok(_) => {}
            Err(error) => return Heard::Failed(error.into()),
        }
        let line = input.strip_suffix('\n').unwrap_or(&input);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if !line::is_unfinished(line) {
            return Heard::Line(line.to_owned());
        }
    }
}

fn failure(error: ReadlineError) -> Failure {
    match error {
        ReadlineError::Io(error) => error.into(),
        error => Failure::new(error.to_string()),
    }
}
