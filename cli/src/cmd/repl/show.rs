//! Where the REPL writes: replies to stdout, and what comes by itself around the prompt.

use std::io;

use rbq_client::Request;
use rbq_resp::Value;

use super::screen::Screen;
use crate::failure::say;
use crate::output::Output;
use crate::print::{Form, Printer};
use crate::render::{self, Look};

/// Whether somebody is typing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prompt {
    /// Only the printer's thread may write: the editor must draw the line anew.
    Up,
    Down,
}

/// Stdout, the screen, and how replies are shown.
pub(super) struct Show {
    out: Output,
    /// Where somebody types at a terminal.
    pub(super) screen: Option<std::sync::Arc<Screen>>,
    pub(super) prompt: Prompt,
    pub(super) tables: bool,
    pub(super) json: bool,
}

impl Show {
    pub(super) fn new(screen: Option<Screen>) -> Self {
        let screen = screen.map(std::sync::Arc::new);
        Self { out: Output::new(), screen, prompt: Prompt::Down, tables: true, json: false }
    }

    pub(super) fn look(&self) -> Look {
        let columns = if self.out.is_terminal() { Some(super::columns()) } else { None };
        Look { tables: self.tables, json: self.json, columns }
    }

    /// The reply to a request.
    pub(super) fn reply(&mut self, request: &Request, value: &Value) -> io::Result<()> {
        let look = self.look();
        render::reply(request, value, look, self.out.buffer());
        self.out.flush()
    }

    /// The replies to the requests of a transaction.
    pub(super) fn replies(&mut self, requests: &[Request], value: &Value) -> io::Result<()> {
        let look = self.look();
        render::replies(requests, value, look, self.out.buffer());
        self.out.flush()
    }

    /// A reply that is a text of many lines, such as that of INFO.
    pub(super) fn report(&mut self, value: &Value) -> io::Result<()> {
        match value {
            Value::Error(_) => Printer::new(Form::Tty).reply(value, self.out.buffer()),
            _ => Printer::new(Form::Tty).text(value, self.out.buffer()),
        }
        self.out.flush()
    }

    /// Text of our own.
    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        self.out.buffer().extend_from_slice(text.as_bytes());
        self.out.flush()
    }

    /// A push.
    pub(super) fn push(&mut self, elements: &[Value]) -> io::Result<()> {
        let text = render::push(elements, self.look());
        match (&self.screen, self.prompt) {
            (Some(screen), Prompt::Up) => screen.show(text),
            _ => self.text(&text)?,
        }
        Ok(())
    }

    /// Something a person should know.
    pub(super) fn note(&self, text: &str) {
        match (&self.screen, self.prompt) {
            (Some(screen), Prompt::Up) => screen.show(format!("note: {text}\n")),
            _ => say(&format!("note: {text}")),
        }
    }
}
