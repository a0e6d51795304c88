//! The bare broker as a stage for transcripts, in virtual time.
//!
//! `play` is what the unit tests of commands use: it plays a conversation and returns the replies as a text, to be
//! held against a snapshot.

mod backup;
mod counted;
pub(crate) mod driver;
mod events;
mod full;
mod gates;
mod killed;
mod letters;
mod logged;
mod replay;
mod saving;
mod scanning;
mod switch;
mod synced;
mod times;
mod transcripts;
mod waking;

use std::time::Duration;

use bytes::Bytes;
use rbq_resp::{OwnedRequest, Proto, ScanLimits, ValueDecoder};
use rbq_transcript::{Awaited, Client, Event, Protocol, Script, Stage, StageError};

use crate::{Body, Broker, ClientId, Flow, Letter, Now, Output, Peer, Settings};

/// When every conversation starts: 2024-01-01, as good a moment as any.
const START_UNIX_US: u64 = 1_704_067_200_000_000;

/// Plays every conversation of `text` on a bare broker; the replies, in the language of transcripts.
pub(crate) fn play(text: &str) -> String {
    let script = Script::parse("test", text).expect("the test's transcript is well-formed");
    let mut answers = String::new();
    for conversation in &script.conversations {
        let played = rbq_transcript::play(conversation, &mut BareStage::new());
        assert!(played.failure.is_none(), "{:?}", played.failure);
        answers.push_str(&played.answers(conversation));
    }
    answers
}

struct Seat {
    id: ClientId,
    decoder: ValueDecoder,
    closing: bool,
    /// Sent while parked or held back.
    waiting: Vec<OwnedRequest>,
    blocked: bool,
}

/// One broker, its clients, and a clock that only moves when told.
pub(crate) struct BareStage {
    pub(crate) broker: Broker,
    seats: Vec<Option<Seat>>,
    now: Now,
    inbox: Vec<(Client, Event)>,
}

impl BareStage {
    pub(crate) fn new() -> Self {
        let now = Now { unix_us: START_UNIX_US, monotonic_us: 0 };
        let mut settings = Settings::default();
        let debug = Settings::parameter("enable-debug-command").expect("it is a parameter");
        (debug.set)(&mut settings, "yes").expect("yes is allowed");
        settings.appendonly.0 = false;
        Self { broker: Broker::new(settings, 7, now), seats: Vec::new(), now, inbox: Vec::new() }
    }

    fn seat(&mut self, client: Client) -> &mut Seat {
        self.seats[client.0].as_mut().expect("the client is connected")
    }

    fn run(&mut self, client: Client, request: OwnedRequest) {
        let seat = self.seat(client);
        if seat.blocked {
            seat.waiting.push(request);
            return;
        }
        let id = seat.id;
        let mut out = Output::default();
        let flow = self.broker.execute(id, request.view(), self.now, &mut out);
        self.broker.account(id, request.view(), self.now, self.now);
        self.receive(client, &mut out);
        let seat = self.seat(client);
        match flow {
            Flow::Continue => {}
            Flow::Park => seat.blocked = true,
            Flow::Hold | Flow::NoRoom => {
                seat.blocked = true;
                seat.waiting.insert(0, request);
            }
            Flow::Close => seat.closing = true,
        }
        self.deliver();
        if self.seats[client.0].as_ref().is_some_and(|seat| seat.closing) {
            self.close(client);
        }
    }

    fn receive(&mut self, client: Client, out: &mut Output) {
        for piece in out.drain() {
            match piece {
                Body::Bytes(bytes) => self.read(client, &bytes),
                Body::Shared(bytes) => self.read(client, &bytes),
                Body::Lazy(mut body, proto) => {
                    let mut bytes = Vec::new();
                    while body.encode(&mut bytes, proto, 1000) == rbq_resp::Progress::More {}
                    self.read(client, &bytes);
                }
            }
        }
    }

