//! A server that commands are sent to, many ahead of their answers.
//!
//! What is sent goes in steps: one command, or a transaction of several. An answer that is an error belongs to the key whose
//! step it was. Some errors mean that nothing later will be taken either; they end the work. A key counts when all that makes
//! it was answered, and nothing of it refused. How its steps are made so that it is never there in part is the
//! [`parcel`](super::parcel)'s.
//!
//! In a cluster a step goes to the node that has its key, and is kept until it is answered: where the key has left, it is sent
//! after it. Until everything that was on its way has arrived there, nothing new is sent, so that the commands of a key keep
//! their order.

use std::cell::Cell;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use rbq_client::{Endpoint, Error, Options, Pending, Request, Target as Address, Value};

use super::abilities::Abilities;
use super::counters::Counters;
use super::eviction::Eviction;
use super::expiry::Expiry;
use super::late;
use super::nodes::{Nodes, databases, redirect};
use super::parcel::{Last, Parcel, is_optional};
use super::reply::{Ran, ran, unexpected};
use super::tally::{Tally, Why, shown};
use super::temporary::{self, Run};
use crate::failure::{Failure, Result, say};
use crate::open::unless_silent;

/// Steps ahead of their answers. The client bounds their commands and their bytes.
const AHEAD_MAX: usize = 512;

/// Bytes of requests that are kept until they are answered. One alone may have more.
const KEPT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// First words of errors that say that nothing more will be taken.
const FATAL: &[&str] = &["READONLY", "NOAUTH", "NOPERM", "LOADING", "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN"];

/// First words of errors that say that there is no room: whose key it was is worth knowing.
const FULL: &[&str] = &["OOM", "MISCONF"];

/// What is written to: a connection, or one for each node of a cluster.
#[derive(Debug)]
pub(crate) struct Target {
    nodes: Nodes,
    abilities: Abilities,
    run: Run,
    db: Option<u32>,
    ahead: VecDeque<Ahead>,
    kept_bytes: usize,
    /// Something was sent after its key, and what is ahead may have to be.
    is_astray: bool,
    /// What is being made under a temporary name, which is this.
    unfinished: Option<(Rc<Subject>, Vec<u8>)>,
}

/// What is waited for, in order.
#[derive(Debug)]
enum Ahead {
    Answer(Sent, Rc<Subject>),
    /// Everything about this was sent.
    Whole(Rc<Subject>),
}

/// A step on its way.
#[derive(Debug)]
struct Sent {
    pending: Vec<Pending>,
    is_optional: bool,
    /// On a cluster: it may have to be sent to another node.
    kept: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    requests: Vec<Request>,
    at: Endpoint,
}

impl Sent {
    fn kept_bytes(&self) -> usize {
        self.kept.iter().flat_map(|kept| &kept.requests).map(Request::size_bytes).sum()
    }
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
    /// Connects, and removes what imports left unfinished that are no longer at work.
    pub(crate) async fn open(address: &Address) -> Result<Self> {
        // Databases are chosen as keys come.
        let address = Address { db: 0, ..address.clone() };
        let run = Run::draw();
        let options = Options { client_name: Some(run.connection()), ..unless_silent()? };
        let mut nodes = Nodes::connect(&address, options).await?;
        // One who may not use transactions would have their commands run one by one.
        nodes.seed().call(["MULTI"]).await?;
        nodes.seed().call(["EXEC"]).await?;
        let abilities = Abilities::of(nodes.seed()).await?;
        let removed = temporary::sweep(&mut nodes).await?;
        if removed > 0 {
            let keys = if removed == 1 { "key" } else { "keys" };
            say(&format!("removed {removed} {keys} that an earlier import had not finished"));
        }
        Ok(Self {
            nodes,
            abilities,
            run,
            db: None,
            ahead: VecDeque::new(),
            kept_bytes: 0,
            is_astray: false,
            unfinished: None,
        })
    }

    /// What keys are called here until they are whole.
    pub(crate) fn run(&self) -> &Run {
        &self.run
    }

    pub(crate) fn abilities(&self) -> Abilities {
        self.abilities
    }

