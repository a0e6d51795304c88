//! Who asked the driver for something that takes its time, and waits until it is done.
//!
//! The ticket of the wait tells whether the client still waits for this: it may be gone, and its place another's.

use rbq_resp::Sink;

use super::{Action, Broker};
use crate::output::{Output, Reply};
use crate::session::{ClientId, Session};

/// A client, and the wait that it is in.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    pub(super) client: ClientId,
    pub(super) ticket: u64,
}

impl Broker {
    /// Asks the driver to write the parameters into the configuration file, for a client that waits with this ticket.
    pub(crate) fn want_rewrite(&mut self, client: ClientId, ticket: u64) {
        self.ask(Action::RewriteConfig(Asker { client, ticket }));
    }

    /// Takes note that the configuration file is written, or why not, and answers who waits for it.
    pub fn finish_rewrite(&mut self, asker: Asker, outcome: &Result<(), String>) {
        self.answer(asker, |reply| match outcome {
            Ok(()) => reply.status("OK"),
            Err(why) => reply.error(&format!("ERR Rewriting config file: {why}")),
        });
    }

    /// Whether this client is still in this wait.
    pub(super) fn still_waits(&self, asker: Asker) -> bool {
        let waits = |session: &Session| session.parked.as_ref().is_some_and(|parked| parked.ticket == asker.ticket);
        self.find_session(asker.client.id).is_some_and(waits)
    }

    /// Answers the client, if it is still in this wait.
    pub(super) fn answer(&mut self, asker: Asker, answer: impl FnOnce(&mut Reply<'_>)) {
        if !self.still_waits(asker) {
            return;
        }
        let mut out = Output::default();
        answer(&mut Reply::new(&mut out, self.session(asker.client).proto));
        self.unpark(asker.client, out);
    }
}
