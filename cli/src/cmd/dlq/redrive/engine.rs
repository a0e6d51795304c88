//! The run: step after step, until nothing is left, somebody says stop, or too much dies again.
//!
//! It holds nothing that the server does not hold: killed between any two instructions, another process goes on from `at`.

use std::time::Duration;

use rbq_client::Request;
use tokio::time::{Instant, sleep, sleep_until};

use super::super::entries::{self, Direction, EntryId, Walk};
use super::super::select::Matcher;
use super::audit::Audit;
use super::job::{self, At, Keys, Spec};
use super::ledger::Ledger;
use super::route::Rules;
use super::step::Step;
use super::undo;
use crate::deadletter::DeadLetter;
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::servers::{Servers, transact};

/// Steps in a row that came to nothing because a target changed, before targets are no longer watched: a stream that is
/// written all the time would never let one through. The undo note says how it was.
const WATCHED_ATTEMPTS: u32 = 3;

/// Steps in a row that came to nothing at all before we give up: with one message a step, somebody else writes the dead
/// letters themselves without a pause.
const ATTEMPTS_MAX: u32 = 500;

/// Messages that were sent before the share that died again means anything.
const SHARE_MEANS_FROM: u64 = 20;

/// New dead letters read at a time, to see which were ours.
const DEATHS_PAGE: usize = 500;

/// A run under way.
pub(super) struct Engine<'a> {
    pub(super) servers: &'a mut Servers,
    /// Connections of their own for what is apart: a transaction there must not end what is watched here.
    pub(super) elsewhere: &'a mut Servers,
    pub(super) keys: Keys,
    pub(super) job: String,
    pub(super) rules: Rules,
    pub(super) matcher: Matcher,
    pub(super) ledger: Ledger,
    pub(super) at: At,
    pub(super) walk: Walk,
    pub(super) audit: Audit,
    pub(super) has_xnack: bool,
    pub(super) at_least_once: bool,
    /// Whether steps watch where messages go.
    pub(super) watches_targets: bool,
    /// Messages a step, at present.
    pub(super) batch: usize,
    batch_max: usize,
    rate: Option<u64>,
    stop_at_percent: Option<u64>,
    deaths: Walk,
    died_again: u64,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Done,
    Interrupted,
    /// So many of those sent died again.
    DyingAgain {
        died: u64,
    },
}

/// What a run is made of.
pub(super) struct Parts<'a> {
    pub(super) servers: &'a mut Servers,
    pub(super) elsewhere: &'a mut Servers,
    pub(super) keys: Keys,
    pub(super) rules: Rules,
    pub(super) matcher: Matcher,
    pub(super) ledger: Ledger,
    pub(super) at: At,
    pub(super) audit: Audit,
    pub(super) has_xnack: bool,
}

impl<'a> Engine<'a> {
    pub(super) fn new(spec: &Spec, parts: Parts<'a>) -> Self {
        let Parts { servers, elsewhere, keys, rules, matcher, ledger, at, audit, has_xnack } = parts;
        let mut walk = Walk::new(spec.direction, spec.last, spec.batch);
        walk.cursor = at.cursor;
        // Everything behind the last entry of the job has died since.
        let end = EntryId { ms: u64::MAX, seq: u64::MAX };
        let mut deaths = Walk::new(Direction::OldestFirst, end, DEATHS_PAGE);
        deaths.cursor = Some(spec.last);
        // A quarter of a second's worth at most, so that a rate is a rate and not a burst now and then.
        let batch_max = spec.rate.map_or(spec.batch, |rate| spec.batch.min((rate / 4).max(1) as usize));
        Self {
            servers,
            elsewhere,
            keys,
            job: spec.job.clone(),
            rules,
            matcher,
            ledger,
            at,
            walk,
            audit,
            has_xnack,
            at_least_once: spec.at_least_once,
            watches_targets: true,
            batch: batch_max,
            batch_max,
            rate: spec.rate,
            stop_at_percent: spec.stop_at_percent,
            deaths,
            died_again: 0,
        }
    }

