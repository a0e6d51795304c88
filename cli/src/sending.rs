//! Sending many messages, pipelined, in bounded memory, counting what became of each: `pub` and `produce`.
//!
//! ```text
//!   sent          the request was queued on a connection
//!   acknowledged  the server answered, and not with an error
//!   failed        the server answered with an error, or never will: sent - acknowledged at the end
//! ```
//!
//! Invariant: every request that is not answered is kept, encoded, until it is. So a lost connection is made again and they go
//! out again in their order; what was answered never does. What had been executed without its answer arriving is then there
//! twice, unless requests name themselves ([`Again::Recognised`]); which of both holds is told when it happens.
//!
//! What a server refuses for now (it is full, or cannot save) is sent again too, by itself and as soon as nothing is in flight. What it
//! would refuse of every message (a right is missing, the key is of another kind) ends the sending, so that an input is not read to
//! its end for nothing. Which messages failed is told by their places in the input.
//!
//! Ctrl-C stops the taking of messages; what is in flight is waited for.

mod failed;
mod window;

use std::time::Duration;

use rbq_client::{Error, Link, Options, RedirectKind, Target};
use rbq_resp::Value;
use tokio::time::{Instant, sleep_until};

pub(crate) use self::failed::Source;

use self::failed::Failed;
use self::window::Window;
use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::feed::{Place, Requests};
use crate::interrupt::Interrupt;
use crate::outage::{Attempt, Cause, Outage, Pause, is_refusal};
use crate::progress::Progress;

/// Errors told one by one; later ones are counted alone.
const ERRORS_TOLD_MAX: u64 = 3;

/// Refusals that pass, told one by one: a server that is nearly full refuses now and then for hours.
const REFUSALS_TOLD_MAX: u64 = 3;

/// What is refused for good, whatever the message.
const LASTING: &[&str] = &["NOPERM", "NOAUTH", "WRONGTYPE"];

/// How much a rate may catch up at once: a timer counts milliseconds, and a server may pause for a while.
const CATCH_UP: Duration = Duration::from_millis(100);

/// How to send.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    /// Requests in flight, at most.
    pub(crate) batch: usize,
    /// Messages a second, at most.
    pub(crate) rate: Option<f64>,
    /// Messages, at most.
    pub(crate) count: Option<u64>,
    /// How long to try to reach a server that was lost.
    pub(crate) reconnect: Duration,
    pub(crate) again: Again,
    /// What it means when the server answers with nothing.
    pub(crate) nil: &'static str,
    /// What the parts of the input are called.
    pub(crate) sources: Vec<Source>,
}

/// What becomes of a request that is executed a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// The server knows it again and adds nothing.
    Recognised,
    /// The message is there twice.
    Doubled,
}

/// A run of sending.
#[derive(Debug)]
pub(crate) struct Sending {
    /// The server that was named; on a cluster the key may be served by another.
    seed: Target,
    target: Target,
    link: Link,
    interrupt: Interrupt,
    manner: Manner,
    progress: Progress,
    window: Window,
    reading: bool,
    /// When the next message may go.
    due: Instant,
    outage: Outage,
    sent: u64,
    acknowledged: u64,
    refused: u64,
    /// Those that were refused for good, or never answered.
    failed: Failed,
    options: Options,
    /// Since when a reply is due.
    due_since: Instant,
    /// Whether the next one goes alone, to see if it is taken.
    is_probing: bool,
    refusals_told: u64,
    /// Nothing is said of the present one.
    is_hushed: bool,
    /// The last that passes.
    refusal: Option<Error>,
    /// The newest that was sent.
    last: Option<Place>,
    /// How it ended before its time.
    stopped: Option<Exit>,
}

/// What ended a turn before its time.
enum Stop {
    Input(Failure),
    Connection(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Connection(error)
    }
}

