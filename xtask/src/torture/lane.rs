//! Keys that one client has for itself, and so a history that leaves no doubt.
//!
//! ```text
//!   start ──op──► ──op──► ──op──► ──op──► ──op──►
//!                       acknowledged │  in flight
//!                                    └──── what is found after a kill is one of the states from here on
//! ```
//!
//! Invariant: every op means one thing in each state, so the state after the first `n` is known without asking.
//! A kill may keep any number of those in flight, but as a prefix: one connection's requests run in order, and MULTI is
//! one op. What clients share cannot be told so exactly; it is checked in `queues` and `groups`.

use std::collections::{BTreeMap, VecDeque};

use anyhow::{Result, bail, ensure};
use rbq_resp::Value;

use super::Loss;
use super::wire::{Request, words};

/// Consumers of a lane's group.
pub(crate) const CONSUMERS: [&str; 2] = ["ann", "bob"];

/// How often a pending entry was delivered, and to whom last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) consumer: usize,
    pub(crate) deliveries: u64,
}

/// A lane's keys in a database that no other client uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Away {
    pub(crate) list: VecDeque<u64>,
    /// What was moved there.
    pub(crate) moved: VecDeque<u64>,
}

/// Everything under a lane's keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) list: VecDeque<u64>,
    pub(crate) counter: i64,
    /// A copy of the list.
    pub(crate) copy: VecDeque<u64>,
    /// What is in the lane's own databases.
    pub(crate) away: [Away; 2],
    /// The length of a string that fills the log.
    pub(crate) blob_bytes: usize,
    /// Strings: value and deadline.
    pub(crate) dated: BTreeMap<u8, (u64, Option<u64>)>,
    /// The stream's IDs: each is `number-0`.
    pub(crate) entries: Vec<u64>,
    /// The newest ID that the group has delivered, if there is a group.
    pub(crate) group: Option<u64>,
    pub(crate) pending: BTreeMap<u64, Pending>,
    /// Tags of the entries that were added with IDMP.
    pub(crate) once: Vec<u64>,
}

/// A change, or several in MULTI.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Push(Vec<u64>),
    Pop(usize),
    DeleteList,
    CopyList,
    CopyAway,
    MoveCopy,
    FlushAway(usize),
    SwapAway,
    Increment,
    Blob(usize),
    Set(u8, u64),
    Expire(u8, u64),
    Delete(u8),
    Add(u64),
    Trim(usize),
    DeleteStream,
    CreateGroup,
    Read(usize, usize),
    Ack(Vec<u64>),
    Claim(usize, Vec<u64>),
    AutoClaim(usize, usize),
    /// An entry that is added once, however often it is sent.
    AddOnce(u64),
    TrimOnce(usize),
    /// Changes nothing; its answer waits for a sync, and what comes after it does not leave with it.
    AskSynced(Asking),
    Together(Vec<Op>),
}

/// Which answers say that something is synced.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asking {
    Wait,
    WaitForReplicas,
    Configure,
}

impl State {
    /// What the op makes of it.
    pub(crate) fn apply(&mut self, op: &Op) {
        match op {
            Op::Push(values) => self.list.extend(values),
            Op::Pop(count) => drop(self.list.drain(..(*count).min(self.list.len()))),
            Op::DeleteList => self.list.clear(),
            // What is not there is neither copied nor moved, and nothing is moved over what is there.
            Op::CopyList if self.list.is_empty() => {}
            Op::CopyList => self.copy.clone_from(&self.list),
            Op::CopyAway if self.list.is_empty() => {}
            Op::CopyAway => self.away[0].list.clone_from(&self.list),
            Op::MoveCopy if self.away[1].moved.is_empty() => self.away[1].moved = std::mem::take(&mut self.copy),
            Op::MoveCopy => {}
            Op::FlushAway(which) => self.away[*which] = Away::default(),
            Op::SwapAway => self.away.swap(0, 1),
            Op::Increment => self.counter += 1,
            Op::Blob(bytes) => self.blob_bytes = *bytes,
            Op::Set(slot, value) => drop(self.dated.insert(*slot, (*value, None))),
            Op::Expire(slot, deadline_ms) => {
                if let Some((_, deadline)) = self.dated.get_mut(slot) {
                    *deadline = Some(*deadline_ms);
                }
            }
            Op::Delete(slot) => drop(self.dated.remove(slot)),
            Op::AddOnce(tag) if self.once.contains(tag) => {}
            Op::AddOnce(tag) => self.once.push(*tag),
            Op::TrimOnce(keep) => keep_newest(&mut self.once, *keep),
            Op::AskSynced(_) => {}
            Op::Together(ops) => ops.iter().for_each(|op| self.apply(op)),
            _ => self.apply_to_stream(op),
        }
    }

