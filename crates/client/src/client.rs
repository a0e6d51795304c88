//! A connection that many tasks share: one command, one reply, any number in flight.
//!
//! Cheap to clone; clones share the connection, and their requests go out in the order in which they were submitted.
//!
//! **Cancellation.** Dropping a future before its request is queued sends nothing. Dropping it later leaves the request on its
//! way and drops the reply when it comes; other requests are not touched.
//!
//! **Memory.** A request takes room for itself and for its bytes ([`Options`]) until its reply is there; without room,
//! submitting waits, in turn.
//!
//! A lost connection is not made again: only the caller knows which requests may be repeated.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rbq_resp::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use crate::driver::{Driver, Job, Queued, Shared, Ticket};
use crate::error::{Error, Result};
use crate::router::Expect;
use crate::silence::Silence;
use crate::{Link, Options, Request, Target};

/// A handle on a shared connection.
#[derive(Debug, Clone)]
pub struct Client {
    jobs: mpsc::UnboundedSender<Job>,
    shared: Arc<Shared>,
    reply_timeout: Option<Duration>,
    requests_max: usize,
    bytes_max: usize,
}

/// The receiving end of pushes: pub/sub messages of either protocol, invalidations, lines of `MONITOR`.
///
/// It holds the connection open, so that a program which only listens may drop its [`Client`].
#[derive(Debug)]
pub struct Pushes {
    values: mpsc::Receiver<Value>,
    shared: Arc<Shared>,
    _open: mpsc::UnboundedSender<Job>,
}

/// A reply on its way: a future, and the proof that the request is queued.
#[derive(Debug)]
#[must_use = "a request that was submitted has a reply"]
pub struct Pending {
    reply: oneshot::Receiver<Result<Value>>,
    shared: Arc<Shared>,
}

impl Client {
    /// Connects to a server and starts the task that serves the connection, on the tokio runtime of the caller.
    ///
    /// # Errors
    /// As [`Link::connect`].
    pub async fn connect(target: &Target, options: &Options) -> Result<(Self, Pushes)> {
        Ok(Self::over(Link::connect(target, options).await?, options))
    }

    /// Shares a connection that is already there.
    #[must_use]
    pub fn over(link: Link, options: &Options) -> (Self, Pushes) {
        // A semaphore counts single bytes in u32.
        let bytes_max = options.in_flight_bytes_max.clamp(1, u32::MAX as usize >> 3);
        let requests_max = options.in_flight_max.clamp(1, u32::MAX as usize >> 3);
        let shared = Arc::new(Shared {
            requests: Arc::new(Semaphore::new(requests_max)),
            bytes: Arc::new(Semaphore::new(bytes_max)),
            pushes_dropped: AtomicU64::new(0),
            ended: OnceLock::new(),
        });
        let (jobs, queue) = mpsc::unbounded_channel();
        let (push, values) = mpsc::channel(options.pushes_max.clamp(1, u32::MAX as usize >> 3));
        tokio::spawn(Driver::new(link, queue, push, Arc::clone(&shared), Silence::of(options)).run());
        let pushes = Pushes { values, shared: Arc::clone(&shared), _open: jobs.clone() };
        (Self { jobs, shared, reply_timeout: options.reply_timeout, requests_max, bytes_max }, pushes)
    }

    /// Sends one command and waits for its reply. An error reply is an `Err`.
    ///
    /// The `SUBSCRIBE` family replies with an array of its confirmations.
    ///
    /// # Errors
    /// [`Error::Reply`] and [`Error::Redirect`] from the server, [`Error::Timeout`] after [`Options::reply_timeout`], or what ended
    /// the connection.
    pub async fn call(&self, request: impl Into<Request>) -> Result<Value> {
        let exchange = async {
            match self.submit(request).await?.await? {
                Value::Error(text) => Err(Error::from_error_reply(text)),
                value => Ok(value),
            }
        };
        self.in_time(exchange).await
    }

