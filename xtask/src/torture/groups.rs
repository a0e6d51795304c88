//! A stream that everybody uses, and two groups whose consumers take from each other.
//!
//! ```text
//!   producers ─XADD─► stream ─► group ─► new ─XREADGROUP─► pending ─XACK─► done
//!                                                           │   ▲
//!                                                           └───┘ XAUTOCLAIM: other owner, one delivery more
//! ```
//!
//! Invariant: an entry of a group is on that way as far as a consumer was told, and further only by a request in
//! flight. Done is done: it is never pending again. Each claim that was told counts as one delivery, and its owner is
//! one of those who were told since nothing was in flight. Of a log that lost its end that holds for what was told before something
//! began that is in it (see `world`).

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use fastrand::Rng;
use rbq_resp::Value;

use super::Loss;
use super::wire::{Request, Wire, array, text};
use super::world::Span;

pub(crate) const GROUPS: usize = 2;
pub(crate) const CONSUMERS: usize = 2;

/// Entries that a trim leaves.
const KEPT: usize = 60;

/// More than there ever is.
const PENDING_MAX: &str = "100000";

/// A stream's ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Id(u64, u64);

impl Id {
    fn of(value: &Value) -> Result<Self> {
        let text = text(value)?;
        let (ms, sequence) = text.split_once('-').with_context(|| format!("`{text}` is no ID"))?;
        Ok(Self(ms.parse()?, sequence.parse()?))
    }
}

/// What is done with the stream.
#[derive(Clone, Debug)]
pub(crate) enum Job {
    /// So many entries with tags of one producer; several are in MULTI.
    Add(Vec<u64>),
    Trim,
    Read(usize, usize, usize),
    Ack(usize, Vec<Id>),
    AutoClaim(usize, usize, usize),
    /// Shows a reader the newest entry.
    Look,
}

impl Job {
    /// What is sent for it. The last reply is the one that acknowledges it.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let words = |text: String| text.split(' ').map(str::to_owned).collect::<Request>();
        let one = match self {
            Self::Add(tags) => {
                let mut requests: Vec<Request> = tags.iter().map(|tag| words(format!("XADD s * v {tag}"))).collect();
                if requests.len() > 1 {
                    requests.insert(0, words("MULTI".into()));
                    requests.push(words("EXEC".into()));
                }
                return requests;
            }
            Self::Trim => format!("XTRIM s MAXLEN = {KEPT}"),
            Self::Read(group, consumer, count) => {
                format!("XREADGROUP GROUP g{group} w{consumer} COUNT {count} STREAMS s >")
            }
            Self::Ack(group, ids) => {
                let ids: Vec<String> = ids.iter().map(|Id(ms, sequence)| format!("{ms}-{sequence}")).collect();
                format!("XACK s g{group} {}", ids.join(" "))
            }
            Self::AutoClaim(group, consumer, count) => {
                format!("XAUTOCLAIM s g{group} w{consumer} 0 0-0 COUNT {count}")
            }
            Self::Look => "XREVRANGE s + - COUNT 1".to_owned(),
        };
        vec![words(one)]
    }
}

/// A pending entry, as its consumers were told.
#[derive(Clone, Debug)]
struct Pending {
    owners: BTreeSet<usize>,
    deliveries: u64,
    /// When each delivery was told that came since nothing was in flight.
    told_at: Vec<u64>,
    acking: bool,
}

#[derive(Debug, Default)]
struct Group {
    pending: BTreeMap<Id, Pending>,
    /// Entries that are done, and since when that is known.
    done: BTreeMap<Id, u64>,
    /// Reads since nothing was in flight, by the newest entry that each delivered.
    reads: BTreeMap<Id, Span>,
    /// The newest entry whose delivery was told.
    upto: Id,
    /// The newest entry that was delivered when nothing was in flight.
    began_at: Id,
    /// Entries whose delivery was told since then.
    delivered: BTreeSet<Id>,
}

/// An entry that somebody was told of.
#[derive(Clone, Copy, Debug)]
struct Told {
    tag: u64,
    at: u64,
}

/// The stream and its groups, as far as anybody knows.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    /// Entries that were told and may not have been trimmed.
    entries: BTreeMap<Id, Told>,
    /// When tags were sent since nothing was in flight.
    sent: BTreeMap<u64, u64>,
    next_tag: u64,
    newest_told: Id,
    groups: [Group; GROUPS],
}

