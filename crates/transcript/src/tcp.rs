//! A stage over TCP: any server that speaks RESP, ours or the real one.
//!
//! Whether everything a step causes has arrived is decided without sleeping for luck. A separate *control*
//! connection asks `CLIENT LIST` again and again; each round trip gives the server time to work and tells who is
//! blocked. A step is over when
//!
//! 1. the client that acted has received something, or is blocked (flag `b`), or has silenced its replies;
//! 2. every client has received as many replies as the transcript has for it;
//! 3. and one more round trip brought nothing new. A server that serves all clients from one thread has by then
//!    written whatever it was going to write.
//!
//! A server with several threads could still be late with a message *nobody expects*. That is what the end is for:
//! blocked clients are released with `CLIENT UNBLOCK`, then each client asks something and reads up to the answer, so
//! that anything sent to it before stands in front of it.
//!
//! The time limit only turns a hang into a failure. What the server must offer: `CLIENT LIST` with `id`, `addr` and
//! `flags`, `CLIENT UNBLOCK`, `CLIENT UNPAUSE`, `CLIENT REPLY ON`, and an error that names an unknown command.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use rbq_resp::Value;

use crate::{
    link::Link,
    stage::{Actor, Awaited, Client, Event, Protocol, Stage, StageError},
};

/// How long a server may take for what it must do at once. Generous: a busy machine is not a failure.
const PATIENCE: Duration = Duration::from_secs(20);

/// The last command of each client. No server knows it, so in every state a client can be in (subscribed, inside
/// MULTI, not authenticated) the reply is the error that names it, which cannot be taken for anything else.
const BARRIER: &str = "rbq-transcript-barrier";

/// Plays a conversation on the server at an address.
#[derive(Debug)]
pub struct TcpStage {
    server: SocketAddr,
    control: Link,
    links: BTreeMap<Client, Link>,
    inbox: Vec<(Client, Event)>,
    start: Instant,
    patience: Duration,
}

/// A line of `CLIENT LIST`.
#[derive(Debug)]
struct Listed {
    id: String,
    blocked: bool,
}

impl TcpStage {
    /// Connects its control connection. The server must be empty; it is used by this conversation alone.
    pub fn connect_to(server: SocketAddr) -> Result<Self, StageError> {
        Ok(Self {
            server,
            control: Link::open(server)?,
            links: BTreeMap::new(),
            inbox: Vec::new(),
            start: Instant::now(),
            patience: PATIENCE,
        })
    }

    /// With another time limit: short where missing replies are normal, as when blessing.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Asks the server something over the control connection.
    pub fn ask(&mut self, args: &[&str]) -> Result<Value, StageError> {
        if self.control.closed {
            // `CLIENT KILL TYPE normal` hits this connection too.
            self.control = Link::open(self.server)?;
        }
        match self.control.ask(args, self.patience) {
            Err(StageError::Io { .. }) => {
                self.control = Link::open(self.server)?;
                self.control.ask(args, self.patience)
            }
            outcome => outcome,
        }
    }

    /// Who is connected, by address.
    fn census(&mut self) -> Result<BTreeMap<String, Listed>, StageError> {
        let text = match self.ask(&["CLIENT", "LIST"])? {
            Value::Bulk(text) => String::from_utf8_lossy(&text).into_owned(),
            other => {
                return Err(StageError::Unplayable(format!("CLIENT LIST answered {other:?}")));
            }
        };
        Ok(text.lines().filter_map(listed).collect())
    }

