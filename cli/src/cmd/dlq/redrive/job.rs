//! A re-drive as the server keeps it, so that whoever comes next can finish it: from any machine, after any end.
//!
//! ```text
//!   spec   what was asked for; written once. That it is there is the lock: one job a dead-letter stream
//!   at     whose turn it is, the last entry looked at, what became of those before; written with every step
//!   undo   what the last step took out of the stream, until it is known to have arrived
//! ```
//!
//! Nothing here expires, and no clock is asked. A job that was killed holds its stream until somebody resumes it or gives it up;
//! resuming takes the turn, and a process that is not dead after all finds at its next step that the turn is not its own:
//! every step watches `at`. A lease would have to be guessed: too short, and a paused process comes back beside its successor.

use std::collections::BTreeMap;

use rbq_client::Request;
use rbq_resp::Value;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::super::change::Changes;
use super::super::entries::{Direction, EntryId};
use super::super::keys::{LEDGER, Place, QUARANTINE, beside};
use super::super::select::Selection;
use crate::failure::{Failure, Result};
use crate::servers::{Servers, transact};

/// The layout of what is kept. Another one is refused: a job is finished by the program that understands it.
const VERSION: u32 = 1;

/// Between the word of an owner and how often it has taken its turn.
const TURN: char = '/';

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spec {
    version: u32,
    pub(super) job: String,
    /// Entries behind this one came later, and are not touched.
    pub(super) last: EntryId,
    pub(super) direction: Direction,
    pub(super) selection: Selection,
    pub(super) goal: Goal,
    pub(super) changes: Changes,
    pub(super) max_redrives: u64,
    pub(super) batch: usize,
    pub(super) rate: Option<u64>,
    pub(super) stop_at_percent: Option<u64>,
    pub(super) at_least_once: bool,
}

/// Where messages go, beyond the group that failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Goal {
    pub(super) append: bool,
    pub(super) all_groups: bool,
    pub(super) to: Option<String>,
    pub(super) map: Vec<(String, String)>,
    pub(super) front: bool,
    /// Whether a target that is not there may be made; jobs that were begun without the word could do without it.
    #[serde(default = "may_create")]
    pub(super) create: bool,
}

fn may_create() -> bool {
    true
}

/// How far it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct At {
    /// A word that only the process whose turn it is knows.
    pub(super) owner: String,
    pub(super) cursor: Option<EntryId>,
    pub(super) counts: Counts,
}

/// What became of messages so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    pub(super) redriven: u64,
    pub(super) quarantined: u64,
    /// Put back, because their target went away in the very moment.
    pub(super) restored: u64,
    /// By reason.
    pub(super) skipped: BTreeMap<String, u64>,
}

impl Counts {
    pub(super) fn moved(&self) -> u64 {
        self.redriven + self.quarantined
    }

    pub(super) fn not_sent(&self) -> u64 {
        self.quarantined + self.restored + self.skipped.values().sum::<u64>()
    }
}

/// The keys that belong to a dead-letter stream.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    pub(super) letters: Vec<u8>,
    pub(super) spec: Vec<u8>,
    pub(super) at: Vec<u8>,
    pub(super) undo: Vec<u8>,
    pub(super) ledger: Vec<u8>,
    pub(super) quarantine: Vec<u8>,
}

impl Keys {
    pub(super) fn of(servers: &Servers, place: &Place) -> Self {
        let beside = |suffix: &str| beside(servers, &place.key, suffix);
        Self {
            letters: place.key.clone(),
            spec: spec_key(servers, &place.key),
            at: beside(":redrive:at"),
            undo: beside(":redrive:undo"),
            ledger: beside(LEDGER),
            quarantine: beside(QUARANTINE),
        }
    }

    /// Whether these letters have been sent back too often already.
    pub(super) fn is_quarantine(&self) -> bool {
        self.letters.ends_with(QUARANTINE.as_bytes())
    }
}

/// Where a job on this dead-letter stream is kept.
pub(crate) fn spec_key(servers: &Servers, letters: &[u8]) -> Vec<u8> {
    beside(servers, letters, ":redrive")
}

/// The job that is not finished on a dead-letter stream.
///
/// # Errors
/// Of the server.
pub(crate) async fn unfinished(servers: &mut Servers, letters: &[u8]) -> Result<Option<String>> {
    let key = spec_key(servers, letters);
    let spec: Option<serde_json::Value> = parse(&servers.ask(letters, Request::new("GET").arg(key)).await?)?;
    Ok(spec.and_then(|spec| spec.get("job")?.as_str().map(str::to_owned)))
}

/// Refuses to touch a dead-letter stream while a re-drive of it is not finished.
///
/// # Errors
/// That it is so, or of the server.
pub(crate) async fn refuse_if_unfinished(servers: &mut Servers, place: &Place) -> Result<()> {
    match unfinished(servers, &place.key).await? {
        None => Ok(()),
        Some(job) => Err(busy(place, &job)),
    }
}

fn busy(place: &Place, job: &str) -> Failure {
    let name = place.name();
    Failure::new(format!("a re-drive of `{name}` is not finished: job {job}"))
        .hint(format!("`rbq dlq redrive {name} --resume {job}` finishes it, `--abandon {job}` gives it up"))
}

