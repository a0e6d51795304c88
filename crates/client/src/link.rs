//! One connection, read and written by its owner: no task, no matching of replies, nothing dropped.
//!
//! A `Link` is what a tool wants that shows a server's words as they come: requests are queued and flushed, values are received
//! in the order of the wire, replies and pushes alike, and a reader who pauses holds back the server by the socket alone.
//! A program that shares a connection between tasks wants a [`Client`](crate::Client), which is built on this.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use rbq_resp::{Proto, Value, ValueDecoder, encode_request};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout, timeout_at};

use crate::asking::Asking;
use crate::error::{Error, ErrorReply, Result, Strangeness, reason};
use crate::greeting::{self, Greeted};
use crate::stream::{self, Stream};
use crate::{Late, Options, Request, Target, tls};

/// Requests are written out from this size on, so that a long pipeline does not gather in memory.
const WRITE_BYTES: usize = 64 * 1024;

/// One read while sending: what lies on the stack for it.
const READ_BYTES: usize = 8 * 1024;

/// A connection to one server.
pub struct Link {
    pub(crate) stream: Stream,
    pub(crate) decoder: ValueDecoder,
    pub(crate) out: BytesMut,
    greeted: Greeted,
    reply_timeout: Option<Duration>,
    late: Option<Late>,
    /// It was told that the next reply is late.
    is_late: bool,
    asking: Option<Asking>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("greeted", &self.greeted).finish_non_exhaustive()
    }
}

impl Link {
    /// Connects and greets: `HELLO` or `AUTH`, the client's name, `SELECT`.
    ///
    /// # Errors
    /// [`Error::Connect`], [`Error::Auth`], [`Error::Handshake`], [`Error::Timeout`] of a server that took the connection and does not
    /// answer, or what may end any connection.
    pub async fn connect(target: &Target, options: &Options) -> Result<Self> {
        let mut link = Self::connect_silently(target, options).await?;
        link.reply_timeout = options.greeting_timeout;
        link.greet(target, options).await?;
        link.reply_timeout = options.reply_timeout;
        Ok(link)
    }

    /// Connects and says nothing: the session is the server's default one, RESP2 and database 0.
    ///
    /// # Errors
    /// [`Error::Connect`].
    pub async fn connect_silently(target: &Target, options: &Options) -> Result<Self> {
        within(target, options, Self::open(target, options)).await
    }

