//! `--askpass`: the password is typed, and shown as stars; off a terminal it is the first line of stdin.

use std::borrow::Cow;
use std::io::{self, IsTerminal};

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{ColorMode, Config, Editor, Helper};

use super::Run;
use crate::failure::Failure;

const PROMPT: &str = "Please input password: ";

/// Shows a star for each letter.
struct Stars;

impl Highlighter for Stars {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        "*".repeat(line.chars().count()).into()
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        true
    }
}

impl Completer for Stars {
    type Candidate = String;
}

impl Hinter for Stars {
    type Hint = String;
}

impl Validator for Stars {}
impl Helper for Stars {}

/// What was typed; `None` if stdin ended first.
pub(super) fn ask() -> Run<Option<Vec<u8>>> {
    if !io::stdin().is_terminal() {
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line)?;
        return Ok((read > 0).then(|| line.trim_end_matches('\n').as_bytes().to_vec()));
    }
    let failed = |error: ReadlineError| Failure::new(error.to_string());
    // Stars are a colour to the editor: with NO_COLOR the letters themselves would be shown.
    let config = Config::builder().color_mode(ColorMode::Forced).build();
    let mut editor = Editor::<Stars, DefaultHistory>::with_config(config).map_err(failed)?;
    editor.set_helper(Some(Stars));
    match editor.readline(PROMPT) {
        Ok(password) => Ok(Some(password.into_bytes())),
        Err(ReadlineError::Interrupted | ReadlineError::Eof) => Ok(None),
        Err(error) => Err(failed(error).into()),
    }
}