/// A pending entry, as the server has it.
#[derive(Clone, Copy, Debug)]
struct FoundPending {
    consumer: usize,
    deliveries: u64,
}

/// The stream and its groups, as the server has them.
#[derive(Debug, Default)]
pub(crate) struct Found {
    entries: BTreeMap<Id, u64>,
    last: Id,
    groups: Vec<(Id, BTreeMap<Id, FoundPending>)>,
}

#[cfg(test)]
impl Found {
    /// Nothing but the groups.
    pub(crate) fn nothing() -> Self {
        Self { groups: vec![Default::default(); GROUPS], ..Self::default() }
    }
}

impl Groups {
    pub(crate) fn draw_add(&mut self, rng: &mut Rng) -> Job {
        if rng.u8(..12) == 0 {
            return Job::Trim;
        }
        let count = if rng.u8(..4) == 0 { rng.u64(2..5) } else { 1 };
        self.next_tag += count;
        Job::Add((self.next_tag - count..self.next_tag).collect())
    }

    pub(crate) fn draw_consume(&mut self, group: usize, consumer: usize, rng: &mut Rng) -> Job {
        let pending = &mut self.groups[group].pending;
        let mine = pending.iter_mut().filter(|(_, one)| one.owners.contains(&consumer) && !one.acking);
        let mut mine: Vec<(&Id, &mut Pending)> = mine.collect();
        if mine.len() > 10 || (!mine.is_empty() && rng.u8(..3) == 0) {
            let count = rng.usize(1..=mine.len().min(6));
            mine.truncate(count);
            mine.iter_mut().for_each(|(_, one)| one.acking = true);
            return Job::Ack(group, mine.iter().map(|(id, _)| **id).collect());
        }
        match rng.u8(..4) {
            0 => Job::AutoClaim(group, consumer, rng.usize(1..4)),
            _ => Job::Read(group, consumer, rng.usize(1..5)),
        }
    }

    /// A job is sent.
    pub(crate) fn sends(&mut self, job: &Job, now: u64) {
        if let Job::Add(tags) = job {
            self.sent.extend(tags.iter().map(|tag| (*tag, now)));
        }
    }

    /// A job was answered.
    pub(crate) fn acknowledged(&mut self, job: &Job, reply: Value, span: Span) -> Result<()> {
        let now = span.told_at;
        match job {
            Job::Add(tags) => {
                let ids = if tags.len() > 1 { array(reply)? } else { vec![reply] };
                ensure!(ids.len() == tags.len(), "{} of {} entries were added", ids.len(), tags.len());
                for (id, tag) in ids.iter().zip(tags) {
                    self.shown(Id::of(id)?, *tag, now)?;
                }
            }
            Job::Trim => {}
            Job::Read(group, consumer, _) => {
                for entry in array(reply)?.into_iter().flat_map(|stream| array(stream).unwrap_or_default()).skip(1) {
                    let mut newest = None;
                    for entry in array(entry)? {
                        let (id, tag) = entry_of(entry)?;
                        self.shown(id, tag, now)?;
                        self.groups[*group].delivered(id, *consumer, now)?;
                        newest = newest.max(Some(id));
                    }
                    self.groups[*group].reads.extend(newest.map(|id| (id, span)));
                }
            }
            Job::Ack(group, ids) => {
                for id in ids {
                    self.groups[*group].settled(*id, now);
                }
            }
            Job::AutoClaim(group, consumer, _) => {
                let fields = array(reply)?;
                for entry in array(fields[1].clone())? {
                    self.groups[*group].claimed(entry_of(entry)?.0, *consumer, now);
                }
                for id in array(fields[2].clone())? {
                    // It was trimmed: no longer pending, and never again.
                    self.groups[*group].settled(Id::of(&id)?, now);
                }
            }
            Job::Look => {
                for entry in array(reply)? {
                    let (id, tag) = entry_of(entry)?;
                    self.shown(id, tag, now)?;
                }
            }
        }
        Ok(())
    }

    fn shown(&mut self, id: Id, tag: u64, now: u64) -> Result<()> {
        let known = self.entries.entry(id).or_insert(Told { tag, at: now }).tag;
        ensure!(known == tag, "the entry {id:?} was {known}, and is {tag}");
        self.newest_told = self.newest_told.max(id);
        Ok(())
    }

