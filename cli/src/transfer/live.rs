//! A server at work as a source: SCAN finds the keys, one transaction a key reads it.
//!
//! ```text
//!   node ─► SELECT db ─► SCAN ─► TYPE, all of a page together ─┬─ string, list, stream ─► MULTI DUMP PEXPIRETIME EXEC ─► pieces
//!                                                               └─ any other type ─► told, not read
//! ```
//!
//! Each key is as it was at one moment; between two keys the server goes on. Keys that were there all the time are told
//! exactly once: SCAN may name a key twice, so fingerprints of all keys are kept. Where there is no DUMP, the key is read with
//! commands of its type.
//!
//! A key that was replaced before it was read to its end is [withdrawn](Found::Withdrawn) and read as what it is then,
//! [`READINGS_MAX`] times in all. One that is replaced every time is told as lost.
//!
//! Of a cluster every master is read, one after the other. A slot that moves meanwhile could take keys from a node that is
//! still to be read to one that was: then the work ends with an error, and is never told to be whole.
//!
//! At most [`DUMPS_MAX`] payloads are on their way at once.

use std::collections::{BTreeSet, HashSet, VecDeque};

use rbq_client::{Client, Endpoint, Error, Options, Pending, Request, ScanLimits, Target, Value};
use rbq_rdb::{Event, Key, Payload, Problem, StreamHead};

use super::abilities::knows;
use super::counters::Counters;
use super::expiry::Expiry;
use super::nodes::{Nodes, databases};
use super::read_plain::{self, Plain};
use super::read_stream::{Next, Pace, StreamReader};
use super::reply::{Look, elements, unexpected};
use super::rights::{self, Rights};
use super::tally::shown;
use super::{Found, fingerprint, now_ms};
use crate::failure::{Failure, Result};
use crate::open::unless_silent;

/// Keys that SCAN is asked for at once.
const PAGE_KEYS: &str = "500";

/// Payloads on their way at once: one of them may have half a gigabyte.
const DUMPS_MAX: usize = 8;

/// How often a key is read that is replaced meanwhile.
const READINGS_MAX: usize = 4;

/// One reply: a whole list where there is no DUMP.
const REPLY_BYTES_MAX: usize = 8 * 1024 * 1024 * 1024;

/// Which keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    /// Only those that match this glob.
    pub(crate) pattern: Option<String>,
    /// Only those of this database.
    pub(crate) db: Option<u32>,
}

/// What is wanted of each key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Its name and its type; the value told is empty.
    Names,
    /// Its value too.
    Values,
}

/// A server being read.
#[derive(Debug)]
pub(crate) struct Live {
    nodes: Nodes,
    /// Which slots each node had at the start.
    layout: Vec<String>,
    /// Nodes to be read yet.
    left: VecDeque<Endpoint>,
    /// The node that is read.
    client: Client,
    selection: Selection,
    depth: Depth,
    rights: Rights,
    has_dump: bool,
    counters: Counters,
    expiry: Expiry,
    /// The databases that had keys at the start.
    in_use: BTreeSet<u32>,
    dbs: VecDeque<u32>,
    db: u32,
    /// Where SCAN goes on; none when the database is done.
    cursor: Option<Vec<u8>>,
    /// Found and not asked for yet.
    names: VecDeque<(Vec<u8>, Kind)>,
    asked: VecDeque<Asked>,
    /// The key that is to be read anew.
    again: Option<Again>,
    open: Option<Open>,
    ready: VecDeque<Found>,
    met: HashSet<u128>,
    scanned: u64,
    total: u64,
}

/// The types that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    String,
    List,
    Stream,
}

/// A key whose payload is on its way.
#[derive(Debug)]
struct Asked {
    name: Vec<u8>,
    kind: Kind,
    exec: Pending,
}

/// A key that was replaced while it was read.
#[derive(Debug)]
struct Again {
    name: Vec<u8>,
    /// Which reading is the next; the first is 1.
    reading: usize,
    pace: Pace,
}

impl Again {
    fn first(name: Vec<u8>) -> Self {
        Self { name, reading: 1, pace: Pace::first() }
    }

    fn next(self) -> Self {
        let reading = self.reading + 1;
        Self { reading, pace: Pace { is_last: reading == READINGS_MAX, ..self.pace }, ..self }
    }
}

/// A key that is being told.
#[derive(Debug)]
enum Open {
    Payload { payload: Box<Payload>, name: Vec<u8> },
    Plain(Plain),
    Stream { reader: Box<StreamReader>, reading: usize },
}

