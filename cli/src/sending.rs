//! Sending many messages, pipelined, in bounded memory, counting what became of each: `pub` and `produce`.
//!
//! ```text
//!   sent          the request was queued on the connection
//!   acknowledged  the server answered, and not with an error
//!   failed        the server answered with an error, or never will: sent - acknowledged at the end
//! ```
//!
//! Replies are awaited while lines are read, so that an error is told when it happens and the memory in flight is what
//! [`Options`](rbq_client::Options) allows. Ctrl-C stops the reading; what is in flight is waited for.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::vec;

use rbq_client::{Client, Error, Pending, Request};
use rbq_resp::Value;
use tokio::sync::mpsc;

use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupt;
use crate::lines::{self, Batch};

/// Errors told one by one; later ones are counted alone.
const ERRORS_TOLD_MAX: u64 = 3;

/// Where messages come from.
#[derive(Debug)]
pub(crate) struct Messages {
    batch: vec::IntoIter<Vec<u8>>,
    stdin: Option<mpsc::Receiver<Batch>>,
}

impl Messages {
    /// The arguments, or without any the lines of stdin.
    pub(crate) fn of(arguments: Vec<OsString>) -> Self {
        let stdin = arguments.is_empty().then(lines::of_stdin);
        let batch = arguments.into_iter().map(OsString::into_vec).collect::<Vec<_>>().into_iter();
        Self { batch, stdin }
    }

    /// The next message; `None` at the end. Cancellation-safe.
    async fn next(&mut self) -> Option<std::io::Result<Vec<u8>>> {
        loop {
            if let Some(message) = self.batch.next() {
                return Some(Ok(message));
            }
            match self.stdin.as_mut()?.recv().await? {
                Ok(batch) => self.batch = batch.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// A run of sending.
#[derive(Debug)]
pub(crate) struct Sending {
    client: Client,
    interrupt: Interrupt,
    in_flight: VecDeque<Pending>,
    sent: u64,
    acknowledged: u64,
    refused: u64,
    told_lost: bool,
}

enum Step {
    Message(Option<std::io::Result<Vec<u8>>>),
    Reply(rbq_client::Result<Value>),
    Interrupted,
}

impl Sending {
    pub(crate) fn new(client: Client, interrupt: Interrupt) -> Self {
        Self { client, interrupt, in_flight: VecDeque::new(), sent: 0, acknowledged: 0, refused: 0, told_lost: false }
    }

    /// Sends all messages and waits for all replies; `acknowledged` sees each reply that is no error.
    ///
    /// # Errors
    /// Of stdin. A lost connection is no `Err`: it is told here and counts as failed messages.
    pub(crate) async fn run(
        &mut self,
        mut messages: Messages,
        request: impl Fn(Vec<u8>) -> Request,
        mut acknowledged: impl FnMut(Value),
    ) -> Result<()> {
        let mut reading = true;
        while reading || !self.in_flight.is_empty() {
            let step = tokio::select! {
                () = self.interrupt.pressed(), if reading => Step::Interrupted,
                reply = oldest(&mut self.in_flight), if !self.in_flight.is_empty() => Step::Reply(reply),
                message = messages.next(), if reading => Step::Message(message),
            };
            match step {
                Step::Interrupted | Step::Message(None) => reading = false,
                Step::Message(Some(Err(error))) => {
                    self.drain(&mut acknowledged).await;
                    return Err(error.into());
                }
                Step::Message(Some(Ok(message))) => {
                    if !self.send(request(message), &mut acknowledged).await {
                        reading = false;
                    }
                }
                Step::Reply(reply) => self.count(reply, &mut acknowledged),
            }
        }
        Ok(())
    }

    /// `sent N, acknowledged N, failed N`.
    pub(crate) fn summary(&self) -> String {
        format!("sent {}, acknowledged {}, failed {}", self.sent, self.acknowledged, self.failed())
    }

    pub(crate) fn exit(&self) -> Exit {
        if self.failed() > 0 { Exit::Failed } else { self.interrupt.exit() }
    }

    fn failed(&self) -> u64 {
        self.sent - self.acknowledged
    }

    /// Queues one request, taking replies while there is no room for it; false if the connection has ended.
    async fn send(&mut self, request: Request, acknowledged: &mut impl FnMut(Value)) -> bool {
        let client = self.client.clone();
        let mut submit = std::pin::pin!(client.submit(request));
        loop {
            let reply = tokio::select! {
                biased;
                submitted = &mut submit => {
                    match submitted {
                        Ok(pending) => {
                            self.sent += 1;
                            self.in_flight.push_back(pending);
                            return true;
                        }
                        Err(error) => {
                            self.sent += 1;
                            self.lost(&error);
                            return false;
                        }
                    }
                }
                reply = oldest(&mut self.in_flight), if !self.in_flight.is_empty() => reply,
            };
            self.count(reply, acknowledged);
        }
    }

    async fn drain(&mut self, acknowledged: &mut impl FnMut(Value)) {
        while !self.in_flight.is_empty() {
            let reply = oldest(&mut self.in_flight).await;
            self.count(reply, acknowledged);
        }
    }

    fn count(&mut self, reply: rbq_client::Result<Value>, acknowledged: &mut impl FnMut(Value)) {
        match reply {
            Ok(Value::Error(text)) => {
                self.refused += 1;
                if self.refused <= ERRORS_TOLD_MAX {
                    let _ = Failure::from(Error::from_error_reply(text)).report();
                }
            }
            Ok(value) => {
                self.acknowledged += 1;
                acknowledged(value);
            }
            Err(error) => self.lost(&error),
        }
    }

    /// Every request in flight hears of a lost connection; a person needs to hear it once.
    fn lost(&mut self, error: &Error) {
        if !std::mem::replace(&mut self.told_lost, true) {
            let _ = Failure::from(error.clone()).report();
        }
    }
}

/// The reply to the oldest request. Cancellation-safe: a request leaves the queue with its reply.
async fn oldest(in_flight: &mut VecDeque<Pending>) -> rbq_client::Result<Value> {
    let Some(pending) = in_flight.front_mut() else {
        return std::future::pending().await;
    };
    let reply = pending.await;
    in_flight.pop_front();
    reply
}
