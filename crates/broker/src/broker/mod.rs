//! The broker: every session, every key, every channel, behind one `&mut self`.
//!
//! ```text
//!   execute ─► admit ─► queue (MULTI) | run ─┬─ Write   parse ─► submit ─► apply ─► settle
//!                                            ├─ Read    View
//!                                            ├─ Block   submit | read, or park
//!                                            └─ Act     Turn
//!           ─► commit the log record ─► gate the reply ─► serve who waits for what became ready
//! ```
//!
//! It has no clock, socket, thread or lock. A driver owns one, feeds it requests with the time, and hands on what
//! it leaves in [`Mail`] and [`Action`]s. Everything a client can see is decided in here, so that the same
//! conversation gives the same answers in a test without a socket, in a simulation, and in the server.

mod admit;
mod asker;
mod backup;
mod clients;
mod execute;
mod host;
mod invalidate;
mod park;
mod publish;
mod saving;
mod settle;
mod submit;
mod switch;
mod tick;
mod transaction;
mod turn;
mod view;

use std::collections::VecDeque;

pub use admit::DERIVED_BYTES_FREE;
pub use asker::Asker;
pub use backup::{BackupOrder, BackupReport};
pub(crate) use execute::Mode;
pub use execute::{Flow, SPEAKS_HTTP};
use hashbrown::HashSet;
pub use host::{Action, AskRoom, DiskRoom, HostFacts, Persistence, Snapshots};
use rbq_pubsub::PubSub;
pub use saving::ReplayError;
use slab::Slab;
pub use switch::SwitchOrder;
pub use turn::Turn;
pub use view::View;

use crate::catalog::Known;
use crate::group::Group;
use crate::keyspace::{Db, Waiting};
use crate::latency::Latency;
use crate::log::OpLog;
use crate::mail::Mail;
use crate::output::Gate;
use crate::session::{ClientId, Peer, Session};
use crate::settings::Settings;
use crate::slowlog::SlowLog;
use crate::stats::Stats;
use crate::time::Now;
use crate::tracking::Tracker;
use crate::value::Value;
use crate::waiters::{Key, Waiters, Watchers};

/// CLIENT PAUSE in force.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pause {
    /// When it ends, in monotonic microseconds.
    pub(crate) until_us: u64,
    /// Whether reads are held back too.
    pub(crate) all: bool,
}

/// What came off the keyspace and takes long to drop.
#[derive(Debug, Default)]
pub struct Garbage {
    values: Vec<Value>,
    dbs: Vec<Db>,
    images: Vec<Waiting>,
}

impl Garbage {
    fn is_empty(&self) -> bool {
        self.values.is_empty() && self.dbs.is_empty() && self.images.is_empty()
    }
}

/// The whole broker.
pub struct Broker {
    pub(crate) groups: Vec<Group>,
    pub(crate) sessions: Slab<Session>,
    pub(crate) pubsub: PubSub<ClientId>,
    pub(crate) waiters: Waiters,
    pub(crate) watchers: Watchers,
    pub(crate) tracker: Tracker,
    /// Configuration in force.
    pub settings: Settings,
    /// Counters.
    pub stats: Stats,
    pub(crate) slowlog: SlowLog,
    pub(crate) latency: Latency,
    pub(crate) log: OpLog,
    pub(crate) pause: Option<Pause>,
    pub(crate) monitors: Vec<ClientId>,
    pub(crate) active_expire: bool,
    /// How long the driver was asked to sleep by the command that ran last.
    pub(crate) slept_us: u64,
    /// Until then time removes no keys: the log has to make room first.
    purges_from_us: u64,
    pub(crate) facts: HostFacts,
    pub(crate) snapshots: Snapshots,
    pub(crate) is_backing_up: bool,
    pub(crate) is_switching: bool,
    pub(crate) disk_room: DiskRoom,
    /// Whom to ask for room in the log; nobody where there is no end to it.
    pub(crate) ask_room: Option<AskRoom>,
    pub(crate) started: Now,
    pub(crate) random: u64,
    mail: Mail,
    actions: Vec<Action>,
    garbage: Garbage,
    /// Databases that were flushed before a snapshot had all of them.
    flushed: Vec<Db>,
    ready: VecDeque<Key>,
    ready_set: HashSet<Key>,
    seen_expired: Vec<(Key, u64)>,
    next_id: u64,
    /// Whose command runs; nobody's in a tick.
    author: Option<ClientId>,
    /// The command that was looked for last.
    recent: Option<&'static Known>,
    /// The command that ran last, for [`account`](Self::account).
    ran: Option<&'static Known>,
    /// What was run says of what is logged that it is synced.
    tells_of_sync: bool,
    /// Whether an op that changed nothing looked at a database that is not its client's.
    looked_elsewhere: bool,
}

