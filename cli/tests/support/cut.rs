//! A connection that ends at a chosen moment: a proxy before a server that counts what it passes on.
//!
//! ```text
//!   consumer ── request ──►│── request ──► server        Cut::Request   the server never hears of it
//!            ◄── reply ────│◄── reply ────               Cut::Reply     it is done, and nobody hears of that
//! ```
//!
//! Each request in turn is cut off both ways, so every interleaving of a loss with what is under way is played, on a fast machine and
//! on a slow one.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// What gets lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    Request,
    Reply,
}

/// One proxy, and one cut.
pub(crate) struct Proxy {
    dir: TempDir,
    passed: Arc<AtomicUsize>,
}

impl Proxy {
    /// Before the server at this socket. Requests count from the first on that `begins` is true for, over all connections; the
    /// one of number `at` is cut off.
    pub(crate) fn start(server: &Path, begins: fn(&[u8]) -> bool, at: usize, cut: Cut) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("sock")).unwrap();
        // 0 until it begins.
        let passed = Arc::new(AtomicUsize::new(0));
        let (server, counter) = (server.to_owned(), Arc::clone(&passed));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server.clone(), Arc::clone(&counter), begins, (at, cut)));
            }
        });
        Self { dir, passed }
    }

    pub(crate) fn url(&self) -> String {
        let socket: PathBuf = self.dir.path().join("sock");
        format!("unix://{}", socket.display())
    }

    /// Whether there were so many requests that one was cut off.
    pub(crate) fn has_cut(&self, at: usize) -> bool {
        self.passed.load(Ordering::SeqCst) > at
    }
}

/// One connection, until it ends or is cut.
async fn pass(
    mut client: UnixStream,
    server: PathBuf,
    passed: Arc<AtomicUsize>,
    begins: fn(&[u8]) -> bool,
    (at, cut): (usize, Cut),
) {
    let mut server = UnixStream::connect(server).await.unwrap();
    let (mut request, mut reply) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut is_last = false;
    loop {
        tokio::select! {
            read = client.read(&mut request) => {
                let Ok(length @ 1..) = read else { return };
                let request = &request[..length];
                if passed.load(Ordering::SeqCst) > 0 || begins(request) {
                    is_last = passed.fetch_add(1, Ordering::SeqCst) == at;
                    if is_last && cut == Cut::Request {
                        return;
                    }
                }
                if server.write_all(request).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut reply) => {
                let Ok(length @ 1..) = read else { return };
                if is_last || client.write_all(&reply[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