    pub(crate) fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    /// How it makes room when it is full.
    pub(crate) async fn eviction(&mut self) -> Result<Eviction> {
        Eviction::of(&mut self.nodes).await
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

    /// Sends a step, about this.
    pub(crate) async fn send(&mut self, step: Vec<Request>, about: &Rc<Subject>, tally: &mut Tally) -> Result<()> {
        if self.is_astray || self.db != Some(about.db) {
            self.finish(tally).await?;
            self.is_astray = false;
            self.select(about.db).await?;
        }
        let sent = self.submit(&about.name, step).await?;
        self.kept_bytes += sent.kept_bytes();
        self.ahead.push_back(Ahead::Answer(sent, Rc::clone(about)));
        while self.ahead.len() > AHEAD_MAX || self.kept_bytes > KEPT_BYTES_MAX {
            self.settle(tally).await?;
        }
        Ok(())
    }

    /// Sends a command that makes a part of a key, which has its temporary name meanwhile.
    pub(crate) async fn send_apart(
        &mut self,
        request: Request,
        parcel: &Parcel,
        about: &Rc<Subject>,
        tally: &mut Tally,
    ) -> Result<()> {
        self.unfinished.get_or_insert_with(|| (Rc::clone(about), parcel.temporary().to_vec()));
        self.send(vec![request], about, tally).await
    }

    /// Everything of a key was taken from its source.
    pub(crate) async fn deliver(&mut self, parcel: Parcel, about: Rc<Subject>, tally: &mut Tally) -> Result<()> {
        let step = match parcel.end() {
            Last::Together(step) => {
                self.send(step, &about, tally).await?;
                self.whole(about);
                return Ok(());
            }
            Last::InPlace(step) => step,
        };
        self.finish(tally).await?;
        if !about.refused.get() {
            let sent = self.submit(&about.name, step).await?;
            let replies = self.answer(sent).await?;
            if about.is_in_place(ran(replies), tally)? {
                self.unfinished = None;
                about.count(tally);
            }
        }
        self.drop_unfinished().await
    }

    /// A key does not come after all: what is there of it under its temporary name goes.
    pub(crate) async fn abandon(&mut self, tally: &mut Tally) -> Result<()> {
        if self.unfinished.is_none() {
            return Ok(());
        }
        self.finish(tally).await?;
        self.drop_unfinished().await
    }

    /// After a log of commands, whose times were [put off](super::late): gives every key the one that it was meant to have.
    pub(crate) async fn bring_forward(&mut self) -> Result<()> {
        let expiry = match self.abilities.counters {
            Counters::Kept => Expiry::At,
            Counters::NotKept => Expiry::In,
        };
        for endpoint in self.nodes.endpoints() {
            let client = self.nodes.at(&endpoint).await?;
            for db in databases(&client, None).await?.0 {
                self.select(db).await?;
                late::bring_forward(&client, expiry).await?;
            }
        }
        Ok(())
    }

    /// After a failure: counts what was taken all the same, and leaves nothing unfinished if that can be helped.
    pub(crate) async fn give_up(&mut self, tally: &mut Tally) {
        while let Some(next) = self.ahead.pop_front() {
            match next {
                Ahead::Answer(sent, about) => {
                    let is_optional = sent.is_optional;
                    let Ok(replies) = self.answer(sent).await else { return };
                    if !errors(ran(replies)).is_empty() && !is_optional {
                        about.refused.set(true);
                    }
                }
                Ahead::Whole(about) if !about.refused.get() => about.count(tally),
                Ahead::Whole(_) => {}
            }
        }
        // What went wrong is told already; the next import removes what is there still.
        drop(self.drop_unfinished().await);
    }

    async fn drop_unfinished(&mut self) -> Result<()> {
        let Some((about, temporary)) = self.unfinished.take() else { return Ok(()) };
        let sent = self.submit(&about.name, vec![Request::new("UNLINK").arg(temporary)]).await?;
        self.answer(sent).await.map(drop)
    }

    /// Makes sure that it has all of these databases.
    ///
    /// # Errors
    /// It has not.
    pub(crate) async fn check_databases(&mut self, dbs: &BTreeSet<u32>) -> Result<()> {
        for db in dbs {
            self.select(*db).await?;
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
                match self.nodes.is_cluster() {
                    true => failure.hint("a cluster has only database 0"),
                    false => failure.hint("`databases` in the target's configuration says how many it has"),
                }
            }
            other => other.into(),
        })?;
        self.db = Some(db);
        Ok(())
    }

    async fn submit(&mut self, key: &[u8], step: Vec<Request>) -> Result<Sent> {
        let at = self.nodes.owner(key);
        let client = self.nodes.at(&at).await?;
        let is_optional = matches!(step.as_slice(), [one] if is_optional(one));
        let requests = match step.len() {
            1 => step,
            _ => [vec![Request::new("MULTI")], step, vec![Request::new("EXEC")]].concat(),
        };
        let kept = self.nodes.is_cluster().then(|| Kept { requests: requests.clone(), at });
        let mut pending = Vec::with_capacity(requests.len());
        for request in requests {
            pending.push(client.submit(request).await?);
        }
        Ok(Sent { pending, is_optional, kept })
    }

    /// The answers to a step, from wherever the key is by now.
    async fn answer(&mut self, sent: Sent) -> Result<Vec<Value>> {
        let mut replies = Vec::with_capacity(sent.pending.len());
        for pending in sent.pending {
            replies.push(pending.await?);
        }
        match sent.kept {
            Some(Kept { requests, at }) if redirect(&replies).is_some() => {
                self.is_astray = true;
                self.nodes.follow(&requests, at, replies).await
            }
            _ => Ok(replies),
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
            asked.push(self.submit(name, vec![Request::new("EXISTS").arg(name)]).await?);
        }
        let mut present = Vec::with_capacity(names.len());
        for sent in asked {
            match ran(self.answer(sent).await?) {
                Ran::Refused(text) => return Err(Error::from_error_reply(text).into()),
                Ran::Replies(replies) => present.push(matches!(replies.as_slice(), [Value::Integer(1)])),
            }
        }
        Ok(present)
    }

    async fn settle(&mut self, tally: &mut Tally) -> Result<()> {
        let (sent, about) = match self.ahead.pop_front() {
            Some(Ahead::Answer(sent, about)) => (sent, about),
            Some(Ahead::Whole(about)) => {
                if !about.refused.get() {
                    about.count(tally);
                }
                return Ok(());
            }
            None => return Ok(()),
        };
        self.kept_bytes -= sent.kept_bytes();
        let is_optional = sent.is_optional;
        for text in errors(ran(self.answer(sent).await?)) {
            if !is_optional {
                about.refused.set(true);
            }
            about.refuse(text, tally)?;
        }
        Ok(())
    }
}

