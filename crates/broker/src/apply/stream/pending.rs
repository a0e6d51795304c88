//! Ops on pending entries: acknowledging, claiming, handing back.

use rbq_resp::{Encoder, Sink};
use rbq_stream::{AutoClaim, Claim, Claimed, ClaimedEntry, Count, GroupMut, StreamId};

use super::{Done, Work, valid};
use crate::effects::Class;
use crate::error::Error;
use crate::many::Many;
use crate::op::{ClaimReply, NackMode, Op};
use crate::streams::{no_group, reply_entry, reply_id};

pub(in crate::apply) fn ack<'a>(
    work: &mut Work<'_, 'a, impl Sink>,
    key: &'a [u8],
    group: &'a [u8],
    ids: Many<'a>,
) -> Done {
    let acked = match work.stream(key)?.and_then(|stream| stream.group_mut(group)) {
        Some(mut group) => valid(ids)?.iter().filter(|id| group.ack(**id)).count(),
        None => 0,
    };
    work.dirty(acked as u64);
    work.sink.integer(acked as i64);
    Ok(())
}

/// XCLAIM. The op is passed whole: it has more parts than a signature should.
pub(in crate::apply) fn claim<'a>(work: &mut Work<'_, 'a, impl Sink>, op: &Op<'a>) -> Done {
    let Op::Claim { key, group, consumer, ref ids, terms, reply } = *op else {
        unreachable!("the caller matched the op")
    };
    let now_ms = work.stamp.now_ms;
    let proto = work.sink.proto();
    let mut found = group_of(work, key, group)?;
    let mut changes = terms.last_id.map_or(0, |id| u64::from(found.raise_last_delivered(id)));
    let (consumer, created) = found.consumer(consumer, now_ms);
    let claim = Claim {
        consumer,
        min_idle_ms: terms.min_idle_ms,
        delivered_ms: terms.delivered_ms.unwrap_or(now_ms).min(now_ms),
        count: terms.count,
        absent: terms.absent,
    };
    let (mut claimed, mut encoded) = (0, Vec::new());
    for id in ids {
        let mut show = |entry: ClaimedEntry<'_>| show(&entry, reply, &mut Encoder::new(&mut encoded, proto));
        match found.claim(*id, &claim, now_ms, &mut show) {
            Claimed::Yes => claimed += 1,
            Claimed::Dropped => changes += 1,
            Claimed::No => {}
        }
    }
    work.sink.array(claimed);
    work.sink.raw(&encoded);
    work.dirty(changes + claimed as u64);
    note_consumer(work, key, created);
    Ok(())
}

/// XAUTOCLAIM. The op is passed whole: it has more parts than a signature should.
pub(in crate::apply) fn autoclaim<'a>(work: &mut Work<'_, 'a, impl Sink>, op: &Op<'a>) -> Done {
    let Op::AutoClaim { key, group, consumer, min_idle_ms, start, count, reply } = *op else {
        unreachable!("the caller matched the op")
    };
    let now_ms = work.stamp.now_ms;
    let proto = work.sink.proto();
    let mut found = group_of(work, key, group)?;
    let (consumer, created) = found.consumer(consumer, now_ms);
    let deliveries = match reply {
        ClaimReply::Entries => Count::Bump,
        ClaimReply::Ids => Count::Keep,
    };
    let terms = AutoClaim { consumer, min_idle_ms, start, limit: count, count: deliveries };
    let mut encoded = Vec::new();
    let done = found.autoclaim(&terms, now_ms, |entry| {
        show(&entry, reply, &mut Encoder::new(&mut encoded, proto));
    });
    let sink = &mut *work.sink;
    sink.array(3);
    reply_id(done.next, sink);
    sink.array(done.claimed as usize);
    sink.raw(&encoded);
    sink.array(done.dropped.len());
    done.dropped.iter().for_each(|id| reply_id(*id, sink));
    work.dirty(done.claimed + done.dropped.len() as u64);
    note_consumer(work, key, created);
    Ok(())
}

fn show(entry: &ClaimedEntry<'_>, reply: ClaimReply, sink: &mut impl Sink) {
    match reply {
        ClaimReply::Entries => reply_entry(&entry.entry, sink),
        ClaimReply::Ids => reply_id(entry.entry.id, sink),
    }
}

/// XNACK. The op is passed whole: it has more parts than a signature should.
pub(in crate::apply) fn nack<'a>(work: &mut Work<'_, 'a, impl Sink>, op: &Op<'a>) -> Done {
    let Op::Nack { key, group, mode, ref ids, count, force } = *op else { unreachable!("the caller matched the op") };
    let mut found = group_of(work, key, group)?;
    let mode = match mode {
        NackMode::Silent => rbq_stream::Nack::Silent,
        NackMode::Fail => rbq_stream::Nack::Fail,
        NackMode::Fatal => rbq_stream::Nack::Fatal,
    };
    let absent = if force { rbq_stream::Absent::Create } else { rbq_stream::Absent::Skip };
    let nacked = ids.iter().filter(|id: &&StreamId| found.nack(**id, mode, count, absent)).count();
    work.sink.integer(nacked as i64);
    if nacked > 0 {
        work.dirty(nacked as u64);
        // Whoever waits to claim can have them at once.
        work.ready(work.stamp.db, key);
    }
    Ok(())
}

fn group_of<'w, 'a>(
    work: &'w mut Work<'_, 'a, impl Sink>,
    key: &'a [u8],
    group: &'a [u8],
) -> Result<GroupMut<'w>, Error> {
    work.stream(key)?.and_then(|stream| stream.group_mut(group)).ok_or_else(|| no_group(key, group))
}

/// A consumer that was made on the way.
pub(super) fn note_consumer<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], created: bool) {
    if created {
        work.dirty(1);
        work.notify(Class::Stream, "xgroup-createconsumer", key);
    }
}
