//! XREADGROUP: new entries, idle ones, and a consumer's own history.
//!
//! The common case (new entries, no bound but COUNT) knows beforehand how many entries each stream will give, for lag
//! is exact, and writes the answer straight. With CLAIM, MAXCOUNT or MAXSIZE that shows only while delivering; then
//! the entries are encoded aside first.

use rbq_resp::{Encoder, Sink};
use rbq_stream::{Acks, ConsumerId, EntryRef, GroupMut, HistoryEntry, StreamId, Take};

use super::pending::note_consumer;
use super::{Done, Work};
use crate::error::Error;
use crate::op::{Cursor, Op, ReadLimits};
use crate::streams::{Budget, head, pair_head, reply_entry, reply_fields, reply_id};

/// After how long at least somebody who waits for idle entries looks again where none is pending.
const LOOK_AGAIN_MS: u64 = 100;

/// XREADGROUP. The op is passed whole: it has more parts than a signature should.
pub(in crate::apply) fn deliver<'a>(work: &mut Work<'_, 'a, impl Sink>, op: &Op<'a>) -> Done {
    let Op::GroupDeliver { group, consumer, keys, ref cursors, limits, claim_ms, no_ack } = *op else {
        unreachable!("the caller matched the op")
    };
    for key in keys {
        let exists = work.stream(key.as_slice())?.is_some_and(|stream| stream.group(group).is_some());
        if !exists {
            return Err(crate::streams::no_group_to_read(key.as_slice(), group));
        }
    }
    let acks = if no_ack { Acks::Waived } else { Acks::Required };
    let read = Read { group, consumer, limits, claim_ms, acks };
    if keys.len() == 1 && cursors[0] == Cursor::New && read.is_plain() {
        let key = keys.iter().next().expect("there is one").as_slice();
        return read.one(work, key);
    }
    let mut budget = Budget::new(limits);
    let (mut streams, mut encoded) = (0, Vec::new());
    for (key, cursor) in keys.iter().zip(cursors) {
        streams += usize::from(read.aside(work, key.as_slice(), *cursor, &mut budget, &mut encoded)?);
    }
    if streams == 0 {
        return work.empty();
    }
    head(streams, work.sink);
    work.sink.raw(&encoded);
    Ok(())
}

/// What is read of every stream.
struct Read<'a> {
    group: &'a [u8],
    consumer: &'a [u8],
    limits: ReadLimits,
    claim_ms: Option<u64>,
    acks: Acks,
}

impl<'a> Read<'a> {
    /// Whether nothing but COUNT bounds it.
    fn is_plain(&self) -> bool {
        self.claim_ms.is_none() && self.limits.max_count.is_none() && self.limits.max_bytes.is_none()
    }

    /// New entries of one stream, straight into the answer.
    fn one<S: Sink>(&self, work: &mut Work<'_, 'a, S>, key: &'a [u8]) -> Done {
        let now_ms = work.stamp.now_ms;
        let (stream, sink) = work.stream_and_sink(key)?.expect("the caller found the stream");
        let mut group = stream.group_mut(self.group).expect("the caller found the group");
        let (consumer, created) = group.consumer(self.consumer, now_ms);
        let mut len = group.lag();
        if self.limits.count > 0 {
            len = len.min(self.limits.count);
        }
        if len > 0 {
            head(1, sink);
            pair_head(sink);
            sink.bulk(key);
            sink.array(len as usize);
            let delivery = group.deliver(consumer, len as usize, self.acks, now_ms, |entry| {
                reply_entry(&entry, sink);
                Take::Yes
            });
            assert_eq!(delivery.len, len, "lag is exact");
        }
        note_consumer(work, key, created);
        work.dirty(len);
        if len == 0 { work.empty() } else { Ok(()) }
    }