impl Sending {
    pub(crate) fn new(
        (target, options): (Target, Options),
        link: Link,
        interrupt: Interrupt,
        manner: Manner,
        progress: Progress,
    ) -> Self {
        let (window, due) = (Window::default(), Instant::now());
        let (reading, outage) = (true, Outage::new(manner.reconnect));
        let (sent, acknowledged, refused) = (0, 0, 0);
        Self {
            seed: target.clone(),
            target,
            link,
            interrupt,
            manner,
            progress,
            window,
            reading,
            due,
            outage,
            sent,
            acknowledged,
            refused,
            failed: Failed::default(),
            options,
            due_since: due,
            is_probing: false,
            refusals_told: 0,
            is_hushed: false,
            refusal: None,
            last: None,
            stopped: None,
        }
    }

    /// Sends all messages and waits for all replies; `acknowledged` sees each reply that is no error.
    ///
    /// # Errors
    /// Of the input, after what came before it was sent. A lost connection is no `Err`: it is told here, and what it cost
    /// counts as failed.
    pub(crate) async fn run(&mut self, mut input: Requests, mut acknowledged: impl FnMut(&Value)) -> Result<()> {
        self.reading &= self.manner.count != Some(0);
        let mut failure = Ok(());
        while self.reading || self.window.in_flight() > 0 || self.window.has_put_off() {
            if self.window.in_flight() == 0 && self.window.has_put_off() {
                self.take_up_again().await;
                continue;
            }
            match self.turn(&mut input, &mut acknowledged).await {
                Ok(()) => {}
                Err(Stop::Input(error)) => (self.reading, failure) = (false, Err(error)),
                Err(Stop::Connection(error)) => {
                    if let Err(failure) = self.reconnect(error).await {
                        let exit = failure.report();
                        self.give_up(exit);
                    }
                }
            }
        }
        failure
    }

    /// Takes the bar away, so that what is said next stands by itself.
    pub(crate) fn end_progress(&mut self) {
        std::mem::replace(&mut self.progress, Progress::silent()).finish();
    }

    /// Which messages failed, and where it ended before its time.
    pub(crate) fn tell_failed(&self) {
        if let Some(line) = self.failed.told(&self.manner.sources) {
            say(&line);
        }
        if let (Some(_), Some(last)) = (self.stopped, self.last) {
            say(&format!("the last that was sent is {}", failed::place(last, &self.manner.sources)));
        }
    }

    /// `sent N, acknowledged N, failed N`.
    pub(crate) fn summary(&self) -> String {
        format!("sent {}, acknowledged {}, failed {}", self.sent, self.acknowledged, self.failed())
    }

    pub(crate) fn has_acknowledged(&self) -> bool {
        self.acknowledged > 0
    }

    pub(crate) fn exit(&self) -> Exit {
        match (self.failed(), self.acknowledged) {
            (0, _) => self.interrupt.exit(),
            // Nothing was sent to anybody.
            (_, 0) if self.stopped == Some(Exit::Unreachable) => Exit::Unreachable,
            // A server that does not answer in time is no failure of what it was asked.
            (_, 0) if self.stopped == Some(Exit::TimedOut) => Exit::TimedOut,
            (_, 0) => Exit::Failed,
            _ => Exit::Partly,
        }
    }

    fn failed(&self) -> u64 {
        self.sent - self.acknowledged
    }

    /// Sends what may go, then waits for whatever comes first.
    async fn turn(&mut self, input: &mut Requests, acknowledged: &mut impl FnMut(&Value)) -> Result<(), Stop> {
        if self.reading {
            self.fill(input)?;
        }
        if self.link.queued_bytes() > 0 {
            self.link.flush().await?;
        }
        let has_room = self.reading && self.room() > 0;
        let (is_paced, wants_more) = (has_room && self.window.waiting() > 0, has_room && self.window.waiting() == 0);
        tokio::select! {
            () = self.interrupt.pressed(), if self.reading => self.reading = false,
            value = self.link.reply_due(self.due_since), if self.window.in_flight() > 0 => {
                let before = self.acknowledged;
                self.count(&value?, acknowledged)?;
                while self.window.in_flight() > 0 && let Some(value) = self.link.received()? {
                    self.count(&value, acknowledged)?;
                }
                self.due_since = Instant::now();
                self.progress.add(self.acknowledged - before);
                self.progress.reach(self.window.read_bytes());
            }
            chunk = input.recv(), if wants_more => match chunk {
                Some(chunk) => self.window.offer(chunk.map_err(Stop::Input)?),
                None => self.reading = false,
            },
            () = sleep_until(self.due), if is_paced => {}
        }
        Ok(())
    }