    /// How many may still be sent.
    pub(super) fn left(&self) -> u64 {
        self.matcher.limit().saturating_sub(self.at.counts.moved())
    }

    /// Makes whole what was cut off, and runs to an end.
    ///
    /// # Errors
    /// Of a server, or it is no longer our turn. The job stays where it is.
    pub(super) async fn run(&mut self, interrupt: &mut Interrupt, progress: &mut Progress) -> Result<End> {
        undo::recover(self.servers, &self.keys, &mut self.at).await?;
        let (begun, mut moved_here, mut contended) = (Instant::now(), 0, 0);
        loop {
            if interrupt.was_pressed() {
                return Ok(End::Interrupted);
            }
            if self.left() == 0 {
                return Ok(End::Done);
            }
            match self.step().await? {
                Step::AtEnd => return Ok(End::Done),
                Step::Contended => {
                    contended += 1;
                    self.give_way(contended)?;
                    sleep(Duration::from_millis(u64::from(contended.min(20)))).await;
                }
                Step::Passed { moved } => {
                    contended = 0;
                    self.batch = (self.batch * 2).min(self.batch_max);
                    moved_here += moved;
                    progress.add(moved);
                    if self.is_dying_again().await? {
                        return Ok(End::DyingAgain { died: self.died_again });
                    }
                    if let Some(rate) = self.rate {
                        let due = begun + Duration::from_secs_f64(moved_here as f64 / rate as f64);
                        tokio::select! {
                            () = interrupt.pressed() => {}
                            () = sleep_until(due) => {}
                        }
                    }
                }
            }
        }
    }

    fn give_way(&mut self, contended: u32) -> Result<()> {
        self.batch = (self.batch / 2).max(1);
        if contended >= WATCHED_ATTEMPTS {
            self.watches_targets = false;
        }
        if contended < ATTEMPTS_MAX {
            return Ok(());
        }
        let name = super::super::keys::shown(&self.keys.letters);
        Err(Failure::partly(format!("`{name}` is written so often that no step could be made whole")))
    }

    async fn is_dying_again(&mut self) -> Result<bool> {
        let Some(percent) = self.stop_at_percent else { return Ok(false) };
        let request = self.deaths.request(&self.keys.letters, DEATHS_PAGE);
        let page = entries::read(self.servers.ask(&self.keys.letters, request).await?)?;
        self.deaths.saw(&page);
        if let Some(end) = page.last() {
            self.deaths.cursor = Some(end.id);
        }
        let ours = |entry: &&entries::Entry| {
            DeadLetter::decode(&entry.fields).is_ok_and(|letter| self.ledger.is_of_this_job(&letter))
        };
        self.died_again += page.iter().filter(ours).count() as u64;
        let counts = &self.at.counts;
        // What was put back by us has not died.
        let died = self.died_again.saturating_sub(counts.restored);
        Ok(counts.redriven >= SHARE_MEANS_FROM && died * 100 > percent * counts.redriven)
    }

    /// The job is over: nothing of it stays but the ledger.
    ///
    /// # Errors
    /// Of the server, or it is no longer our turn.
    pub(super) async fn close(&mut self) -> Result<()> {
        close(self.servers, &self.keys, &self.at).await
    }
}

/// Takes away what is kept of a job whose turn is ours.
///
/// # Errors
/// Of the server, or it is no longer our turn.
pub(super) async fn close(servers: &mut Servers, keys: &Keys, at: &At) -> Result<()> {
    let link = servers.of(&keys.letters).await?;
    link.call(["UNWATCH"]).await?;
    link.call(Request::new("WATCH").arg(&keys.at)).await?;
    job::check_turn(&link.call(Request::new("GET").arg(&keys.at)).await?, at)?;
    let done = transact(link, vec![Request::new("DEL").arg(&keys.spec).arg(&keys.at).arg(&keys.undo)]).await?;
    done.map(drop).ok_or_else(job::turn_taken)
}
