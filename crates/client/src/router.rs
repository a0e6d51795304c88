//! Whose value is this? Replies to the requests they answer, pushes to the listener.
//!
//! A server answers in the order it was asked, so the oldest unanswered request owns the next reply. Three things break that
//! simple rule, and each is told apart here, without a socket, so that tests can play a server:
//!
//! - the `SUBSCRIBE` family is answered by one confirmation a channel, which RESP3 sends as pushes and RESP2 as arrays;
//! - RESP2 sends messages as arrays too, but only while the connection is subscribed, when next to no other reply can come;
//! - after `MONITOR` every command that the server runs arrives as a status line.
//!
//! Invariant: `waiting` holds exactly the requests sent and not answered in full, oldest first.

use std::collections::{HashSet, VecDeque};

use bytes::Bytes;
use rbq_resp::{Proto, Value};

use crate::Request;
use crate::pubsub::{Kind, PubSub, Verb, What};

/// What one value turned out to be.
#[derive(Debug, PartialEq)]
pub(crate) enum Routed<T> {
    /// The whole reply to the request with this ticket.
    Reply(T, Value),
    /// For whoever listens to pushes.
    Push(Value),
    /// Part of a reply that is not whole yet.
    Part,
    /// Nobody asked for it: requests and replies are out of step.
    Stray,
}

/// What answers a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    One,
    /// One confirmation for each of so many names.
    Confirmations(Verb, usize),
    /// One confirmation for each subscription there is, or one that there is none.
    AllConfirmations(Verb),
    /// One, and a change of what follows.
    Monitor,
    Reset,
    Hello(Proto),
}

impl Expect {
    /// What will answer `request`; an error names a request whose replies could not be matched.
    pub(crate) fn of(request: &Request) -> Result<Self, &'static str> {
        let Some(name) = request.iter().next() else {
            return Err("an empty request");
        };
        if let Some(verb) = Verb::parse(name) {
            // Without a name SUBSCRIBE is an error reply, UNSUBSCRIBE means all.
            return Ok(match (request.len() - 1, verb.what) {
                (0, What::End) => Self::AllConfirmations(verb),
                (names, _) => Self::Confirmations(verb, names.max(1)),
            });
        }
        if request.is_word(0, "MONITOR") {
            return Ok(Self::Monitor);
        }
        if request.is_word(0, "RESET") {
            return Ok(Self::Reset);
        }
        if request.is_word(0, "HELLO") && request.is_word(1, "2") {
            return Ok(Self::Hello(Proto::Resp2));
        }
        if request.is_word(0, "HELLO") && request.is_word(1, "3") {
            return Ok(Self::Hello(Proto::Resp3));
        }
        if request.is_word(0, "CLIENT") && request.is_word(1, "REPLY") {
            return Err("CLIENT REPLY");
        }
        if request.is_word(0, "SYNC") || request.is_word(0, "PSYNC") {
            return Err("SYNC");
        }
        Ok(Self::One)
    }
}

#[derive(Debug)]
struct Waiting<T> {
    expect: Expect,
    ticket: T,
}

/// Matches values to requests; `T` is what the caller wants back with the reply.
#[derive(Debug)]
pub(crate) struct Router<T> {
    proto: Proto,
    monitoring: bool,
    waiting: VecDeque<Waiting<T>>,
    /// Confirmations so far for the oldest request.
    confirmed: Vec<Value>,
    subscriptions: HashSet<(Kind, Bytes)>,
}

impl<T> Router<T> {
    pub(crate) fn new(proto: Proto) -> Self {
        Self {
            proto,
            monitoring: false,
            waiting: VecDeque::new(),
            confirmed: Vec::new(),
            subscriptions: HashSet::new(),
        }
    }

    pub(crate) fn sent(&mut self, expect: Expect, ticket: T) {
        self.waiting.push_back(Waiting { expect, ticket });
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The tickets of all requests that will get no reply any more.
    pub(crate) fn abandon(&mut self) -> impl Iterator<Item = T> {
        self.waiting.drain(..).map(|waiting| waiting.ticket)
    }

    pub(crate) fn route(&mut self, value: Value) -> Routed<T> {
        if let Some(event) = self.pubsub_event(&value) {
            self.note(&event);
            return match event.confirms() {
                Some(verb) if self.awaits(verb) => self.confirm(verb, value),
                _ => Routed::Push(value),
            };
        }
        if matches!(value, Value::Push(_)) || self.is_monitor_line(&value) {
            return Routed::Push(value);
        }
        let Some(Waiting { expect, ticket }) = self.waiting.pop_front() else {
            return Routed::Stray;
        };
        self.confirmed.clear();
        if !matches!(value, Value::Error(_)) {
            self.answered(expect, &value);
        }
        Routed::Reply(ticket, value)
    }

    /// The value as a pub/sub message or confirmation, if in the present state it is one.
    fn pubsub_event(&self, value: &Value) -> Option<PubSub> {
        match value {
            Value::Push(elements) => PubSub::read(elements),
            Value::Array(elements) if self.proto == Proto::Resp2 && self.may_hear() => PubSub::read(elements),
            _ => None,
        }
    }

    /// Whether a RESP2 array may be a message: something is subscribed, or about to be.
    fn may_hear(&self) -> bool {
        let front = self.waiting.front().map(|waiting| waiting.expect);
        !self.subscriptions.is_empty() || matches!(front, Some(Expect::Confirmations(..) | Expect::AllConfirmations(_)))
    }

    fn note(&mut self, event: &PubSub) {
        match event {
            PubSub::Subscribed { kind, name, .. } => {
                // A copy: the received bytes may be a slice of a large buffer, and this is kept.
                self.subscriptions.insert((*kind, Bytes::copy_from_slice(name)));
            }
            PubSub::Unsubscribed { kind, name: Some(name), .. } => {
                self.subscriptions.remove(&(*kind, name.clone()));
            }
            PubSub::Unsubscribed { name: None, .. } | PubSub::Message { .. } => {}
        }
    }

    fn awaits(&self, verb: Verb) -> bool {
        match self.waiting.front().map(|waiting| waiting.expect) {
            Some(Expect::Confirmations(awaited, _) | Expect::AllConfirmations(awaited)) => awaited == verb,
            _ => false,
        }
    }

    fn confirm(&mut self, verb: Verb, value: Value) -> Routed<T> {
        self.confirmed.push(value);
        let none_left = !self.subscriptions.iter().any(|(kind, _)| *kind == verb.kind);
        let whole = match self.waiting.front().map(|waiting| waiting.expect) {
            Some(Expect::Confirmations(_, names)) => self.confirmed.len() == names,
            _ => none_left,
        };
        match self.waiting.pop_front_if(|_| whole) {
            Some(Waiting { ticket, .. }) => Routed::Reply(ticket, Value::Array(std::mem::take(&mut self.confirmed))),
            None => Routed::Part,
        }
    }

    /// `1700000000.123456 [0 127.0.0.1:5000] "ping"`: no other status begins with a digit.
    fn is_monitor_line(&self, value: &Value) -> bool {
        self.monitoring
            && matches!(value, Value::Status(line) if line.starts_with(|first: char| first.is_ascii_digit()))
    }

    fn answered(&mut self, expect: Expect, value: &Value) {
        match expect {
            Expect::Hello(proto) => self.proto = proto,
            Expect::Monitor => self.monitoring = matches!(value, Value::Status(ok) if ok == "OK"),
            Expect::Reset => {
                self.proto = Proto::Resp2;
                self.monitoring = false;
                self.subscriptions.clear();
            }
            Expect::One | Expect::Confirmations(..) | Expect::AllConfirmations(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
