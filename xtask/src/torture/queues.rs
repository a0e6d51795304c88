//! Queues that everybody uses: each message is in one place.
//!
//! ```text
//!   producer ─RPUSH─► queue ─┬─ LPOP ───────────────────────────► gone
//!                            └─ BLMOVE ─► processing ─── LREM ──► gone
//! ```
//!
//! Invariant: a message that was acknowledged, or that anybody was shown, is in exactly one of these places, and one
//! step further at most than its clients were told: a step further only if the request for it was in flight. Messages
//! of a producer keep their order, and nothing that was taken from a queue is in it again.
//!
//! Who took what is not known in advance, other than in a lane. So the facts are kept by message: known, moved, gone; and since
//! when, because a log that lost its end has all that was told before something began that is in it (see `world`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Context as _, Result, bail, ensure};
use fastrand::Rng;
use rbq_resp::Value;

use super::Loss;
use super::wire::{Request, Wire, array, text};
use super::world::Span;

pub(crate) const QUEUES: usize = 2;
pub(crate) const MOVERS: usize = 2;

/// The taker that is no mover.
const POPPER: usize = MOVERS;

/// Producers stop above so many messages, so that a check stays cheap.
const LIVE_MAX: usize = 200;

/// How long a mover waits for a message, in seconds: short, so that its connection goes on to tell of the end.
const BLOCK_S: &str = "0.02";

/// Messages a mover holds before it finishes one.
const HELD_MAX: usize = 6;

/// A message: who sent it, through which queue, and the how manieth it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Message {
    producer: usize,
    queue: usize,
    number: u64,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.producer, self.queue, self.number)
    }
}

impl Message {
    fn of(value: &Value) -> Result<Self> {
        let text = text(value)?;
        let numbers: Vec<u64> = text.split(':').map(str::parse).collect::<Result<_, _>>().context(text.clone())?;
        let &[producer, queue, number] = numbers.as_slice() else { bail!("`{text}` is no message of ours") };
        Ok(Self { producer: usize::try_from(producer)?, queue: usize::try_from(queue)?, number })
    }

    fn road(self) -> Road {
        (self.producer, self.queue)
    }
}

/// From a producer through a queue: where order is kept.
type Road = (usize, usize);

/// What is done with queues.
#[derive(Clone, Debug)]
pub(crate) enum Job {
    /// One RPUSH for each queue; in MULTI when there are several.
    Push(Vec<Message>),
    Pop(usize, usize),
    Move(usize, usize),
    Finish(usize, Message),
    Look(usize),
}

impl Job {
    /// What is sent for it. The last reply is the one that acknowledges it.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let words = |text: String| text.split(' ').map(str::to_owned).collect::<Request>();
        match self {
            Self::Push(messages) => {
                let mut by_queue: BTreeMap<usize, String> = BTreeMap::new();
                for message in messages {
                    let line = by_queue.entry(message.queue).or_insert_with(|| format!("RPUSH q{}", message.queue));
                    line.push_str(&format!(" {message}"));
                }
                let mut requests: Vec<Request> = by_queue.into_values().map(words).collect();
                if requests.len() > 1 {
                    requests.insert(0, words("MULTI".into()));
                    requests.push(words("EXEC".into()));
                }
                requests
            }
            Self::Pop(queue, count) => vec![words(format!("LPOP q{queue} {count}"))],
            Self::Move(mover, queue) => vec![words(format!("BLMOVE q{queue} held{mover} LEFT RIGHT {BLOCK_S}"))],
            Self::Finish(mover, message) => vec![words(format!("LREM held{mover} 1 {message}"))],
            Self::Look(queue) => vec![words(format!("LRANGE q{queue} 0 -1"))],
        }
    }
}

/// What is known of a message.
#[derive(Clone, Copy, Debug, Default)]
struct Fate {
    /// When it was sent.
    sent_at: u64,
    /// When it was acknowledged, or first shown to somebody.
    known_at: Option<u64>,
    /// When it left its queue, as its taker was told.
    taken: Option<Span>,
    /// The mover that has it, or had it before it finished it.
    held_by: Option<usize>,
    finishing: bool,
    /// When somebody was told that it is nowhere any more.
    ended_at: Option<u64>,
}

/// Where messages are.
#[derive(Debug, Default)]
pub(crate) struct Found {
    queues: Vec<Vec<Message>>,
    held: Vec<Vec<Message>>,
}

