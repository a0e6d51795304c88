//! Random calls, made on the stream and on its plain counterpart alike.
//!
//! Why not two: what can be drawn and what is done with it are one list, and a call that is in one half only would not be noticed.

use std::sync::Arc;

use crate::{
    Absent, Acks, AutoClaim, BlockLimits, Claim, Claimed, Count, Deletion, Nack, NewId, Order, PendingFilter,
    RefPolicy, Restore, Slice, Stream, StreamId, Take, Trim,
};
use proptest::prelude::*;

use super::naive::{Fields, Group, Naive};

/// An ID that is likely to mean something: the n-th of those there are or were, or any.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pick {
    Known(u16),
    Near(u16, bool),
    Any(u8, u8),
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    Append {
        count: u8,
        gap_ms: u8,
        fields: u8,
    },
    AppendAs(NewId),
    Delete(Pick),
    DeleteEach {
        start: u16,
        stride: u8,
    },
    DeleteWith(Vec<Pick>, RefPolicy),
    AckDelete(u8, Vec<Pick>, RefPolicy),
    TrimLen(u16, RefPolicy),
    TrimId(Pick, RefPolicy),
    SetId(Pick, Option<u16>, Option<Pick>),
    /// Deletes so many of the newest, and takes IDs back to where they were before.
    TakeBack(u8),
    CreateGroup(u8, Pick, Option<u8>),
    DestroyGroup(u8),
    GroupSetId(u8, Pick, Option<u8>),
    RaiseLast(u8, Pick),
    CreateConsumer(u8, u8),
    DeleteConsumer(u8, u8),
    Deliver {
        group: u8,
        consumer: u8,
        limit: u8,
        acks: Acks,
        stop_at: Option<u8>,
    },
    Redeliver {
        group: u8,
        consumer: u8,
        after: Pick,
        limit: u8,
    },
    Ack(u8, Vec<Pick>),
    AckEach {
        group: u8,
        start: u16,
        stride: u8,
    },
    Claim {
        group: u8,
        consumer: u8,
        ids: Vec<Pick>,
        min_idle: u8,
        age: u8,
        count: Count,
        absent: Absent,
    },
    AutoClaim {
        group: u8,
        consumer: u8,
        start: Pick,
        limit: u8,
        min_idle: u8,
        count: Count,
    },
    ClaimIdle {
        group: u8,
        consumer: u8,
        min_idle: u8,
        limit: u8,
    },
    Nack {
        group: u8,
        ids: Vec<Pick>,
        nack: Nack,
        count: Option<u64>,
        absent: Absent,
    },
    Tick(u8),
    Reload,
    Fork,
    Duplicate,
    KeepSlice {
        from: Pick,
        to: Pick,
        backward: bool,
        limit: u8,
    },
}

fn pick() -> impl Strategy<Value = Pick> {
    prop_oneof![
        6 => any::<u16>().prop_map(Pick::Known),
        2 => any::<(u16, bool)>().prop_map(|(at, up)| Pick::Near(at, up)),
        1 => any::<(u8, u8)>().prop_map(|(ms, seq)| Pick::Any(ms, seq % 4)),
    ]
}

fn picks() -> impl Strategy<Value = Vec<Pick>> {
    prop::collection::vec(pick(), 1..6)
}

fn policy() -> impl Strategy<Value = RefPolicy> {
    prop_oneof![Just(RefPolicy::Keep), Just(RefPolicy::Drop), Just(RefPolicy::Acked)]
}

fn count() -> impl Strategy<Value = Count> {
    prop_oneof![3 => Just(Count::Bump), 1 => Just(Count::Keep), 1 => (0u64..1 << 34).prop_map(Count::Set), 1 => any::<u64>().prop_map(Count::Set)]
}

fn absent() -> impl Strategy<Value = Absent> {
    prop_oneof![Just(Absent::Skip), Just(Absent::Create)]
}

fn group() -> impl Strategy<Value = u8> {
    prop_oneof![4 => Just(0u8), 1 => 1u8..4]
}

fn consumer() -> impl Strategy<Value = u8> {
    prop_oneof![6 => 0u8..3, 1 => 0u8..140]
}

