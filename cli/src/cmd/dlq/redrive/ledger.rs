//! What was sent back, and how often: the memory that a message itself does not have.
//!
//! A message goes back byte for byte, so nothing in it tells that it was here before; when it dies again it is a new dead letter.
//! The ledger is a stream beside the dead letters with an entry for every step of a job: the job's name, and 16 bytes for
//! each message that the step has sent. It answers two questions: how many jobs have sent this message already, and has
//! one that this job sent died again.
//!
//! A message is known by its ID where it went back to its group, and by its content where it became a new entry or went into a
//! queue: two messages that are the same to the byte are one to the ledger, counted once a job.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use rbq_client::Request;

use super::super::entries::{self, Direction, EntryId, Walk};
use super::job::Keys;
use super::route::Way;
use crate::deadletter::{DeadLetter, Field, PayloadHash};
use crate::failure::Result;
use crate::moment::now_ms;
use crate::servers::Servers;

/// How long it remembers. A message that dies once a month is not in a loop.
const KEPT_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// Entries of one page; each holds a step's messages, 16 bytes for each.
const PAGE: usize = 200;

const JOB: &str = "job";
const SENT: &str = "sent";

/// By which a message is known again.
pub(super) type Mark = [u8; 16];

/// The ledger of one dead-letter stream, as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// How many earlier jobs have sent a message, and which was the last.
    jobs_of: HashMap<Mark, (u32, Bytes)>,
    /// What the present job has sent.
    sent: HashSet<Mark>,
}

impl Ledger {
    /// Reads it, and lets go of what is too old. `job` is the present one, which does not count as an earlier one.
    ///
    /// # Errors
    /// Of the server.
    pub(super) async fn read(servers: &mut Servers, keys: &Keys, job: &str) -> Result<Self> {
        let oldest = now_ms().saturating_sub(KEPT_MS).to_string();
        servers.ask(&keys.ledger, Request::new("XTRIM").arg(&keys.ledger).args(["MINID", "~", &oldest])).await?;
        Self::look(servers, keys, job).await
    }

    /// Reads it, and changes nothing.
    ///
    /// # Errors
    /// Of the server.
    pub(super) async fn look(servers: &mut Servers, keys: &Keys, job: &str) -> Result<Self> {
        let mut ledger = Self::default();
        let last = EntryId { ms: u64::MAX, seq: u64::MAX };
        let mut walk = Walk::new(Direction::OldestFirst, last, PAGE);
        loop {
            let page = entries::read(servers.ask(&keys.ledger, walk.request(&keys.ledger, PAGE)).await?)?;
            let Some(end) = page.last() else { return Ok(ledger) };
            walk.cursor = Some(end.id);
            for entry in &page {
                let value = |name: &str| entry.fields.iter().find(|(found, _)| found == name).map(|(_, value)| value);
                let (Some(of_job), Some(sent)) = (value(JOB), value(SENT)) else { continue };
                for mark in sent.chunks_exact(16) {
                    let mark = Mark::try_from(mark).expect("chunks of 16 are 16 long");
                    ledger.remember(mark, of_job, job);
                }
            }
        }
    }

    fn remember(&mut self, mark: Mark, of_job: &Bytes, present: &str) {
        if of_job == present {
            self.sent.insert(mark);
            return;
        }
        let (count, last) = self.jobs_of.entry(mark).or_default();
        if last != of_job {
            (*count, *last) = (*count + 1, of_job.clone());
        }
    }

    /// How often a letter was sent back: what it says itself, or what is remembered, if that is more.
    pub(super) fn redrives(&self, letter: &DeadLetter) -> u64 {
        letter.provenance.redrives.max(self.remembered(letter).map_or(0, |(count, _)| (*count).into()))
    }

    /// A letter with what is remembered of it.
    pub(super) fn annotated(&self, letter: &DeadLetter) -> DeadLetter {
        let mut annotated = letter.clone();
        annotated.provenance.redrives = self.redrives(letter);
        if let Some((_, job)) = self.remembered(letter) {
            annotated.provenance.job = String::from_utf8_lossy(job).into_owned();
        }
        annotated
    }

    fn remembered(&self, letter: &DeadLetter) -> Option<&(u32, Bytes)> {
        marks(letter).iter().filter_map(|mark| self.jobs_of.get(mark)).max_by_key(|(count, _)| *count)
    }

    /// Whether the present job sent it.
    pub(super) fn is_of_this_job(&self, letter: &DeadLetter) -> bool {
        marks(letter).iter().any(|mark| self.sent.contains(mark))
    }

    pub(super) fn note(&mut self, marks: &[Mark]) {
        self.sent.extend(marks);
    }
}

/// The request that notes what a step sends.
pub(super) fn note(keys: &Keys, job: &str, marks: &[Mark]) -> Request {
    Request::new("XADD").arg(&keys.ledger).args(["*", JOB, job, SENT]).arg(marks.concat())
}

/// What a message that goes this way will be known by.
pub(super) fn mark_of(way: &Way) -> Option<Mark> {
    match way {
        Way::Hand { key, group, id } => Some(by_id(key, group, id)),
        Way::Append { fields, .. } => Some(by_content(fields)),
        Way::Push { data, .. } => Some(by_content(&[(crate::deadletter::QUEUE_FIELD.into(), data.clone())])),
        Way::Quarantine => None,
    }
}

/// What a letter may be known by.
fn marks(letter: &DeadLetter) -> [Mark; 2] {
    let from = &letter.provenance;
    [by_id(&from.source, &from.group, &from.id), by_content(&letter.payload)]
}

fn by_id(key: &Bytes, group: &Bytes, id: &str) -> Mark {
    let id = Bytes::copy_from_slice(id.as_bytes());
    PayloadHash::of(&[("id".into(), key.clone()), (group.clone(), id)]).bytes()
}

fn by_content(fields: &[Field]) -> Mark {
    PayloadHash::of(fields).bytes()
}