impl Live {
    pub(crate) async fn open(target: &Target, selection: Selection, depth: Depth) -> Result<Self> {
        let reply_limits = ScanLimits { frame_bytes_max: REPLY_BYTES_MAX, ..ScanLimits::default() };
        // The database in the URL says which one is meant.
        let db = selection.db.or(Some(target.db).filter(|db| *db != 0));
        let rights = rights::demand(target, depth).await?;
        let options = Options { reply_limits, ..unless_silent()? };
        let mut nodes = Nodes::connect(target, options).await?;
        let layout = nodes.layout().await?;
        if let Some(db) = db {
            // One that is not there has no keys either, and would be taken for empty.
            nodes.seed().call(["SELECT".to_owned(), db.to_string()]).await?;
        }
        let left: VecDeque<Endpoint> = nodes.endpoints().into();
        let mut total = 0;
        let mut in_use = BTreeSet::new();
        for endpoint in &left {
            let (dbs, keys) = databases(&nodes.at(endpoint).await?, db).await?;
            in_use.extend(dbs);
            total += keys;
        }
        let counters = Counters::of(nodes.seed()).await?;
        let libraries = match (&selection.pattern, db) {
            (None, None) => libraries(nodes.seed()).await?,
            // They belong to no key and no database.
            _ => 0,
        };
        Ok(Self {
            client: nodes.seed().clone(),
            nodes,
            layout,
            left,
            selection: Selection { db, ..selection },
            depth,
            rights,
            has_dump: false,
            counters,
            expiry: Expiry::In,
            in_use,
            dbs: VecDeque::new(),
            db: 0,
            cursor: None,
            names: VecDeque::new(),
            asked: VecDeque::new(),
            again: None,
            open: None,
            ready: (0..libraries).map(|_| Found::Event(Event::Library)).collect(),
            met: HashSet::new(),
            scanned: 0,
            total,
        })
    }

    pub(crate) fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    pub(crate) fn databases(&self) -> &BTreeSet<u32> {
        &self.in_use
    }

    /// What it counts of a stream.
    pub(crate) fn counters(&self) -> Counters {
        self.counters
    }

    pub(crate) fn done_keys(&self) -> u64 {
        self.scanned - (self.names.len() + self.asked.len()) as u64
    }

    pub(crate) fn total_keys(&self) -> u64 {
        self.total
    }

    /// The next piece.
    pub(crate) async fn next(&mut self) -> Result<Option<Found>> {
        match self.step().await {
            // The key's slot has left the node that named it.
            Err(Failure::Server(Error::Redirect(_))) => Err(self.moved()),
            told => told,
        }
    }

    async fn step(&mut self) -> Result<Option<Found>> {
        loop {
            if let Some(found) = self.ready.pop_front() {
                return Ok(Some(found));
            }
            if self.open.is_some() {
                return self.go_on().await.map(Some);
            }
            if let Some(again) = self.again.take() {
                self.look_again(again).await?;
                continue;
            }
            self.ask().await?;
            if let Some(asked) = self.asked.pop_front() {
                self.receive(asked).await?;
            } else if let Some((name, kind)) = self.names.pop_front() {
                self.read(kind, Again::first(name)).await?;
            } else if self.cursor.is_some() {
                self.scan().await?;
            } else if let Some(db) = self.dbs.pop_front() {
                self.client.call(["SELECT", &db.to_string()]).await?;
                self.db = db;
                self.cursor = Some(b"0".to_vec());
            } else if let Some(endpoint) = self.left.pop_front() {
                self.turn_to(&endpoint).await?;
            } else {
                return self.end().await.map(|()| None);
            }
        }
    }

    /// Everything was read: whether that is all there was.
    async fn end(&mut self) -> Result<()> {
        match self.nodes.layout().await {
            Ok(layout) if layout == self.layout => Ok(()),
            Err(failure @ Failure::Server(_)) => Err(failure),
            Ok(_) | Err(_) => Err(self.moved()),
        }
    }

    async fn turn_to(&mut self, endpoint: &Endpoint) -> Result<()> {
        self.client = self.nodes.at(endpoint).await?;
        // Whether there is a DUMP shows when it is called; where it is not there, PEXPIRETIME would spoil the reading of the key too.
        let known = knows(&self.client, ["DUMP", "PEXPIRETIME"]).await?;
        let [has_dump, has_time] = known.unwrap_or([true, false]);
        self.has_dump = has_dump && self.rights.dump;
        self.expiry = if has_time && self.rights.expiretime { Expiry::At } else { Expiry::In };
        self.dbs = databases(&self.client, self.selection.db).await?.0.into();
        Ok(())
    }

    fn moved(&self) -> Failure {
        let text = "slots of the cluster moved while its keys were read: some may be missing";
        let failure = match self.depth {
            Depth::Names => Failure::new(text),
            Depth::Values => Failure::partly(text),
        };
        failure.hint("run it again when no slot moves")
    }

