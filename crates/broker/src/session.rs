//! One connected client, as the broker sees it.
//!
//! Session state is neither durable nor shared: it dies with the connection. The socket, its buffers and its
//! back-pressure belong to the driver; what a command may depend on or CLIENT LIST shows is here.

use rbq_resp::{OwnedRequest, Proto};

use crate::catalog::Known;
use crate::output::Gate;
use crate::time::Now;
use crate::tracking::Tracking;
use crate::waiters::Parked;

/// Names a connection: the number CLIENT ID shows, and the slot its state is kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId {
    /// Counts up from 1 and is never reused.
    pub id: u64,
    /// Index into the broker's and the driver's tables; reused after the connection is gone.
    pub slot: u32,
}

/// Where a connection comes from.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// The remote address, `ip:port` or the path of a Unix socket and `:0`.
    pub addr: String,
    /// The local address.
    pub laddr: String,
    /// Whether it came over a Unix socket.
    pub unix: bool,
    /// Whether commands other than AUTH and its like need a password first is decided by `requirepass`; a driver
    /// may exempt a connection (the embedded one).
    pub trusted: bool,
}

impl Peer {
    /// Whether it is on this machine: over a Unix socket or loopback.
    pub fn is_local(&self) -> bool {
        self.unix || self.addr.starts_with("127.") || self.addr.starts_with("[::1]")
    }
}

/// Which replies a client wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyMode {
    /// All.
    #[default]
    On,
    /// None until further notice; pushes still come.
    Off,
    /// Not for the next command.
    SkipNext,
    /// Not for this command.
    Skip,
}

/// Commands queued between MULTI and EXEC.
#[derive(Default)]
pub struct Transaction {
    /// In order, each already looked up.
    pub queue: Vec<(&'static Known, OwnedRequest)>,
    /// A command was refused while queueing: EXEC answers EXECABORT.
    pub aborted: bool,
    /// Whether a queued command may add to memory.
    pub deny_oom: bool,
    /// Bytes held by the queue.
    pub bytes: usize,
}

/// A key under WATCH.
pub struct Watched {
    /// Its database.
    pub db: u8,
    /// The key.
    pub key: Box<[u8]>,
    /// Its time had already come when WATCH saw it, so that it going away is no change.
    pub was_expired: bool,
}

/// What the driver reports of a connection's buffers, for CLIENT LIST and limits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// Request bytes read and not executed yet.
    pub query_bytes: usize,
    /// Free room of the read buffer.
    pub query_free: usize,
    /// Reply bytes not sent yet.
    pub output_bytes: usize,
    /// Pieces of output not sent yet.
    pub output_len: usize,
    /// Bytes read in all.
    pub total_in: u64,
    /// Bytes sent in all.
    pub total_out: u64,
    /// Which I/O thread owns the connection.
    pub io_thread: u32,
    /// The socket's file descriptor.
    pub fd: i32,
}

/// The state of one connection.
pub struct Session {
    /// Its name.
    pub id: ClientId,
    /// Where it comes from.
    pub peer: Peer,
    /// The protocol version it speaks.
    pub proto: Proto,
    /// The selected database.
    pub db: u8,
    /// Whether it may run commands.
    pub authenticated: bool,
    /// CLIENT SETNAME.
    pub name: Vec<u8>,
    /// CLIENT SETINFO LIB-NAME.
    pub lib_name: Vec<u8>,
    /// CLIENT SETINFO LIB-VER.
    pub lib_version: Vec<u8>,
    /// CLIENT REPLY.
    pub reply_mode: ReplyMode,
    /// Between MULTI and EXEC.
    pub transaction: Option<Box<Transaction>>,
    /// WATCH.
    pub watched: Vec<Watched>,
    /// A watched key was modified.
    pub watch_broken: bool,
    /// Waiting in a blocking command.
    pub parked: Option<Box<Parked>>,
    /// Held back by CLIENT PAUSE.
    pub paused: bool,
    /// MONITOR.
    pub monitor: bool,
    /// CLIENT NO-EVICT.
    pub no_evict: bool,
    /// CLIENT NO-TOUCH.
    pub no_touch: bool,
    /// To be closed once its reply was sent.
    pub closing: bool,
    /// When it connected.
    pub connected_at: Now,
    /// When its last command ran.
    pub active_at: Now,
    /// Its last command.
    pub last_command: Option<&'static Known>,
    /// The position of the last change that it brought about.
    pub logged: Gate,
    /// Subscriptions of all kinds: kept here so that the common case asks nobody.
    pub subscriptions: Subscriptions,
    /// CLIENT TRACKING.
    pub tracking: Option<Box<Tracking>>,
    /// Commands it has run.
    pub commands: u64,
    /// As last reported by the driver.
    pub traffic: Traffic,
}

/// How many subscriptions a client has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subscriptions {
    /// SUBSCRIBE.
    pub channels: usize,
    /// PSUBSCRIBE.
    pub patterns: usize,
    /// SSUBSCRIBE.
    pub shard_channels: usize,
}

impl Subscriptions {
    /// Whether there is any.
    pub fn any(self) -> bool {
        self.channels + self.patterns + self.shard_channels > 0
    }
}

impl Session {
    /// Whether the answer that is due now is one its client does not want to hear. To be asked once an answer: a skip is
    /// used up by it, and a command that waits has its answer when it is served.
    #[inline]
    pub(crate) fn silences_answer(&mut self) -> bool {
        match self.reply_mode {
            ReplyMode::On => false,
            ReplyMode::Off => true,
            ReplyMode::SkipNext => {
                self.reply_mode = ReplyMode::Skip;
                false
            }
            ReplyMode::Skip => {
                self.reply_mode = ReplyMode::On;
                true
            }
        }
    }

    /// Whether it waits for a snapshot to be complete.
    pub(crate) fn saves(&self) -> bool {
        self.parked.as_ref().is_some_and(|parked| parked.command.name == "SAVE")
    }

    pub(crate) fn new(id: ClientId, peer: Peer, authenticated: bool, now: Now) -> Self {
        Self {
            id,
            peer,
            proto: Proto::Resp2,
            db: 0,
            authenticated,
            name: Vec::new(),
            lib_name: Vec::new(),
            lib_version: Vec::new(),
            reply_mode: ReplyMode::On,
            transaction: None,
            watched: Vec::new(),
            watch_broken: false,
            parked: None,
            paused: false,
            monitor: false,
            no_evict: false,
            no_touch: false,
            closing: false,
            connected_at: now,
            active_at: now,
            last_command: None,
            logged: Gate::OPEN,
            subscriptions: Subscriptions::default(),
            tracking: None,
            commands: 0,
            traffic: Traffic::default(),
        }
    }

    /// How much MULTI has queued of its requests.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.transaction.as_ref().map_or(0, |transaction| transaction.bytes)
    }

    /// Whether it is in RESP2's subscribed mode, in which only a few commands are allowed.
    pub fn in_subscribed_mode(&self) -> bool {
        self.proto == Proto::Resp2 && self.subscriptions.any()
    }
}