    fn apply_to_stream(&mut self, op: &Op) {
        match op {
            Op::Add(id) => self.entries.push(*id),
            Op::Trim(keep) => keep_newest(&mut self.entries, *keep),
            Op::DeleteStream => {
                self.entries.clear();
                self.pending.clear();
                self.group = None;
            }
            Op::CreateGroup => self.group = Some(0),
            Op::Read(consumer, count) => {
                let upto = self.group.unwrap_or_default();
                for &id in self.entries.iter().filter(|id| **id > upto).take(*count) {
                    self.group = Some(id);
                    self.pending.insert(id, Pending { consumer: *consumer, deliveries: 1 });
                }
            }
            Op::Ack(ids) => self.pending.retain(|id, _| !ids.contains(id)),
            Op::Claim(consumer, ids) => ids.iter().for_each(|id| self.claim(*consumer, *id)),
            Op::AutoClaim(consumer, count) => {
                let ids: Vec<u64> = self.pending.keys().copied().take(*count).collect();
                ids.iter().for_each(|id| self.claim(*consumer, *id));
            }
            other => unreachable!("{other:?} is no op on a stream"),
        }
    }

    /// A claim of an entry that is no longer in the stream drops it, as Redis does since 7.0.
    fn claim(&mut self, consumer: usize, id: u64) {
        if !self.entries.contains(&id) {
            self.pending.remove(&id);
        } else if let Some(pending) = self.pending.get_mut(&id) {
            *pending = Pending { consumer, deliveries: pending.deliveries + 1 };
        }
    }
}

fn keep_newest(numbers: &mut Vec<u64>, keep: usize) {
    numbers.drain(..numbers.len().saturating_sub(keep));
}

/// The databases that a lane has for itself.
pub(crate) fn database(lane: usize, which: usize) -> usize {
    4 + 2 * lane + which
}

impl Op {
    fn increments(&self) -> i64 {
        match self {
            Op::Increment => 1,
            Op::Together(ops) => ops.iter().map(Op::increments).sum(),
            _ => 0,
        }
    }

    /// What is sent for it. The last reply is the one that acknowledges it.
    pub(crate) fn requests(&self, lane: usize) -> Vec<Request> {
        let joined = |numbers: &[u64]| numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
        let ids = |ids: &[u64]| ids.iter().map(|id| format!("{id}-0")).collect::<Vec<_>>().join(" ");
        let one = match self {
            Op::Push(values) => format!("RPUSH l{lane} {}", joined(values)),
            Op::Pop(count) => format!("LPOP l{lane} {count}"),
            Op::DeleteList => format!("DEL l{lane}"),
            Op::CopyList => format!("COPY l{lane} k{lane} REPLACE"),
            Op::CopyAway => format!("COPY l{lane} w{lane} DB {} REPLACE", database(lane, 0)),
            Op::MoveCopy => format!("MOVE k{lane} {}", database(lane, 1)),
            Op::FlushAway(which) => {
                let there = format!("SELECT {}", database(lane, *which));
                let steps = ["MULTI", &there, "FLUSHDB", "SELECT 0", "EXEC"];
                return steps.into_iter().map(words).collect();
            }
            Op::SwapAway => format!("SWAPDB {} {}", database(lane, 0), database(lane, 1)),
            Op::Increment => format!("INCR c{lane}"),
            Op::Blob(bytes) => format!("SET b{lane} {}", "x".repeat(*bytes)),
            Op::Set(slot, value) => format!("SET e{lane}:{slot} {value}"),
            Op::Expire(slot, deadline_ms) => format!("PEXPIREAT e{lane}:{slot} {deadline_ms}"),
            Op::Delete(slot) => format!("DEL e{lane}:{slot}"),
            Op::Add(id) => format!("XADD x{lane} {id}-0 v {id}"),
            Op::Trim(keep) => format!("XTRIM x{lane} MAXLEN = {keep}"),
            Op::DeleteStream => format!("DEL x{lane}"),
            Op::CreateGroup => format!("XGROUP CREATE x{lane} g 0 MKSTREAM"),
            Op::Read(consumer, count) => {
                format!("XREADGROUP GROUP g {} COUNT {count} STREAMS x{lane} >", CONSUMERS[*consumer])
            }
            Op::Ack(acked) => format!("XACK x{lane} g {}", ids(acked)),
            Op::Claim(consumer, claimed) => format!("XCLAIM x{lane} g {} 0 {}", CONSUMERS[*consumer], ids(claimed)),
            Op::AutoClaim(consumer, count) => {
                format!("XAUTOCLAIM x{lane} g {} 0 0-0 COUNT {count}", CONSUMERS[*consumer])
            }
            Op::AddOnce(tag) => format!("XADD i{lane} IDMP lane{lane} {tag} * v {tag}"),
            Op::TrimOnce(keep) => format!("XTRIM i{lane} MAXLEN = {keep}"),
            Op::AskSynced(Asking::Wait) => "WAITAOF 1 0 0".into(),
            // There are none: it is answered after a millisecond.
            Op::AskSynced(Asking::WaitForReplicas) => "WAITAOF 1 1 1".into(),
            Op::AskSynced(Asking::Configure) => "CONFIG SET maxmemory 0".into(),
            Op::Together(ops) => {
                let mut requests = vec![words("MULTI")];
                requests.extend(ops.iter().flat_map(|op| op.requests(lane)));
                requests.push(words("EXEC"));
                return requests;
            }
        };
        vec![words(&one)]
    }
}

