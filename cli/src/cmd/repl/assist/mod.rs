//! What the line editor is helped with, each in a file of its own: completion, hints, colours, and when a line is finished.
//!
//! All of it looks at the line as it stands, after every key, in the editor's thread: so nothing here may wait, but for
//! completion, which a person asked for and which [`Live`] bounds.

mod complete;
mod hint;
mod paint;

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::sync::{Arc, Mutex, PoisonError};

use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

use super::line;
use super::live::Live;
use crate::catalog::Catalog;

/// Whether there are colours; without them hints would look like typed text, so there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colors {
    On,
    Off,
}

/// What is being typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Typing {
    /// A command.
    Command,
    /// An answer to a question of ours: no help, no history.
    Answer,
    /// The same of a password: its letters are stars.
    Secret,
}

/// The commands that the server knows, replaced whenever another server is talked to.
#[derive(Debug, Clone)]
pub(super) struct Known(Arc<Mutex<Arc<Catalog>>>);

impl Known {
    pub(super) fn new(catalog: Catalog) -> Self {
        Self(Arc::new(Mutex::new(Arc::new(catalog))))
    }

    pub(super) fn replace(&self, catalog: Catalog) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalog);
    }

    pub(super) fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The editor's helper.
#[derive(Debug)]
pub(super) struct Assist {
    pub(super) known: Known,
    pub(super) live: Live,
    pub(super) colors: Colors,
    pub(super) typing: Cell<Typing>,
    /// How many columns the prompt takes.
    pub(super) prompt_columns: Cell<usize>,
    /// The line at the last look, to tell a Ctrl-C that drops a line from one that ends what runs.
    pub(super) last: RefCell<String>,
}

impl Assist {
    pub(super) fn new(known: Known, live: Live, colors: Colors) -> Self {
        Self {
            known,
            live,
            colors,
            typing: Cell::new(Typing::Command),
            prompt_columns: Cell::new(0),
            last: RefCell::default(),
        }
    }

    fn is_quiet(&self) -> bool {
        self.typing.get() != Typing::Command
    }
}

/// Shown, and never inserted: arguments are placeholders.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ArgumentHint(String);

impl Hint for ArgumentHint {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Hinter for Assist {
    type Hint = ArgumentHint;

    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<ArgumentHint> {
        line.clone_into(&mut self.last.borrow_mut());
        if pos < line.len() || self.colors == Colors::Off || self.is_quiet() {
            return None;
        }
        let hint = hint::hint(&self.known.catalog(), line)?;
        hint::fit(&hint, self.prompt_columns.get() + line.chars().count(), super::columns()).map(ArgumentHint)
    }
}

impl Completer for Assist {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        if self.is_quiet() {
            return Ok((pos, vec![]));
        }
        let (start, words) =
            complete::complete(&self.known.catalog(), &line[..pos], |wanted| self.live.look_up(wanted));
        let mut pairs: Vec<Pair> =
            words.into_iter().map(|word| Pair { display: word.clone(), replacement: word }).collect();
        if let ([only], true) = (pairs.as_mut_slice(), pos == line.len()) {
            // There is nothing to choose: on to the next word.
            only.replacement.push(' ');
        }
        Ok((start, pairs))
    }
}

impl Highlighter for Assist {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.typing.get() == Typing::Secret {
            return "*".repeat(line.chars().count()).into();
        }
        if self.colors == Colors::Off || self.is_quiet() {
            return Cow::Borrowed(line);
        }
        Cow::Owned(paint::paint(&self.known.catalog(), line))
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("\x1b[90m{hint}\x1b[0m"))
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        // A key may close a quote or complete a name anywhere in the line; moving the cursor changes nothing.
        (self.colors == Colors::On || self.typing.get() == Typing::Secret) && kind != CmdKind::MoveCursor
    }
}

impl Validator for Assist {
    fn validate(&self, ctx: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match !self.is_quiet() && line::is_unfinished(ctx.input()) {
            true => ValidationResult::Incomplete,
            false => ValidationResult::Valid(None),
        })
    }
}

impl Helper for Assist {}