    fn read(&mut self, client: Client, bytes: &[u8]) {
        let seat = self.seat(client);
        seat.decoder.feed(bytes);
        while let Some(value) = self.seat(client).decoder.next().expect("the broker writes RESP") {
            self.inbox.push((client, Event::Reply(value)));
        }
    }

    fn deliver(&mut self) {
        while !self.broker.mail().is_empty() {
            let mail = std::mem::take(self.broker.mail());
            for (to, letter) in mail.letters {
                let Some(client) = self.client_of(to) else { continue };
                match letter {
                    Letter::Small { start, end, .. } => self.read(client, &mail.arena[start as usize..end as usize]),
                    Letter::Shared(bytes, _) => self.read(client, &bytes),
                    Letter::Reply(mut out) => {
                        self.receive(client, &mut out);
                        self.go_on(client);
                    }
                    Letter::Resume => self.go_on(client),
                    Letter::Close(_) => self.close(client),
                }
            }
        }
    }

    fn go_on(&mut self, client: Client) {
        let seat = self.seat(client);
        seat.blocked = false;
        for request in std::mem::take(&mut seat.waiting) {
            self.run(client, request);
        }
    }

    fn close(&mut self, client: Client) {
        if let Some(seat) = self.seats[client.0].take() {
            self.broker.disconnect(seat.id);
            self.inbox.push((client, Event::Closed));
        }
    }

    fn client_of(&self, id: ClientId) -> Option<Client> {
        self.seats.iter().position(|seat| seat.as_ref().is_some_and(|seat| seat.id == id)).map(Client)
    }

    fn tick_to(&mut self, monotonic_us: u64) {
        loop {
            let due = self.broker.next_tick_us(self.now).filter(|due_us| *due_us <= monotonic_us);
            let until_us = due.unwrap_or(monotonic_us).max(self.now.monotonic_us);
            self.now = Now { unix_us: START_UNIX_US + until_us, monotonic_us: until_us };
            self.broker.tick(self.now);
            self.deliver();
            if due.is_none() {
                return;
            }
        }
    }
}

impl Stage for BareStage {
    fn connect(&mut self, client: Client, protocol: Protocol) -> Result<(), StageError> {
        if self.seats.len() <= client.0 {
            self.seats.resize_with(client.0 + 1, || None);
        }
        self.disconnect(client)?;
        let peer = Peer {
            addr: format!("127.0.0.1:{}", 40_000 + client.0),
            laddr: "127.0.0.1:6379".into(),
            ..Peer::default()
        };
        let id = self.broker.connect(peer, self.now);
        if protocol == Protocol::Resp3 {
            self.broker.session_mut(id).proto = Proto::Resp3;
        }
        let decoder = ValueDecoder::new(ScanLimits::default());
        self.seats[client.0] = Some(Seat { id, decoder, closing: false, waiting: Vec::new(), blocked: false });
        Ok(())
    }

    fn disconnect(&mut self, client: Client) -> Result<(), StageError> {
        if let Some(seat) = self.seats[client.0].take() {
            self.broker.disconnect(seat.id);
        }
        Ok(())
    }

    fn request(&mut self, client: Client, args: &[Bytes]) -> Result<(), StageError> {
        self.run(client, OwnedRequest::from_args(args));
        Ok(())
    }

    fn bytes(&mut self, _: Client, _: &[u8]) -> Result<(), StageError> {
        Err(StageError::Unplayable("the bare broker has no sockets".into()))
    }

    fn advance_to(&mut self, since_start: Duration) -> Result<(), StageError> {
        self.tick_to(since_start.as_micros() as u64);
        Ok(())
    }

    fn collect(&mut self, _: &Awaited<'_>) -> Result<Vec<(Client, Event)>, StageError> {
        Ok(std::mem::take(&mut self.inbox))
    }

    fn finish(&mut self) -> Result<Vec<(Client, Event)>, StageError> {
        Ok(std::mem::take(&mut self.inbox))
    }
}