/// An op and when it was sent.
#[derive(Clone, Debug)]
struct Sent {
    op: Op,
    sent_at: u64,
    acked_at: Option<u64>,
}

/// How much of what a lane sent is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Present {
    pub(crate) at_least: usize,
    pub(crate) at_most: usize,
}

/// One client's keys: how they began, and what was done to them since.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) number: usize,
    /// Numbers every value, ID and tag, so that each is there once for ever.
    pub(crate) serial: u64,
    start: State,
    /// With everything that was sent.
    pub(crate) ahead: State,
    sent: Vec<Sent>,
    acked: usize,
    /// The counter after what was acknowledged.
    counted: i64,
    /// The counter as anybody was told it.
    told: i64,
    /// The IDs that entries with IDMP got; a repetition gets the same.
    pub(crate) ids: BTreeMap<u64, String>,
}

impl Lane {
    pub(crate) fn new(number: usize) -> Self {
        let (start, ahead) = Default::default();
        let (sent, ids) = Default::default();
        Self { number, serial: 0, start, ahead, sent, acked: 0, counted: 0, told: 0, ids }
    }

    pub(crate) fn sends(&mut self, op: Op, now: u64) {
        self.ahead.apply(&op);
        self.sent.push(Sent { op, sent_at: now, acked_at: None });
    }

    /// The next op in order is acknowledged.
    pub(crate) fn acknowledged(&mut self, reply: &Value, now: u64) -> Result<()> {
        let sent = &mut self.sent[self.acked];
        sent.acked_at = Some(now);
        self.acked += 1;
        self.counted += sent.op.increments();
        match (&sent.op, reply) {
            (Op::Increment, Value::Integer(counter)) => {
                ensure!(*counter == self.counted, "INCR number {} answers {counter}", self.counted);
                self.told = self.told.max(*counter);
            }
            (Op::AddOnce(tag), Value::Bulk(id)) => {
                let id = String::from_utf8_lossy(id).into_owned();
                let first = self.ids.entry(*tag).or_insert_with(|| id.clone());
                ensure!(*first == id, "lane {}: tag {tag} had the ID {first}, a repetition got {id}", self.number);
            }
            (Op::Together(ops), Value::Array(replies)) => {
                ensure!(replies.len() == ops.len(), "EXEC answers {} of {} commands", replies.len(), ops.len());
            }
            (Op::Together(_) | Op::Increment | Op::AddOnce(_), other) => bail!("{:?} answers {other:?}", sent.op),
            _ => {}
        }
        Ok(())
    }

    /// Somebody else was told the counter.
    pub(crate) fn tell(&mut self, counter: i64) {
        self.told = self.told.max(counter);
    }

    /// Which prefixes of what was sent lead to what was found.
    pub(crate) fn check(&self, found: &State, loss: Loss) -> Result<Present> {
        let least = if loss == Loss::Nothing { self.acked } else { 0 };
        let mut state = self.start.clone();
        let mut fitting = Vec::new();
        for count in 0..=self.sent.len() {
            if count > 0 {
                state.apply(&self.sent[count - 1].op);
            }
            if count >= least && state == *found {
                fitting.push(count);
            }
        }
        let (Some(&at_least), Some(&at_most)) = (fitting.first(), fitting.last()) else {
            bail!("{}", self.story(found));
        };
        let told = found.counter >= self.told || loss == Loss::Suffix;
        ensure!(told, "lane {}: the counter is {}, and somebody was told {}", self.number, found.counter, self.told);
        Ok(Present { at_least, at_most })
    }

