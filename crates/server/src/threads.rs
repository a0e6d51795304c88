//! The I/O threads: each a current-thread runtime that owns its connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use rbq_broker::Peer;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use crate::hub::Shared;
use crate::socket::Accepted;
use crate::{connection, flusher, gates};

struct IoThread {
    sockets: mpsc::UnboundedSender<(Accepted, Peer)>,
    connections: Arc<AtomicUsize>,
}

/// All I/O threads.
pub(crate) struct Threads {
    threads: Vec<IoThread>,
}

impl Threads {
    /// Starts `count` threads.
    pub(crate) fn start(count: usize, shared: &Arc<Shared>) -> Result<Self> {
        let threads = (0..count).map(|number| start(number, shared.clone())).collect::<Result<_>>()?;
        Ok(Self { threads })
    }

    /// Hands a new connection to the thread that has the fewest.
    pub(crate) fn serve(&self, socket: Accepted, peer: Peer) {
        let busy = |thread: &&IoThread| thread.connections.load(Ordering::Relaxed);
        let thread = self.threads.iter().min_by_key(busy).expect("there is at least one I/O thread");
        thread.connections.fetch_add(1, Ordering::Relaxed);
        // A thread ends only with the process; then nobody needs the connection any more.
        let _ = thread.sockets.send((socket, peer));
    }
}

fn start(number: usize, shared: Arc<Shared>) -> Result<IoThread> {
    let (sockets, mut inbox) = mpsc::unbounded_channel::<(Accepted, Peer)>();
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = connections.clone();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
    let work = move || {
        let local = LocalSet::new();
        local.block_on(&runtime, async move {
            tokio::task::spawn_local(flusher::run(shared.clone()));
            tokio::task::spawn_local(gates::keep(shared.clone(), number));
            while let Some((socket, peer)) = inbox.recv().await {
                let (shared, counter) = (shared.clone(), counter.clone());
                tokio::task::spawn_local(async move {
                    connection::serve(shared, socket, peer, number as u32).await;
                    counter.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
    };
    std::thread::Builder::new().name(format!("io-{number}")).spawn(work).context("cannot start an I/O thread")?;
    Ok(IoThread { sockets, connections })
}

/// Starts a thread that does one thing beside those that serve.
pub(crate) fn start_one(name: &str, run: impl FnOnce() + Send + 'static) -> Result<()> {
    let started = std::thread::Builder::new().name(name.into()).spawn(run);
    started.with_context(|| format!("cannot start the {name} thread"))?;
    Ok(())
}
