//! The conversation with one server: a request goes out, what comes back is shown, and what the prompt must know is noted.
//!
//! Over RESP3 a subscription runs beside the prompt: its messages are pushes and can be told from replies. Over RESP2 they
//! cannot, and with a pipe for stdin nobody types meanwhile: there a subscription takes all that comes, until Ctrl-C.

use std::collections::BTreeSet;

use bytes::Bytes;
use rbq_client::{Error, Kind, Link, Proto, PubSub, Redirect, Request};
use rbq_resp::Value;

use super::show::Show;
use crate::failure::{Failure, Result};
use crate::session::{Manner, manner_of};

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn {
    Answered,
    Refused,
    /// Another node of the cluster has the key; nothing was carried out or shown.
    Elsewhere(Redirect),
    /// It ended the server, as it should (`SHUTDOWN`).
    Ended,
}

/// Who reads what comes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Messages {
    /// It is shown around the prompt.
    Beside,
    /// Whoever subscribed, until it is interrupted.
    TakeOver,
}

/// Requests between MULTI and EXEC.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    pub(super) queued: Vec<Request>,
    /// One was refused: EXEC will be refused as well.
    pub(super) is_spoiled: bool,
}

/// A connection and its state.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) link: Link,
    is_resp3: bool,
    is_muted: bool,
    is_for_a_person: bool,
    pub(super) transaction: Option<Transaction>,
    /// In the order in which they are made anew.
    subscriptions: BTreeSet<(u8, Bytes)>,
}

/// The command that makes a subscription, by its kind.
const SUBSCRIBE: [&str; 3] = ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"];

impl Talk {
    pub(super) fn new(link: Link, is_for_a_person: bool) -> Self {
        Self {
            is_resp3: link.proto() == Proto::Resp3,
            link,
            is_muted: false,
            is_for_a_person,
            transaction: None,
            subscriptions: BTreeSet::new(),
        }
    }

    pub(super) fn subscriptions(&self) -> usize {
        self.subscriptions.len()
    }

    /// The requests that make all of them anew, for a connection in place of this one. One each: shard channels may be in different
    /// slots.
    pub(super) fn resubscriptions(&self) -> Vec<Request> {
        if self.messages() == Messages::TakeOver {
            // They ended with the connection: the prompt has come back.
            return vec![];
        }
        let one = |(kind, name): &(u8, Bytes)| Request::new(SUBSCRIBE[usize::from(*kind)]).arg(name);
        self.subscriptions.iter().map(one).collect()
    }

    pub(super) fn is_resp3(&self) -> bool {
        self.is_resp3
    }

    /// Whether a request of our own may be sent: it is answered, and at once.
    pub(super) fn is_free(&self) -> bool {
        self.transaction.is_none() && !self.is_muted && (self.is_resp3 || self.subscriptions.is_empty())
    }

    /// How messages of a subscription reach somebody.
    pub(super) fn messages(&self) -> Messages {
        match self.is_resp3 && self.is_for_a_person {
            true => Messages::Beside,
            false => Messages::TakeOver,
        }
    }

    /// Sends one command and shows what comes back. What takes over has no end of its own: dropping the future ends it, and
    /// the connection with it.
    ///
    /// # Errors
    /// What ended the connection, or stdout.
    pub(super) async fn ask(&mut self, request: &Request, show: &mut Show) -> Result<Turn> {
        match self.exchange(request, show).await {
            Err(Failure::Server(Error::Closed(_))) if request.is_word(0, "SHUTDOWN") => Ok(Turn::Ended),
            other => other,
        }
    }

    /// What came by itself: shows it, and notes what it says of subscriptions.
    pub(super) fn came(&mut self, value: &Value, show: &mut Show) -> Result<()> {
        match value {
            Value::Push(elements) | Value::Array(elements) => {
                self.note_subscription(elements);
                show.push(elements)?;
            }
            // MONITOR's lines over a connection that it has taken over.
            other => show.report(other).and_then(|()| show.text("\n"))?,
        }
        Ok(())
    }

    async fn exchange(&mut self, request: &Request, show: &mut Show) -> Result<Turn> {
        self.link.queue(request);
        self.link.flush().await?;
        let is_queued = self.transaction.is_some();
        match self.manner(request) {
            Manner::Nothing => Ok(Turn::Answered),
            Manner::Text if !is_queued => {
                let value = self.value(show).await?;
                show.report(&value)?;
                Ok(turn(&value))
            }
            Manner::Values(count) if !is_queued => self.confirmations(count, show).await,
            Manner::Messages if !is_queued && self.messages() == Messages::Beside => {
                self.confirmations(request.len().saturating_sub(1).max(1), show).await
            }
            Manner::Messages | Manner::Monitor if !is_queued => self.take_over(request, show).await,
            _ => {
                let value = self.value(show).await?;
                if let (Value::Error(text), None) = (&value, &self.transaction)
                    && let Some(redirect) = Redirect::parse(text.as_bytes())
                {
                    return Ok(Turn::Elsewhere(redirect));
                }
                match (request.is_word(0, "EXEC"), &self.transaction) {
                    (true, Some(transaction)) => show.replies(&transaction.queued, &value)?,
                    _ => show.reply(request, &value)?,
                }
                self.note(request, &value);
                Ok(turn(&value))
            }
        }
    }