impl Spec {
    pub(super) fn new(job: String, last: EntryId, direction: Direction, selection: Selection) -> Self {
        Self {
            version: VERSION,
            job,
            last,
            direction,
            selection,
            goal: Goal::default(),
            changes: Changes::default(),
            max_redrives: 0,
            batch: 1,
            rate: None,
            stop_at_percent: None,
            at_least_once: false,
        }
    }

    /// The job that is kept, which has to be this one.
    pub(super) async fn load(servers: &mut Servers, keys: &Keys, place: &Place, job: &str) -> Result<Self> {
        let raw: Option<serde_json::Value> =
            parse(&servers.ask(&keys.letters, Request::new("GET").arg(&keys.spec)).await?)?;
        let raw = raw.ok_or_else(|| {
            Failure::new(format!("there is no unfinished job on `{}`: {job} is done, or was given up", place.name()))
                .hint("`rbq dlq ls` shows the jobs that are not finished; without --resume a new one begins")
        })?;
        if raw["version"] != VERSION {
            return Err(Failure::new(format!(
                "the job was begun by another version of rbq (layout {})",
                raw["version"]
            )));
        }
        let spec: Self = serde_json::from_value(raw).map_err(|error| spoilt(&error))?;
        if spec.job != job {
            return Err(busy(place, &spec.job));
        }
        Ok(spec)
    }

    /// Takes the stream for this job.
    pub(super) async fn begin(&self, servers: &mut Servers, keys: &Keys, place: &Place, owner: &str) -> Result<At> {
        let at = At { owner: owner.to_owned(), ..At::default() };
        let link = servers.of(&keys.letters).await?;
        link.call(Request::new("WATCH").arg(&keys.spec)).await?;
        let there: Option<serde_json::Value> = parse(&link.call(Request::new("GET").arg(&keys.spec)).await?)?;
        let begun = match there {
            None => transact(link, vec![set(&keys.spec, self), set(&keys.at, &at)]).await?.is_some(),
            Some(_) => false,
        };
        link.call(["UNWATCH"]).await?;
        if !begun {
            refuse_if_unfinished(servers, place).await?;
            return Err(Failure::new("another job came first, and is done already").hint("run the command again"));
        }
        Ok(at)
    }

    /// Takes the turn on a job that was begun.
    pub(super) async fn take_over(&self, servers: &mut Servers, keys: &Keys, owner: &str) -> Result<At> {
        self.take_turn(servers, keys, owner, |_| true).await
    }

    /// Takes the turn once more, if it is still ours: what an earlier connection had under way comes to nothing.
    pub(super) async fn keep_turn(&self, servers: &mut Servers, keys: &Keys, owner: &str) -> Result<At> {
        // Whether an earlier try arrived may not be known, so all of ours begin with the same word.
        let word = owner.split(TURN).next().unwrap_or_default();
        let turn = owner.split(TURN).nth(1).and_then(|turn| turn.parse::<u64>().ok()).unwrap_or(0);
        let is_ours = |there: &str| there.split(TURN).next() == Some(word);
        self.take_turn(servers, keys, &format!("{word}{TURN}{}", turn + 1), is_ours).await
    }

    async fn take_turn(
        &self,
        servers: &mut Servers,
        keys: &Keys,
        owner: &str,
        may_take: impl Fn(&str) -> bool,
    ) -> Result<At> {
        let link = servers.of(&keys.letters).await?;
        loop {
            link.call(Request::new("WATCH").arg(&keys.at).arg(&keys.spec)).await?;
            let spec: Option<Self> = parse(&link.call(Request::new("GET").arg(&keys.spec)).await?)?;
            let at: Option<At> = parse(&link.call(Request::new("GET").arg(&keys.at)).await?)?;
            if spec.as_ref().is_none_or(|spec| spec.job != self.job) {
                return Err(Failure::new(format!("job {} has just been finished or given up", self.job)));
            }
            let at = at.unwrap_or_default();
            if !may_take(&at.owner) {
                return Err(turn_taken());
            }
            let at = At { owner: owner.to_owned(), ..at };
            // Whoever had the turn may be in the middle of a step.
            if transact(link, vec![set(&keys.at, &at)]).await?.is_some() {
                return Ok(at);
            }
        }
    }
}

/// Whether it is still our turn.
///
/// # Errors
/// It is not.
pub(super) fn check_turn(reply: &Value, ours: &At) -> Result<()> {
    match parse::<At>(reply)? {
        Some(at) if at.owner == ours.owner => Ok(()),
        _ => Err(turn_taken()),
    }
}

pub(super) fn turn_taken() -> Failure {
    Failure::partly("another process has resumed this job, or given it up; this one stops")
}

/// The request that keeps a part of a job.
pub(super) fn set(key: &[u8], part: &impl Serialize) -> Request {
    let text = serde_json::to_string(part).expect("the parts of a job have names for keys and nothing that can fail");
    Request::new("SET").arg(key).arg(text)
}

/// A part of a job as it was kept.
pub(super) fn parse<T: DeserializeOwned>(reply: &Value) -> Result<Option<T>> {
    match reply.as_bytes() {
        Some(bytes) => serde_json::from_slice(bytes).map(Some).map_err(|error| spoilt(&error)),
        None => Ok(None),
    }
}

fn spoilt(error: &serde_json::Error) -> Failure {
    Failure::new(format!("what is kept of the job cannot be read: {error}"))
}