/// What was refused of a step.
fn errors(ran: Ran) -> Vec<String> {
    match ran {
        Ran::Refused(text) => vec![text],
        Ran::Replies(replies) => replies
            .into_iter()
            .filter_map(|reply| match reply {
                Value::Error(text) => Some(text),
                _ => None,
            })
            .collect(),
    }
}

impl Subject {
    fn count(&self, tally: &mut Tally) {
        match &self.counts {
            Counts::Key(kind) => kind.get().into_iter().for_each(|kind| tally.key(kind)),
            Counts::Command => tally.command(),
        }
    }

    /// Notes what the target said of it; an error if it takes nothing more.
    fn refuse(&self, text: String, tally: &mut Tally) -> Result<()> {
        let code = text.split(' ').next().unwrap_or_default();
        if FULL.contains(&code) {
            return Err(Failure::new(format!("the target did not take `{}`: {text}", shown(&self.name))));
        }
        if FATAL.contains(&code) {
            return Err(Error::from_error_reply(text).into());
        }
        tally.skip(&self.what, Some(self.db), Why::Refused(text), &self.name);
        Ok(())
    }

    /// Whether the step that gave it its name has done so; what it says otherwise is noted.
    fn is_in_place(&self, ran: Ran, tally: &mut Tally) -> Result<bool> {
        let why = match ran {
            Ran::Refused(text) => return self.refuse(text, tally).map(|()| false),
            Ran::Replies(replies) => match replies.last() {
                Some(Value::Integer(1)) => return Ok(true),
                Some(Value::Integer(_)) => Why::NoWay("somebody made the key meanwhile"),
                // PEXPIREAT came too late, and removed it.
                Some(Value::Error(_)) if replies.first() == Some(&Value::Integer(1)) => Why::Expired,
                Some(Value::Error(text)) => return self.refuse(text.clone(), tally).map(|()| false),
                other => return Err(unexpected("RENAMENX", other)),
            },
        };
        tally.skip("key", Some(self.db), why, &self.name);
        Ok(false)
    }
}
