//! Messages of a group or a queue, to stdout or through a command, each to its fate.
//!
//! ```text
//!                 ┌────────────── again, after the back-off ──────────────┐
//!                 ▼                                                       │
//!   arrived ──► in work (at most --concurrency) ──► done                  │
//!                                               ──► dead letter           │
//!                                               ──► failed ───────────────┘
//! ```
//!
//! Invariant: what is asked for and what is in work are never more than `--concurrency`, so nothing waits here that another
//! consumer could work on. Messages that wait for their back-off are held too, or others would deliver them sooner; of those
//! there are [`WAITING_MAX`].
//!
//! Without a command the work is to write the message, and it is done when stdout has accepted its bytes.
//!
//! What the server refuses for now is waited for (see [`refused`]). A connection that is lost is made again (see [`again`]), and what was
//! under way is asked for once more: so nothing leaves the lists here before the server has accepted it.

mod again;
mod refused;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use self::refused::{OfQuestion, Refused};
use super::exec::{self, Ending};
use super::fates::{Fate, Fates};
use super::message::Message;
use super::policy::Policy;
use super::select::Select;
use super::source::Source;
use super::write::Writer;
use super::{Quota, Wait};
use crate::cmd::produce::Kind;
use crate::duration;
use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::interrupt::Interrupt;
use crate::outage::{Outage, is_refusal};
use crate::reader::Reader;

/// The longest wait in one question, so that a server's restart is noticed and timers are looked at.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// How long a server may take to end our wait before we leave without.
const HURRY_TIMEOUT: Duration = Duration::from_secs(2);

/// Messages waiting for their back-off; while there are so many, no new ones are taken.
const WAITING_MAX: usize = 1000;

/// Between two looks whether others still hold messages: nobody tells when they have acknowledged the last one.
const HEIR_WAIT_MAX: Duration = Duration::from_millis(500);

/// Between two looks for what dead consumers left.
const LOOK_MIN: Duration = Duration::from_millis(100);
const LOOK_MAX: Duration = Duration::from_secs(5);

/// What is said of a message that was ours when its work began, and is not any more.
pub(super) const TAKEN_OVER: &str = "a message was taken over by somebody else while it was worked on here";

/// What is done with messages.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) key: Vec<u8>,
    pub(super) select: Select,
    pub(super) writer: Writer,
    pub(super) worker: Option<Arc<exec::Worker>>,
    pub(super) policy: Policy,
    pub(super) quota: Quota,
    pub(super) wait: Wait,
    /// How long to try to reach a server that was lost.
    pub(super) reconnect: Duration,
}

/// One ended piece of work.
type Ended = std::result::Result<(Arc<Message>, Ending), JoinError>;

struct Shift<S> {
    source: S,
    work: Work,
    interrupt: Interrupt,
    running: JoinSet<(Arc<Message>, Ending)>,
    /// What is in work, and so held.
    held: Vec<Arc<Message>>,
    /// What is in work and no longer ours.
    foreign: Vec<Arc<Message>>,
    /// What failed, and when it is due again.
    waiting: Vec<(Instant, Arc<Message>)>,
    fates: Fates,
    outage: Outage,
    /// The server refuses what we ask of it, for now.
    refused: Option<Refused>,
    refusals: u64,
    /// Asked for and not answered.
    asked: u64,
    is_hurried: bool,
    is_stopping: bool,
    is_at_end: bool,
    /// There is nothing new, and others hold messages.
    is_heir: bool,
    /// Why nothing more can be worked on.
    broken: Option<Failure>,
    reader: Reader,
    next_look: Instant,
    next_keep: Instant,
    /// Since when there is nothing, of which the server has to be asked: work that takes long is no silence.
    quiet_since: Option<Instant>,
    /// Nothing has come for as long as we were told to wait.
    is_quiet: bool,
}

/// Works until there have been enough messages, or Ctrl-C.
pub(super) async fn run<S: Source>(source: S, work: Work) -> Result<Exit> {
    let now = Instant::now();
    let next_keep = now + work.policy.ack_wait() / 3;
    let outage = Outage::new(work.reconnect);
    // With a command our stdout is the command's.
    let reader = if work.worker.is_some() { Reader::unknown() } else { Reader::of_stdout() };
    let mut shift = Shift {
        source,
        work,
        interrupt: Interrupt::listen()?,
        running: JoinSet::new(),
        held: Vec::new(),
        foreign: Vec::new(),
        waiting: Vec::new(),
        fates: Fates::default(),
        outage,
        refused: None,
        refusals: 0,
        asked: 0,
        is_hurried: false,
        is_stopping: false,
        is_at_end: false,
        is_heir: false,
        broken: None,
        reader,
        next_look: now,
        next_keep,
        quiet_since: None,
        is_quiet: false,
    };
    let ended = shift.run().await;
    if ended.is_err() && shift.work.worker.is_some() {
        // What runs is let finish and has no fate: it comes again to whoever looks for it.
        while shift.running.join_next().await.is_some() {}
    }
    ended?;
    shift.work.writer.finish()?;
    match shift.broken {
        Some(failure) => Err(failure),
        None => Ok(shift.work.quota.tell(shift.work.wait, &shift.interrupt)),
    }
}

