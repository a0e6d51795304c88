//! One step: a page of dead letters, and what is done with them in one transaction.
//!
//! ```text
//!   WATCH letters, at   GET at   XRANGE letters      is it still our turn; what is there
//!   WATCH targets       TYPE, XINFO GROUPS, XRANGE   what the server says about where they go
//!   MULTI
//!     XNACK | XCLAIM | XADD | LPUSH …                each message to its target
//!     XDEL letters …                                 its dead letter goes
//!     XADD ledger, SET undo, SET at                  what was sent; how to make it whole; where to go on
//!   EXEC
//! ```
//!
//! Everything is looked at behind WATCH, so nothing that was looked at has changed when EXEC goes through. If something has,
//! nothing is done, and the step begins again with what is there now.

use rbq_client::Request;
use rbq_resp::Value;

use super::super::entries::{self, EntryId, append};
use super::apart::Reach;
use super::engine::Engine;
use super::job::{self, At};
use super::ledger::{self, Mark};
use super::route::{Case, Facts, Skip, Way};
use super::undo::{self, Undo};
use super::{apart, survey};
use crate::deadletter::{DeadLetter, Field};
use crate::failure::Result;
use crate::servers::{all, transact};

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// So many entries were passed, and so many of them sent somewhere.
    Passed { moved: u64 },
    /// There is nothing behind the cursor.
    AtEnd,
    /// Something changed while we looked; nothing was done.
    Contended,
}

/// A message on its way.
#[derive(Debug)]
pub(super) struct Sending {
    case: Case,
    pub(super) way: Way,
    /// The dead letter as it goes into quarantine, where it goes there.
    pub(super) letter_fields: Vec<Field>,
    mark: Option<Mark>,
}

impl Sending {
    pub(super) fn id(&self) -> EntryId {
        self.case.entry.id
    }

    fn letter(&self) -> &DeadLetter {
        self.case.letter.as_ref().expect("what is no dead letter has no way")
    }
}

/// A page that was sorted.
struct Sorted {
    together: Vec<Sending>,
    apart: Vec<Sending>,
    skipped: Vec<(Case, Skip)>,
    cursor: EntryId,
}

