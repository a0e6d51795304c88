//! One conversation with a server as redis-cli leads it: a command goes out, and what comes back is printed.
//!
//! Most commands are answered by one value. The others are told apart by their names, as there is nothing else to go by:
//!
//! ```text
//!   one value          nearly all; INFO and its kind are texts, shown as they are
//!   a value a name     UNSUBSCRIBE and its kind
//!   values for ever    SUBSCRIBE and its kind, MONITOR
//!   none               CLIENT REPLY OFF and SKIP, and after OFF every other
//! ```

use rbq_client::{Error, Link, Redirect, Request};
use rbq_resp::Value;

use crate::failure::Result;
use crate::output::Output;
use crate::print::{Form, Printer};

/// What became of a command.
#[derive(Debug)]
pub(crate) enum Turn {
    /// It was answered, and the answer is printed.
    Answered,
    /// It was answered by this error, which is printed unless the caller asked for it.
    Refused(String),
    /// It ended the server, as it should (`SHUTDOWN`).
    Ended,
}

/// Who shows an error reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errors {
    /// The session, on stdout like every reply.
    Print,
    /// The caller, who gets it in [`Turn::Refused`].
    Return,
    /// The session, but not redirects of a cluster: the caller follows them.
    PrintButRedirects,
}

/// Whether pushes that come beside a reply are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushes {
    Show,
    Hide,
}

/// A connection and how its replies are shown.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) link: Link,
    pub(crate) printer: Printer,
    pub(crate) errors: Errors,
    pub(crate) pushes: Pushes,
    muted: bool,
}

/// How a command is answered.
#[derive(Debug, PartialEq)]
pub(crate) enum Manner {
    Value,
    Text,
    Values(usize),
    Messages,
    Monitor,
    Nothing,
}

impl Session {
    pub(crate) fn new(link: Link, printer: Printer, errors: Errors, pushes: Pushes) -> Self {
        Self { link, printer, errors, pushes, muted: false }
    }

    /// Sends one command and prints what comes back, flushed. After `SUBSCRIBE` and `MONITOR` that has no end of its own:
    /// dropping the future ends it, and the session with it.
    ///
    /// # Errors
    /// What ended the connection, or stdout.
    pub(crate) async fn ask(&mut self, request: &Request, out: &mut Output) -> Result<Turn> {
        let turn = self.talk(request, out).await;
        if request.is_word(0, "SHUTDOWN") && matches!(&turn, Err(Stop::Connection(Error::Closed(_)))) {
            return Ok(Turn::Ended);
        }
        Ok(turn?)
    }

    async fn talk(&mut self, request: &Request, out: &mut Output) -> Talk<Turn> {
        self.link.queue(request);
        self.link.flush().await?;
        match self.manner(request) {
            Manner::Value => self.one(Self::print, out).await,
            Manner::Text => self.one(Self::print_text, out).await,
            Manner::Nothing => Ok(Turn::Answered),
            Manner::Values(count) => {
                for _ in 0..count {
                    let value = self.link.receive().await?;
                    if let turn @ Turn::Refused(_) = self.show(value, Self::print, out)? {
                        return Ok(turn);
                    }
                }
                Ok(Turn::Answered)
            }
            Manner::Messages => {
                if self.printer.form != Form::Raw {
                    out.buffer().extend_from_slice(b"Reading messages... (press Ctrl-C to quit)\n");
                    out.flush()?;
                }
                self.stream(out).await
            }
            Manner::Monitor => self.stream(out).await,
        }
    }

    /// The next value that is no push.
    async fn one(&mut self, print: fn(&Self, &Value, &mut Output), out: &mut Output) -> Talk<Turn> {
        loop {
            match self.link.receive().await? {
                push @ Value::Push(_) => {
                    if self.pushes == Pushes::Show {
                        self.show(push, Self::print, out)?;
                    }
                }
                value => return self.show(value, print, out),
            }
        }
    }