impl<S: Source> Shift<S> {
    async fn run(&mut self) -> Result<()> {
        loop {
            match self.turn().await {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(failure) => self.recover(failure).await?,
            }
        }
    }

    /// Does what can be done at once, then waits for whatever comes first; false at the end.
    async fn turn(&mut self) -> Result<bool> {
        if self.broken.is_some() && !self.is_stopping {
            self.stop().await?;
        }
        if !self.is_paused() {
            self.advance().await?;
        }
        if self.asked == 0 && self.running.is_empty() && self.fates.is_empty() && (self.is_stopping || self.has_ended())
        {
            return Ok(false);
        }
        let next = self.next_timer();
        tokio::select! {
            biased;
            () = self.interrupt.pressed(), if !self.is_stopping => self.stop().await?,
            () = self.reader.gone(), if self.broken.is_none() => self.broken = Some(Failure::ClosedPipe),
            Some(ended) = self.running.join_next(), if !self.running.is_empty() => self.ended(ended).await?,
            answered = self.source.answered(), if self.asked > 0 => {
                answered?;
                let outcome = self.arrived().await;
                self.bear_question(outcome)?;
            }
            () = sleep_until(next) => {
                let outcome = self.keep().await;
                self.bear(outcome)?;
            }
        }
        Ok(true)
    }

    /// All that can be done at once. What is refused of it keeps nothing else from being done.
    async fn advance(&mut self) -> Result<()> {
        let refused = self.refused.as_ref().map(Refused::until);
        if !self.is_stopping {
            let outcome = self.start_what_is_due().await;
            self.bear(outcome)?;
            let outcome = self.look().await;
            self.bear(outcome)?;
        }
        // Before anything is waited for: what was printed is acknowledged.
        let outcome = self.fates.settle(&mut self.source, &mut self.waiting).await;
        self.bear(outcome)?;
        if !self.is_stopping {
            let outcome = self.ask().await;
            self.bear(outcome)?;
        }
        if refused.is_some() && refused == self.refused.as_ref().map(Refused::until) {
            self.accepted(OfQuestion::No);
        }
        Ok(())
    }

    fn free(&self) -> u64 {
        let in_work = self.held.len() as u64 + self.asked;
        self.work.concurrency().saturating_sub(in_work)
    }

    /// Whether nothing more is to come that we were told to wait for.
    fn has_ended(&self) -> bool {
        let is_enough = self.work.quota.next().is_none() || self.is_at_end;
        (is_enough || self.is_quiet) && self.waiting.is_empty()
    }

    /// There is a message.
    fn end_silence(&mut self) {
        (self.quiet_since, self.is_quiet) = (None, false);
    }

    async fn stop(&mut self) -> Result<()> {
        self.is_stopping = true;
        if self.asked == 0 {
            return Ok(());
        }
        let hurried = async {
            self.source.hurry().await?;
            self.source.answered().await
        };
        match timeout(HURRY_TIMEOUT, hurried).await {
            Ok(answered) => {
                answered?;
                match self.arrived().await {
                    Err(Failure::Server(error)) if is_refusal(&error) => Ok(()),
                    outcome => outcome,
                }
            }
            // It stays with the server under our name, and comes again.
            Err(_) => {
                self.asked = 0;
                Ok(())
            }
        }
    }

    async fn ask(&mut self) -> Result<()> {
        let due = self.waiting.iter().map(|(due, _)| *due).min();
        let now = Instant::now();
        if self.asked > 0 {
            // All places are promised to new messages, and an old one is due.
            if !self.is_hurried && self.free() == 0 && due.is_some_and(|due| due <= now) {
                self.is_hurried = true;
                self.source.hurry().await?;
            }
            return Ok(());
        }
        if self.source.has_leftovers() {
            return Ok(());
        }
        let Some(quota) = self.work.quota.next() else { return Ok(()) };
        let count = quota.min(self.free());
        if count == 0 || self.is_at_end || self.waiting.len() >= WAITING_MAX || self.has_ended() {
            return Ok(());
        }
        let until = match self.work.wait {
            Wait::No => None,
            Wait::Inheritance if !self.is_heir => None,
            Wait::Inheritance => Some(now + HEIR_WAIT_MAX),
            Wait::Ever => Some(now + WAIT_MAX),
            Wait::AtMost(limit) => Some((*self.quiet_since.get_or_insert(now) + limit).min(now + WAIT_MAX)),
        };
        let until = until.map(|until| until.min(self.next_look).min(due.unwrap_or(until)));
        self.source.ask(count, until.map(|until| until.saturating_duration_since(now))).await?;
        (self.asked, self.is_hurried) = (count, false);
        Ok(())
    }

