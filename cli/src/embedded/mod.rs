//! A broker in this very process, for one person at one prompt: no socket, no thread, no file, gone with the process.
//!
//! ```text
//!   Link ──write──► Wire ──► Decoder ──► Broker
//!   Link ◄──read─── Wire ◄── replies, and mail to ourselves
//! ```
//!
//! The wire is a stream that runs a request as it is written and has the reply ready to be read; whatever becomes due (a wait
//! that ends) becomes so while somebody reads. All of the protocol is spoken, so that the REPL cannot tell the difference.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Buf, BytesMut};
use rbq_broker::{Action, Body, Broker, ClientId, Flow, HostFacts, Letter, Now, Output, Peer, Settings};
use rbq_resp::{Batch, Decoder, Limits, Progress};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// Requests decoded at once; the rest of a pipeline follows.
const BATCH_COMMANDS_MAX: usize = 128;
const BATCH_BYTES_MAX: usize = 64 * 1024;

/// How much of a long reply is encoded at once.
const PIECE_BYTES: usize = 64 * 1024;

/// A broker and its clock; cheap to clone.
#[derive(Clone)]
pub(crate) struct Embedded {
    core: Arc<Mutex<Core>>,
}

struct Core {
    broker: Broker,
    started: Instant,
    started_unix_us: u64,
}