/// Every message, as far as anybody knows.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    live: BTreeMap<Message, Fate>,
    gone: BTreeMap<Message, Fate>,
    /// The newest message that has left its queue.
    left_upto: BTreeMap<Road, u64>,
    /// The same when nothing was in flight: since then replies of two takers may come in another order than they took.
    left_before: BTreeMap<Road, u64>,
    /// The newest message that each taker got.
    taken_upto: BTreeMap<(usize, Road), u64>,
    numbers: BTreeMap<Road, u64>,
}

impl Queues {
    /// What a producer sends next, unless there is plenty.
    pub(crate) fn draw_push(&mut self, producer: usize, rng: &mut Rng) -> Option<Job> {
        if self.live.len() > LIVE_MAX {
            return None;
        }
        let queues: Vec<usize> = if rng.u8(..3) == 0 { (0..QUEUES).collect() } else { vec![rng.usize(..QUEUES)] };
        let mut messages = Vec::new();
        for queue in queues {
            for _ in 0..rng.usize(1..4) {
                let number = self.numbers.entry((producer, queue)).or_default();
                *number += 1;
                messages.push(Message { producer, queue, number: *number });
            }
        }
        self.live.extend(messages.iter().map(|message| (*message, Fate::default())));
        Some(Job::Push(messages))
    }

    /// What a mover does next.
    pub(crate) fn draw_move(&mut self, mover: usize, rng: &mut Rng) -> Job {
        let held = self.live.iter_mut().filter(|(_, fate)| fate.held_by == Some(mover) && !fate.finishing);
        let mut held: Vec<(&Message, &mut Fate)> = held.collect();
        if !held.is_empty() && (held.len() > HELD_MAX || rng.bool()) {
            let at = rng.usize(..held.len());
            let (message, fate) = &mut held[at];
            fate.finishing = true;
            return Job::Finish(mover, **message);
        }
        Job::Move(mover, rng.usize(..QUEUES))
    }

    /// A job is sent.
    pub(crate) fn sends(&mut self, job: &Job, now: u64) {
        let Job::Push(messages) = job else { return };
        for message in messages {
            self.live.entry(*message).or_default().sent_at = now;
        }
    }

    /// A job was answered.
    pub(crate) fn acknowledged(&mut self, job: &Job, reply: Value, span: Span) -> Result<()> {
        match job {
            Job::Push(messages) => messages.iter().for_each(|message| self.know(*message, span.told_at)),
            Job::Pop(..) => {
                for value in array(reply)? {
                    let message = Message::of(&value)?;
                    let fate = self.leaves(message, POPPER, span)?;
                    self.gone.insert(message, Fate { ended_at: Some(span.told_at), ..fate });
                }
            }
            Job::Move(mover, _) if reply != Value::Null => {
                let message = Message::of(&reply)?;
                let fate = self.leaves(message, *mover, span)?;
                self.live.insert(message, Fate { held_by: Some(*mover), ..fate });
            }
            Job::Move(..) => {}
            Job::Finish(_, message) => {
                ensure!(reply == Value::Integer(1), "message {message} was not where it was moved to: {reply:?}");
                let fate = self.live.remove(message).unwrap_or_default();
                self.gone.insert(*message, Fate { ended_at: Some(span.told_at), ..fate });
            }
            Job::Look(_) => {
                for value in array(reply)? {
                    self.know(Message::of(&value)?, span.told_at);
                }
            }
        }
        Ok(())
    }

    /// One that is gone may be acknowledged later than it was taken.
    fn know(&mut self, message: Message, now: u64) {
        if let Some(fate) = self.live.get_mut(&message) {
            fate.known_at.get_or_insert(now);
        }
    }

    /// What is known of a message that was just taken, which is then nowhere.
    fn leaves(&mut self, message: Message, taker: usize, span: Span) -> Result<Fate> {
        let road = message.road();
        let fate = self.live.remove(&message).filter(|fate| fate.held_by.is_none());
        let mut fate = fate.with_context(|| format!("message {message} was given out twice"))?;
        let before = self.left_before.get(&road).copied().unwrap_or_default();
        let before = before.max(self.taken_upto.insert((taker, road), message.number).unwrap_or_default());
        ensure!(before < message.number, "message {message} came after {before}");
        let upto = self.left_upto.entry(road).or_default();
        *upto = (*upto).max(message.number);
        fate.known_at.get_or_insert(span.told_at);
        fate.taken = Some(span);
        Ok(fate)
    }

    /// When the newest request that was surely carried out was sent, by what was found.
    pub(crate) fn newest_present(&self, found: &Found) -> u64 {
        let pushed = found.queues.iter().chain(&found.held).flatten();
        let pushed = pushed.filter_map(|message| Some(self.fate(*message)?.sent_at));
        let moved = found.held.iter().flatten().filter_map(|message| Some(self.fate(*message)?.taken?.sent_at));
        pushed.chain(moved).max().unwrap_or_default()
    }

