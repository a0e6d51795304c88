//! The bare broker driven straight, for tests that play thousands of requests and look at state rather than replies.

use rbq_resp::OwnedRequest;

use crate::group::Group;
use crate::{Broker, ClientId, Flow, Now, Output, Peer, Settings};

/// When every test starts, in Unix milliseconds.
pub(crate) const START_MS: u64 = 1_704_067_200_000;

/// A broker with one client and a clock that only moves when told.
pub(crate) struct Driver {
    pub(crate) broker: Broker,
    client: ClientId,
    now_ms: u64,
}

impl Driver {
    /// An empty broker that keeps a log.
    pub(crate) fn new(seed: u64) -> Self {
        let mut broker = Broker::new(Settings::default(), seed, now(0));
        broker.log().enable(0);
        let client = broker.connect(Peer::default(), now(0));
        Self { broker, client, now_ms: 0 }
    }

    /// Runs a command, its words separated by spaces, and answers what the client would read.
    pub(crate) fn run(&mut self, command: &str) -> String {
        let request = OwnedRequest::from_args(command.split(' '));
        let mut out = Output::default();
        if self.broker.execute(self.client, request.view(), now(self.now_ms), &mut out) == Flow::Park {
            // A client that waits sends nothing more, and there is no other here that it could wait for.
            self.broker.give_up(self.client);
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
        let mut records = Vec::new();
        let next = self.broker.log().position().position();
        self.broker.log().hand_over(|bytes| {
            records.extend_from_slice(bytes);
            next
        });
        records
    }
}

fn now(since_start_ms: u64) -> Now {
    let ms = START_MS + since_start_ms;
    Now { unix_us: ms * 1000, monotonic_us: since_start_ms * 1000 }
}
