//! The bare broker driven straight, for tests that play thousands of requests and look at state rather than replies.

use rbq_resp::OwnedRequest;

use super::replay::Step;
use crate::group::Group;
use crate::{Broker, ClientId, Flow, Now, Output, Peer, Settings};

/// When every test starts, in Unix milliseconds.
pub(crate) const START_MS: u64 = 1_704_067_200_000;

/// Enough that some wait while others go on.
const CLIENTS: usize = 4;

/// A broker with some clients and a clock that only moves when told.
pub(crate) struct Driver {
    pub(crate) broker: Broker,
    clients: Vec<ClientId>,
    now_ms: u64,
    /// What was logged in holds that ended.
    logged: Vec<u8>,
}

impl Driver {
    /// An empty broker that keeps a log.
    pub(crate) fn new(seed: u64) -> Self {
        let mut broker = Broker::new(Settings::default(), seed, now(0));
        broker.log().enable(0);
        let clients = (0..CLIENTS).map(|_| broker.connect(Peer::default(), now(0))).collect();
        Self { broker, clients, now_ms: 0, logged: Vec::new() }
    }

    /// Takes a step of a random program, in a hold of its own.
    pub(super) fn step(&mut self, step: &Step) {
        match step {
            Step::Run(by, command) => {
                // A client that waits sends nothing: the next one does, and if all of them wait, this one's time is up.
                let order = (0..CLIENTS).map(|after| self.clients[(by + after) % CLIENTS]);
                let free = order.clone().find(|client| self.broker.session(*client).parked.is_none());
                let client = free.unwrap_or_else(|| {
                    let client = self.clients[by % CLIENTS];
                    self.broker.give_up(client);
                    client
                });
                self.execute(client, command);
                self.broker.mail().clear();
            }
            Step::Wait(ms) => self.wait(*ms),
            Step::Sleep(ms) => self.sleep(*ms),
        }
        self.end_hold();
    }

    fn execute(&mut self, client: ClientId, command: &str) -> (Flow, Output) {
        let request = OwnedRequest::from_args(command.split(' '));
        let mut out = Output::default();
        let flow = self.broker.execute(client, request.view(), now(self.now_ms), &mut out);
        (flow, out)
    }

    /// Runs a command, its words separated by spaces, and answers what the client would read.
    pub(crate) fn run(&mut self, command: &str) -> String {
        let client = self.clients[0];
        let (flow, mut out) = self.execute(client, command);
        if flow == Flow::Park {
            // A client that waits sends nothing more, and there is no other here that it could wait for.
            self.broker.give_up(client);
        }
        let bytes: Vec<u8> = out
            .drain()
            .flat_map(|piece| match piece {
                crate::Body::Bytes(bytes) => bytes,
                crate::Body::Shared(bytes) => bytes.to_vec(),
                crate::Body::Lazy(..) => panic!("no reply here is that long"),
            })
            .collect();
        self.broker.mail().clear();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Lets time pass while the broker is busy elsewhere: nothing is done because of it yet.
    pub(crate) fn sleep(&mut self, ms: u64) {
        self.now_ms += ms;
    }

    /// Lets time pass, and expired keys go.
    pub(crate) fn wait(&mut self, ms: u64) {
        self.sleep(ms);
        self.broker.tick(now(self.now_ms));
        self.broker.mail().clear();
    }

    /// The broker itself.
    pub(crate) fn broker(&mut self) -> &mut Broker {
        &mut self.broker
    }

    /// All durable state.
    pub(crate) fn group(&self) -> &Group {
        self.broker.group()
    }

    /// The records made since the last call.
    pub(crate) fn records(&mut self) -> Vec<u8> {
        self.end_hold();
        std::mem::take(&mut self.logged)
    }

    fn end_hold(&mut self) {
        let next = self.broker.log().position().position();
        self.broker.log().hand_over(|bytes| {
            self.logged.extend_from_slice(bytes);
            next
        });
    }
}

fn now(since_start_ms: u64) -> Now {
    let ms = START_MS + since_start_ms;
    Now { unix_us: ms * 1000, monotonic_us: since_start_ms * 1000 }
}
