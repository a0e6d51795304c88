//! A conversation that follows a cluster: with -c a redirect is no answer, but the way to it.
//!
//! The session stays with the node it was last sent to, as redis-cli's does. Commands from stdin tell of each move on stdout,
//! a command of the command line moves in silence.
//!
//! At a prompt there may be no session: the server is not there, or went away. The next command makes one anew. A command that
//! was sent is not sent again, because it may have been carried out.

use rbq_client::{Error, Redirect, RedirectKind, Request};

use super::dial::Dial;
use super::flags::CliArgs;
use super::guard::Guard;
use super::{Run, wrong};
use crate::output::Output;
use crate::print::{Form, Printer};
use crate::session::{Errors, Manner, Pushes, Session, Turn, manner_of};

/// Redirects followed for one command. A cluster that is being changed takes two or three; one that goes on for ever is broken.
const REDIRECTS_MAX: usize = 16;

/// A session, and how to make it anew at another node.
pub(super) struct Talk {
    pub(super) dial: Dial,
    session: Option<Session>,
    printer: Printer,
    errors: Errors,
    pushes: Pushes,
    follow: bool,
    tell: bool,
    pub(super) transaction: bool,
    /// What was sent last has no end of its own: SUBSCRIBE and its kind, MONITOR.
    pub(super) is_endless: bool,
    /// Who asks before something is sent.
    pub(super) guard: Guard,
}

impl Talk {
    /// Not connected yet.
    pub(super) fn new(dial: Dial, guard: Guard, args: &CliArgs, single: bool, out: &Output) -> Self {
        // In stdin mode redis-cli shows errors like any reply, whatever -e says.
        let errors = match (args.exit_error && single, args.cluster) {
            (true, _) => Errors::Return,
            (_, true) => Errors::PrintButRedirects,
            (_, false) => Errors::Print,
        };
        let (printer, pushes) = (args.printer(out.is_terminal()), args.pushes(out.is_terminal()));
        let (follow, tell) = (args.cluster, !single);
        let (session, transaction, is_endless) = (None, false, false);
        Self { dial, session, printer, errors, pushes, follow, tell, transaction, is_endless, guard }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.session.is_some()
    }

    pub(super) fn is_for_a_person(&self) -> bool {
        self.printer.form == Form::Tty
    }

    /// Sends a command, follows redirects if that is wanted, and prints what comes back.
    pub(super) async fn ask(&mut self, request: &Request, out: &mut Output) -> Run<Turn> {
        if request.is_word(0, "SYNC") || request.is_word(0, "PSYNC") {
            return Err(wrong("Error: SYNC and PSYNC make a replica of the connection, which rbq cli does not speak"));
        }
        self.is_endless = matches!(manner_of(request), Manner::Messages | Manner::Monitor);
        for _ in 0..=REDIRECTS_MAX {
            let turn = self.session().await?.ask(request, out).await?;
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
            self.session().await?.link.call(["ASKING"]).await?;
        }
        Ok(())
    }

    /// A new session in place of what there was.
    pub(super) async fn connect(&mut self) -> Run<()> {
        self.part();
        self.session().await.map(drop)
    }

    /// The connection has gone, and with it what was bound to it.
    pub(super) fn part(&mut self) {
        (self.session, self.transaction, self.is_endless) = (None, false, false);
    }

    async fn session(&mut self) -> Run<&mut Session> {
        if self.session.is_none() {
            let (link, _) = self.dial.connect().await?;
            self.session = Some(Session::new(link, self.printer.clone(), self.errors, self.pushes));
        }
        Ok(self.session.as_mut().expect("it was made if there was none"))
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
