//! A conversation that follows a cluster: with -c a redirect is no answer, but the way to it.
//!
//! The session stays with the node it was last sent to, as redis-cli's does. Commands from stdin tell of each move on stdout,
//! a command of the command line moves in silence.

use rbq_client::{Error, Redirect, RedirectKind, Request};

use super::Run;
use super::dial::Dial;
use super::flags::CliArgs;
use crate::output::Output;
use crate::session::{Errors, Session, Turn};

/// Redirects followed for one command. A cluster that is being changed takes two or three; one that goes on for ever is broken.
const REDIRECTS_MAX: usize = 16;

/// A session, and how to make it anew at another node.
pub(super) struct Talk {
    pub(super) dial: Dial,
    pub(super) session: Session,
    follow: bool,
    tell: bool,
    pub(super) transaction: bool,
}

impl Talk {
    pub(super) async fn open(dial: Dial, args: &CliArgs, single: bool, out: &Output) -> Run<Self> {
        let (link, _) = dial.connect().await?;
        // In stdin mode redis-cli shows errors like any reply, whatever -e says.
        let errors = match (args.exit_error && single, args.cluster) {
            (true, _) => Errors::Return,
            (_, true) => Errors::PrintButRedirects,
            (_, false) => Errors::Print,
        };
        let (printer, pushes) = (args.printer(out.is_terminal()), args.pushes(out.is_terminal()));
        let session = Session::new(link, printer, errors, pushes);
        Ok(Self { dial, session, follow: args.cluster, tell: !single, transaction: false })
    }

    /// Sends a command, follows redirects if that is wanted, and prints what comes back.
    pub(super) async fn ask(&mut self, request: &Request, out: &mut Output) -> Run<Turn> {
        for _ in 0..=REDIRECTS_MAX {
            let turn = self.session.ask(request, out).await?;
            let redirect = match &turn {
                Turn::Refused(text) if self.follow => Redirect::parse(text.as_bytes()),
                _ => None,
            };
            let Some(redirect) = redirect else {
                self.note(request, &turn);
                return Ok(turn);
            };
            self.follow(&redirect, out).await?;
        }
        Err(Error::TooManyRedirects(REDIRECTS_MAX).into())
    }

    async fn follow(&mut self, redirect: &Redirect, out: &mut Output) -> Run<()> {
        self.dial.target.endpoint = redirect.endpoint(&self.dial.target.endpoint);
        if self.tell {
            let place = super::dial::bare(&self.dial.target.endpoint);
            let line = format!("-> Redirected to slot [{}] located at {place}\n", redirect.slot);
            out.buffer().extend_from_slice(line.as_bytes());
            out.flush()?;
        }
        self.connect().await?;
        if redirect.kind == RedirectKind::Ask {
            self.session.link.call(["ASKING"]).await?;
        }
        Ok(())
    }

    /// The same session on a new connection.
    pub(super) async fn connect(&mut self) -> Run<()> {
        let (link, _) = self.dial.connect().await?;
        let Session { printer, errors, pushes, .. } = &self.session;
        self.session = Session::new(link, printer.clone(), *errors, *pushes);
        self.transaction = false;
        Ok(())
    }

    /// What a new connection would have to be told, and the prompt.
    fn note(&mut self, request: &Request, turn: &Turn) {
        if !matches!(turn, Turn::Answered) {
            return;
        }
        let number = || request.iter().nth(1).and_then(|arg| std::str::from_utf8(arg).ok()?.parse().ok());
        if request.is_word(0, "SELECT") && !self.transaction {
            self.dial.db = number().unwrap_or(self.dial.db);
        } else if request.is_word(0, "MULTI") {
            self.transaction = true;
        } else if request.is_word(0, "EXEC") || request.is_word(0, "DISCARD") {
            self.transaction = false;
        } else if request.is_word(0, "RESET") {
            (self.dial.db, self.transaction) = (0, false);
        } else if request.is_word(0, "HELLO") {
            self.dial.resp3 = number() == Some(3) || request.len() == 1 && self.dial.resp3;
        }
    }
}