    async fn arrived(&mut self) -> Result<()> {
        self.asked = 0;
        let messages = self.source.take().await?;
        self.accepted(OfQuestion::Yes);
        let is_empty = messages.is_empty();
        self.is_quiet = is_empty
            && matches!((self.work.wait, self.quiet_since), (Wait::AtMost(limit), Some(since)) if since.elapsed() >= limit);
        self.is_heir = is_empty && self.work.wait == Wait::Inheritance && self.source.may_inherit().await?;
        self.is_at_end = is_empty && !self.is_heir && matches!(self.work.wait, Wait::No | Wait::Inheritance);
        self.begin(messages).await
    }

    /// What dead consumers left.
    async fn look(&mut self) -> Result<()> {
        let wanted = self.work.quota.next().unwrap_or(0).min(self.free());
        if wanted == 0 || Instant::now() < self.next_look || self.waiting.len() >= WAITING_MAX {
            return Ok(());
        }
        let (mut held, mut adopted) = (self.in_hand(), Vec::new());
        // Whoever has it now may die too; not while we still work on it.
        held.extend(self.foreign.iter().cloned());
        let outcome = self.source.adopt(wanted, &held, &mut adopted).await;
        if outcome.is_ok() && (adopted.len() as u64) < wanted {
            let pause = self.work.policy.ack_wait().min(self.work.policy.recover_idle.unwrap_or(Duration::MAX)) / 2;
            self.next_look = Instant::now() + pause.clamp(LOOK_MIN, LOOK_MAX);
        }
        self.begin(adopted).await?;
        outcome
    }

    /// All that is ours, and before all others what the server may have done with already.
    fn in_hand(&self) -> Vec<Arc<Message>> {
        let mut messages = self.fates.messages();
        messages.extend(self.waiting.iter().map(|(_, message)| Arc::clone(message)));
        let is_ours = |message: &&Arc<Message>| !self.foreign.iter().any(|foreign| Arc::ptr_eq(foreign, message));
        messages.extend(self.held.iter().filter(is_ours).cloned());
        messages
    }