    /// When the newest request that was surely carried out was sent, by what was found.
    pub(crate) fn newest_present(&self, found: &Found) -> u64 {
        let added = found.entries.values().filter_map(|tag| self.sent.get(tag).copied());
        let each = self.groups.iter().zip(&found.groups);
        let read = each.flat_map(|(group, (upto, _))| group.reads.range(..=*upto).map(|(_, span)| span.sent_at));
        added.chain(read).max().unwrap_or_default()
    }

    /// Compares what was found with what may be, and goes on from it. Something that began at `newest` is there.
    pub(crate) fn check(&mut self, found: &Found, flying: &[(usize, Job)], loss: Loss, newest: u64) -> Result<()> {
        let mut tags = BTreeSet::new();
        for (id, tag) in &found.entries {
            ensure!(*tag < self.next_tag && tags.insert(*tag), "the entry {id:?}, {tag}, is there twice or made up");
            let told = self.entries.get(id).map_or(*tag, |told| told.tag);
            ensure!(told == *tag || loss == Loss::Suffix, "the entry {id:?} was {told}, and is {tag}");
        }
        match loss {
            Loss::Nothing => self.check_entries(found, flying)?,
            Loss::Suffix => self.check_beginning(found, newest)?,
        }
        for number in 0..GROUPS {
            let outcome = match loss {
                Loss::Nothing => self.check_group(number, found, flying),
                Loss::Suffix => self.check_groups_beginning(number, found, flying, newest),
            };
            outcome.with_context(|| format!("group {number}: {found:?}"))?;
        }
        for (group, (upto, pending)) in self.groups.iter_mut().zip(&found.groups) {
            group.go_on(*upto, pending);
        }
        // What is there now stays.
        self.entries = found.entries.iter().map(|(id, tag)| (*id, Told { tag: *tag, at: 0 })).collect();
        self.sent.clear();
        self.newest_told = found.last;
        Ok(())
    }

    /// Every entry that was told before `newest` is there, unless it was trimmed.
    fn check_beginning(&self, found: &Found, newest: u64) -> Result<()> {
        let oldest = found.entries.keys().next().copied().unwrap_or_default();
        for (id, told) in self.entries.iter().filter(|(_, told)| told.at < newest) {
            ensure!(
                *id <= found.last,
                "{id:?} was told before others began what is there, the newest is {:?}",
                found.last
            );
            // A trim takes the oldest, and leaves so many.
            let is_trimmed = *id < oldest && found.entries.len() >= KEPT;
            let is_there = is_trimmed || found.entries.contains_key(id);
            ensure!(is_there, "the entry {id:?}, {told:?}, was there before others began what is there");
        }
        Ok(())
    }

    /// What was told before `newest` of a group holds.
    fn check_groups_beginning(&self, number: usize, found: &Found, flying: &[(usize, Job)], newest: u64) -> Result<()> {
        let group = &self.groups[number];
        let (upto, pending) = &found.groups[number];
        let read = group.reads.iter().rev().find(|(_, span)| span.told_at < newest);
        ensure!(read.is_none_or(|(id, _)| id <= upto), "{read:?} was delivered before others began what is there");
        ensure!(*upto >= group.began_at, "{:?} was delivered long ago", group.began_at);
        for (id, there) in pending {
            let was_done = group.done.get(id).is_some_and(|at| *at < newest);
            ensure!(!was_done, "{id:?} was acknowledged before others began what is there, and is pending");
            let told = group.pending.get(id).map_or(0, |one| one.told_before(newest));
            ensure!(there.deliveries >= told, "{id:?} has {} deliveries, told were {told}", there.deliveries);
        }
        // A claim in flight drops what was trimmed, and nothing else does.
        let claims = flying.iter().any(|(_, job)| matches!(job, Job::AutoClaim(of, ..) if *of == number));
        let oldest = found.entries.keys().next().copied().unwrap_or_default();
        let may_drop = |id: &Id| claims && *id < oldest;
        let missing = group.pending.iter().filter(|(id, _)| !pending.contains_key(id));
        let lost =
            missing.filter(|(_, one)| one.told_before(newest) > 0).find(|(id, one)| !one.acking && !may_drop(id));
        ensure!(lost.is_none(), "the pending entry {lost:?} is lost");
        Ok(())
    }