    fn fate(&self, message: Message) -> Option<&Fate> {
        self.live.get(&message).or_else(|| self.gone.get(&message))
    }

    /// Compares what was found with what may be. Something that began at `newest` is there.
    pub(crate) fn check(&mut self, found: &Found, flying: &[(usize, Job)], loss: Loss, newest: u64) -> Result<()> {
        self.check_places(found)?;
        match loss {
            Loss::Nothing => {
                self.settle_pushes(found, flying);
                self.check_facts(found, flying)?;
            }
            Loss::Suffix => self.check_beginning(found, flying, newest)?,
        }
        self.go_on(found);
        Ok(())
    }

    /// What holds whatever was lost: no message is in two places, out of order or made up.
    fn check_places(&self, found: &Found) -> Result<()> {
        let mut seen = BTreeSet::new();
        for place in found.queues.iter().chain(&found.held) {
            let mut newest: BTreeMap<Road, u64> = BTreeMap::new();
            for message in place {
                ensure!(seen.insert(*message), "message {message} is there twice: {found:?}");
                let sent = self.numbers.get(&message.road()).is_some_and(|number| message.number <= *number);
                ensure!(sent, "message {message} was never sent");
                let before = newest.insert(message.road(), message.number).unwrap_or_default();
                ensure!(before < message.number, "message {message} stands behind {before}");
            }
        }
        Ok(())
    }

    /// Which of the pushes in flight took place: each whole or not at all, and of a connection the first ones.
    fn settle_pushes(&mut self, found: &Found, flying: &[(usize, Job)]) {
        let there: BTreeSet<Message> = found.queues.iter().chain(&found.held).flatten().copied().collect();
        let mut later: BTreeSet<usize> = BTreeSet::new();
        for (connection, job) in flying.iter().rev() {
            let Job::Push(messages) = job else { continue };
            let took_place = |message: &Message| {
                let known = self.live.get(message).is_none_or(|fate| fate.known_at.is_some());
                known || there.contains(message)
            };
            if messages.iter().any(took_place) || later.contains(connection) {
                later.insert(*connection);
                messages.iter().for_each(|message| self.know(*message, 0));
            }
        }
    }

    fn check_facts(&self, found: &Found, flying: &[(usize, Job)]) -> Result<()> {
        for message in found.queues.iter().chain(&found.held).flatten() {
            ensure!(!self.gone.contains_key(message), "message {message} was acknowledged as taken, and is back");
        }
        for message in found.queues.iter().flatten() {
            let left = self.left_upto.get(&message.road()).copied().unwrap_or_default();
            ensure!(left < message.number, "message {message} is in its queue, and {left} has left it");
        }
        self.check_held(found, flying)?;
        self.check_missing(found, flying, u64::MAX)
    }

    /// All that was told before `newest` has to be there, as something is there that began then.
    fn check_beginning(&self, found: &Found, flying: &[(usize, Job)], newest: u64) -> Result<()> {
        let is_told = |at: Option<u64>| at.is_some_and(|at| at < newest);
        for message in found.queues.iter().flatten() {
            let fate = self.fate(*message).copied().unwrap_or_default();
            let is_back = is_told(fate.taken.map(|span| span.told_at)) || is_told(fate.ended_at);
            ensure!(!is_back, "message {message} is in its queue, and had left it before others began what is there");
        }
        for message in found.held.iter().flatten() {
            let fate = self.fate(*message).copied().unwrap_or_default();
            ensure!(!is_told(fate.ended_at), "message {message} was finished before others began what is there");
        }
        self.check_held(found, flying)?;
        self.check_missing(found, flying, newest)
    }

    /// What is held was moved there, whenever that was.
    fn check_held(&self, found: &Found, flying: &[(usize, Job)]) -> Result<()> {
        let mut may_move = BTreeMap::new();
        for (_, job) in flying {
            if let Job::Move(mover, queue) = job {
                *may_move.entry((*mover, *queue)).or_insert(0_usize) += 1;
            }
        }
        for (mover, held) in found.held.iter().enumerate() {
            for message in held {
                let fate = self.fate(*message).copied().unwrap_or_default();
                if fate.taken.is_none() {
                    let budget = may_move.get_mut(&(mover, message.queue)).filter(|budget| **budget > 0);
                    *budget.with_context(|| format!("message {message} was moved by nobody"))? -= 1;
                } else {
                    ensure!(fate.held_by == Some(mover), "message {message} is held by another");
                }
            }
        }
        Ok(())
    }