    async fn begin(&mut self, messages: Vec<Message>) -> Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        self.end_silence();
        self.work.quota.take(messages.len());
        let messages: Vec<_> = messages.into_iter().map(Arc::new).collect();
        if self.broken.is_some() {
            self.give_back(messages);
            return Ok(());
        }
        if self.work.worker.is_none() {
            return self.print(messages).await;
        }
        if self.is_stopping {
            self.give_back(messages);
            return Ok(());
        }
        let chosen = self.choose(messages);
        chosen.into_iter().for_each(|message| self.start(message));
        Ok(())
    }

    /// Those to be worked on. The others are done with, up to the first of which that cannot be told: it goes back with all behind it.
    fn choose(&mut self, mut messages: Vec<Arc<Message>>) -> Vec<Arc<Message>> {
        let (mut chosen, mut skipped) = (Vec::new(), Vec::new());
        for index in 0..messages.len() {
            match self.work.select.passes(&self.work.key, &messages[index]) {
                Ok(true) => chosen.push(Arc::clone(&messages[index])),
                Ok(false) => skipped.push(Arc::clone(&messages[index])),
                Err(failure) => {
                    self.broken = Some(failure);
                    let untold = messages.split_off(index);
                    self.give_back(untold);
                    break;
                }
            }
        }
        if !skipped.is_empty() {
            self.fates.add(Fate::Done(skipped));
        }
        chosen
    }

    /// These were taken, and nothing was done with them.
    fn give_back(&mut self, messages: Vec<Arc<Message>>) {
        self.work.quota.put_back(messages.len());
        self.fates.add(Fate::GivenBack(messages));
    }

    /// Writes messages; what stdout did not take is given back, or stays ours.
    async fn print(&mut self, mut messages: Vec<Arc<Message>>) -> Result<()> {
        for (index, message) in messages.iter().enumerate() {
            let mut written = Ok(());
            match self.work.select.passes(&self.work.key, message) {
                Ok(true) => written = self.work.writer.add(message),
                Ok(false) => {}
                Err(failure) => {
                    self.broken = Some(failure);
                    let untold = messages.split_off(index);
                    self.give_back(untold);
                    break;
                }
            }
            // A queue's messages go one by one, so that what goes back is what was not taken.
            if message.kind == Kind::Queue && written.is_ok() {
                written = self.work.writer.flush();
            }
            if let Err(failure) = written {
                if message.kind == Kind::Queue {
                    let untaken = messages.split_off(index);
                    self.fates.add(Fate::Done(messages));
                    self.fates.add(Fate::GivenBack(untaken));
                    self.fates.settle(&mut self.source, &mut self.waiting).await?;
                }
                return Err(failure);
            }
        }
        self.work.writer.flush()?;
        self.fates.add(Fate::Done(messages));
        Ok(())
    }

    fn start(&mut self, message: Arc<Message>) {
        let worker = Arc::clone(self.work.worker.as_ref().expect("there is a command"));
        self.held.push(Arc::clone(&message));
        self.running.spawn(async move {
            let ending = worker.work(Arc::clone(&message)).await;
            (message, ending)
        });
    }

    async fn ended(&mut self, ended: Ended) -> Result<()> {
        let (message, ending) = ended.map_err(|error| Failure::new(error.to_string()))?;
        self.held.retain(|held| !Arc::ptr_eq(held, &message));
        if let Some(index) = self.foreign.iter().position(|foreign| Arc::ptr_eq(foreign, &message)) {
            self.foreign.remove(index);
            say(TAKEN_OVER);
            return Ok(());
        }
        let policy = &self.work.policy;
        let max = policy.max_deliver();
        let failures = message.delivery.saturating_sub(1) as usize;
        match ending {
            Ending::Done => self.fates.add(Fate::Done(vec![message])),
            Ending::Rejected(error) => {
                self.fates.add(Fate::Buried { message, reason: "rejected", error });
            }
            Ending::Returned if self.is_stopping => self.give_back(vec![message]),
            Ending::Returned => {
                let pause = policy.pause(0);
                tell_failed(&message, "exit 75, which does not count", pause);
                self.fates.add(Fate::Uncounted { message, due: Instant::now() + pause });
            }
            Ending::Failed(error) if message.delivery >= max => {
                self.fates.add(Fate::Buried { message, reason: "max-deliver", error });
            }
            Ending::Failed(error) => {
                let pause = policy.pause(failures);
                tell_failed(&message, &format!("delivery {} of {max}: {error}", message.delivery), pause);
                self.waiting.push((Instant::now() + pause, message));
            }
            Ending::Broken(why) => {
                let failure = Failure::new(why).hint("the message was given back; nothing was counted against it");
                self.broken.get_or_insert(failure);
                self.give_back(vec![message]);
            }
        }
        Ok(())
    }

    async fn start_what_is_due(&mut self) -> Result<()> {
        let now = Instant::now();
        while self.free() > 0
            && let Some(index) = self.waiting.iter().position(|(due, _)| *due <= now)
        {
            let again = self.source.again(&self.waiting[index].1).await?;
            self.waiting.remove(index);
            if let Some(message) = again {
                self.end_silence();
                self.start(Arc::new(message));
            }
        }
        Ok(())
    }

    fn next_timer(&self) -> Instant {
        if let Some(until) = self.refused.as_ref().map(Refused::until).filter(|_| self.is_paused()) {
            return until.min(self.next_keep);
        }
        let due = self.waiting.iter().map(|(due, _)| *due).min().filter(|_| self.free() > 0 || !self.is_hurried);
        let look = (self.free() > 0 && self.work.quota.next().is_some()).then_some(self.next_look);
        let timers = due.into_iter().chain(look).filter(|_| !self.is_stopping);
        timers.fold(self.next_keep, Instant::min)
    }

    async fn keep(&mut self) -> Result<()> {
        let now = Instant::now();
        if now < self.next_keep {
            return Ok(());
        }
        self.next_keep = now + self.work.policy.ack_wait() / 3;
        let held = self.in_hand();
        self.source.keep(&held).await
    }
}

/// A consumer whose commands fail all the time looks like one that does nothing.
fn tell_failed(message: &Message, why: &str, pause: Duration) {
    let name = if message.id.is_empty() { "a message" } else { &message.id };
    say(&format!("{name} failed ({why}); again in {}", duration::shown(pause)));
}

impl Work {
    /// Messages in work at once; what is written is done at once, by the batch.
    fn concurrency(&self) -> u64 {
        if self.worker.is_some() { self.policy.concurrency } else { u64::MAX }
    }
}