    /// A link over a stream that is already there, such as one end of a [`tokio::io::duplex`]. Nothing is sent.
    pub fn over<S>(stream: S, options: &Options) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self::from_stream(Box::new(stream), options)
    }

    /// Speaks the protocol, the credentials, the name and the database that target and options ask for.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn greet(&mut self, target: &Target, options: &Options) -> Result<()> {
        match greeting::greet(self, target, options).await {
            Ok(greeted) => self.greeted = greeted,
            // A server that has no room says so before it is asked, and hangs up: our greeting may have met a closed door while its
            // words are still unread.
            Err(error @ Error::Closed(_)) => {
                return Err(match self.reply().await {
                    Ok(Value::Error(text)) => Error::Handshake { command: "HELLO", reply: ErrorReply(text) },
                    _ => stranger(error, target),
                });
            }
            Err(error) => return Err(stranger(error, target)),
        }
        Ok(())
    }

    /// The protocol the greeting settled on.
    #[must_use]
    pub fn proto(&self) -> Proto {
        self.greeted.proto
    }

    /// The server's number for this connection, as `CLIENT ID` tells it, if the greeting told it (RESP3).
    #[must_use]
    pub fn client_id(&self) -> Option<i64> {
        self.greeted.client_id
    }

    /// From now on `ASKING` goes before each request, and its reply is dropped: for the node that a slot is being moved to, which
    /// serves it to nobody else yet. It may go on when the move is over. [`receive`](Self::receive) and its kind, and requests that
    /// are encoded already, are left alone.
    pub fn say_asking(&mut self) {
        self.asking = Some(Asking::default());
    }

    /// Puts a request into the output; [`flush`](Self::flush) sends it. An empty request is nothing.
    pub fn queue(&mut self, request: &Request) {
        if request.is_empty() {
            return;
        }
        if self.asking.as_mut().is_some_and(|asking| asking.precedes(request)) {
            encode_request(["ASKING"], &mut self.out);
        }
        encode_request(request.iter(), &mut self.out);
    }

    /// Puts bytes into the output that are requests already, or parts of some.
    pub fn queue_encoded(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// The bytes queued and not yet sent.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.out.len()
    }

    /// Sends everything queued. Cancellation-safe: what was sent is off the queue, the rest stays on it.
    ///
    /// # Errors
    /// [`Error::Closed`]; [`Error::Timeout`] when the other side has taken nothing for [`Options::reply_timeout`].
    pub async fn flush(&mut self) -> Result<()> {
        while self.out.has_remaining() {
            let writing = self.stream.write_buf(&mut self.out);
            let written = match self.reply_timeout {
                None => writing.await,
                Some(limit) => timeout(limit, writing).await.map_err(|_| Error::Timeout(limit))?,
            };
            let written = written.map_err(Error::closed_by)?;
            if written == 0 {
                return Err(Error::Closed(None));
            }
        }
        self.stream.flush().await.map_err(Error::closed_by)
    }

    /// The next value on the wire, reply or push. Cancellation-safe: no byte is lost.
    ///
    /// # Errors
    /// [`Error::Closed`] at the end of the stream, [`Error::Protocol`] for bytes that are no value or break a limit.
    pub async fn receive(&mut self) -> Result<Value> {
        loop {
            if let Some(value) = self.decoder.next().map_err(Error::protocol)? {
                return Ok(value);
            }
            let read = self.stream.read_buf(self.decoder.space()).await;
            if read.map_err(Error::closed_by)? == 0 {
                return Err(Error::Closed(None));
            }
        }
    }

    /// The next value that is no push, within [`Options::reply_timeout`]. Pushes before it are dropped, so this is not for a
    /// subscriber. After a [`Error::Timeout`] the link is of no use: the reply may still come, and would be taken for another's.
    ///
    /// # Errors
    /// As [`receive`](Self::receive), and [`Error::Timeout`].
    pub async fn reply(&mut self) -> Result<Value> {
        self.reply_due(Instant::now()).await
    }

    /// The same for a reply that the server may hold back until `due`, as it does for commands that block. Cancellation-safe; asked
    /// again with the same `due`, it goes on waiting as if it had never stopped.
    ///
    /// # Errors
    /// As [`reply`](Self::reply).
    pub async fn reply_due(&mut self, due: Instant) -> Result<Value> {
        let Some(limit) = self.reply_timeout else { return self.next_reply().await };
        if let Some(late) = self.late.filter(|late| late.after < limit && !self.is_late) {
            match timeout_at(due + late.after, self.next_reply()).await {
                Ok(reply) => return reply,
                Err(_) => {
                    self.is_late = true;
                    (late.tell)(late.after);
                }
            }
        }
        let reply = timeout_at(due + limit, self.next_reply()).await.map_err(|_| Error::Timeout(limit))?;
        self.is_late = false;
        reply
    }

    async fn next_reply(&mut self) -> Result<Value> {
        loop {
            match self.receive().await? {
                Value::Push(_) => {}
                _ if self.asking.as_mut().is_some_and(Asking::takes_reply) => {}
                reply => return Ok(reply),
            }
        }
    }

    /// The next value of those that were read together with one before: of a long pipeline's replies most are.
    ///
    /// # Errors
    /// [`Error::Protocol`].
    pub fn received(&mut self) -> Result<Option<Value>> {
        self.decoder.next().map_err(Error::protocol)
    }

    /// Sends what is queued and receives at the same time, so that two sides with much to say cannot wait for each other: the
    /// next value, or `None` once all is sent. Cancellation-safe.
    ///
    /// # Errors
    /// As [`flush`](Self::flush) and [`receive`](Self::receive).
    pub async fn exchange(&mut self) -> Result<Option<Value>> {
        poll_fn(|cx| self.poll_exchange(cx)).await
    }

    fn poll_exchange(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Value>>> {
        loop {
            if let Some(value) = self.decoder.next().map_err(Error::protocol)? {
                return Poll::Ready(Ok(Some(value)));
            }
            if let Poll::Ready(sent) = self.poll_send(cx) {
                return Poll::Ready(sent.map(|()| None));
            }
            // Not read into the decoder at once: a read that is not there yet must leave no trace in it.
            let mut chunk = [0; READ_BYTES];
            let mut chunk = ReadBuf::new(&mut chunk);
            match Pin::new(&mut self.stream).poll_read(cx, &mut chunk) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(read) => read.map_err(Error::closed_by)?,
            }
            if chunk.filled().is_empty() {
                return Poll::Ready(Err(Error::Closed(None)));
            }
            self.decoder.space().extend_from_slice(chunk.filled());
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        while self.out.has_remaining() {
            match Pin::new(&mut self.stream).poll_write(cx, &self.out) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(Error::Closed(None))),
                Poll::Ready(written) => self.out.advance(written.map_err(Error::closed_by)?),
            }
        }
        Pin::new(&mut self.stream).poll_flush(cx).map_err(Error::closed_by)
    }

    /// Sends one request and returns the next value that is no push; pushes before it are dropped, so this is not for a
    /// subscriber. Error replies are values here.
    ///
    /// # Errors
    /// [`Error::Unmatchable`] for an empty request; else as [`flush`](Self::flush) and [`reply`](Self::reply).
    pub async fn call(&mut self, request: impl Into<Request>) -> Result<Value> {
        self.call_waiting(request, Duration::ZERO).await
    }

    /// The same for a command that the server may answer only after this time (`BLOCK`, `BLMOVE`).
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn call_waiting(&mut self, request: impl Into<Request>, wait: Duration) -> Result<Value> {
        let request = request.into();
        if request.is_empty() {
            return Err(Error::Unmatchable("an empty request"));
        }
        self.queue(&request);
        self.flush().await?;
        self.reply_due(Instant::now() + wait).await
    }

    /// What has already arrived, without waiting: a value, nothing, or the news that the connection has ended.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub async fn receive_now(&mut self) -> Result<Option<Value>> {
        // The runtime learns what has arrived only when it is given a turn: once for that, once to look.
        tokio::task::yield_now().await;
        let mut receive = std::pin::pin!(self.receive());
        poll_fn(|cx| match receive.as_mut().poll(cx) {
            Poll::Ready(result) => Poll::Ready(result.map(Some)),
            Poll::Pending => Poll::Ready(Ok(None)),
        })
        .await
    }

    /// Whether enough is queued that flushing pays.
    #[must_use]
    pub fn wants_flush(&self) -> bool {
        self.out.len() >= WRITE_BYTES
    }

    async fn open(target: &Target, options: &Options) -> Result<Self> {
        Ok(Self::from_stream(stream::open(target).await?, options))
    }

    fn from_stream(stream: Stream, options: &Options) -> Self {
        Self {
            stream,
            decoder: ValueDecoder::new(options.reply_limits),
            out: BytesMut::new(),
            greeted: Greeted::SILENT,
            reply_timeout: options.reply_timeout,
            late: options.late,
            is_late: false,
            asking: None,
        }
    }
}

/// What ends a connection before the greeting was answered is told as what it is: there was no connection of use.
fn stranger(error: Error, target: &Target) -> Error {
    let (strangeness, why) = match &error {
        Error::Closed(None) => (Strangeness::HungUp, None),
        Error::Closed(Some(source)) => {
            (tls::strangeness(source).unwrap_or(Strangeness::HungUp), Some(reason(source).into()))
        }
        Error::Protocol(what) => (Strangeness::AnotherProtocol, Some(Arc::clone(what))),
        _ => return error,
    };
    Error::Stranger { endpoint: target.endpoint.clone(), strangeness, why }
}

async fn within<T>(target: &Target, options: &Options, connecting: impl Future<Output = Result<T>>) -> Result<T> {
    match timeout(options.connect_timeout, connecting).await {
        Ok(result) => result,
        Err(_) => {
            let timed_out = io::ErrorKind::TimedOut;
            // A server that speaks no TLS may take its first message for the beginning of a request, and wait for the rest.
            let source = match &target.tls {
                Some(_) => io::Error::new(timed_out, "timed out, perhaps because no TLS is spoken there"),
                None => timed_out.into(),
            };
            Err(Error::Connect { endpoint: target.endpoint.clone(), source: Arc::new(source) })
        }
    }
}