    /// What was known before `newest` and is nowhere was taken by somebody.
    fn check_missing(&self, found: &Found, flying: &[(usize, Job)], newest: u64) -> Result<()> {
        let mut may_pop = [0; QUEUES];
        for (_, job) in flying {
            if let Job::Pop(queue, count) = job {
                may_pop[*queue] += *count;
            }
        }
        let held: BTreeSet<Message> = found.held.iter().flatten().copied().collect();
        let mut oldest: BTreeMap<Road, u64> = BTreeMap::new();
        for message in found.queues.iter().flatten() {
            oldest.entry(message.road()).or_insert(message.number);
        }
        let queued: BTreeSet<Message> = found.queues.iter().flatten().copied().collect();
        let missing = self.live.iter().filter(|(message, _)| !held.contains(message) && !queued.contains(message));
        let is_known = |fate: &Fate| fate.known_at.is_some_and(|at| at < newest);
        for (message, fate) in missing.filter(|(_, fate)| is_known(fate) && !fate.finishing) {
            let is_held = fate.held_by.is_some();
            ensure!(!is_held && may_pop[message.queue] > 0, "message {message} is lost: {fate:?}, {found:?}");
            may_pop[message.queue] -= 1;
            let next = oldest.get(&message.road()).copied().unwrap_or(u64::MAX);
            ensure!(message.number < next, "message {message} is lost, and {next}, which came later, is there");
        }
        Ok(())
    }

    /// Goes on from what was found.
    fn go_on(&mut self, found: &Found) {
        // What it did until now it did for good, and is not found again whatever is lost.
        let for_ever = Fate { known_at: Some(0), ended_at: Some(0), ..Fate::default() };
        self.gone.extend(std::mem::take(&mut self.live));
        self.gone.values_mut().for_each(|fate| *fate = for_ever);
        let mut oldest: BTreeMap<Road, u64> = BTreeMap::new();
        for message in found.queues.iter().flatten() {
            self.live.insert(*message, Fate { known_at: Some(0), ..Fate::default() });
            oldest.entry(message.road()).or_insert(message.number);
        }
        for (road, number) in oldest {
            let upto = self.left_upto.entry(road).or_default();
            *upto = (*upto).min(number - 1);
        }
        for (mover, held) in found.held.iter().enumerate() {
            let taken = Some(Span { sent_at: 0, told_at: 0 });
            let fate = Fate { known_at: Some(0), taken, held_by: Some(mover), ..Fate::default() };
            for message in held {
                let upto = self.left_upto.entry(message.road()).or_default();
                *upto = (*upto).max(message.number);
            }
            self.live.extend(held.iter().map(|message| (*message, fate)));
        }
        self.gone.retain(|message, _| !self.live.contains_key(message));
        self.left_before.clone_from(&self.left_upto);
        self.taken_upto.clear();
    }
}