impl Broker {
    /// An empty broker. `seed` varies hashing and RANDOMKEY; it should be unpredictable where clients are not
    /// trusted.
    pub fn new(settings: Settings, seed: u64, now: Now) -> Self {
        let databases = settings.databases.0.clamp(1, 256);
        let databases = u8::try_from(databases).unwrap_or(u8::MAX);
        Self {
            groups: vec![Group::new(0, databases, seed)],
            sessions: Slab::new(),
            pubsub: PubSub::with_seed(seed),
            waiters: Waiters::new(seed),
            watchers: Watchers::new(seed),
            tracker: Tracker::new(seed),
            settings,
            stats: Stats::default(),
            slowlog: SlowLog::default(),
            latency: Latency::default(),
            log: OpLog::new(seed),
            pause: None,
            monitors: Vec::new(),
            active_expire: true,
            slept_us: 0,
            purges_from_us: 0,
            facts: HostFacts::default(),
            snapshots: Snapshots { last_good_s: now.unix_us / 1_000_000, ..Snapshots::default() },
            is_backing_up: false,
            is_switching: false,
            disk_room: DiskRoom::default(),
            ask_room: None,
            started: now,
            random: seed | 1,
            mail: Mail::default(),
            actions: Vec::new(),
            garbage: Garbage::default(),
            flushed: Vec::new(),
            ready: VecDeque::new(),
            ready_set: HashSet::new(),
            seen_expired: Vec::new(),
            next_id: 1,
            author: None,
            recent: None,
            ran: None,
            tells_of_sync: false,
            looked_elsewhere: false,
        }
    }

    /// A new connection.
    pub fn connect(&mut self, peer: Peer, now: Now) -> ClientId {
        let slot = self.sessions.vacant_key();
        let id = ClientId { id: self.next_id, slot: slot as u32 };
        self.next_id += 1;
        let authenticated = peer.trusted || self.settings.requirepass.0.is_empty();
        self.sessions.insert(Session::new(id, peer, authenticated, now));
        self.stats.connections_received += 1;
        id
    }

    /// A connection is gone: whatever it waited for, watched or listened to is forgotten.
    pub fn disconnect(&mut self, client: ClientId) {
        self.forget_interests(client);
        self.sessions.remove(client.slot as usize);
    }

    /// The session of a connected client.
    pub fn session(&self, client: ClientId) -> &Session {
        &self.sessions[client.slot as usize]
    }

    /// The session of a connected client.
    pub fn session_mut(&mut self, client: ClientId) -> &mut Session {
        &mut self.sessions[client.slot as usize]
    }

    /// The session of this client, if it is still connected.
    pub fn find_session(&self, id: u64) -> Option<&Session> {
        self.sessions.iter().map(|(_, session)| session).find(|session| session.id.id == id)
    }

    /// Every session, in order of their IDs.
    pub fn sessions(&self) -> Vec<&Session> {
        let mut sessions: Vec<&Session> = self.sessions.iter().map(|(_, session)| session).collect();
        sessions.sort_unstable_by_key(|session| session.id);
        sessions
    }

    /// The one group of a standalone broker.
    pub fn group(&self) -> &Group {
        &self.groups[0]
    }

    /// What commands sent to others since the last call. The driver hands it on and [clears](Mail::clear) it before
    /// it lets go of the broker.
    pub fn mail(&mut self) -> &mut Mail {
        &mut self.mail
    }

    /// What the driver is asked to do.
    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// Whether [`take_actions`](Self::take_actions) has something.
    pub fn has_actions(&self) -> bool {
        !self.actions.is_empty()
    }

    /// Whether [`take_garbage`](Self::take_garbage) has something.
    pub fn has_garbage(&self) -> bool {
        !self.garbage.is_empty()
    }

    /// What came off and takes long to drop, for the driver to drop on another thread.
    pub fn take_garbage(&mut self) -> Garbage {
        std::mem::take(&mut self.garbage)
    }

    /// Asks the driver for something.
    pub(crate) fn ask(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// Tells how much memory is allocated, for judging `maxmemory`.
    pub fn set_memory_used(&mut self, bytes: u64) {
        self.facts.memory_used = bytes;
        self.stats.memory(bytes);
    }

    /// Which changes have room in the log, as far as was told.
    pub fn disk_room(&self) -> &DiskRoom {
        &self.disk_room
    }

    /// Tells which changes have room in the log.
    pub fn set_disk_room(&mut self, room: DiskRoom) {
        self.disk_room = room;
    }

    /// Tells whom to ask before something is done that makes much of a small request.
    pub fn set_ask_room(&mut self, ask: Option<AskRoom>) {
        self.ask_room = ask;
    }

    /// Tells what only the driver can know.
    pub fn set_facts(&mut self, facts: HostFacts) {
        self.set_memory_used(facts.memory_used);
        self.facts = facts;
    }

    /// The op log.
    pub fn log(&mut self) -> &mut OpLog {
        &mut self.log
    }

    /// The next of a fixed sequence of pseudo-random numbers (xorshift64).
    pub(crate) fn next_random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// The gate of what a client publishes. It may tell of what the client changed itself and of what it was told; the latter is
    /// safe, or it would not have been told. While the log is completed, what is changed is in no log, and stands behind its end.
    pub(crate) fn gate_to_publish(&self, client: ClientId) -> Gate {
        let own = self.session(client).logged;
        let tells_of_newer = self.log.is_recording() || self.log.is_leaving();
        if tells_of_newer { own.and(self.log.position()) } else { own }
    }
}
