//! What others do between two requests of a program: a proxy before a server that lets things happen at chosen moments.
//!
//! ```text
//!   rbq ── request that reads the key ──►│ deeds, all of them answered │── request ──► server
//! ```
//!
//! So an interleaving is the same in every run, on a fast machine and on a slow one.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rbq_client::{Client, Options, Request};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{UnixListener, UnixStream};

/// Commands, a line each, to be called before the reading of this number; the first is 1.
pub(crate) type Deeds = fn(usize) -> Vec<String>;

/// A proxy.
pub(crate) struct Between {
    dir: TempDir,
    readings: Arc<AtomicUsize>,
}

impl Between {
    /// Before the server at this socket. A reading is a request with all of these words.
    pub(crate) async fn start(server: &Path, words: &'static [&'static str], deeds: Deeds) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("sock")).unwrap();
        let url = format!("unix://{}", server.display());
        let (client, _) = Client::connect(&url.parse().unwrap(), &Options::default()).await.unwrap();
        let readings = Arc::new(AtomicUsize::new(0));
        let (server, counter) = (server.to_owned(), Arc::clone(&readings));
        tokio::spawn(async move {
            while let Ok((from, _)) = listener.accept().await {
                tokio::spawn(pass(from, server.clone(), client.clone(), Arc::clone(&counter), (words, deeds)));
            }
        });
        Self { dir, readings }
    }

    pub(crate) fn url(&self) -> String {
        let socket: PathBuf = self.dir.path().join("sock");
        format!("unix://{}", socket.display())
    }

    /// How many there were.
    pub(crate) fn readings(&self) -> usize {
        self.readings.load(Ordering::SeqCst)
    }
}

/// One connection, until it ends.
async fn pass(
    from: UnixStream,
    server: PathBuf,
    client: Client,
    readings: Arc<AtomicUsize>,
    (words, deeds): (&'static [&'static str], Deeds),
) {
    let (mut requests, mut to_program) = from.into_split();
    let (mut replies, mut to_server) = UnixStream::connect(server).await.unwrap().into_split();
    tokio::spawn(async move { copy(&mut replies, &mut to_program).await });
    let mut request = vec![0; 256 * 1024];
    while let Ok(length @ 1..) = requests.read(&mut request).await {
        let request = &request[..length];
        let has = |word: &&str| request.windows(word.len()).any(|part| part == word.as_bytes());
        if words.iter().all(has) {
            let reading = readings.fetch_add(1, Ordering::SeqCst) + 1;
            for line in deeds(reading) {
                client.call(Request::from(line.split(' '))).await.unwrap_or_else(|error| panic!("{line}: {error}"));
            }
        }
        if to_server.write_all(request).await.is_err() {
            return;
        }
    }
}
