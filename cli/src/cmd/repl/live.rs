//! Keys, groups, consumers, channels and parameters of the server, for completion.
//!
//! ```text
//!   editor's thread                         the REPL's runtime
//!   look_up ──── question ───────────────►  serve ──► a connection of its own
//!       waits, at most PATIENCE             gives up after the time allowed
//!       ◄─────── what was found so far ───
//! ```
//!
//! Connections of its own, because the other may be in a transaction, may wait, or may be gone; of a cluster one to each node that
//! is asked, for every node has keys and channels of its own. They are made at the first question. Whatever goes wrong, the answer is what was found so far: a slow server makes completion poor and never the prompt
//! slow. Connections that did not answer in time are given up, for a late answer would be taken for the next one's.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use rbq_client::{Link, Request};
use rbq_resp::Value;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

use super::place::Place;
use crate::catalog::{field, items, pairs};
use crate::failure::Result;
use crate::servers::Servers;

/// Candidates that are asked for: more than a screen is no help.
const WORDS_MAX: usize = 200;

/// Streams whose groups are looked at where nobody has said yet which stream is meant.
const STREAMS_MAX: usize = 50;

/// Keys looked at in a step: below a millisecond of the server's time.
const SCAN_KEYS: &str = "500";

/// What the editor waits beyond the time allowed, for the answer's way back.
const GRACE: Duration = Duration::from_millis(50);

/// What is to be completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    Keys {
        prefix: Vec<u8>,
        type_: Option<String>,
    },
    /// Of this stream, or of any, where the key comes later in the command: XREADGROUP.
    Groups {
        key: Option<Vec<u8>>,
        prefix: Vec<u8>,
    },
    Consumers {
        key: Option<Vec<u8>>,
        group: Vec<u8>,
        prefix: Vec<u8>,
    },
    Channels {
        prefix: Vec<u8>,
    },
    ShardChannels {
        prefix: Vec<u8>,
    },
    Parameters {
        prefix: Vec<u8>,
    },
}

struct Question {
    wanted: Wanted,
    answer: SyncSender<Vec<Vec<u8>>>,
}

/// The asking side.
#[derive(Debug, Clone)]
pub(super) struct Live {
    questions: mpsc::Sender<Question>,
    allowed: Duration,
}

impl Live {
    /// Starts the answering side on the current runtime; it follows the REPL from place to place.
    pub(super) fn start(place: watch::Receiver<Place>, allowed: Duration) -> Self {
        let (questions, asked) = mpsc::channel(1);
        tokio::spawn(serve(asked, place, allowed));
        Self { questions, allowed }
    }

    /// What the server has of this, sorted; nothing if it does not say so in time. Not to be called on the runtime.
    pub(super) fn look_up(&self, wanted: Wanted) -> Vec<Vec<u8>> {
        let (answer, answered) = sync_channel(1);
        match self.questions.try_send(Question { wanted, answer }) {
            Ok(()) => answered.recv_timeout(self.allowed + GRACE).unwrap_or_default(),
            // It is still busy with the last one.
            Err(_) => vec![],
        }
    }
}

async fn serve(mut questions: mpsc::Receiver<Question>, mut place: watch::Receiver<Place>, allowed: Duration) {
    let mut servers = None;
    while let Some(Question { wanted, answer }) = questions.recv().await {
        if place.has_changed().unwrap_or(false) {
            servers = None;
        }
        let here = place.borrow_and_update().clone();
        let mut found = Vec::new();
        let until = Instant::now() + allowed;
        let asked = timeout_at(until, async {
            let servers = match &mut servers {
                Some(servers) => servers,
                none => none.insert(Servers::over(here.target.clone(), here.link().await?).await?),
            };
            ask(servers, &wanted, &mut found).await
        });
        if !matches!(asked.await, Ok(Ok(()))) {
            servers = None;
        }
        found.sort_unstable();
        found.dedup();
        // The editor may have stopped waiting.
        let _ = answer.try_send(found);
    }
}