    /// Queues one command; the returned future is its reply. Requests go out in the order of these calls.
    ///
    /// Error replies are values here, because what they mean is often a matter of count.
    ///
    /// # Errors
    /// [`Error::Unmatchable`], or what ended the connection.
    pub async fn submit(&self, request: impl Into<Request>) -> Result<Pending> {
        let mut pending = self.submit_together(vec![request.into()]).await?;
        Ok(pending.pop().expect("one request has one reply"))
    }

    /// Sends several commands with nothing between them, and waits for all replies. Error replies are values here.
    ///
    /// # Errors
    /// [`Error::TooLarge`] above [`Options::in_flight_max`], [`Error::Timeout`], [`Error::Unmatchable`], or what ended the
    /// connection.
    pub async fn pipeline(&self, requests: Vec<Request>) -> Result<Vec<Value>> {
        self.in_time(async {
            let mut values = Vec::with_capacity(requests.len());
            for pending in self.submit_together(requests).await? {
                values.push(pending.await?);
            }
            Ok(values)
        })
        .await
    }

    /// Waits until the connection has ended, and tells why.
    pub async fn ended(&self) -> Error {
        self.jobs.closed().await;
        self.shared.error()
    }

    async fn submit_together(&self, requests: Vec<Request>) -> Result<Vec<Pending>> {
        if requests.len() > self.requests_max {
            return Err(Error::TooLarge { requests: requests.len(), max: self.requests_max });
        }
        let mut expected = Vec::with_capacity(requests.len());
        for request in &requests {
            expected.push(Expect::of(request).map_err(Error::Unmatchable)?);
        }
        let mut room = self.room_for(&requests).await?;
        let mut job = Job { requests: Vec::with_capacity(requests.len()) };
        let mut pending = Vec::with_capacity(requests.len());
        for (request, expect) in requests.into_iter().zip(expected) {
            let (sender, reply) = oneshot::channel();
            let ticket = Ticket { reply: sender, _room: room.take(self.bytes_of(&request)) };
            job.requests.push(Queued { request, expect, ticket });
            pending.push(Pending { reply, shared: Arc::clone(&self.shared) });
        }
        self.jobs.send(job).map_err(|_| self.shared.error())?;
        Ok(pending)
    }

    async fn room_for(&self, requests: &[Request]) -> Result<Room> {
        let bytes = requests.iter().map(|request| self.bytes_of(request)).sum::<usize>().min(self.bytes_max);
        let ended = |_| self.shared.error();
        // Always in this order, so that two callers cannot wait for each other.
        let requests =
            Arc::clone(&self.shared.requests).acquire_many_owned(permits(requests.len())).await.map_err(ended)?;
        let bytes = Arc::clone(&self.shared.bytes).acquire_many_owned(permits(bytes)).await.map_err(ended)?;
        Ok(Room { requests, bytes })
    }

    fn bytes_of(&self, request: &Request) -> usize {
        request.size_bytes().min(self.bytes_max)
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        match self.reply_timeout {
            None => work.await,
            Some(limit) => timeout(limit, work).await.unwrap_or(Err(Error::Timeout(limit))),
        }
    }
}

/// Room taken for several requests, to be given to each.
struct Room {
    requests: OwnedSemaphorePermit,
    bytes: OwnedSemaphorePermit,
}

impl Room {
    /// The share of one request; where a whole pipeline is above the limit of bytes, the last ones get what is left.
    fn take(&mut self, bytes: usize) -> [OwnedSemaphorePermit; 2] {
        let request = self.requests.split(1).expect("there is a permit for each request");
        let bytes = self.bytes.split(bytes.min(self.bytes.num_permits())).expect("no more than there are");
        [request, bytes]
    }
}

fn permits(count: usize) -> u32 {
    u32::try_from(count).expect("limits are clamped below 2^32")
}

impl Pushes {
    /// The next push; `None` when the connection has ended. Cancellation-safe.
    pub async fn next(&mut self) -> Option<Value> {
        self.values.recv().await
    }

    /// How many were dropped so far because nobody took them in time.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.pushes_dropped.load(Ordering::Relaxed)
    }
}

impl Future for Pending {
    type Output = Result<Value>;

    fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        let this = &mut *self;
        std::pin::Pin::new(&mut this.reply).poll(cx).map(|reply| reply.unwrap_or_else(|_| Err(this.shared.error())))
    }
}