pub(super) fn ops() -> impl Strategy<Value = Vec<Op>> {
    let entries = prop_oneof![
        6 => (1u8..60, 0u8..3, any::<u8>()).prop_map(|(count, gap_ms, fields)| Op::Append { count, gap_ms, fields }),
        1 => prop_oneof![
            Just(NewId::Auto),
            (0u64..9).prop_map(NewId::AutoSeq),
            (0u64..300, 0u64..4).prop_map(|(ms, seq)| NewId::Exact(StreamId::new(ms, seq))),
        ].prop_map(Op::AppendAs),
        2 => pick().prop_map(Op::Delete),
        2 => any::<(u16, u8)>().prop_map(|(start, stride)| Op::DeleteEach { start, stride }),
        2 => (picks(), policy()).prop_map(|(ids, policy)| Op::DeleteWith(ids, policy)),
        2 => (group(), picks(), policy()).prop_map(|(group, ids, policy)| Op::AckDelete(group, ids, policy)),
        2 => (0u16..200, policy()).prop_map(|(len, policy)| Op::TrimLen(len, policy)),
        2 => (pick(), policy()).prop_map(|(id, policy)| Op::TrimId(id, policy)),
        1 => (pick(), prop::option::of(0u16..500), prop::option::of(pick())).prop_map(|(a, b, c)| Op::SetId(a, b, c)),
        1 => (1u8..30).prop_map(Op::TakeBack),
    ];
    let groups = prop_oneof![
        3 => (group(), pick(), prop::option::of(any::<u8>())).prop_map(|(a, b, c)| Op::CreateGroup(a, b, c)),
        1 => (1u8..4).prop_map(Op::DestroyGroup),
        1 => (group(), pick(), prop::option::of(any::<u8>())).prop_map(|(a, b, c)| Op::GroupSetId(a, b, c)),
        1 => (group(), pick()).prop_map(|(a, b)| Op::RaiseLast(a, b)),
        1 => (group(), consumer()).prop_map(|(a, b)| Op::CreateConsumer(a, b)),
        1 => (group(), consumer()).prop_map(|(a, b)| Op::DeleteConsumer(a, b)),
    ];
    let acks = prop_oneof![5 => Just(Acks::Required), 1 => Just(Acks::Waived)];
    let delivery = prop_oneof![
        8 => (group(), consumer(), 0u8..255, acks, prop::option::of(0u8..20))
            .prop_map(|(group, consumer, limit, acks, stop_at)| Op::Deliver { group, consumer, limit, acks, stop_at }),
        2 => (group(), consumer(), pick(), any::<u8>())
            .prop_map(|(group, consumer, after, limit)| Op::Redeliver { group, consumer, after, limit }),
        3 => (group(), picks()).prop_map(|(group, ids)| Op::Ack(group, ids)),
        4 => (group(), any::<u16>(), any::<u8>()).prop_map(|(group, start, stride)| Op::AckEach { group, start, stride }),
    ];
    let claims = prop_oneof![
        3 => (group(), consumer(), picks(), 0u8..40, any::<u8>(), count(), absent()).prop_map(
            |(group, consumer, ids, min_idle, age, count, absent)|
                Op::Claim { group, consumer, ids, min_idle, age, count, absent }),
        3 => (group(), consumer(), pick(), 1u8..40, 0u8..40, count()).prop_map(
            |(group, consumer, start, limit, min_idle, count)|
                Op::AutoClaim { group, consumer, start, limit, min_idle, count }),
        3 => (group(), consumer(), 0u8..60, any::<u8>()).prop_map(
            |(group, consumer, min_idle, limit)| Op::ClaimIdle { group, consumer, min_idle, limit }),
        3 => (
            group(),
            picks(),
            prop_oneof![Just(Nack::Silent), Just(Nack::Fail), Just(Nack::Fatal)],
            prop::option::weighted(0.2, 0u64..1 << 40),
            absent(),
        ).prop_map(|(group, ids, nack, count, absent)| Op::Nack { group, ids, nack, count, absent }),
    ];
    let rest = prop_oneof![
        4 => any::<u8>().prop_map(|ms| Op::Tick(ms % 50)),
        1 => Just(Op::Reload),
        1 => Just(Op::Fork),
        1 => Just(Op::Duplicate),
        1 => (pick(), pick(), any::<bool>(), 0u8..80)
            .prop_map(|(from, to, backward, limit)| Op::KeepSlice { from, to, backward, limit }),
    ];
    let op = prop_oneof![6 => entries, 3 => groups, 7 => delivery, 6 => claims, 4 => rest];
    prop::collection::vec(op, 1..60)
}