async fn ask(servers: &mut Servers, wanted: &Wanted, found: &mut Vec<Vec<u8>>) -> Result<()> {
    match wanted {
        Wanted::Keys { prefix, type_ } => scan(servers, prefix, type_.as_deref(), WORDS_MAX, found).await?,
        Wanted::Groups { key, prefix } => {
            for key in streams(servers, key.as_ref()).await? {
                let reply = servers.look(&key, Request::from([b"XINFO", &b"GROUPS"[..], &key])).await?;
                found.extend(names(&reply, prefix));
            }
        }
        Wanted::Consumers { key, group, prefix } => {
            for key in streams(servers, key.as_ref()).await? {
                let reply = servers.look(&key, Request::from([b"XINFO", &b"CONSUMERS"[..], &key, group])).await?;
                found.extend(names(&reply, prefix));
            }
        }
        Wanted::Channels { prefix } => channels(servers, "CHANNELS", prefix, found).await?,
        Wanted::ShardChannels { prefix } => channels(servers, "SHARDCHANNELS", prefix, found).await?,
        Wanted::Parameters { prefix } => {
            let node = servers.nodes().swap_remove(0);
            let request = Request::from([&b"CONFIG"[..], b"GET", &pattern(prefix)]);
            let reply = servers.at(node).await?.call(request).await?;
            found.extend(pairs(&reply).into_iter().filter_map(|(name, _)| Some(name.as_bytes()?.to_vec())));
        }
    }
    found.truncate(WORDS_MAX);
    Ok(())
}

/// This stream, or some of those there are.
async fn streams(servers: &mut Servers, key: Option<&Vec<u8>>) -> Result<Vec<Vec<u8>>> {
    if let Some(key) = key {
        return Ok(vec![key.clone()]);
    }
    let mut found = Vec::new();
    scan(servers, b"", Some("stream"), STREAMS_MAX, &mut found).await?;
    found.truncate(STREAMS_MAX);
    Ok(found)
}

async fn channels(servers: &mut Servers, which: &str, prefix: &[u8], found: &mut Vec<Vec<u8>>) -> Result<()> {
    for node in servers.nodes() {
        let request = Request::new("PUBSUB").arg(which).arg(pattern(prefix));
        found.extend(strings(&servers.at(node).await?.call(request).await?));
    }
    Ok(())
}

async fn scan(
    servers: &mut Servers,
    prefix: &[u8],
    type_: Option<&str>,
    words_max: usize,
    found: &mut Vec<Vec<u8>>,
) -> Result<()> {
    for node in servers.nodes() {
        if found.len() < words_max {
            scan_node(servers.at(node).await?, prefix, type_, words_max, found).await?;
        }
    }
    Ok(())
}

async fn scan_node(
    link: &mut Link,
    prefix: &[u8],
    type_: Option<&str>,
    words_max: usize,
    found: &mut Vec<Vec<u8>>,
) -> Result<()> {
    let mut cursor = b"0".to_vec();
    loop {
        let scan = Request::new("SCAN").arg(&cursor).arg("MATCH").arg(pattern(prefix)).args(["COUNT", SCAN_KEYS]);
        let reply = link.call(type_.iter().fold(scan, |scan, name| scan.arg("TYPE").arg(name))).await?;
        let [next, keys] = items(&reply) else {
            return Ok(());
        };
        found.extend(strings(keys));
        cursor = next.as_bytes().unwrap_or(b"0").to_vec();
        if cursor == b"0" || found.len() >= words_max {
            return Ok(());
        }
    }
}

fn strings(reply: &Value) -> impl Iterator<Item = Vec<u8>> {
    items(reply).iter().filter_map(|value| Some(value.as_bytes()?.to_vec()))
}

/// The `name` of each row of XINFO.
fn names(reply: &Value, prefix: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let names = items(reply).iter().filter_map(|row| Some(field(row, "name")?.as_bytes()?.to_vec()));
    names.filter(move |name| name.starts_with(prefix))
}

