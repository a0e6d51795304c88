//! One end of a connection to an [`Embedded`] broker; the other end is the broker itself.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Buf;
use rbq_broker::ClientId;
use rbq_resp::{Batch, Decoder, Limits};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::Embedded;
use super::core::State;

/// Requests decoded at once; the rest of a pipeline follows.
const BATCH_COMMANDS_MAX: usize = 128;
const BATCH_BYTES_MAX: usize = 64 * 1024;

/// A stream of requests one way and replies the other.
pub(crate) struct Wire {
    broker: Embedded,
    client: ClientId,
    decoder: Decoder,
    batch: Batch,
    /// Requests of the batch that were run.
    at: usize,
    timer: Pin<Box<Sleep>>,
}

impl Wire {
    pub(super) fn new(broker: Embedded, client: ClientId) -> Self {
        let timer = Box::pin(sleep_until(Instant::now()));
        Self { broker, client, decoder: Decoder::new(Limits::DEFAULT), batch: Batch::default(), at: 0, timer }
    }

    /// Runs every request that is there and may run.
    fn run(&mut self) {
        let embedded = self.broker.clone();
        let mut core = embedded.lock();
        while core.seat(self.client).state == State::Open {
            if self.at == self.batch.len() {
                self.at = 0;
                self.decoder.release(&mut self.batch);
                if let Err(error) = self.decoder.decode(&mut self.batch, BATCH_COMMANDS_MAX, BATCH_BYTES_MAX) {
                    let seat = core.seat(self.client);
                    seat.out.extend_from_slice(format!("-ERR {error}\r\n").as_bytes());
                    seat.state = State::Closed;
                }
                if self.batch.is_empty() {
                    break;
                }
            }
            let request = self.decoder.request(&self.batch, self.at);
            if core.run(self.client, request, self.batch.bytes()).has_run() {
                self.at += 1;
            }
        }
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
        core.tick();
        Poll::Ready(())
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let client = self.client;
        if self.broker.lock().seat(client).state == State::Closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.decoder.feed(bytes);
        self.run();
        if let Some(reader) = self.broker.lock().seat(client).reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.broker.lock().seat(self.client).state = State::Closed;
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let client = self.client;
        loop {
            let embedded = self.broker.clone();
            let mut core = embedded.lock();
            let seat = core.seat(client);
            if seat.out.has_remaining() {
                let len = room.remaining().min(seat.out.len());
                room.put_slice(&seat.out[..len]);
                seat.out.advance(len);
                return Poll::Ready(Ok(()));
            }
            if seat.state == State::Closed {
                return Poll::Ready(Ok(()));
            }
            seat.reader = Some(cx.waker().clone());
            let is_blocked = seat.state == State::Blocked;
            drop(core);
            // A wait that another client ended: what stands behind it may run now.
            if !is_blocked && self.at < self.batch.len() {
                self.run();
                continue;
            }
            std::task::ready!(self.poll_due(cx));
            self.run();
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.broker.lock().disconnect(self.client);
    }
}