    /// What one stream gives, encoded with its key into `out`; whether it gives anything to name.
    fn aside<S: Sink>(
        &self,
        work: &mut Work<'_, 'a, S>,
        key: &'a [u8],
        cursor: Cursor,
        budget: &mut Budget,
        out: &mut Vec<u8>,
    ) -> Result<bool, Error> {
        let now_ms = work.stamp.now_ms;
        let proto = work.sink.proto();
        let (stream, _) = work.stream_and_sink(key)?.expect("the caller found the stream");
        let mut group = stream.group_mut(self.group).expect("the caller found the group");
        let (consumer, created) = group.consumer(self.consumer, now_ms);
        let mut entries = Vec::new();
        let mut sink = Encoder::new(&mut entries, proto);
        budget.next_stream();
        let is_history = cursor != Cursor::New;
        let len = match cursor {
            Cursor::After(id) => history(&mut group, consumer, id, now_ms, budget, &mut sink),
            Cursor::New => self.fresh(&mut group, consumer, now_ms, budget, &mut sink),
        };
        let waits_ms =
            self.claim_ms.filter(|_| len == 0 && !is_history).map(|claim_ms| match group.oldest_claimable_ms() {
                Some(oldest_ms) => oldest_ms.saturating_add(claim_ms).saturating_sub(now_ms).max(1),
                // Something may come to be pending without an entry that is added: by XCLAIM, or by XREADGROUP after XGROUP SETID.
                None => claim_ms.max(LOOK_AGAIN_MS),
            });
        note_consumer(work, key, created);
        work.dirty(len);
        if let Some(waits_ms) = waits_ms {
            let recheck_ms = &mut work.effects.recheck_ms;
            *recheck_ms = Some(recheck_ms.map_or(waits_ms, |other| other.min(waits_ms)));
        }
        if len == 0 && !is_history {
            return Ok(false);
        }
        let mut sink = Encoder::new(out, proto);
        pair_head(&mut sink);
        sink.bulk(key);
        sink.array(len as usize);
        sink.raw(&entries);
        Ok(true)
    }

    /// Idle entries first, if they are claimed, then new ones.
    fn fresh(
        &self,
        group: &mut GroupMut<'_>,
        consumer: ConsumerId,
        now_ms: u64,
        budget: &mut Budget,
        sink: &mut impl Sink,
    ) -> u64 {
        let mut len = 0;
        if let Some(claim_ms) = self.claim_ms {
            len += group.claim_idle(consumer, claim_ms, budget.room(), now_ms, |claimed| {
                if !budget.take(&claimed.entry) {
                    return Take::Stop;
                }
                with_past(&claimed.entry, claimed.idle_ms, claimed.deliveries, sink);
                Take::Yes
            });
        }
        let room = budget.room();
        if room > 0 {
            let claims = self.claim_ms.is_some();
            let delivery = group.deliver(consumer, room, self.acks, now_ms, |entry| {
                if !budget.take(&entry) {
                    return Take::Stop;
                }
                if claims {
                    with_past(&entry, 0, 0, sink);
                } else {
                    reply_entry(&entry, sink);
                }
                Take::Yes
            });
            len += delivery.len;
        }
        len
    }
}

/// With CLAIM an entry tells how long it lay idle and how often it was delivered before.
fn with_past(entry: &EntryRef<'_>, idle_ms: u64, deliveries: u64, sink: &mut impl Sink) {
    sink.array(4);
    reply_id(entry.id, sink);
    reply_fields(entry.fields, sink);
    sink.integer(idle_ms as i64);
    sink.integer(deliveries as i64);
}

fn history(
    group: &mut GroupMut<'_>,
    consumer: ConsumerId,
    after: StreamId,
    now_ms: u64,
    budget: &mut Budget,
    sink: &mut impl Sink,
) -> u64 {
    group.redeliver(consumer, after, budget.room(), now_ms, |HistoryEntry { id, entry }| {
        let taken = match &entry {
            Some(entry) => budget.take(entry),
            None => budget.take_bytes(0),
        };
        if !taken {
            return Take::Stop;
        }
        match entry {
            Some(entry) => reply_entry(&entry, sink),
            None => {
                sink.array(2);
                reply_id(id, sink);
                sink.null_array();
            }
        }
        Take::Yes
    })
}
