//! A server that commands are sent to, many ahead of their answers.
//!
//! An answer that is an error belongs to the key whose command it was. Some errors mean that no later command will be taken
//! either; they end the work. A key counts when all that makes it was answered, and nothing of it refused.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

use rbq_client::{Client, Error, Options, Pending, Request, Target as Address, Value};

use super::counters::Counters;
use super::tally::{Tally, Why};
use crate::failure::{Failure, Result};

/// Requests ahead of their answers. The client bounds their bytes.
const AHEAD_MAX: usize = 512;

/// First words of errors that say that nothing more will be taken.
const FATAL: &[&str] = &["OOM", "MISCONF", "READONLY", "NOAUTH", "NOPERM", "LOADING", "MASTERDOWN", "NOREPLICAS"];

/// A connection that is written to.
#[derive(Debug)]
pub(crate) struct Target {
    client: Client,
    counters: Counters,
    db: Option<u32>,
    ahead: VecDeque<Ahead>,
}

/// What is waited for, in order.
#[derive(Debug)]
enum Ahead {
    Answer(Pending, Rc<Subject>),
    /// Everything about this was sent.
    Whole(Rc<Subject>),
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
        let (client, _) = Client::connect(&address, &Options::default()).await?;
        let counters = Counters::of(&client).await?;
        Ok(Self { client, counters, db: None, ahead: VecDeque::new() })
    }

    /// What it counts of a stream.
    pub(crate) fn counters(&self) -> Counters {
        self.counters
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a command, about this.
    pub(crate) async fn send(&mut self, request: Request, about: &Rc<Subject>, tally: &mut Tally) -> Result<()> {
        if self.db != Some(about.db) {
            self.finish(tally).await?;
            self.client.call(["SELECT", &about.db.to_string()]).await.map_err(|error| match error {
                Error::Reply(reply) => Failure::new(format!("the target has no database {}: {reply}", about.db)),
                other => other.into(),
            })?;
            self.db = Some(about.db);
        }
        let pending = self.client.submit(request).await?;
        self.ahead.push_back(Ahead::Answer(pending, Rc::clone(about)));
        while self.ahead.len() > AHEAD_MAX {
            self.settle(tally).await?;
        }
        Ok(())
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
        self.client.call(["SELECT", &db.to_string()]).await?;
        self.db = Some(db);
        let requests = names.iter().map(|name| Request::new("EXISTS").arg(name)).collect();
        let replies = self.client.pipeline(requests).await?;
        Ok(replies.iter().map(|reply| matches!(reply, Value::Integer(1))).collect())
    }

    async fn settle(&mut self, tally: &mut Tally) -> Result<()> {
        let (pending, about) = match self.ahead.pop_front() {
            Some(Ahead::Answer(pending, about)) => (pending, about),
            Some(Ahead::Whole(about)) => {
                if !about.refused.get() {
                    about.count(tally);
                }
                return Ok(());
            }
            None => return Ok(()),
        };
        let Value::Error(text) = pending.await? else { return Ok(()) };
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