    /// The next page of keys, and their types.
    async fn scan(&mut self) -> Result<()> {
        let cursor = self.cursor.take().unwrap_or_default();
        let mut scan = Request::new("SCAN").arg(cursor).args(["COUNT", PAGE_KEYS]);
        if let Some(pattern) = &self.selection.pattern {
            scan.extend(["MATCH", pattern]);
        }
        let reply = self.client.call(scan).await?;
        let Some([cursor, names]) = elements(&reply) else { return Err(unexpected("SCAN", Some(&reply))) };
        let cursor = cursor.as_bytes().ok_or_else(|| unexpected("SCAN", None))?;
        self.cursor = Some(cursor.to_vec()).filter(|cursor| cursor != b"0");
        let names: Vec<&[u8]> = elements(names).unwrap_or_default().iter().filter_map(Value::as_bytes).collect();
        let mut types = Vec::new();
        for name in &names {
            types.push(self.client.submit(Request::new("TYPE").arg(name)).await?);
        }
        for (name, kind) in names.into_iter().zip(types) {
            let kind = kind.await?;
            if self.met.insert(fingerprint(self.db, name)) {
                self.scanned += 1;
                self.sort_in(name.to_vec(), &kind)?;
            }
        }
        Ok(())
    }

    fn sort_in(&mut self, name: Vec<u8>, kind: &Value) -> Result<()> {
        let Some(kind) = self.kind_of(&name, kind)? else { return Ok(()) };
        match self.depth {
            Depth::Values => self.names.push_back((name, kind)),
            Depth::Names => {
                let key = Key { db: self.db, name, expires_ms: None };
                let nothing = match kind {
                    Kind::String => Event::String(Vec::new()),
                    Kind::List => Event::Elements(Vec::new()),
                    Kind::Stream => Event::Stream(StreamHead::default()),
                };
                self.ready.extend([Event::Key(key), nothing, Event::KeyEnd].map(Found::Event));
            }
        }
        Ok(())
    }

    /// The type, if it is one that is read; any other is told.
    fn kind_of(&mut self, name: &[u8], kind: &Value) -> Result<Option<Kind>> {
        match kind.as_bytes() {
            Some(b"string") => Ok(Some(Kind::String)),
            Some(b"list") => Ok(Some(Kind::List)),
            Some(b"stream") => Ok(Some(Kind::Stream)),
            // It has gone since it was named.
            Some(b"none") => Ok(None),
            Some(other) => {
                self.other(name.to_vec(), known_type(other));
                Ok(None)
            }
            None => Err(of_key(name, unexpected("TYPE", Some(kind)))),
        }
    }

    fn other(&mut self, name: Vec<u8>, kind: &'static str) {
        let key = Key { db: self.db, name, expires_ms: None };
        self.ready.push_back(Found::Event(Event::Other { key, kind }));
    }

    /// Asks for payloads while there is room for them.
    async fn ask(&mut self) -> Result<()> {
        while self.has_dump && self.asked.len() < DUMPS_MAX {
            let Some((name, kind)) = self.names.pop_front() else { break };
            let dump = Request::new("DUMP").arg(&name);
            for request in [Request::new("MULTI"), dump, self.expiry.request(&name)] {
                // What these answer is in what EXEC answers.
                drop(self.client.submit(request).await?);
            }
            let exec = self.client.submit(Request::new("EXEC")).await?;
            self.asked.push_back(Asked { name, kind, exec });
        }
        Ok(())
    }

    async fn receive(&mut self, asked: Asked) -> Result<()> {
        let Asked { name, kind, exec } = asked;
        let reply = exec.await?;
        let (payload, expires) = match &reply {
            Value::Array(replies) => match replies.as_slice() {
                [Value::Bulk(payload), expires] => (payload, expires),
                [Value::Null, _] => return Ok(()),
                [Value::Error(_), _] => return self.without_dump(name, kind).await,
                _ => return Err(unexpected("DUMP", None)),
            },
            // The server did not take DUMP from us.
            Value::Error(text) if text.starts_with("EXECABORT") => return self.without_dump(name, kind).await,
            _ => return Err(unexpected("EXEC", Some(&reply))),
        };
        let expires_ms = self.expiry.read(expires, now_ms())?;
        match Payload::open(payload.to_vec()) {
            Ok(payload) => match payload.other() {
                Some(kind) => self.other(name, kind),
                None => {
                    let open = Open::Payload { payload: Box::new(payload), name: name.clone() };
                    self.begin(name, expires_ms, open);
                }
            },
            // A layout newer than our reader: the commands are the same still.
            Err(error) if matches!(error.problem, Problem::Type(_)) => self.read(kind, Again::first(name)).await?,
            Err(error) => return Err(in_payload(&name, &error)),
        }
        Ok(())
    }