    /// Queues as much as there is, and room and time for.
    fn fill(&mut self, input: &mut Requests) -> Result<(), Stop> {
        let mut room = self.room();
        while room > 0 && self.reading {
            if self.window.waiting() == 0 {
                match input.try_recv() {
                    Ok(chunk) => self.window.offer(chunk.map_err(Stop::Input)?),
                    Err(_) => return Ok(()),
                }
            }
            let now = room.min(self.window.waiting()).min(self.are_due());
            if now == 0 {
                return Ok(());
            }
            if self.window.in_flight() == 0 {
                self.due_since = Instant::now();
            }
            self.link.queue_encoded(self.window.take(now));
            self.last = self.window.newest();
            self.pass(now);
            room -= now;
        }
        Ok(())
    }

    /// How many may be sent. Only once half of them are answered, so that they go out by the hundred and not one a reply.
    fn room(&self) -> usize {
        let (in_flight, batch) = (self.window.in_flight(), self.manner.batch);
        let left = self.manner.count.map_or(u64::MAX, |count| count - self.sent);
        if self.window.has_put_off() || self.is_probing && in_flight > 0 {
            return 0;
        }
        let batch = if self.is_probing { 1 } else { batch };
        if in_flight > batch / 2 || self.window.is_full() { 0 } else { (batch - in_flight).min(left as usize) }
    }

    /// How many the rate allows now.
    fn are_due(&self) -> usize {
        let Some(rate) = self.manner.rate else { return usize::MAX };
        match Instant::now().checked_duration_since(self.due) {
            Some(late) => (late.as_secs_f64() * rate) as usize + 1,
            None => 0,
        }
    }

    fn pass(&mut self, messages: usize) {
        self.sent += messages as u64;
        if let Some(rate) = self.manner.rate {
            let earliest = Instant::now().checked_sub(CATCH_UP).unwrap_or(self.due);
            self.due = self.due.max(earliest) + Duration::from_secs_f64(messages as f64 / rate);
        }
        if self.manner.count == Some(self.sent) {
            self.reading = false;
        }
    }

    fn count(&mut self, value: &Value, acknowledged: &mut impl FnMut(&Value)) -> Result<(), Stop> {
        let refused = match value {
            Value::Push(_) => return Ok(()),
            Value::Error(text) => match Error::from_error_reply(text.clone()) {
                // Nothing was executed, and will be once the server is ready, or at another node.
                error if Cause::of(&error).is_some() => return Err(Stop::Connection(error)),
                error if is_refusal(&error) => {
                    self.put_off(&error);
                    return Ok(());
                }
                error if has_code(&error, LASTING) => {
                    self.refuse_all(error);
                    return Ok(());
                }
                error => Failure::from(error),
            },
            Value::Null | Value::NullArray => Failure::new(self.manner.nil),
            value => {
                self.acknowledged += 1;
                self.is_probing = false;
                // What was put off tells whether messages are accepted again.
                if !self.window.has_put_off()
                    && let Some(again) = self.outage.end()
                    && !std::mem::take(&mut self.is_hushed)
                {
                    self.progress.say(again);
                }
                self.window.answer();
                acknowledged(value);
                return Ok(());
            }
        };
        self.failed.add(self.window.oldest());
        self.window.answer();
        self.refused += 1;
        if self.refused <= ERRORS_TOLD_MAX {
            let _ = refused.report();
        }
        Ok(())
    }