fn fields_of(kind: u8, number: u64) -> Fields {
    let value = number.to_string().into_bytes();
    match kind % 6 {
        0 => vec![(b"data".to_vec(), value)],
        1 => vec![(b"data".to_vec(), value), (b"more".to_vec(), vec![kind; usize::from(kind)])],
        2 => vec![],
        3 => vec![(vec![], vec![]), (vec![], value)],
        4 => vec![(value.clone(), b"same".to_vec())],
        _ => vec![(b"data".to_vec(), vec![b'x'; 300])],
    }
}

fn borrow(fields: &Fields) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
    fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))
}

fn name(kind: &str, number: u8) -> Vec<u8> {
    format!("{kind}{number}").into_bytes()
}

/// A slice, and what it showed when it was taken.
type Kept = (Slice, Vec<(StreamId, Fields)>);

pub(super) struct World {
    pub(super) stream: Stream,
    pub(super) naive: Naive,
    limits: BlockLimits,
    now: u64,
    known: Vec<StreamId>,
    slices: Vec<Kept>,
    /// Copies, and what they were when they were made.
    forks: Vec<(Stream, Vec<u8>)>,
}

impl World {
    pub(super) fn new(limits: BlockLimits) -> Self {
        Self {
            stream: Stream::default(),
            naive: Naive::default(),
            limits,
            now: 1000,
            known: vec![StreamId::MIN],
            slices: Vec::new(),
            forks: Vec::new(),
        }
    }

    fn id(&self, pick: Pick) -> StreamId {
        let known = |at: u16| self.known[usize::from(at) % self.known.len()];
        match pick {
            Pick::Known(at) => known(at),
            Pick::Near(at, true) => known(at).next().unwrap_or(StreamId::MAX),
            Pick::Near(at, false) => known(at).prev().unwrap_or(StreamId::MIN),
            Pick::Any(ms, seq) => StreamId::new(u64::from(ms) + 950, u64::from(seq)),
        }
    }

    fn append(&mut self, id: NewId, fields: Fields) {
        let got = self.stream.append(id, borrow(&fields), self.now, self.limits);
        assert_eq!(got, self.naive.append(id, fields, self.now));
        self.known.extend(got);
    }

    /// The group's name, made if need be: a group that is missing says little.
    fn group(&mut self, number: u8) -> Vec<u8> {
        let name = name("g", number);
        if !self.naive.groups.contains_key(&name) && number == 0 {
            self.create_group(&name, StreamId::MIN, None);
        }
        name
    }

    fn create_group(&mut self, name: &[u8], last: StreamId, read: Option<u64>) {
        let fresh = self.stream.create_group(name, last, read);
        assert_eq!(fresh, !self.naive.groups.contains_key(name));
        if fresh {
            let read = read.map(|read| read.min(self.naive.added));
            self.naive.groups.insert(name.to_vec(), Group { last, read, ..Group::default() });
        }
    }

    fn consumer(&mut self, group: &[u8], number: u8) -> Option<(Vec<u8>, crate::ConsumerId)> {
        let name = name("c", number);
        let (id, fresh) = self.stream.group_mut(group)?.consumer(&name, self.now);
        let consumers = &mut self.naive.groups.get_mut(group).expect("both have it").consumers;
        assert_eq!(fresh, !consumers.contains_key(&name));
        consumers.entry(name.clone()).or_default().seen_ms = self.now;
        Some((name, id))
    }

    pub(super) fn play(&mut self, op: Op) {
        match op {
            Op::Append { count, gap_ms, fields } => {
                for number in 0..count {
                    self.now += u64::from(gap_ms > 0 && number % gap_ms == 0);
                    self.append(NewId::Auto, fields_of(if number % 9 == 0 { fields } else { 0 }, u64::from(number)));
                }
            }
            Op::AppendAs(id) => self.append(id, fields_of(1, 7)),
            Op::Tick(ms) => self.now += u64::from(ms),
            Op::Reload => self.reload(),
            Op::Fork => self.forks.push((self.stream.clone(), digest(&self.stream))),
            Op::Duplicate => self.duplicate(),
            Op::KeepSlice { from, to, backward, limit } => self.keep_slice(from, to, backward, limit),
            Op::Delete(..)
            | Op::DeleteEach { .. }
            | Op::DeleteWith(..)
            | Op::AckDelete(..)
            | Op::TrimLen(..)
            | Op::TrimId(..)
            | Op::SetId(..)
            | Op::TakeBack(..) => self.play_entries(op),
            Op::CreateGroup(..)
            | Op::DestroyGroup(..)
            | Op::GroupSetId(..)
            | Op::RaiseLast(..)
            | Op::CreateConsumer(..)
            | Op::DeleteConsumer(..) => self.play_groups(op),
            Op::Deliver { .. } | Op::Redeliver { .. } | Op::Ack(..) | Op::AckEach { .. } => self.play_delivery(op),
            Op::Claim { .. } | Op::AutoClaim { .. } | Op::ClaimIdle { .. } | Op::Nack { .. } => self.play_claims(op),
        }
        self.compare();
    }