/// Asks where all messages are.
pub(crate) fn read(wire: &mut Wire) -> Result<Found> {
    let mut list = |key: String| -> Result<Vec<Message>> {
        array(wire.ask(&format!("LRANGE {key} 0 -1"))?)?.iter().map(Message::of).collect()
    };
    let queues = (0..QUEUES).map(|queue| list(format!("q{queue}"))).collect::<Result<_>>()?;
    let held = (0..MOVERS).map(|mover| list(format!("held{mover}"))).collect::<Result<_>>()?;
    Ok(Found { queues, held })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Message = Message { producer: 0, queue: 0, number: 1 };
    const SECOND: Message = Message { number: 2, ..FIRST };

    const TAKEN: Span = Span { sent_at: 3, told_at: 4 };
    const FINISHED: Span = Span { sent_at: 5, told_at: 6 };

    fn bulk(message: Message) -> Value {
        Value::Bulk(message.to_string().into())
    }

    /// Both messages are acknowledged.
    fn queues() -> Queues {
        let mut queues = Queues::default();
        queues.numbers.insert(FIRST.road(), 2);
        let push = Job::Push(vec![FIRST, SECOND]);
        queues.sends(&push, 1);
        queues.acknowledged(&push, Value::Integer(2), Span { sent_at: 1, told_at: 2 }).unwrap();
        queues
    }

    fn found(queue: &[Message], held: &[Message]) -> Found {
        let with_none = |first: &[Message], count| {
            let mut places = vec![Vec::new(); count];
            places[0] = first.to_vec();
            places
        };
        Found { queues: with_none(queue, QUEUES), held: with_none(held, MOVERS) }
    }

    fn fits(mut queues: Queues, found: &Found, flying: &[(usize, Job)]) -> bool {
        queues.check(found, flying, Loss::Nothing, 0).is_ok()
    }

    #[test]
    fn an_acknowledged_message_is_there_unless_somebody_was_about_to_take_it() {
        assert!(fits(queues(), &found(&[FIRST, SECOND], &[]), &[]));
        assert!(!fits(queues(), &found(&[SECOND], &[]), &[]));
        assert!(fits(queues(), &found(&[SECOND], &[]), &[(0, Job::Pop(0, 1))]));
        assert!(!fits(queues(), &found(&[FIRST], &[]), &[(0, Job::Pop(0, 1))]));
    }

    #[test]
    fn a_taken_message_does_not_come_back() {
        let mut taken = queues();
        taken.acknowledged(&Job::Pop(0, 1), Value::Array(vec![bulk(FIRST)]), TAKEN).unwrap();
        assert!(!fits(taken, &found(&[FIRST, SECOND], &[]), &[]));
    }

    #[test]
    fn a_message_is_in_one_place() {
        assert!(!fits(queues(), &found(&[FIRST, SECOND], &[FIRST]), &[(0, Job::Move(0, 0))]));
        assert!(fits(queues(), &found(&[SECOND], &[FIRST]), &[(0, Job::Move(0, 0))]));
        assert!(!fits(queues(), &found(&[SECOND], &[FIRST]), &[]));
    }

    #[test]
    fn a_moved_message_is_not_given_out_again() {
        let mut moved = queues();
        moved.acknowledged(&Job::Move(0, 0), bulk(FIRST), TAKEN).unwrap();
        assert!(moved.acknowledged(&Job::Pop(0, 1), Value::Array(vec![bulk(FIRST)]), FINISHED).is_err());
    }

    fn begins(mut queues: Queues, found: &Found, flying: &[(usize, Job)], newest: u64) -> bool {
        queues.check(found, flying, Loss::Suffix, newest).is_ok()
    }

    #[test]
    fn what_is_there_tells_how_far_a_log_goes() {
        let mut moved = queues();
        moved.acknowledged(&Job::Move(0, 0), bulk(FIRST), TAKEN).unwrap();
        assert_eq!(moved.newest_present(&found(&[], &[])), 0);
        assert_eq!(moved.newest_present(&found(&[FIRST], &[])), 1);
        assert_eq!(moved.newest_present(&found(&[], &[FIRST])), TAKEN.sent_at);
    }

    #[test]
    fn a_log_without_its_end_has_what_was_acknowledged_before_it_ends() {
        // It was acknowledged at 2.
        assert!(begins(queues(), &found(&[], &[]), &[], 2));
        assert!(!begins(queues(), &found(&[], &[]), &[], 3));
        assert!(begins(queues(), &found(&[SECOND], &[]), &[(0, Job::Pop(0, 1))], 3));
        assert!(!begins(queues(), &found(&[FIRST], &[]), &[(0, Job::Pop(0, 1))], 3));
    }

    #[test]
    fn what_was_taken_or_finished_before_a_log_ends_is_not_back() {
        let taken = || {
            let mut queues = queues();
            queues.acknowledged(&Job::Move(0, 0), bulk(FIRST), TAKEN).unwrap();
            queues.acknowledged(&Job::Finish(0, FIRST), Value::Integer(1), FINISHED).unwrap();
            queues
        };
        for (queue, held, ends_before) in [(&[FIRST, SECOND][..], &[][..], 4), (&[SECOND][..], &[FIRST][..], 6)] {
            assert!(begins(taken(), &found(queue, held), &[], ends_before), "{ends_before}");
            assert!(!begins(taken(), &found(queue, held), &[], ends_before + 1), "{ends_before}");
        }
        assert!(begins(taken(), &found(&[SECOND], &[]), &[], 7));
        let other = Found { held: vec![vec![], vec![FIRST]], ..found(&[SECOND], &[]) };
        assert!(!begins(taken(), &other, &[], 0), "it was another's");
    }

    #[test]
    fn what_was_found_once_is_there_whatever_is_lost() {
        let mut settled = queues();
        settled.check(&found(&[SECOND], &[FIRST]), &[(0, Job::Move(0, 0))], Loss::Suffix, 1).unwrap();
        assert!(settled.check(&found(&[], &[FIRST]), &[], Loss::Suffix, 1).is_err());
        assert!(settled.check(&found(&[SECOND], &[]), &[], Loss::Suffix, 1).is_err());
        assert!(settled.check(&found(&[SECOND], &[FIRST]), &[], Loss::Suffix, 1).is_ok());
    }
}