    async fn without_dump(&mut self, name: Vec<u8>, kind: Kind) -> Result<()> {
        self.has_dump = false;
        self.read(kind, Again::first(name)).await
    }

    /// Reads a key by the commands of its type.
    async fn read(&mut self, kind: Kind, key: Again) -> Result<()> {
        let (client, name, expiry) = (&self.client, &key.name, self.expiry);
        let look = match kind {
            Kind::Stream => match StreamReader::begin(client, name, expiry, key.pace).await {
                Ok(look) => look
                    .map(|reader| (reader.expires_ms, Open::Stream { reader: Box::new(reader), reading: key.reading })),
                Err(failure) => return Err(of_key(name, failure)),
            },
            Kind::String | Kind::List => match read_plain::read(client, name, kind == Kind::List, expiry).await {
                Ok(look) => look.map(|plain| (plain.expires_ms, Open::Plain(plain))),
                Err(failure) => return Err(of_key(name, failure)),
            },
        };
        match look {
            Look::There((expires_ms, open)) => self.begin(key.name, expires_ms, open),
            Look::Gone => {}
            Look::OfAnotherType => self.again = Some(key.next()),
            Look::Unsteady(why) => self.lose(key.name, why),
        }
        Ok(())
    }

    async fn look_again(&mut self, key: Again) -> Result<()> {
        if key.reading > READINGS_MAX {
            self.lose(key.name, "it was replaced each time while it was read");
            return Ok(());
        }
        let kind = self.client.submit(Request::new("TYPE").arg(&key.name)).await?.await?;
        match self.kind_of(&key.name, &kind)? {
            Some(kind) => self.read(kind, key).await,
            None => Ok(()),
        }
    }

    fn lose(&mut self, name: Vec<u8>, why: &'static str) {
        self.ready.push_back(Found::Lost { db: self.db, name, what: "key", why });
    }

    fn begin(&mut self, name: Vec<u8>, expires_ms: Option<u64>, open: Open) {
        self.ready.push_back(Found::Event(Event::Key(Key { db: self.db, name, expires_ms })));
        self.open = Some(open);
    }

    async fn go_on(&mut self) -> Result<Found> {
        let event = match &mut self.open {
            Some(Open::Payload { payload, name }) => payload.read().map_err(|error| in_payload(name, &error))?,
            Some(Open::Plain(plain)) => plain.events.pop(),
            Some(Open::Stream { reader, .. }) => match reader.next(&self.client).await {
                Ok(Next::Event(event)) => Some(event),
                Ok(Next::End) => None,
                Ok(Next::Replaced) => return Ok(self.withdraw()),
                Err(failure) => return Err(of_key(&reader.key, failure)),
            },
            None => None,
        };
        if let Some(event) = event {
            return Ok(Found::Event(event));
        }
        if let Some(Open::Stream { reader, .. }) = self.open.take()
            && reader.has_hidden_ids
        {
            let why = "no command tells them";
            self.ready.push_back(Found::Lost { db: self.db, name: reader.key, what: "idempotent IDs", why });
        }
        Ok(Found::Event(Event::KeyEnd))
    }

    /// Gives up what was told of a stream.
    fn withdraw(&mut self) -> Found {
        if let Some(Open::Stream { reader, reading }) = self.open.take() {
            let pace = reader.next_pace();
            self.again = Some(Again { name: reader.key, reading, pace }.next());
        }
        Found::Withdrawn
    }
}

/// The same failure; of what the server answered, which key that was about.
fn of_key(name: &[u8], failure: Failure) -> Failure {
    match failure {
        Failure::Server(Error::Reply(_)) => failure.about(&format!("reading `{}`", shown(name))),
        other => other,
    }
}

/// How many function libraries there are; none where the server does not know of any, or does not say.
async fn libraries(client: &Client) -> Result<usize> {
    match client.call(["FUNCTION", "LIST"]).await {
        Ok(reply) => Ok(elements(&reply).map_or(0, <[Value]>::len)),
        Err(Error::Reply(_)) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

fn in_payload(name: &[u8], error: &rbq_rdb::Error) -> Failure {
    Failure::new(format!("what the server dumped of {} cannot be read: {error}", rbq_resp::quote(name)))
}

/// Types by their names; a module's has a name of its own.
fn known_type(name: &[u8]) -> &'static str {
    match name {
        b"hash" => "hash",
        b"set" => "set",
        b"zset" => "zset",
        _ => "module",
    }
}
