//! A server that does as little as a server can: the floor under every figure.
//!
//! One mutex, current-thread runtimes, our request decoder, one queue for everything. It keeps what it is given and
//! answers; it has no keys, no types, no waiting, no accounting. Whatever a broker costs above this is what the broker
//! itself costs; whatever this costs is the price of sockets and of the protocol.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use clap::Args;
use rbq_resp::{Batch, Decoder, Encoder, Limits, Proto, Request, Sink as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

/// Where it listens.
#[derive(Args, Debug)]
pub struct Options {
    /// The port, on loopback
    #[arg(long)]
    port: u16,
    /// Threads, each with its share of the connections
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

/// Requests decoded at once.
const BATCH: usize = 128;
const BATCH_BYTES: usize = 64 * 1024;

type Queue = Arc<Mutex<VecDeque<Bytes>>>;

/// Serves until it is killed.
pub fn run(options: &Options) -> Result<()> {
    let queue = Queue::default();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).context("listening")?;
    let threads: Vec<mpsc::UnboundedSender<std::net::TcpStream>> =
        (0..options.threads.max(1)).map(|_| spawn(Arc::clone(&queue))).collect();
    for thread in threads.iter().cycle() {
        let (stream, _) = listener.accept()?;
        thread.send(stream).context("a thread has ended")?;
    }
    Ok(())
}

/// A thread that serves whatever connections it is sent. At most as many wait in the channel as the system lets be open.
fn spawn(queue: Queue) -> mpsc::UnboundedSender<std::net::TcpStream> {
    let (sender, mut receiver) = mpsc::unbounded_channel::<std::net::TcpStream>();
    thread::spawn(move || -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        LocalSet::new().block_on(&runtime, async {
            while let Some(stream) = receiver.recv().await {
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                tokio::task::spawn_local(serve(TcpStream::from_std(stream)?, Arc::clone(&queue)));
            }
            Ok(())
        })
    });
    sender
}

/// Serves one connection; whatever goes wrong closes it.
async fn serve(mut stream: TcpStream, queue: Queue) -> io::Result<()> {
    let mut decoder = Decoder::new(Limits::DEFAULT);
    let mut batch = Batch::default();
    let mut out = Vec::new();
    while stream.read_buf(decoder.space()).await? > 0 {
        loop {
            decoder.decode(&mut batch, BATCH, BATCH_BYTES).map_err(io::Error::other)?;
            if batch.is_empty() {
                break;
            }
            let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
            decoder.requests(&batch).for_each(|request| answer(request, &mut queue, &mut out));
            drop(queue);
            decoder.release(&mut batch);
        }
        stream.write_all(&out).await?;
        out.clear();
    }
    Ok(())
}

fn answer(request: Request<'_>, queue: &mut VecDeque<Bytes>, out: &mut Vec<u8>) {
    let mut reply = Encoder::new(out, Proto::Resp2);
    let name = request.arg(0);
    let last = || request.get(request.len() - 1).expect("it has a name at least").to_bytes();
    if name.eq_ignore_ascii_case(b"LPUSH") {
        queue.push_front(last());
        reply.integer(queue.len() as i64);
    } else if name.eq_ignore_ascii_case(b"RPOP") {
        match queue.pop_back() {
            Some(element) => reply.bulk(&element),
            None => reply.null(),
        }
    } else if name.eq_ignore_ascii_case(b"XADD") {
        queue.push_back(last());
        reply.bulk(b"1700000000000-0");
    } else if name.eq_ignore_ascii_case(b"PUBLISH") {
        reply.integer(0);
    } else if name.eq_ignore_ascii_case(b"PING") {
        reply.status("PONG");
    } else if name.eq_ignore_ascii_case(b"FLUSHALL") {
        queue.clear();
        reply.status("OK");
    } else {
        reply.error("ERR this server has nothing to tell");
    }
}
