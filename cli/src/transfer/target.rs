//! A server that commands are sent to, many ahead of their answers.
//!
//! An answer that is an error belongs to the key whose command it was. Some errors mean that no later command will be taken
//! either; they end the work. A key counts when all that makes it was answered, and nothing of it refused.
//!
//! In a cluster a command goes to the node that has its key, and is kept until it is answered: where the key has left, it is
//! sent after it. Until everything that was on its way has arrived there, nothing new is sent, so that the commands of a key
//! keep their order.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

use rbq_client::{Endpoint, Error, Options, Pending, Request, Target as Address, Value};

use super::abilities::Abilities;
use super::nodes::{Nodes, databases, redirect};
use super::tally::{Tally, Why};
use crate::failure::{Failure, Result};

/// Requests ahead of their answers. The client bounds their bytes.
const AHEAD_MAX: usize = 512;

/// Bytes of requests that are kept until they are answered. One alone may have more.
const KEPT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// First words of errors that say that nothing more will be taken.
const FATAL: &[&str] =
    &["OOM", "MISCONF", "READONLY", "NOAUTH", "NOPERM", "LOADING", "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN"];

/// What is written to: a connection, or one for each node of a cluster.
#[derive(Debug)]
pub(crate) struct Target {
    nodes: Nodes,
    abilities: Abilities,
    db: Option<u32>,
    ahead: VecDeque<Ahead>,
    kept_bytes: usize,
    /// Something was sent after its key, and what is ahead may have to be.
    is_astray: bool,
}

/// What is waited for, in order.
#[derive(Debug)]
enum Ahead {
    Answer(Pending, Option<Kept>, Rc<Subject>),
    /// Everything about this was sent.
    Whole(Rc<Subject>),
}

/// A request to a node of a cluster, which may have to be sent to another.
#[derive(Debug)]
struct Kept {
    request: Request,
    at: Endpoint,
}

/// What a command is about.
#[derive(Debug)]
pub(crate) struct Subject {
    /// What to call it where it is refused: a type, or a command's name.
    pub(crate) what: String,
    pub(crate) db: u32,
    /// A key, or nothing.
    pub(crate) name: Vec<u8>,
    /// What it is counted as.
    pub(crate) counts: Counts,
    /// Whether something of it was refused.
    pub(crate) refused: Cell<bool>,
}

/// What is counted when all of it was taken.
#[derive(Debug)]
pub(crate) enum Counts {
    /// A key, by its type, which its value tells.
    Key(Cell<Option<&'static str>>),
    /// A command of a log.
    Command,
}

impl Target {
    pub(crate) async fn open(address: &Address) -> Result<Self> {
        // Databases are chosen as keys come.
        let address = Address { db: 0, ..address.clone() };
        let nodes = Nodes::connect(&address, Options::default()).await?;
        let abilities = Abilities::of(nodes.seed()).await?;
        Ok(Self { nodes, abilities, db: None, ahead: VecDeque::new(), kept_bytes: 0, is_astray: false })
    }

    pub(crate) fn abilities(&self) -> Abilities {
        self.abilities
    }

    pub(crate) fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    /// Whether it has no key at all, on any node.
    pub(crate) async fn is_empty(&mut self) -> Result<bool> {
        for endpoint in self.nodes.endpoints() {
            if !databases(&self.nodes.at(&endpoint).await?, None).await?.0.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Sends a command, about this.
    pub(crate) async fn send(&mut self, request: Request, about: &Rc<Subject>, tally: &mut Tally) -> Result<()> {
        if self.is_astray || self.db != Some(about.db) {
            self.finish(tally).await?;
            self.is_astray = false;
            self.select(about.db).await?;
        }
        let (pending, kept) = self.submit(&about.name, request).await?;
        self.kept_bytes += kept.as_ref().map_or(0, |kept| kept.request.size_bytes());
        self.ahead.push_back(Ahead::Answer(pending, kept, Rc::clone(about)));
        while self.ahead.len() > AHEAD_MAX || self.kept_bytes > KEPT_BYTES_MAX {
            self.settle(tally).await?;
        }
        Ok(())
    }

    async fn select(&mut self, db: u32) -> Result<()> {
        if self.db == Some(db) {
            return Ok(());
        }
        self.nodes.select(db).await.map_err(|error| match error {
            Error::Reply(reply) => {
                let failure = Failure::new(format!("the target has no database {db}: {reply}"));
                if self.nodes.is_cluster() { failure.hint("a cluster has only database 0") } else { failure }
            }
            other => other.into(),
        })?;
        self.db = Some(db);
        Ok(())
    }

    async fn submit(&mut self, key: &[u8], request: Request) -> Result<(Pending, Option<Kept>)> {
        let at = self.nodes.owner(key);
        let client = self.nodes.at(&at).await?;
        let kept = self.nodes.is_cluster().then(|| Kept { request: request.clone(), at });
        Ok((client.submit(request).await?, kept))
    }

    /// The answer, from wherever the key is by now.
    async fn answer(&mut self, pending: Pending, kept: Option<Kept>) -> Result<Value> {
        let reply = pending.await?;
        match kept {
            Some(Kept { request, at }) if redirect(&reply).is_some() => {
                self.is_astray = true;
                self.nodes.follow(&request, at, reply).await
            }
            _ => Ok(reply),
        }
    }

    /// Everything about this was sent: it counts once it was answered.
    pub(crate) fn whole(&mut self, about: Rc<Subject>) {
        self.ahead.push_back(Ahead::Whole(about));
    }

    /// Waits for all answers.
    pub(crate) async fn finish(&mut self, tally: &mut Tally) -> Result<()> {
        while !self.ahead.is_empty() {
            self.settle(tally).await?;
        }
        Ok(())
    }

    /// Which of these keys are there.
    pub(crate) async fn present(&mut self, db: u32, names: &[Vec<u8>]) -> Result<Vec<bool>> {
        self.select(db).await?;
        let mut asked = Vec::with_capacity(names.len());
        for name in names {
            asked.push(self.submit(name, Request::new("EXISTS").arg(name)).await?);
        }
        let mut present = Vec::with_capacity(names.len());
        for (pending, kept) in asked {
            match self.answer(pending, kept).await? {
                Value::Error(text) => return Err(Error::from_error_reply(text).into()),
                reply => present.push(matches!(reply, Value::Integer(1))),
            }
        }
        Ok(present)
    }

    async fn settle(&mut self, tally: &mut Tally) -> Result<()> {
        let (pending, kept, about) = match self.ahead.pop_front() {
            Some(Ahead::Answer(pending, kept, about)) => (pending, kept, about),
            Some(Ahead::Whole(about)) => {
                if !about.refused.get() {
                    about.count(tally);
                }
                return Ok(());
            }
            None => return Ok(()),
        };
        self.kept_bytes -= kept.as_ref().map_or(0, |kept| kept.request.size_bytes());
        let Value::Error(text) = self.answer(pending, kept).await? else { return Ok(()) };
        let code = text.split(' ').next().unwrap_or_default();
        if FATAL.contains(&code) {
            return Err(Error::from_error_reply(text).into());
        }
        about.refused.set(true);
        tally.skip(&about.what, Some(about.db), Why::Refused(text), &about.name);
        Ok(())
    }
}

impl Subject {
    fn count(&self, tally: &mut Tally) {
        match &self.counts {
            Counts::Key(kind) => kind.get().into_iter().for_each(|kind| tally.key(kind)),
            Counts::Command => tally.command(),
        }
    }
}