/// The glob pattern of what begins like this.
fn pattern(prefix: &[u8]) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(prefix.len() + 1);
    for byte in prefix {
        if matches!(byte, b'*' | b'?' | b'[' | b']' | b'\\' | b'^') {
            pattern.push(b'\\');
        }
        pattern.push(*byte);
    }
    pattern.push(b'*');
    pattern
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;
    use crate::embedded::Embedded;
    use crate::open::Server;

    const LONG: Duration = Duration::from_secs(30);

    fn keys(prefix: &str, type_: Option<&str>) -> Wanted {
        Wanted::Keys { prefix: prefix.as_bytes().to_vec(), type_: type_.map(str::to_owned) }
    }

    async fn look_up(live: &Live, wanted: Wanted) -> Vec<String> {
        let live = live.clone();
        let found = tokio::task::spawn_blocking(move || live.look_up(wanted)).await.expect("it does not panic");
        found.iter().map(|word| word.escape_ascii().to_string()).collect()
    }

    #[tokio::test]
    async fn what_lives_on_the_server_is_found_by_its_beginning() {
        let place = Place::embedded(Embedded::start());
        let mut link = place.link().await.expect("nothing can be in the way");
        for line in [
            "MSET job:1 a job:2 b job*x c",
            "LPUSH job:list x",
            "XGROUP CREATE events workers $ MKSTREAM",
            "XGROUP CREATE events writers $",
            "XGROUP CREATECONSUMER events workers ann",
        ] {
            link.call(line.split(' ')).await.expect("it is there");
        }
        link.queue(&Request::from(["SUBSCRIBE", "news"]));
        link.flush().await.expect("it is there");
        let (_keep, place) = watch::channel(place);
        let live = Live::start(place, LONG);
        assert_eq!(look_up(&live, keys("job", None)).await, ["job*x", "job:1", "job:2", "job:list"]);
        assert_eq!(look_up(&live, keys("job*", None)).await, ["job*x"]);
        assert_eq!(look_up(&live, keys("job", Some("list"))).await, ["job:list"]);
        for key in [Some(b"events".to_vec()), None] {
            let groups = |prefix: &[u8]| Wanted::Groups { key: key.clone(), prefix: prefix.to_vec() };
            assert_eq!(look_up(&live, groups(b"wor")).await, ["workers"]);
            assert_eq!(look_up(&live, groups(b"w")).await, ["workers", "writers"]);
            let group = b"workers".to_vec();
            let consumers = Wanted::Consumers { key: key.clone(), group, prefix: vec![] };
            assert_eq!(look_up(&live, consumers).await, ["ann"]);
        }
        assert_eq!(look_up(&live, Wanted::Channels { prefix: b"n".to_vec() }).await, ["news"]);
        assert_eq!(look_up(&live, Wanted::Parameters { prefix: b"maxmemory-p".to_vec() }).await, ["maxmemory-policy"]);
        assert_eq!(look_up(&live, Wanted::Groups { key: Some(b"job:1".to_vec()), prefix: vec![] }).await, [""; 0]);
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_gives_nothing_and_holds_nobody_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let port = listener.local_addr().expect("it is bound").port();
        // It reads and never answers.
        let server = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.expect("somebody comes");
            let mut read = Vec::new();
            socket.read_to_end(&mut read).await.map(|_| read)
        });
        let target = format!("redis://127.0.0.1:{port}").parse().expect("it is a URL");
        let place = Place::server(Server { target, ..Server::default() });
        let (_keep, place) = watch::channel(place);
        let live = Live::start(place, Duration::from_millis(20));
        assert_eq!(look_up(&live, keys("a", None)).await, [""; 0]);
        // The connection is given up.
        let read = server.await.expect("it does not panic").unwrap_or_default();
        assert!(read.is_empty() || read.starts_with(b"*"));
    }
}