    /// The oldest in flight is refused for now.
    fn put_off(&mut self, error: &Error) {
        self.window.put_off();
        if let Some(line) = self.outage.begin(Cause::Refusing, error) {
            self.refusals_told += 1;
            self.is_hushed = self.refusals_told > REFUSALS_TOLD_MAX;
            if !self.is_hushed {
                self.progress.say(&line);
            }
        }
        self.refusal = Some(error.clone());
    }

    /// The oldest in flight is refused, and all others would be.
    fn refuse_all(&mut self, error: Error) {
        self.failed.add(self.window.oldest());
        self.window.answer();
        self.refused += 1;
        if self.stopped.is_none() {
            self.stopped = Some(Failure::from(error).report());
        }
        self.reading = false;
    }

    /// What was put off is sent again after a pause, the first of it alone.
    async fn take_up_again(&mut self) {
        let is_over = self.stopped.is_some() || self.interrupt.was_pressed();
        if !is_over && self.outage.pause(&mut self.interrupt).await == Pause::Over {
            self.sent -= self.window.take_back() as u64;
            (self.reading, self.is_probing) = (true, true);
            return;
        }
        let exit = match self.refusal.take() {
            Some(error) if !is_over => Failure::from(error).report(),
            _ => Exit::Failed,
        };
        self.give_up(exit);
    }

    /// Nothing more is sent, and what has no answer will have none.
    fn give_up(&mut self, exit: Exit) {
        self.window.unsettled().into_iter().for_each(|place| self.failed.add(place));
        self.window = Window::default();
        self.reading = false;
        self.stopped.get_or_insert(exit);
    }

    /// Reaches the server again, or the node it names, and queues what was not answered.
    async fn reconnect(&mut self, error: Error) -> Result<()> {
        if let Error::Redirect(redirect) = &error
            && redirect.kind == RedirectKind::Moved
        {
            self.target.endpoint = redirect.endpoint(&self.target.endpoint);
        }
        if let Some(line) = self.outage.begin(Cause::of(&error).unwrap_or(Cause::Lost), &error) {
            let fate = match self.manner.again {
                Again::Recognised => "sent again, and recognised where they had arrived",
                Again::Doubled => "sent again, and there twice where they had arrived",
            };
            self.progress.say(&format!("{line}: {} not acknowledged, {fate}", self.window.in_flight()));
        }
        loop {
            let connected = connect(&self.target, &self.options);
            match self.outage.attempt(&mut self.interrupt, connected).await {
                Attempt::Made(Ok(link)) => self.link = link,
                Attempt::Made(Err(refused @ Error::Auth(_))) => return Err(refused.into()),
                Attempt::GivenUp | Attempt::Interrupted => return Err(self.outage.verdict(error).into()),
                Attempt::Made(Err(missed)) => {
                    if let Some(line) = self.outage.missed(&missed) {
                        self.progress.say(&line);
                    }
                    // Whoever was named last may be gone, and the others know who has its place.
                    self.target.clone_from(&self.seed);
                    continue;
                }
            }
            self.window.unanswered().for_each(|requests| self.link.queue_encoded(requests));
            self.due_since = Instant::now();
            return Ok(());
        }
    }
}

/// A connection to a server that is ready: one that is not would refuse all that is in flight.
async fn connect(target: &Target, options: &Options) -> std::result::Result<Link, Error> {
    let mut link = Link::connect(target, options).await?;
    if let Value::Error(text) = link.call(["PING"]).await? {
        let error = Error::from_error_reply(text);
        if Cause::of(&error).is_some() {
            return Err(error);
        }
    }
    Ok(link)
}

fn has_code(error: &Error, codes: &[&str]) -> bool {
    matches!(error, Error::Reply(reply) if codes.contains(&reply.code()))
}