    fn check_entries(&self, found: &Found, flying: &[(usize, Job)]) -> Result<()> {
        ensure!(found.last >= self.newest_told, "{:?} was told, the newest is {:?}", self.newest_told, found.last);
        // A trim takes the oldest; so of what was told, only what is older than all that is left may be missing.
        let oldest = found.entries.keys().next().copied().unwrap_or_default();
        let lost = self.entries.iter().find(|(id, _)| **id >= oldest && !found.entries.contains_key(id));
        ensure!(lost.is_none(), "the entry {lost:?} is lost");
        ensure!(self.entries.len() < KEPT || found.entries.len() >= KEPT, "a trim keeps {KEPT}: {found:?}");
        for (_, job) in flying {
            let Job::Add(tags) = job else { continue };
            let there = tags.iter().filter(|tag| found.entries.values().any(|found| found == *tag)).count();
            let trimmed = found.entries.values().any(|found| found > &tags[0]) && there < tags.len();
            ensure!(there == 0 || there == tags.len() || trimmed, "of {tags:?} only {there} are there");
        }
        Ok(())
    }

    fn check_group(&self, number: usize, found: &Found, flying: &[(usize, Job)]) -> Result<()> {
        let group = &self.groups[number];
        let (upto, pending) = &found.groups[number];
        let (mut may_read, mut may_claim) = ([0; CONSUMERS], [0; CONSUMERS]);
        for (_, job) in flying {
            match job {
                Job::Read(of, consumer, count) if *of == number => may_read[*consumer] += *count,
                Job::AutoClaim(of, consumer, count) if *of == number => may_claim[*consumer] += *count,
                _ => {}
            }
        }
        ensure!(*upto >= group.upto, "{:?} was delivered, and the group is at {upto:?}", group.upto);
        let claims = may_claim.iter().filter(|count| **count > 0).count() as u64;
        let reads = may_read.iter().sum::<usize>();
        for (id, there) in pending {
            ensure!(!group.done.contains_key(id), "{id:?} was acknowledged and is pending");
            let told = group.pending.get(id);
            // Its delivery may be in flight, while a claim of it was told already.
            let unread = u64::from(reads > 0 && *id > group.began_at && !group.delivered.contains(id));
            ensure!(told.is_some() || unread > 0, "{id:?} was delivered by nobody");
            let deliveries = told.map_or(0, |one| one.deliveries);
            let counted = (deliveries.max(1)..=deliveries + claims + unread).contains(&there.deliveries);
            ensure!(counted, "{id:?} has {} deliveries, told were {deliveries}", there.deliveries);
            let was_told = told.is_some_and(|one| one.owners.contains(&there.consumer));
            let by_flying = may_claim[there.consumer] > 0 || (unread > 0 && may_read[there.consumer] > 0);
            ensure!(was_told || by_flying, "{id:?} belongs to {}, told were {told:?}", there.consumer);
        }
        let unread = pending.keys().filter(|id| !group.pending.contains_key(id)).count();
        ensure!(unread <= reads, "{unread} entries were delivered by nobody");
        // A claim in flight drops what was trimmed, and nothing else does.
        let oldest = found.entries.keys().next().copied().unwrap_or_default();
        let may_drop = |id: &Id| claims > 0 && *id < oldest;
        let lost = group.pending.iter().find(|(id, one)| !pending.contains_key(id) && !one.acking && !may_drop(id));
        ensure!(lost.is_none(), "the pending entry {lost:?} is lost");
        Ok(())
    }
}

impl Pending {
    /// How many deliveries were told before this.
    fn told_before(&self, now: u64) -> u64 {
        let later = self.told_at.iter().filter(|at| **at >= now).count() as u64;
        self.deliveries - later
    }
}

impl Group {
    fn delivered(&mut self, id: Id, consumer: usize, now: u64) -> Result<()> {
        ensure!(id > self.began_at, "{id:?} was delivered long ago and is delivered as new");
        ensure!(self.delivered.insert(id), "{id:?} is delivered as new for the second time");
        self.upto = self.upto.max(id);
        self.claimed(id, consumer, now);
        Ok(())
    }

    fn settled(&mut self, id: Id, now: u64) {
        self.pending.remove(&id);
        self.done.entry(id).or_insert(now);
    }

