//! The task that owns a shared connection: writes what callers queue, reads, and hands every value to whom it belongs.
//!
//! ```text
//!   Client ──jobs──► Driver ──► socket
//!   Pending ◄─oneshot─┤ ▲ ◄──── socket
//!   Pushes ◄─bounded──┘ └ Router: whose value is this?
//! ```
//!
//! Callers hold permits for their requests (see [`Client`](crate::Client)), so the job queue cannot outgrow the limits although
//! it has none of its own. The driver never waits for a caller: a reply nobody waits for any more is dropped, a push that
//! finds the channel full is counted. It ends when the connection does, or when nobody can ask or listen any more.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf, BytesMut};
use rbq_resp::{Value, ValueDecoder, encode_request};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::error::{Error, Result};
use crate::router::{Expect, Routed, Router};
use crate::silence::Silence;
use crate::stream::Stream;
use crate::{Link, Request};

/// No more requests are taken off the queue while this much waits for the socket.
const OUT_BYTES_MAX: usize = 64 * 1024;

/// Requests that go onto the wire with nothing in between.
pub(crate) struct Job {
    pub(crate) requests: Vec<Queued>,
}

/// One request, who waits for the reply, and the room it takes until that reply is there.
pub(crate) struct Queued {
    pub(crate) request: Request,
    pub(crate) expect: Expect,
    pub(crate) ticket: Ticket,
}

pub(crate) struct Ticket {
    pub(crate) reply: oneshot::Sender<Result<Value>>,
    pub(crate) _room: [OwnedSemaphorePermit; 2],
}

/// What the driver and the handles of its connection share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) requests: Arc<Semaphore>,
    pub(crate) bytes: Arc<Semaphore>,
    pub(crate) pushes_dropped: AtomicU64,
    pub(crate) ended: OnceLock<Error>,
}

impl Shared {
    pub(crate) fn error(&self) -> Error {
        self.ended.get().cloned().unwrap_or(Error::Closed(None))
    }
}

pub(crate) struct Driver {
    reader: ReadHalf<Stream>,
    writer: WriteHalf<Stream>,
    decoder: ValueDecoder,
    out: BytesMut,
    router: Router<Ticket>,
    jobs: mpsc::UnboundedReceiver<Job>,
    pushes: mpsc::Sender<Value>,
    shared: Arc<Shared>,
    /// TLS may keep back what it was given until it is flushed.
    unflushed: bool,
    silence: Silence,
}

enum Step {
    Read(usize),
    Wrote(usize),
    Flushed,
    Asked(Option<Job>),
    Silent,
}

/// One step of sending: what is queued, then what the stream has kept back. Cancellation-safe.
async fn send(writer: &mut WriteHalf<Stream>, out: &mut BytesMut) -> std::io::Result<Step> {
    if out.has_remaining() {
        return Ok(Step::Wrote(writer.write_buf(out).await?));
    }
    writer.flush().await?;
    Ok(Step::Flushed)
}

impl Driver {
    pub(crate) fn new(
        link: Link,
        jobs: mpsc::UnboundedReceiver<Job>,
        pushes: mpsc::Sender<Value>,
        shared: Arc<Shared>,
        silence: Silence,
    ) -> Self {
        let router = Router::new(link.proto());
        let (reader, writer) = tokio::io::split(link.stream);
        let (decoder, out) = (link.decoder, link.out);
        Self { reader, writer, decoder, out, router, jobs, pushes, shared, unflushed: false, silence }
    }

    pub(crate) async fn run(mut self) {
        let error = match self.converse().await {
            Ok(()) => Error::Closed(None),
            Err(error) => error,
        };
        // First the news, then the semaphores: whoever is woken by a closed semaphore finds the reason.
        let _ = self.shared.ended.set(error.clone());
        self.shared.requests.close();
        self.shared.bytes.close();
        self.jobs.close();
        while let Ok(job) = self.jobs.try_recv() {
            for queued in job.requests {
                let _ = queued.ticket.reply.send(Err(error.clone()));
            }
        }
        for ticket in self.router.abandon() {
            let _ = ticket.reply.send(Err(error.clone()));
        }
    }

    async fn converse(&mut self) -> Result<()> {
        let mut asked_out = false;
        // The greeting may have read further than its own replies.
        self.deliver()?;
        while !(asked_out && self.router.is_idle() && self.out.is_empty() && !self.unflushed) {
            let step = tokio::select! {
                read = self.reader.read_buf(self.decoder.space()) => Step::Read(read.map_err(Error::closed_by)?),
                sent = send(&mut self.writer, &mut self.out), if self.unflushed || self.out.has_remaining() => {
                    sent.map_err(Error::closed_by)?
                }
                job = self.jobs.recv(), if !asked_out && self.out.len() < OUT_BYTES_MAX => Step::Asked(job),
                () = self.silence.looks_up(), if !self.router.is_idle() => Step::Silent,
            };
            match step {
                Step::Read(0) | Step::Wrote(0) => return Err(Error::Closed(None)),
                Step::Read(_) => {
                    self.silence.ends();
                    self.deliver()?;
                }
                Step::Wrote(_) => {
                    self.silence.ends();
                    self.unflushed = true;
                }
                Step::Flushed => self.unflushed = false,
                Step::Asked(None) => asked_out = true,
                Step::Asked(Some(job)) => {
                    if self.router.is_idle() {
                        self.silence.ends();
                    }
                    self.take(job);
                }
                Step::Silent => self.silence.judge()?,
            }
        }
        Ok(())
    }

    /// Takes a job and those already queued behind it, so that they share a system call.
    fn take(&mut self, job: Job) {
        let mut next = Some(job);
        while let Some(job) = next {
            for Queued { request, expect, ticket } in job.requests {
                encode_request(request.iter(), &mut self.out);
                self.router.sent(expect, ticket);
            }
            next = if self.out.len() < OUT_BYTES_MAX { self.jobs.try_recv().ok() } else { None };
        }
    }

    fn deliver(&mut self) -> Result<()> {
        while let Some(value) = self.decoder.next().map_err(Error::protocol)? {
            match self.router.route(value) {
                // The caller may have gone; then nobody misses the reply.
                Routed::Reply(ticket, value) => drop(ticket.reply.send(Ok(value))),
                Routed::Push(value) => self.push(value),
                Routed::Part => {}
                Routed::Stray => return Err(Error::protocol("a reply that nobody asked for")),
            }
        }
        Ok(())
    }

    fn push(&self, value: Value) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.pushes.try_send(value) {
            self.shared.pushes_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}