    /// Goes on with another one, which shares nothing with the first.
    fn duplicate(&mut self) {
        let own = self.stream.duplicate();
        let blocks = |stream: &Stream| -> Vec<_> {
            stream.entries.directory.iter().filter_map(|run| run.block().map(Arc::as_ptr)).collect()
        };
        let (before, after) = (blocks(&self.stream), blocks(&own));
        assert_eq!(before.len(), after.len());
        assert!(before.iter().all(|block| !after.contains(block)));
        self.stream = own;
    }

    fn play_entries(&mut self, op: Op) {
        match op {
            Op::Delete(id) => {
                let id = self.id(id);
                assert_eq!(self.stream.delete(id), self.naive.delete(id));
            }
            Op::DeleteEach { start, stride } => {
                let ids: Vec<_> = self.naive.entries.keys().copied().collect();
                let start = if ids.is_empty() { 0 } else { usize::from(start) % ids.len() };
                for id in ids.into_iter().skip(start).step_by(usize::from(stride % 7) + 1).take(90) {
                    assert_eq!(self.stream.delete(id), self.naive.delete(id));
                }
            }
            Op::DeleteWith(ids, policy) => {
                for id in ids {
                    let id = self.id(id);
                    assert_eq!(self.stream.delete_with(id, policy), self.naive.delete_with(id, policy));
                }
            }
            Op::AckDelete(group, ids, policy) => {
                let group = self.group(group);
                for id in ids {
                    let id = self.id(id);
                    let existed = self.naive.entries.contains_key(&id);
                    let got = self.stream.ack_delete(&group, id, policy);
                    assert_eq!(got.outcome, self.naive.ack_delete(&group, id, policy));
                    assert_eq!(got.deleted, existed && got.outcome == Deletion::Deleted);
                }
            }
            Op::TrimLen(len, policy) => {
                let trim = Trim::MaxLen(u64::from(len));
                assert_eq!(self.stream.trim(trim, policy), self.naive.trim(trim, policy));
            }
            Op::TrimId(id, policy) => {
                let trim = Trim::MinId(self.id(id));
                assert_eq!(self.stream.trim(trim, policy), self.naive.trim(trim, policy));
            }
            Op::SetId(last, added, max_deleted) => {
                let (last, added) = (self.id(last), added.map(u64::from));
                let max_deleted = max_deleted.map(|id| self.id(id));
                let expected = self.naive.set_id(last, added, max_deleted);
                assert_eq!(self.stream.set_id(last, added, max_deleted), expected);
            }
            Op::TakeBack(count) => {
                for id in self.naive.entries.keys().rev().take(count.into()).copied().collect::<Vec<_>>() {
                    assert_eq!(self.stream.delete(id), self.naive.delete(id));
                }
                let smallest = StreamId::new(0, 1);
                for (last, max_deleted) in
                    [(self.naive.last, Some(smallest)), (self.naive.newest().max(smallest), None)]
                {
                    let expected = self.naive.set_id(last, None, max_deleted);
                    assert_eq!(self.stream.set_id(last, None, max_deleted), expected);
                }
            }
            _ => unreachable!("routed here by mistake"),
        }
    }