    /// Repeats a round trip and a look at all connections until `done`.
    fn until(
        &mut self,
        waiting_for: &str,
        mut done: impl FnMut(&Self, &BTreeMap<String, Listed>) -> bool,
    ) -> Result<(), StageError> {
        let deadline = Instant::now() + self.patience;
        let mut rounds = 0;
        loop {
            let census = self.census()?;
            self.drain()?;
            if done(self, &census) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(StageError::Hung { limit: self.patience, waiting_for: waiting_for.to_owned() });
            }
            rounds += 1;
            if rounds > 10 {
                // Not answered at once, so time has to pass: leave the processor to those we wait for.
                thread::sleep(Duration::from_micros(500));
            }
        }
    }

    fn drain(&mut self) -> Result<(), StageError> {
        let control = format!(" {}] ", self.control.addr);
        for (client, link) in &mut self.links {
            let mut events = Vec::new();
            link.read(&mut events)?;
            // A monitor sees our control connection work; the conversation must not.
            events.retain(|event| !link.monitors || !is_line_with(event, &control));
            self.inbox.extend(events.into_iter().map(|event| (*client, event)));
        }
        Ok(())
    }

    fn received(&self, client: Client) -> usize {
        self.inbox.iter().filter(|(receiver, _)| *receiver == client).count()
    }

    fn has_acted(&self, actor: Actor, census: &BTreeMap<String, Listed>) -> bool {
        let Actor::Asked(client) = actor else {
            return true;
        };
        let link = &self.links[&client];
        let blocked = census.get(&link.addr.to_string()).is_some_and(|listed| listed.blocked);
        blocked || link.closed || !link.answers || self.received(client) > 0
    }

    fn has_arrived(&self, counts: &[usize]) -> bool {
        counts.iter().enumerate().all(|(client, count)| self.received(Client(client)) >= *count)
    }

    fn link(&mut self, client: Client) -> Result<&mut Link, StageError> {
        let missing = || StageError::Unplayable(format!("client {} is not connected", client.0));
        self.links.get_mut(&client).ok_or_else(missing)
    }

    /// Lets every blocked client go, and takes the one reply this causes out of the inbox.
    fn release(&mut self) -> Result<(), StageError> {
        self.ask(&["CLIENT", "UNPAUSE"])?;
        let census = self.census()?;
        self.drain()?;
        for client in self.links.keys().copied().collect::<Vec<_>>() {
            let link = &self.links[&client];
            let listed = census.get(&link.addr.to_string()).filter(|listed| listed.blocked);
            let (Some(listed), true) = (listed, link.answers) else {
                continue;
            };
            let before = self.received(client);
            if self.ask(&["CLIENT", "UNBLOCK", &listed.id])? == Value::Integer(1) {
                self.until("a released client", |stage, _| stage.received(client) > before)?;
                let released = self.inbox.iter().rposition(|(receiver, _)| *receiver == client);
                self.inbox.remove(released.expect("it was just received"));
            }
        }
        Ok(())
    }

    /// Makes each client ask something, and takes the answers out of the inbox: what is left in it was there before.
    fn barrier(&mut self) -> Result<(), StageError> {
        let open = self.links.iter().filter(|(_, link)| !link.closed && !link.monitors);
        for client in open.map(|(client, _)| *client).collect::<Vec<_>>() {
            // The first makes a silenced client talk; it, too, gets exactly one reply in every state.
            for request in [&["CLIENT", "REPLY", "ON"][..], &[BARRIER]] {
                let args: Vec<Bytes> = request.iter().map(|arg| Bytes::from_static(arg.as_bytes())).collect();
                self.link(client)?.request(&args)?;
            }
            self.until("the end of a client's replies", |stage, _| {
                let mut received = stage.inbox.iter().rev().filter(|(receiver, _)| *receiver == client);
                stage.links[&client].closed || received.next().is_some_and(|(_, event)| is_barrier(event))
            })?;
            let replies = self.inbox.iter().enumerate().rev().filter(|(_, (receiver, _))| *receiver == client);
            let last: Vec<usize> = replies.map(|(index, _)| index).take(2).collect();
            // A connection that was closed instead keeps its events: nobody awaited them.
            if last.first().is_some_and(|&index| is_barrier(&self.inbox[index].1)) {
                last.into_iter().for_each(|index| drop(self.inbox.remove(index)));
            }
        }
        Ok(())
    }
}

impl Stage for TcpStage {
    fn connect(&mut self, client: Client, protocol: Protocol) -> Result<(), StageError> {
        let mut link = Link::open(self.server)?;
        if protocol == Protocol::Resp3 {
            link.ask(&["HELLO", "3"], self.patience)?;
        }
        let addr = link.addr.to_string();
        if let Some(mut old) = self.links.insert(client, link) {
            old.close();
        }
        self.until("the server to accept a connection", |_, census| census.contains_key(&addr))
    }

    fn disconnect(&mut self, client: Client) -> Result<(), StageError> {
        let link = self.link(client)?;
        link.close();
        let addr = link.addr.to_string();
        self.links.remove(&client);
        self.until("the server to notice a closed connection", |_, census| !census.contains_key(&addr))
    }

    fn request(&mut self, client: Client, args: &[Bytes]) -> Result<(), StageError> {
        self.link(client)?.request(args)
    }

    fn bytes(&mut self, client: Client, raw: &[u8]) -> Result<(), StageError> {
        self.link(client)?.write(raw)
    }

    /// Real time cannot be moved, only waited for.
    fn advance_to(&mut self, since_start: Duration) -> Result<(), StageError> {
        thread::sleep((self.start + since_start).saturating_duration_since(Instant::now()));
        Ok(())
    }

    fn collect(&mut self, awaited: &Awaited<'_>) -> Result<Vec<(Client, Event)>, StageError> {
        let mut quiet_with = None;
        let mut acted = false;
        let outcome = self.until("the reply to a command", |stage, census| {
            acted = stage.has_acted(awaited.actor, census);
            let settled = acted && stage.has_arrived(awaited.counts);
            let quiet = quiet_with == Some(stage.inbox.len());
            quiet_with = settled.then_some(stage.inbox.len());
            settled && quiet
        });
        match outcome {
            // The client was answered, but less came than is written: wrong replies rather than a hang.
            Err(StageError::Hung { .. }) if acted => {}
            outcome => outcome?,
        }
        Ok(std::mem::take(&mut self.inbox))
    }

    fn finish(&mut self) -> Result<Vec<(Client, Event)>, StageError> {
        self.release()?;
        self.barrier()?;
        Ok(std::mem::take(&mut self.inbox))
    }
}

fn listed(line: &str) -> Option<(String, Listed)> {
    let field = |name: &str| line.split(' ').find_map(|field| field.strip_prefix(name));
    let blocked = field("flags=")?.contains('b');
    Some((field("addr=")?.to_owned(), Listed { id: field("id=")?.to_owned(), blocked }))
}

/// A monitor's line, which is a status, that contains this.
fn is_line_with(event: &Event, needle: &str) -> bool {
    match event {
        Event::Reply(Value::Status(text)) => text.contains(needle),
        _ => false,
    }
}

fn is_barrier(event: &Event) -> bool {
    matches!(event, Event::Reply(Value::Error(text)) if text.contains(BARRIER))
}