    /// Replies of two consumers may come in another order than what they tell of.
    fn claimed(&mut self, id: Id, consumer: usize, now: u64) {
        if self.done.contains_key(&id) {
            return;
        }
        let fresh = || Pending { owners: BTreeSet::new(), deliveries: 0, told_at: Vec::new(), acking: false };
        let one = self.pending.entry(id).or_insert_with(fresh);
        one.owners.insert(consumer);
        one.deliveries += 1;
        one.told_at.push(now);
    }

    fn go_on(&mut self, upto: Id, found: &BTreeMap<Id, FoundPending>) {
        let pending = |one: &FoundPending| Pending {
            owners: BTreeSet::from([one.consumer]),
            deliveries: one.deliveries,
            told_at: Vec::new(),
            acking: false,
        };
        self.done.retain(|id, _| *id <= upto && !found.contains_key(id));
        let settled = self.pending.keys().filter(|id| **id <= upto && !found.contains_key(id));
        self.done.extend(settled.map(|id| (*id, 0)));
        // What is done now stays done, whatever is lost.
        self.done.values_mut().for_each(|at| *at = 0);
        self.reads.clear();
        self.pending = found.iter().map(|(id, one)| (*id, pending(one))).collect();
        (self.upto, self.began_at) = (upto, upto);
        self.delivered.clear();
    }
}

fn entry_of(entry: Value) -> Result<(Id, u64)> {
    let fields = array(entry)?;
    let tag = text(&array(fields[1].clone())?[1])?;
    Ok((Id::of(&fields[0])?, tag.parse()?))
}

/// Asks for the stream and its groups, which are made if they are not there.
pub(crate) fn read(wire: &mut Wire) -> Result<Found> {
    let mut found = Found::default();
    for entry in array(wire.ask("XRANGE s - +")?)? {
        let (id, tag) = entry_of(entry)?;
        found.entries.insert(id, tag);
    }
    found.last = Id::of(&field(wire.ask("XINFO STREAM s")?, b"last-generated-id")?)?;
    for (number, group) in array(wire.ask("XINFO GROUPS s")?)?.into_iter().enumerate() {
        let upto = Id::of(&field(group, b"last-delivered-id")?)?;
        let mut pending = BTreeMap::new();
        for one in array(wire.ask(&format!("XPENDING s g{number} - + {PENDING_MAX}"))?)? {
            let fields = array(one)?;
            let consumer = text(&fields[1])?.trim_start_matches('w').parse()?;
            let Value::Integer(deliveries) = fields[3] else { bail!("XPENDING tells no count") };
            pending.insert(Id::of(&fields[0])?, FoundPending { consumer, deliveries: u64::try_from(deliveries)? });
        }
        found.groups.push((upto, pending));
    }
    ensure!(found.groups.len() == GROUPS, "there are {} groups", found.groups.len());
    Ok(found)
}