    fn play_groups(&mut self, op: Op) {
        match op {
            Op::CreateGroup(group, last, read) => {
                let last = self.id(last);
                self.create_group(&name("g", group), last, read.map(u64::from));
            }
            Op::DestroyGroup(group) => {
                let group = name("g", group);
                let destroyed = self.stream.destroy_group(&group).is_some();
                assert_eq!(destroyed, self.naive.groups.remove(&group).is_some());
            }
            Op::GroupSetId(group, id, read) => {
                let (group, id, read) = (self.group(group), self.id(id), read.map(u64::from));
                let Some(mut real) = self.stream.group_mut(&group) else { return };
                real.set_id(id, read);
                let added = self.naive.added;
                let naive = self.naive.groups.get_mut(&group).expect("both have it");
                (naive.last, naive.read) = (id, read.map(|read| read.min(added)));
            }
            Op::RaiseLast(group, id) => {
                let (group, id) = (self.group(group), self.id(id));
                let Some(mut real) = self.stream.group_mut(&group) else { return };
                let naive = self.naive.groups.get_mut(&group).expect("both have it");
                assert_eq!(real.raise_last_delivered(id), id > naive.last);
                naive.last = naive.last.max(id);
            }
            Op::CreateConsumer(group, consumer) => {
                let (group, consumer) = (self.group(group), name("c", consumer));
                let Some(mut real) = self.stream.group_mut(&group) else { return };
                let naive = self.naive.groups.get_mut(&group).expect("both have it");
                let fresh = !naive.consumers.contains_key(&consumer);
                assert_eq!(real.create_consumer(&consumer, self.now), fresh);
                naive
                    .consumers
                    .entry(consumer)
                    .or_insert(super::naive::Consumer { seen_ms: self.now, active_ms: None });
            }
            Op::DeleteConsumer(group, consumer) => {
                let (group, consumer) = (self.group(group), name("c", consumer));
                let Some(mut real) = self.stream.group_mut(&group) else { return };
                let naive = self.naive.groups.get_mut(&group).expect("both have it");
                assert_eq!(real.delete_consumer(&consumer), naive.delete_consumer(&consumer));
            }
            _ => unreachable!("routed here by mistake"),
        }
    }

    fn play_delivery(&mut self, op: Op) {
        match op {
            Op::Deliver { group, consumer, limit, acks, stop_at } => {
                let group = self.group(group);
                let Some((consumer, id)) = self.consumer(&group, consumer) else { return };
                let room = usize::from(stop_at.unwrap_or(u8::MAX));
                let mut got = Vec::new();
                let mut real = self.stream.group_mut(&group).expect("both have it");
                let delivery = real.deliver(id, usize::from(limit), acks, self.now, |entry| {
                    if got.len() == room {
                        return Take::Stop;
                    }
                    got.push((entry.id, owned(entry.fields)));
                    Take::Yes
                });
                let limit = usize::from(limit).min(room);
                let expected = self.naive.deliver(&group, &consumer, limit, acks, self.now);
                assert_eq!(got, expected);
                assert_eq!(delivery.len, got.len() as u64);
                assert_eq!(delivery.ends, got.first().map(|first| first.0).zip(got.last().map(|last| last.0)));
            }
            Op::Redeliver { group, consumer, after, limit } => {
                let (group, after, limit) = (self.group(group), self.id(after), usize::from(limit));
                let Some((consumer, id)) = self.consumer(&group, consumer) else { return };
                let mut got = Vec::new();
                let mut real = self.stream.group_mut(&group).expect("both have it");
                let seen = real.redeliver(id, after, limit, self.now, |entry| {
                    assert!(entry.entry.is_none_or(|inner| inner.id == entry.id));
                    got.push((entry.id, entry.entry.is_some()));
                    Take::Yes
                });
                assert_eq!(got, self.naive.redeliver(&group, &consumer, after, limit, self.now));
                assert_eq!(seen, got.len() as u64);
            }
            Op::Ack(group, ids) => {
                let group = self.group(group);
                for id in ids {
                    self.ack(&group, self.id(id));
                }
            }
            Op::AckEach { group, start, stride } => {
                let group = self.group(group);
                let Some(naive) = self.naive.groups.get(&group) else { return };
                let ids: Vec<_> = naive.pending.keys().copied().collect();
                let start = if ids.is_empty() { 0 } else { usize::from(start) % ids.len() };
                for id in ids.into_iter().skip(start).step_by(usize::from(stride % 5) + 1) {
                    self.ack(&group, id);
                }
            }
            _ => unreachable!("routed here by mistake"),
        }
    }

    fn ack(&mut self, group: &[u8], id: StreamId) {
        let Some(mut real) = self.stream.group_mut(group) else { return };
        let naive = self.naive.groups.get_mut(group).expect("both have it");
        assert_eq!(real.ack(id), naive.remove(id));
    }

