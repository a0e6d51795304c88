//! The broker, its clock, what is kept of it, and a seat for each client with what it is to read.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::BytesMut;
use rbq_broker::{
    Action, BackupOrder, BackupReport, Body, Broker, ClientId, Flow, HostFacts, Letter, Now, Output, Peer, Settings,
};
use rbq_journal::Draft;
use rbq_resp::{Progress, Request};
use tokio::time::Instant;

use super::store::Store;
use crate::failure::Result;

/// How much of a long reply is encoded at once.
const PIECE_BYTES: usize = 64 * 1024;

/// What the lock of an [`Embedded`](super::Embedded) guards.
pub(super) struct Core {
    pub(super) broker: Broker,
    pub(super) store: Option<Store>,
    pub(super) started: Instant,
    started_unix_us: u64,
    seats: HashMap<ClientId, Seat>,
}

/// A client as the broker's side sees it.
pub(super) struct Seat {
    /// What it is to read.
    pub(super) out: BytesMut,
    pub(super) state: State,
    /// Who waits to read.
    pub(super) reader: Option<Waker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Open,
    /// A blocking command waits: nothing behind it runs.
    Blocked,
    /// What is in `out` is the last.
    Closed,
}

impl Seat {
    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl Core {
    pub(super) fn empty() -> Self {
        let mut settings = Settings::default();
        settings.appendonly.0 = false;
        let (started_unix_us, now) = clock();
        Self::over(broker(&settings, started_unix_us, now), None, started_unix_us)
    }

    pub(super) fn kept(dir: &Path) -> Result<Self> {
        let (started_unix_us, now) = clock();
        let make = |settings: &Settings| broker(settings, started_unix_us, now);
        let (store, broker) = Store::open(dir, &mut Settings::default(), make)?;
        Ok(Self::over(broker, Some(store), started_unix_us))
    }

    fn over(broker: Broker, store: Option<Store>, started_unix_us: u64) -> Self {
        Self { broker, store, started: Instant::now(), started_unix_us, seats: HashMap::new() }
    }

    pub(super) fn now(&self) -> Now {
        let monotonic_us = self.started.elapsed().as_micros() as u64;
        Now { unix_us: self.started_unix_us + monotonic_us, monotonic_us }
    }

    pub(super) fn connect(&mut self, peer: Peer) -> ClientId {
        let now = self.now();
        let client = self.broker.connect(peer, now);
        self.seats.insert(client, Seat { out: BytesMut::new(), state: State::Open, reader: None });
        client
    }

    pub(super) fn disconnect(&mut self, client: ClientId) {
        self.seats.remove(&client);
        self.broker.disconnect(client);
    }

    pub(super) fn seat(&mut self, client: ClientId) -> &mut Seat {
        self.seats.get_mut(&client).expect("a wire has its seat until it is dropped")
    }

    /// Runs one request, and answers whether it is done; if not, it is to be run again.
    pub(super) fn run(&mut self, client: ClientId, request: Request<'_>, request_bytes: usize) -> Flow {
        // EXEC runs what came earlier.
        self.make_room(self.broker.session(client).queued_bytes() + request_bytes);
        let mut replies = Output::default();
        let started = self.now();
        let flow = self.broker.execute(client, request, started, &mut replies);
        let ended = self.now();
        if flow.has_run() {
            self.broker.account(client, request, started, ended);
        }
        self.seat(client).state = match flow {
            Flow::Continue => State::Open,
            Flow::Park | Flow::Hold | Flow::NoRoom => State::Blocked,
            Flow::Close => State::Closed,
        };
        let mut out = std::mem::take(&mut self.seat(client).out);
        append(&mut replies, &mut out);
        self.seat(client).out = out;
        self.settle();
        flow
    }

    /// Does what is due.
    pub(super) fn tick(&mut self) {
        self.make_room(0);
        let now = self.now();
        self.broker.tick(now);
        self.settle();
    }

    fn make_room(&mut self, request_bytes: usize) {
        if let Some(store) = &self.store {
            store.make_room(&mut self.broker, request_bytes);
        }
    }

    /// Keeps what was logged, takes the broker's mail to its readers, and does what it asks.
    fn settle(&mut self) {
        self.keep();
        self.deliver();
        for action in self.broker.take_actions() {
            self.act(action);
        }
        // What an action ended (a SAVE that waited) has mail as well.
        self.keep();
        self.deliver();
        drop(self.broker.take_garbage());
        if self.store.as_ref().is_some_and(|store| store.wants_snapshot(&self.broker.settings)) {
            self.save();
        }
    }

    fn keep(&mut self) {
        let now = self.now();
        if let Some(store) = &self.store {
            store.keep(&mut self.broker, now);
        }
    }

    fn deliver(&mut self) {
        let mut mail = std::mem::take(self.broker.mail());
        for (to, letter) in mail.letters.drain(..) {
            let Some(seat) = self.seats.get_mut(&to) else {
                continue;
            };
            match letter {
                Letter::Small { start, end, .. } => {
                    seat.out.extend_from_slice(&mail.arena[start as usize..end as usize]);
                }
                Letter::Shared(bytes, _) => seat.out.extend_from_slice(&bytes),
                Letter::Reply(mut reply) => {
                    append(&mut reply, &mut seat.out);
                    seat.state = State::Open;
                }
                Letter::Resume => seat.state = State::Open,
                Letter::Close(_) => seat.state = State::Closed,
            }
            seat.wake();
        }
        mail.clear();
        *self.broker.mail() = mail;
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Shutdown => self.seats.values_mut().for_each(|seat| {
                seat.state = State::Closed;
                seat.wake();
            }),
            Action::Sleep(us) => std::thread::sleep(Duration::from_micros(us)),
            Action::Snapshot => self.save(),
            Action::Backup(order) => self.back_up(&order),
            Action::Switch(order) => {
                let why =
                    "there is no server: whether anything is kept is decided when the broker is opened, by `--dir`";
                let now = self.now();
                self.broker.finish_switch(&order, Err(why.into()), now);
            }
            // Every change is synced before it is answered; there is no file of settings to rewrite, no buffer sized by a
            // parameter, and the system wants no memory back.
            Action::Sync | Action::ParameterChanged(_) | Action::RewriteConfig(_) | Action::PurgeMemory => {}
        }
    }