fn field(value: Value, name: &[u8]) -> Result<Value> {
    let fields = array(value)?;
    let at = fields.iter().position(|field| field.as_bytes() == Some(name));
    Ok(fields[at.with_context(|| format!("there is no {}", String::from_utf8_lossy(name)))? + 1].clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: Id = Id(7, 0);

    const READ: Span = Span { sent_at: 3, told_at: 4 };
    const ACK: Span = Span { sent_at: 5, told_at: 6 };

    fn id() -> Value {
        Value::Bulk("7-0".into())
    }

    /// A read's answer with the entry.
    fn told_entry() -> Value {
        let bulk = |text: &'static str| Value::Bulk(text.into());
        let entry = Value::Array(vec![id(), Value::Array(vec![bulk("v"), bulk("0")])]);
        Value::Array(vec![Value::Array(vec![bulk("s"), Value::Array(vec![entry])])])
    }

    /// One entry, delivered to the first consumer of the first group.
    fn delivered() -> Groups {
        let mut groups = Groups { next_tag: 1, ..Groups::default() };
        groups.sends(&Job::Add(vec![0]), 1);
        groups.acknowledged(&Job::Add(vec![0]), id(), Span { sent_at: 1, told_at: 2 }).unwrap();
        groups.acknowledged(&Job::Read(0, 0, 1), told_entry(), READ).unwrap();
        groups
    }

    fn found(pending: Option<(usize, u64)>) -> Found {
        let pending = pending.map(|(consumer, deliveries)| (ENTRY, FoundPending { consumer, deliveries }));
        let groups = vec![(ENTRY, pending.into_iter().collect()), (Id::default(), BTreeMap::new())];
        Found { entries: BTreeMap::from([(ENTRY, 0)]), last: ENTRY, groups }
    }

    fn fits(mut groups: Groups, pending: Option<(usize, u64)>, flying: &[(usize, Job)]) -> bool {
        groups.check(&found(pending), flying, Loss::Nothing, 0).is_ok()
    }

    #[test]
    fn a_delivered_entry_is_pending_with_its_owner_and_its_count() {
        assert!(fits(delivered(), Some((0, 1)), &[]));
        for other in [None, Some((1, 1)), Some((0, 2))] {
            assert!(!fits(delivered(), other, &[]), "{other:?}");
        }
    }

    #[test]
    fn a_claim_in_flight_took_place_or_not() {
        let claim = [(0, Job::AutoClaim(0, 1, 1))];
        assert!(fits(delivered(), Some((0, 1)), &claim));
        assert!(fits(delivered(), Some((1, 2)), &claim));
        assert!(!fits(delivered(), None, &claim));
    }

    #[test]
    fn an_acknowledged_entry_is_never_pending_again() {
        let mut groups = delivered();
        groups.acknowledged(&Job::Ack(0, vec![ENTRY]), Value::Integer(1), ACK).unwrap();
        assert!(!fits(groups, Some((0, 1)), &[]));
    }

    #[test]
    fn an_entry_is_delivered_as_new_once() {
        let mut groups = delivered();
        assert!(groups.groups[0].delivered(ENTRY, 1, 5).is_err());
        groups.check(&found(Some((0, 1))), &[], Loss::Nothing, 0).unwrap();
        assert!(groups.groups[0].delivered(ENTRY, 1, 5).is_err());
    }

    fn begins(mut groups: Groups, found: &Found, newest: u64) -> bool {
        groups.check(found, &[], Loss::Suffix, newest).is_ok()
    }

    /// The entry, which nobody has read.
    fn unread() -> Found {
        Found { groups: Found::nothing().groups, ..found(None) }
    }

    #[test]
    fn what_is_there_tells_how_far_a_log_goes() {
        assert_eq!(delivered().newest_present(&Found::nothing()), 0);
        assert_eq!(delivered().newest_present(&unread()), 1);
        assert_eq!(delivered().newest_present(&found(None)), READ.sent_at);
    }

    #[test]
    fn a_log_without_its_end_has_what_was_told_before_it_ends() {
        // The entry was told at 2, its delivery at 4.
        for (found, ends_before) in [(Found::nothing(), 2), (unread(), 4), (found(None), 4)] {
            assert!(begins(delivered(), &found, ends_before), "{found:?}");
            assert!(!begins(delivered(), &found, ends_before + 1), "{found:?}");
        }
        assert!(begins(delivered(), &found(Some((0, 1))), 9));
    }

    #[test]
    fn what_was_acknowledged_or_claimed_before_a_log_ends_stays_so() {
        let acked = || {
            let mut groups = delivered();
            groups.acknowledged(&Job::Ack(0, vec![ENTRY]), Value::Integer(1), ACK).unwrap();
            groups
        };
        assert!(begins(acked(), &found(Some((0, 1))), 6) && !begins(acked(), &found(Some((0, 1))), 7));
        assert!(begins(acked(), &found(None), 7));
        let claimed = || {
            let mut groups = delivered();
            groups.groups[0].claimed(ENTRY, 1, 6);
            groups
        };
        assert!(begins(claimed(), &found(Some((0, 1))), 6) && !begins(claimed(), &found(Some((0, 1))), 7));
        assert!(begins(claimed(), &found(Some((1, 2))), 7));
    }

    #[test]
    fn what_was_found_once_is_there_whatever_is_lost() {
        let settled = |pending| {
            let mut groups = delivered();
            groups.check(&found(pending), &[], Loss::Suffix, 1).unwrap();
            groups
        };
        let pending = Some((0, 1));
        assert!(begins(settled(pending), &found(pending), 1) && begins(settled(None), &found(None), 1));
        assert!(!begins(settled(pending), &found(None), 1) && !begins(settled(None), &found(pending), 1));
        assert!(!begins(settled(pending), &Found::nothing(), 1) && !begins(settled(pending), &unread(), 1));
    }
}