impl Engine<'_> {
    /// Makes one step.
    ///
    /// # Errors
    /// Of a server, or it is no longer our turn.
    pub(super) async fn step(&mut self) -> Result<Step> {
        let keys = self.keys.clone();
        let link = self.servers.of(&keys.letters).await?;
        let asked = [
            Request::new("UNWATCH"),
            Request::new("WATCH").arg(&keys.letters).arg(&keys.at),
            Request::new("GET").arg(&keys.at),
            self.walk.request(&keys.letters, self.batch),
        ];
        let mut replies = all(link, &asked).await?;
        let page = entries::read(replies.pop().expect("four were asked"))?;
        job::check_turn(&replies[2], &self.at)?;
        let Some(end) = page.last().map(|entry| entry.id) else {
            return Ok(Step::AtEnd);
        };
        self.walk.saw(&page);
        let cases = survey::cases(page, &self.matcher, &self.rules, &self.ledger);
        self.watch_targets(&cases).await?;
        let facts = Facts::gather(self.servers, &cases).await?;
        let mut sorted = self.sort(cases, &facts, end);
        let elsewhere = std::mem::take(&mut sorted.apart);
        let (arrived, failed) = apart::send(self.elsewhere, &keys, elsewhere, self.has_xnack).await?;
        sorted.skipped.extend(failed.into_iter().map(|sending| (sending.case, Skip::EntryGone)));
        self.commit(sorted, arrived).await
    }

    async fn watch_targets(&mut self, cases: &[Case]) -> Result<()> {
        let mut targets: Vec<_> = cases.iter().filter_map(Case::target).collect();
        targets.sort_unstable();
        targets.dedup();
        targets.retain(|key| self.watches_targets && self.servers.are_together(key, &self.keys.letters));
        if !targets.is_empty() {
            self.servers.ask(&self.keys.letters, Request::new("WATCH").args(targets)).await?;
        }
        Ok(())
    }

    /// Finds the way of every case, up to the limit.
    fn sort(&self, cases: Vec<Case>, facts: &Facts, end: EntryId) -> Sorted {
        let left = self.left();
        let mut sorted = Sorted { together: vec![], apart: vec![], skipped: vec![], cursor: end };
        for case in cases {
            if (sorted.together.len() + sorted.apart.len()) as u64 == left {
                break;
            }
            let id = case.entry.id;
            match self.rules.way(&case, facts) {
                Ok(way) => self.place(case, way, &mut sorted),
                Err(skip) => sorted.skipped.push((case, skip)),
            }
            if (sorted.together.len() + sorted.apart.len()) as u64 == left {
                sorted.cursor = id;
            }
        }
        sorted
    }

    fn place(&self, case: Case, way: Way, sorted: &mut Sorted) {
        let letter = case.letter.as_ref().expect("what is no dead letter has no way");
        let letter_fields = if way == Way::Quarantine { self.ledger.annotated(letter).encode() } else { Vec::new() };
        let mark = ledger::mark_of(&way);
        let reach = apart::reach(self.servers, &self.keys, &way, case.entry.id, self.at_least_once);
        let sending = Sending { case, way, letter_fields, mark };
        match reach {
            Reach::Together => sorted.together.push(sending),
            Reach::Apart => sorted.apart.push(sending),
            Reach::Nowhere => sorted.skipped.push((sending.case, Skip::NoToken)),
        }
    }

    async fn commit(&mut self, sorted: Sorted, arrived: Vec<Sending>) -> Result<Step> {
        let keys = self.keys.clone();
        let Sorted { together, skipped, cursor, .. } = sorted;
        let moved = (together.len() + arrived.len()) as u64;
        let mut next = At { cursor: Some(cursor), ..self.at.clone() };
        for sending in together.iter().chain(&arrived) {
            let counts = &mut next.counts;
            let count = if sending.way == Way::Quarantine { &mut counts.quarantined } else { &mut counts.redriven };
            *count += 1;
        }
        for (_, skip) in &skipped {
            *next.counts.skipped.entry(skip.to_string()).or_default() += 1;
        }
        let mut failed = Vec::new();
        if moved > 0 {
            let commands = self.transaction(&next, &together, &arrived);
            let link = self.servers.of(&keys.letters).await?;
            let Some(replies) = transact(link, commands).await? else {
                return Ok(Step::Contended);
            };
            let outcomes = together.iter().zip(&replies).enumerate();
            failed = outcomes.filter(|(_, (one, reply))| !one.way.is_done(reply)).map(|(index, _)| index).collect();
            if let Some(error) = replies[together.len()..].iter().find(|reply| matches!(reply, Value::Error(_))) {
                return Err(entries::refused(error.clone()));
            }
        }
        self.at = next;
        self.walk.cursor = Some(cursor);
        if !together.is_empty() {
            self.settle(&together, &failed).await?;
        }
        apart::forget(self.elsewhere, &keys, &arrived).await?;
        self.tell(&together, &arrived, &failed, &skipped)?;
        Ok(Step::Passed { moved })
    }

    fn transaction(&self, next: &At, together: &[Sending], arrived: &[Sending]) -> Vec<Request> {
        let keys = &self.keys;
        let mut undo = Undo::new(self.watches_targets);
        let mut commands = Vec::with_capacity(together.len() + 4);
        for sending in together {
            commands.push(sending.way.request(keys, &sending.letter_fields, self.has_xnack));
            undo.keep(&sending.case.entry.fields, &sending.way, keys);
        }
        let ids = together.iter().chain(arrived).map(|sending| sending.id().to_string());
        commands.push(Request::new("XDEL").arg(&keys.letters).args(ids));
        let marks: Vec<Mark> = together.iter().chain(arrived).filter_map(|sending| sending.mark).collect();
        if !marks.is_empty() {
            commands.push(ledger::note(keys, &self.job, &marks));
        }
        if !together.is_empty() {
            commands.push(undo.set(keys));
        }
        commands.push(job::set(&keys.at, next));
        commands
    }

    /// Puts back what did not arrive, and ends the note.
    async fn settle(&mut self, together: &[Sending], failed: &[usize]) -> Result<()> {
        let counts = &mut self.at.counts;
        for index in failed {
            let quarantined = together[*index].way == Way::Quarantine;
            let count = if quarantined { &mut counts.quarantined } else { &mut counts.redriven };
            *count -= 1;
            counts.restored += 1;
        }
        let back = failed.iter().map(|index| append(&self.keys.letters, &together[*index].case.entry.fields)).collect();
        undo::finish(self.servers, &self.keys, &self.at, back).await
    }

    fn tell(
        &mut self,
        together: &[Sending],
        arrived: &[Sending],
        failed: &[usize],
        skipped: &[(Case, Skip)],
    ) -> Result<()> {
        let keys = &self.keys;
        for (index, sending) in together.iter().chain(arrived).enumerate() {
            let what = match sending.way {
                _ if failed.contains(&index) => "restored",
                Way::Quarantine => "quarantined",
                _ => "redriven",
            };
            let Case { entry, payload, .. } = &sending.case;
            self.audit.sent(keys, entry, sending.letter(), &sending.way, payload, what);
        }
        for (case, skip) in skipped {
            self.audit.skipped(keys, &case.entry, case.letter.as_ref(), &skip.to_string());
        }
        let sent = together.iter().chain(arrived).filter_map(|sending| sending.mark);
        self.ledger.note(&sent.collect::<Vec<_>>());
        self.audit.write()
    }
}