    fn save(&mut self) {
        let now = self.now();
        let outcome = match &mut self.store {
            Some(store) => store.save(&mut self.broker, now),
            None => Ok(()),
        };
        self.broker.finish_snapshot(outcome, now);
    }

    fn back_up(&mut self, order: &BackupOrder) {
        let outcome = match &self.store {
            Some(store) => copy(store, order),
            None => Err("nothing is kept on disk".to_owned()),
        };
        self.broker.finish_backup(order, &outcome.map_err(|why| format!("backup not made: {why}")));
    }
}

fn copy(store: &Store, order: &BackupOrder) -> std::result::Result<BackupReport, String> {
    use std::os::unix::ffi::OsStrExt as _;
    let path = Path::new(std::ffi::OsStr::from_bytes(&order.directory));
    let (draft, directory) = Draft::begin(path).map_err(|error| error.to_string())?;
    let copied = store.journal().backup(Arc::new(directory)).map_err(|error| error.to_string())?;
    draft.publish().map_err(|error| error.to_string())?;
    Ok(BackupReport { position: copied.last_lsn, files: copied.files as u64, bytes: copied.bytes })
}

fn clock() -> (u64, Now) {
    let unix_us = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
    (unix_us, Now { unix_us, monotonic_us: 0 })
}

fn broker(settings: &Settings, started_unix_us: u64, now: Now) -> Broker {
    // No stranger can choose keys here: the seed need not be secret.
    let mut broker = Broker::new(settings.clone(), started_unix_us, now);
    broker.set_facts(HostFacts { process_id: std::process::id(), ..HostFacts::default() });
    broker
}

/// Encodes whatever is in an output. Gates stand open: what the output tells of was kept before it can be read.
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