    /// What a human needs to see what went wrong.
    fn story(&self, found: &State) -> String {
        let mut acked = self.start.clone();
        self.sent[..self.acked].iter().for_each(|sent| acked.apply(&sent.op));
        let flying: Vec<&Op> = self.sent[self.acked..].iter().map(|sent| &sent.op).collect();
        let recent: Vec<&Op> = self.sent[..self.acked].iter().rev().take(12).map(|sent| &sent.op).collect();
        format!(
            "lane {}: no prefix of what was sent leads to what was found\n  found        {found:?}\n  acknowledged {acked:?}\n  \
             in flight    {flying:?}\n  before that, newest first {recent:?}",
            self.number
        )
    }

    /// When the newest op that is surely there was sent.
    pub(crate) fn newest_present(&self, present: Present) -> u64 {
        self.sent[..present.at_least].last().map_or(0, |sent| sent.sent_at)
    }

    /// Whether everything that was acknowledged before `tick` is there.
    pub(crate) fn has_all_before(&self, tick: u64, present: Present) -> bool {
        self.sent[present.at_most..].iter().all(|sent| sent.acked_at.is_none_or(|acked_at| acked_at >= tick))
    }

    /// How many ops were acknowledged and are not there.
    pub(crate) fn lost(&self, present: Present) -> u64 {
        self.acked.saturating_sub(present.at_most) as u64
    }

    /// Goes on from what was found.
    pub(crate) fn go_on(&mut self, found: State) {
        (self.counted, self.told) = (found.counter, found.counter);
        self.ids.retain(|tag, _| found.once.contains(tag));
        (self.start, self.ahead) = (found.clone(), found);
        self.sent.clear();
        self.acked = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three increments sent, the first of them acknowledged.
    fn lane() -> Lane {
        let mut lane = Lane::new(0);
        (1..=3).for_each(|tick| lane.sends(Op::Increment, tick));
        lane.acknowledged(&Value::Integer(1), 4).unwrap();
        lane
    }

    fn counter(counter: i64) -> State {
        State { counter, ..State::default() }
    }

    #[test]
    fn what_was_in_flight_may_be_there_or_not() {
        let fits = |found| lane().check(&counter(found), Loss::Nothing).is_ok();
        assert_eq!([0, 1, 2, 3, 4].map(fits), [false, true, true, true, false]);
    }

    #[test]
    fn what_a_reader_was_told_is_there() {
        let mut lane = lane();
        lane.tell(2);
        assert!(lane.check(&counter(1), Loss::Nothing).is_err());
        assert!(lane.check(&counter(2), Loss::Nothing).is_ok());
    }

    #[test]
    fn a_log_without_its_end_may_lack_what_was_acknowledged() {
        let present = lane().check(&counter(0), Loss::Suffix).unwrap();
        assert!(!lane().has_all_before(5, present));
        assert!(lane().has_all_before(4, present));
    }

    #[test]
    fn a_transaction_is_there_whole_or_not_at_all() {
        let mut lane = Lane::new(0);
        lane.sends(Op::Together(vec![Op::Increment, Op::Push(vec![7])]), 1);
        assert!(lane.check(&counter(1), Loss::Nothing).is_err());
        let whole = State { counter: 1, list: VecDeque::from([7]), ..State::default() };
        assert!(lane.check(&whole, Loss::Nothing).is_ok());
    }

    #[test]
    fn what_is_copied_and_moved_is_where_it_went() {
        let mut state = State::default();
        let ops = [
            Op::MoveCopy,
            Op::Push(vec![1]),
            Op::CopyList,
            Op::CopyAway,
            Op::Push(vec![2]),
            Op::MoveCopy,
            Op::CopyList,
        ];
        ops.iter().chain(&[Op::MoveCopy, Op::SwapAway, Op::FlushAway(1)]).for_each(|op| state.apply(op));
        assert_eq!(state.copy, [1, 2], "nothing is moved over what is there");
        assert_eq!(state.away, [Away { moved: VecDeque::from([1]), ..Away::default() }, Away::default()]);
    }

    #[test]
    fn a_claim_takes_an_entry_and_counts() {
        let mut state = State::default();
        for op in [Op::CreateGroup, Op::Add(1), Op::Add(2), Op::Read(0, 2), Op::Trim(1), Op::Claim(1, vec![1, 2])] {
            state.apply(&op);
        }
        assert_eq!(state.pending, BTreeMap::from([(2, Pending { consumer: 1, deliveries: 2 })]));
    }
}