    fn play_claims(&mut self, op: Op) {
        let now = self.now;
        match op {
            Op::Claim { group, consumer, ids, min_idle, age, count, absent } => {
                let group = self.group(group);
                let Some((consumer, id)) = self.consumer(&group, consumer) else { return };
                let (min_idle_ms, delivered_ms) = (u64::from(min_idle), now - u64::from(age));
                let claim = Claim { consumer: id, min_idle_ms, delivered_ms, count, absent };
                for id in ids {
                    let id = self.id(id);
                    let mut shown = None;
                    let mut real = self.stream.group_mut(&group).expect("both have it");
                    let got = real.claim(id, &claim, now, |claimed| shown = Some(claimed.entry.id));
                    let naive = &mut self.naive;
                    let expected = naive.claim(&group, &consumer, id, min_idle_ms, delivered_ms, count, absent, now);
                    let expected = match expected {
                        Some(true) => Claimed::Yes,
                        Some(false) => Claimed::Dropped,
                        None => Claimed::No,
                    };
                    assert_eq!(got, expected);
                    assert_eq!(shown, (got == Claimed::Yes).then_some(id));
                }
            }
            Op::AutoClaim { group, consumer, start, limit, min_idle, count } => {
                let (group, start) = (self.group(group), self.id(start));
                let Some((consumer, id)) = self.consumer(&group, consumer) else { return };
                let (limit, min_idle_ms) = (u64::from(limit), u64::from(min_idle));
                let claim = AutoClaim { consumer: id, min_idle_ms, start, limit, count };
                let mut shown = Vec::new();
                let mut real = self.stream.group_mut(&group).expect("both have it");
                let got = real.autoclaim(&claim, now, |claimed| shown.push(claimed.entry.id));
                let (next, claimed, dropped) =
                    self.naive.autoclaim(&group, &consumer, start, limit, min_idle_ms, count, now);
                assert_eq!((got.next, got.dropped), (next, dropped));
                assert_eq!(shown, claimed);
                assert_eq!(got.claimed, claimed.len() as u64);
            }
            Op::ClaimIdle { group, consumer, min_idle, limit } => {
                let group = self.group(group);
                let Some((consumer, id)) = self.consumer(&group, consumer) else { return };
                let (min_idle, limit) = (u64::from(min_idle), usize::from(limit));
                let mut real = self.stream.group_mut(&group).expect("both have it");
                let mut shown = Vec::new();
                let claimed = real.claim_idle(id, min_idle, limit, now, |claimed| {
                    shown.push((claimed.entry.id, claimed.idle_ms, claimed.deliveries));
                    Take::Yes
                });
                assert_eq!(shown, self.naive.claim_idle(&group, &consumer, min_idle, limit, now));
                assert_eq!(claimed, shown.len() as u64);
            }
            Op::Nack { group, ids, nack, count, absent } => {
                let group = self.group(group);
                for id in ids {
                    let id = self.id(id);
                    let Some(mut real) = self.stream.group_mut(&group) else { return };
                    let got = real.nack(id, nack, count, absent);
                    let exists = self.naive.entries.contains_key(&id);
                    let naive = self.naive.groups.get_mut(&group).expect("both have it");
                    assert_eq!(got, naive.nack(exists, id, nack, count, absent));
                }
            }
            _ => unreachable!("routed here by mistake"),
        }
    }

    fn reload(&mut self) {
        let mut restore = Restore::new();
        for section in self.stream.sections() {
            let mut bytes = Vec::new();
            section.encode(&mut bytes);
            restore.push(&bytes).expect("its own sections are sound");
        }
        let restored = restore.finish().expect("its own sections are complete");
        assert_eq!(digest(&restored), digest(&self.stream));
        self.stream = restored;
    }

    fn keep_slice(&mut self, from: Pick, to: Pick, backward: bool, limit: u8) {
        let (from, to, limit) = (self.id(from), self.id(to), usize::from(limit));
        let order = if backward { Order::Backward } else { Order::Forward };
        let slice = self.stream.entries().slice(from, to, order, limit);
        let mut expected: Vec<_> = if from <= to {
            self.naive.entries.range(from..=to).map(|(id, fields)| (*id, fields.clone())).collect()
        } else {
            Vec::new()
        };
        if backward {
            expected.reverse();
        }
        expected.truncate(limit);
        self.slices.push((slice, expected));
    }