impl Embedded {
    /// An empty broker with default settings.
    pub(crate) fn start() -> Self {
        let started_unix_us = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
        let now = Now { unix_us: started_unix_us, monotonic_us: 0 };
        // No stranger can choose keys here: the seed need not be secret.
        let mut settings = Settings::default();
        settings.appendonly.0 = false;
        let mut broker = Broker::new(settings, started_unix_us, now);
        broker.set_facts(HostFacts { process_id: std::process::id(), ..HostFacts::default() });
        let core = Core { broker, started: Instant::now(), started_unix_us };
        Self { core: Arc::new(Mutex::new(core)) }
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> Wire {
        let mut core = self.lock();
        let now = core.now();
        let peer = Peer { addr: "embedded:0".to_owned(), laddr: "embedded:0".to_owned(), unix: true, trusted: true };
        let client = core.broker.connect(peer, now);
        drop(core);
        Wire {
            broker: self.clone(),
            client,
            decoder: Decoder::new(Limits::DEFAULT),
            batch: Batch::default(),
            at: 0,
            out: BytesMut::new(),
            state: State::Open,
            timer: Box::pin(sleep_until(Instant::now())),
            reader: None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        // A panic in the broker ends the process in shipped builds; in tests the first one is the one to see.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Core {
    fn now(&self) -> Now {
        let monotonic_us = self.started.elapsed().as_micros() as u64;
        Now { unix_us: self.started_unix_us + monotonic_us, monotonic_us }
    }
}

/// One end of a connection to an [`Embedded`] broker; the other end is the broker itself.
pub(crate) struct Wire {
    broker: Embedded,
    client: ClientId,
    decoder: Decoder,
    batch: Batch,
    /// Requests of the batch that were run.
    at: usize,
    /// Replies to be read.
    out: BytesMut,
    state: State,
    timer: Pin<Box<Sleep>>,
    reader: Option<Waker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// A blocking command waits: nothing behind it runs.
    Blocked,
    /// What is in `out` is the last.
    Closed,
}

impl Wire {
    /// Runs every request that is there and may run.
    fn run(&mut self) {
        let embedded = self.broker.clone();
        let mut core = embedded.lock();
        let mut replies = Output::default();
        while self.state == State::Open {
            if self.at == self.batch.len() {
                self.at = 0;
                self.decoder.release(&mut self.batch);
                if let Err(error) = self.decoder.decode(&mut self.batch, BATCH_COMMANDS_MAX, BATCH_BYTES_MAX) {
                    self.out.extend_from_slice(format!("-ERR {error}\r\n").as_bytes());
                    self.state = State::Closed;
                }
                if self.batch.is_empty() {
                    break;
                }
            }
            let request = self.decoder.request(&self.batch, self.at);
            let started = core.now();
            let flow = core.broker.execute(self.client, request, started, &mut replies);
            let ended = core.now();
            if flow != Flow::Hold {
                core.broker.account(self.client, request, started, ended);
                self.at += 1;
            }
            self.state = match flow {
                Flow::Continue => State::Open,
                Flow::Park | Flow::Hold => State::Blocked,
                Flow::Close => State::Closed,
            };
            append(&mut replies, &mut self.out);
            self.settle(&mut core);
        }
    }

    /// Takes the broker's mail, which is all for us, and does what it asks.
    fn settle(&mut self, core: &mut Core) {
        let mut mail = std::mem::take(core.broker.mail());
        for (to, letter) in mail.letters.drain(..) {
            if to != self.client {
                continue;
            }
            match letter {
                Letter::Small { start, end, .. } => {
                    self.out.extend_from_slice(&mail.arena[start as usize..end as usize]);
                }
                Letter::Shared(bytes, _) => self.out.extend_from_slice(&bytes),
                Letter::Reply(mut reply) => {
                    append(&mut reply, &mut self.out);
                    self.state = State::Open;
                }
                Letter::Resume => self.state = State::Open,
                Letter::Close(_) => self.state = State::Closed,
            }
        }
        mail.clear();
        *core.broker.mail() = mail;
        for action in core.broker.take_actions() {
            match action {
                Action::Shutdown => self.state = State::Closed,
                Action::Sleep(us) => std::thread::sleep(Duration::from_micros(us)),
                // There is no file to rewrite, nothing on a disk, no buffer sized by a parameter, and the system wants no
                // memory back.
                Action::ParameterChanged(_)
                | Action::RewriteConfig
                | Action::PurgeMemory
                | Action::Sync
                | Action::Snapshot
                | Action::Backup(_) => {}
            }
        }
        drop(core.broker.take_garbage());
    }

    /// Waits until something is due, and does it; pending while there is nothing, or not yet.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let embedded = self.broker.clone();
        let mut core = embedded.lock();
        let now = core.now();
        let Some(due_us) = core.broker.next_tick_us(now) else {
            return Poll::Pending;
        };
        if due_us > now.monotonic_us {
            let at = core.started + Duration::from_micros(due_us);
            self.timer.as_mut().reset(at);
            std::task::ready!(self.timer.as_mut().poll(cx));
        }
        let now = core.now();
        core.broker.tick(now);
        self.settle(&mut core);
        Poll::Ready(())
    }
}

/// Encodes whatever is in an output; gates stand open, for nothing is kept on disk.
fn append(output: &mut Output, out: &mut BytesMut) {
    for piece in output.drain() {
        match piece {
            Body::Bytes(bytes) => out.extend_from_slice(&bytes),
            Body::Shared(bytes) => out.extend_from_slice(&bytes),
            Body::Lazy(mut reply, proto) => {
                let mut piece = Vec::new();
                while reply.encode(&mut piece, proto, PIECE_BYTES) == Progress::More {
                    out.extend_from_slice(&piece);
                    piece.clear();
                }
                out.extend_from_slice(&piece);
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.state == State::Closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.decoder.feed(bytes);
        self.run();
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state = State::Closed;
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.out.has_remaining() {
                let len = room.remaining().min(self.out.len());
                room.put_slice(&self.out[..len]);
                self.out.advance(len);
                return Poll::Ready(Ok(()));
            }
            if self.state == State::Closed {
                return Poll::Ready(Ok(()));
            }
            self.reader = Some(cx.waker().clone());
            std::task::ready!(self.poll_due(cx));
            self.run();
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.broker.lock().broker.disconnect(self.client);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rbq_client::{Link, Options, Target};
    use rbq_resp::Value;

    use super::*;

    async fn connect(embedded: &Embedded) -> Link {
        let mut link = Link::over(embedded.connect(), &Options::default());
        link.greet(&Target::default(), &Options::default()).await.unwrap();
        link
    }

    async fn ask(link: &mut Link, line: &str) -> Value {
        link.call(line.split(' ')).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn commands_are_answered_and_waits_end() {
        let mut link = connect(&Embedded::start()).await;
        assert_eq!(ask(&mut link, "LPUSH jobs a b").await, Value::Integer(2));
        assert_eq!(
            ask(&mut link, "BRPOP jobs 0").await,
            Value::Array(vec![Value::Bulk("jobs".into()), Value::Bulk("a".into())])
        );
        assert_eq!(ask(&mut link, "BLPOP none 30").await, Value::Null);
        // Behind a command that waits, requests wait too.
        for line in ["BLPOP none 1", "PING"] {
            link.queue(&line.split(' ').into());
        }
        link.flush().await.unwrap();
        assert_eq!(link.receive().await.unwrap(), Value::Null);
        assert_eq!(link.receive().await.unwrap(), Value::Status("PONG".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_to_oneself_follows_the_reply() {
        let mut link = connect(&Embedded::start()).await;
        for line in ["SUBSCRIBE news", "PUBLISH news hi"] {
            link.queue(&line.split(' ').into());
        }
        link.flush().await.unwrap();
        let confirmed = link.receive().await.unwrap();
        assert!(matches!(confirmed, Value::Push(_)), "{confirmed:?}");
        assert_eq!(link.receive().await.unwrap(), Value::Integer(1));
        let message = ["message", "news", "hi"].map(|text| Value::Bulk(text.into()));
        assert_eq!(link.receive().await.unwrap(), Value::Push(message.to_vec()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_broker_outlives_a_connection_and_expires_keys() {
        let embedded = Embedded::start();
        let mut link = connect(&embedded).await;
        ask(&mut link, "SET kept v").await;
        ask(&mut link, "SET gone v PX 20").await;
        assert_eq!(ask(&mut link, "QUIT").await, Value::Status("OK".to_owned()));
        assert!(matches!(link.receive().await, Err(rbq_client::Error::Closed(_))));
        drop(link);
        tokio::time::advance(Duration::from_millis(21)).await;
        let mut link = connect(&embedded).await;
        assert_eq!(ask(&mut link, "KEYS *").await, Value::Array(vec![Value::Bulk("kept".into())]));
    }

    #[tokio::test]
    async fn large_replies_and_broken_framing() {
        let mut link = connect(&Embedded::start()).await;
        let text = "x".repeat(1_000_000);
        link.call(["SET", "big", &text]).await.unwrap();
        for _ in 0..3 {
            link.call(["RPUSH", "list", &text]).await.unwrap();
        }
        assert_eq!(ask(&mut link, "GET big").await.as_bytes(), Some(text.as_bytes()));
        let Value::Array(all) = ask(&mut link, "LRANGE list 0 -1").await else { panic!() };
        assert_eq!(all.len(), 3);
    }
}