    /// The next value that is no push.
    async fn value(&mut self, show: &mut Show) -> Result<Value> {
        loop {
            match self.link.receive().await? {
                push @ Value::Push(_) => self.came(&push, show)?,
                value => return Ok(value),
            }
        }
    }

    /// So many confirmations, messages among them, or an error instead.
    async fn confirmations(&mut self, mut left: usize, show: &mut Show) -> Result<Turn> {
        while left > 0 {
            let value = self.link.receive().await?;
            match &value {
                Value::Push(elements) | Value::Array(elements) => {
                    left -= usize::from(!matches!(PubSub::read(elements), None | Some(PubSub::Message { .. })));
                    self.came(&value, show)?;
                }
                _ => {
                    if let Value::Error(text) = &value
                        && let Some(redirect) = Redirect::parse(text.as_bytes())
                    {
                        return Ok(Turn::Elsewhere(redirect));
                    }
                    show.reply(&Request::default(), &value)?;
                    return Ok(turn(&value));
                }
            }
        }
        Ok(Turn::Answered)
    }

    /// Everything from now on, until an error.
    async fn take_over(&mut self, request: &Request, show: &mut Show) -> Result<Turn> {
        if manner_of(request) == Manner::Messages {
            show.text("Reading messages... (press Ctrl-C to quit)\n")?;
        }
        loop {
            let value = self.link.receive().await?;
            if matches!(value, Value::Error(_)) {
                show.reply(request, &value)?;
                return Ok(Turn::Refused);
            }
            self.came(&value, show)?;
        }
    }

    fn manner(&mut self, request: &Request) -> Manner {
        if request.is_word(0, "CLIENT") && request.is_word(1, "REPLY") {
            let off = request.is_word(2, "OFF");
            self.is_muted = off;
            return if off || request.is_word(2, "SKIP") { Manner::Nothing } else { Manner::Value };
        }
        match manner_of(request) {
            Manner::Values(_) if request.len() == 1 => Manner::Values(self.subscribed_by(request).max(1)),
            // Confirmations come all the same after CLIENT REPLY OFF.
            Manner::Value | Manner::Text if self.is_muted => Manner::Nothing,
            manner => manner,
        }
    }

    /// How many subscriptions this command without names would end.
    pub(super) fn subscribed_by(&self, request: &Request) -> usize {
        let kind = match () {
            () if request.is_word(0, "PUNSUBSCRIBE") => Kind::Pattern,
            () if request.is_word(0, "SUNSUBSCRIBE") => Kind::Shard,
            () => Kind::Channel,
        };
        self.subscriptions.iter().filter(|(known, _)| *known == kind as u8).count()
    }

    fn note_subscription(&mut self, elements: &[Value]) {
        match PubSub::read(elements) {
            Some(PubSub::Subscribed { kind, name, .. }) => drop(self.subscriptions.insert((kind as u8, name))),
            Some(PubSub::Unsubscribed { kind, name: Some(name), .. }) => {
                self.subscriptions.remove(&(kind as u8, name));
            }
            _ => {}
        }
    }

    /// Keeps the prompt true.
    fn note(&mut self, request: &Request, value: &Value) {
        let is_error = matches!(value, Value::Error(_));
        if request.is_word(0, "EXEC") || request.is_word(0, "DISCARD") {
            self.transaction = None;
        } else if let Some(transaction) = &mut self.transaction {
            match value {
                Value::Status(text) if text == "QUEUED" => transaction.queued.push(request.clone()),
                // A MULTI or WATCH inside is refused and spoils nothing.
                Value::Error(_) => {
                    transaction.is_spoiled |= !request.is_word(0, "MULTI") && !request.is_word(0, "WATCH");
                }
                _ => {}
            }
        } else if request.is_word(0, "MULTI") && !is_error {
            self.transaction = Some(Transaction::default());
        }
        if request.is_word(0, "HELLO") && !is_error {
            self.is_resp3 = matches!(value, Value::Map(_));
        }
        if request.is_word(0, "RESET") && !is_error {
            (self.is_resp3, self.is_muted, self.transaction) = (false, false, None);
            self.subscriptions.clear();
        }
    }
}

fn turn(value: &Value) -> Turn {
    if matches!(value, Value::Error(_)) { Turn::Refused } else { Turn::Answered }
}