    /// Everything that can be seen is alike.
    pub(super) fn compare(&mut self) {
        self.stream.audit();
        let (entries, naive) = (self.stream.entries(), &self.naive);
        assert_eq!(entries.len(), naive.entries.len() as u64);
        assert_eq!(entries.last_id(), naive.last);
        assert_eq!(entries.max_deleted_id(), naive.max_deleted);
        assert_eq!(entries.added(), naive.added);
        assert_eq!(entries.first_id(), naive.first());
        assert_eq!(entries.newest_id(), naive.newest());
        let expected: Vec<_> = naive.entries.iter().map(|(id, fields)| (*id, fields.clone())).collect();
        let all = entries.range(StreamId::MIN, StreamId::MAX);
        assert_eq!(all.map(|entry| (entry.id, owned(entry.fields))).collect::<Vec<_>>(), expected);
        let back = entries.range_rev(StreamId::MIN, StreamId::MAX);
        assert!(back.map(|entry| entry.id).eq(naive.entries.keys().rev().copied()));
        assert_eq!(self.stream.groups_len(), naive.groups.len());
        for (name, group) in &naive.groups {
            self.compare_group(name, group);
        }
        for (slice, expected) in &self.slices {
            let shown = slice.iter().map(|entry| (entry.id, owned(entry.fields)));
            assert!(shown.eq(expected.iter().cloned()), "a slice changed");
        }
        assert!(self.forks.iter().all(|(fork, before)| digest(fork) == *before), "a copy changed");
        self.slices.truncate(4);
        self.forks.truncate(2);
    }

    fn compare_group(&self, name: &[u8], naive: &Group) {
        let real = self.stream.group(name).expect("both have it");
        assert_eq!(real.last_delivered(), naive.last);
        assert_eq!(real.entries_read(), naive.read);
        assert_eq!(real.lag(self.stream.entries()), self.naive.after(naive.last).len() as u64, "lag");
        assert_eq!(real.nacked().collect::<Vec<_>>(), naive.queue);
        assert_eq!(real.nacked_len(), naive.queue.len() as u64);
        let summary = real.pending_summary();
        assert_eq!(summary.len, naive.pending.len() as u64);
        let ends = naive.pending.keys().next().copied().zip(naive.pending.keys().next_back().copied());
        assert_eq!(summary.ends, ends);
        let pending: Vec<_> = real
            .pending(PendingFilter::default(), self.now)
            .map(|entry| (entry.id, entry.consumer.map(<[u8]>::to_vec), entry.delivered_ms, entry.deliveries))
            .collect();
        let expected: Vec<_> = naive
            .pending
            .iter()
            .map(|(id, hold)| (*id, hold.owner.clone(), hold.delivered_ms, hold.deliveries))
            .collect();
        assert_eq!(pending, expected);
        assert_eq!(real.consumers_len(), naive.consumers.len());
        for ((id, consumer), (name, expected)) in real.consumers().zip(&naive.consumers) {
            assert_eq!(consumer.name(), name);
            assert_eq!((consumer.seen_ms(), consumer.active_ms()), (expected.seen_ms, expected.active_ms));
            let owned = naive.owned(name);
            assert_eq!(consumer.pending(), owned.len() as u64);
            let filter = PendingFilter { consumer: Some(id), ..PendingFilter::default() };
            assert!(real.pending(filter, self.now).map(|entry| entry.id).eq(owned));
            let filter = PendingFilter { min_idle_ms: 30, ..filter };
            let idle = real.pending(filter, self.now).map(|entry| entry.delivered_ms);
            assert!(idle.into_iter().all(|delivered| delivered + 30 <= self.now));
        }
    }

    /// What only `&mut` can tell.
    pub(super) fn compare_oldest(&mut self) {
        for (name, naive) in &self.naive.groups {
            let exists = |id: &StreamId| self.naive.entries.contains_key(id);
            let owned = naive.pending.iter().filter(|(id, _)| exists(id)).map(|(_, hold)| hold.delivered_ms);
            let expected = if naive.queue.iter().any(exists) { Some(0) } else { owned.min() };
            let mut real = self.stream.group_mut(name).expect("both have it");
            assert_eq!(real.oldest_claimable_ms(), expected);
        }
    }
}

pub(super) fn owned<'a>(fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Fields {
    fields.map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

pub(super) fn digest(stream: &Stream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.digest(&mut |piece| bytes.extend_from_slice(piece));
    bytes
}