    /// Every value from now on, until an error or what cannot be the start of a stream: `QUEUED` in a transaction.
    async fn stream(&mut self, out: &mut Output) -> Talk<Turn> {
        loop {
            let value = self.link.receive().await?;
            let queued = matches!(&value, Value::Status(text) if text == "QUEUED");
            let turn = self.show(value, Self::print, out)?;
            if queued || matches!(turn, Turn::Refused(_)) {
                return Ok(turn);
            }
        }
    }

    fn show(&self, value: Value, print: fn(&Self, &Value, &mut Output), out: &mut Output) -> Talk<Turn> {
        let silent = match (&value, self.errors) {
            (Value::Error(_), Errors::Return) => true,
            (Value::Error(text), Errors::PrintButRedirects) => Redirect::parse(text.as_bytes()).is_some(),
            _ => false,
        };
        if !silent {
            print(self, &value, out);
            out.flush()?;
        }
        Ok(match value {
            Value::Error(text) => Turn::Refused(text),
            _ => Turn::Answered,
        })
    }

    fn print(&self, value: &Value, out: &mut Output) {
        self.printer.reply(value, out.buffer());
    }

    fn print_text(&self, value: &Value, out: &mut Output) {
        self.printer.text(value, out.buffer());
    }

    fn manner(&mut self, request: &Request) -> Manner {
        if request.is_word(0, "CLIENT") && request.is_word(1, "REPLY") {
            let off = request.is_word(2, "OFF");
            self.muted = off;
            return if off || request.is_word(2, "SKIP") { Manner::Nothing } else { Manner::Value };
        }
        let manner = manner_of(request);
        // Confirmations come all the same after CLIENT REPLY OFF (redis/redis #11875).
        if self.muted && matches!(manner, Manner::Value | Manner::Text) { Manner::Nothing } else { manner }
    }
}

/// How the server answers this, unless it was told not to.
pub(crate) fn manner_of(request: &Request) -> Manner {
    let word = |index, words: &[&str]| words.iter().any(|word| request.is_word(index, word));
    if word(0, &["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"]) {
        return Manner::Messages;
    }
    if word(0, &["UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"]) {
        return Manner::Values((request.len() - 1).max(1));
    }
    if word(0, &["MONITOR"]) {
        return Manner::Monitor;
    }
    let text = word(0, &["INFO", "LOLWUT"])
        || word(0, &["DEBUG"]) && word(1, &["HTSTATS", "HTSTATS-KEY", "CLIENT-EVICTION"])
        || word(0, &["MEMORY"]) && word(1, &["MALLOC-STATS", "DOCTOR"])
        || word(0, &["CLUSTER"]) && word(1, &["NODES", "INFO"]) && request.len() == 2
        || word(0, &["CLIENT"]) && word(1, &["LIST", "INFO"])
        || word(0, &["LATENCY"]) && word(1, &["GRAPH"]) && request.len() == 3
        || word(0, &["LATENCY"]) && word(1, &["DOCTOR"]) && request.len() == 2
        || word(0, &["PROXY"]) && word(1, &["INFO"]);
    if text { Manner::Text } else { Manner::Value }
}

/// Which side of us a conversation ended on.
enum Stop {
    Connection(Error),
    Output(std::io::Error),
}

type Talk<T> = std::result::Result<T, Stop>;

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Connection(error)
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<Stop> for crate::failure::Failure {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Connection(error) => error.into(),
            Stop::Output(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_answered_in_their_own_manner() {
        for (line, manner) in [
            ("get k", Manner::Value),
            ("info", Manner::Text),
            ("client list type normal", Manner::Text),
            ("client id", Manner::Value),
            ("cluster info", Manner::Text),
            ("cluster info x", Manner::Value),
            ("subscribe", Manner::Messages),
            ("unsubscribe", Manner::Values(1)),
            ("punsubscribe a b", Manner::Values(2)),
            ("monitor", Manner::Monitor),
        ] {
            assert_eq!(manner_of(&Request::from(line.split(' '))), manner, "{line}");
        }
    }
}
