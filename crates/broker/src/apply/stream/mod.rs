//! Ops on streams: entries here, groups and deliveries beside.

pub(super) mod deliver;
pub(super) mod group;
pub(super) mod pending;

use rbq_resp::Sink;
use rbq_stream::{AppendError, Appended, IdmpLimits, Iid, NewId, RecordError, RefPolicy, SetIdError, Stream, StreamId};

use super::Work;
use crate::effects::Class;
use crate::error::Error;
use crate::many::Many;
use crate::op::{Ids, OnMissing, Op, Trimming};
use crate::streams::{ID_TOO_SMALL, INVALID_ID, reply_id};
use crate::value::Value;

type Done = Result<(), Error>;

/// XADD. The op is passed whole: it has more parts than a signature should.
pub(super) fn append<'a>(work: &mut Work<'_, 'a, impl Sink>, op: &Op<'a>) -> Done {
    let Op::StreamAppend { key, id, fields, missing, limits, trim, policy, once, idmp } = *op else {
        unreachable!("the caller matched the op")
    };
    let now_ms = work.stamp.now_ms;
    let add = |stream: &mut Stream| match once {
        None => stream.append(id, pairs(fields), now_ms, limits).map(Appended::New),
        Some(once) => {
            let iid = once.iid.map_or(Iid::Fields, Iid::Given);
            stream.append_once(once.pid, iid, pairs(fields), now_ms, limits)
        }
    };
    let appended = match work.stream(key)? {
        Some(stream) => add(stream).map_err(refusal)?,
        None if missing == OnMissing::Refuse => {
            work.sink.null();
            return Ok(());
        }
        None => {
            let mut stream = Stream::new(idmp);
            let appended = add(&mut stream).map_err(refusal)?;
            work.insert(work.stamp.db, key, Value::Stream(Box::new(stream)), None);
            appended
        }
    };
    reply_id(appended.id(), work.sink);
    if let Appended::Duplicate(_) = appended {
        // Only a counter changed.
        work.dirty(1);
        return Ok(());
    }
    work.touch(work.stamp.db, key);
    work.notify(Class::Stream, "xadd", key);
    if let Some(trim) = trim
        && trimmed(work, key, trim, policy)? > 0
    {
        work.notify(Class::Stream, "xtrim", key);
    }
    work.ready(work.stamp.db, key);
    Ok(())
}

pub(super) fn trim<'a>(
    work: &mut Work<'_, 'a, impl Sink>,
    key: &'a [u8],
    trim: Option<Trimming>,
    policy: RefPolicy,
) -> Done {
    let removed = match trim {
        Some(trim) => trimmed(work, key, trim, policy)?,
        None => work.stream(key).map(|_| 0)?,
    };
    if removed > 0 {
        work.touch(work.stamp.db, key);
        work.dirty(removed - 1);
        work.notify(Class::Stream, "xtrim", key);
    }
    work.sink.integer(removed as i64);
    Ok(())
}

fn trimmed<'a>(
    work: &mut Work<'_, 'a, impl Sink>,
    key: &'a [u8],
    trim: Trimming,
    policy: RefPolicy,
) -> Result<u64, Error> {
    let Trimming::Exact(bound) = trim else { unreachable!("an approximate trim is resolved before it is applied") };
    Ok(work.stream(key)?.map_or(0, |stream| stream.trim(bound, policy)))
}

pub(super) fn delete<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], ids: Many<'a>) -> Done {
    let deleted = match work.stream(key)? {
        Some(stream) => valid(ids)?.iter().filter(|id| stream.delete(**id)).count(),
        None => 0,
    };
    deletions(work, key, deleted as u64);
    work.sink.integer(deleted as i64);
    Ok(())
}

pub(super) fn delete_with<'a>(
    work: &mut Work<'_, 'a, impl Sink>,
    key: &'a [u8],
    policy: RefPolicy,
    ids: Many<'a>,
) -> Done {
    let Some((stream, sink)) = work.stream_and_sink(key)? else {
        all_missing(work, ids.len());
        return Ok(());
    };
    let ids = valid(ids)?;
    sink.array(ids.len());
    let before = stream.entries().len();
    for id in &ids {
        sink.integer(stream.delete_with(*id, policy).code());
    }
    let deleted = before - stream.entries().len();
    deletions(work, key, deleted);
    if policy == RefPolicy::Drop {
        // References to entries that were gone before may have been dropped.
        work.dirty(1);
    }
    Ok(())
}

pub(super) fn ack_delete<'a>(
    work: &mut Work<'_, 'a, impl Sink>,
    key: &'a [u8],
    group: &'a [u8],
    policy: RefPolicy,
    ids: Many<'a>,
) -> Done {
    let Some((stream, sink)) = work.stream_and_sink(key)? else {
        all_missing(work, ids.len());
        return Ok(());
    };
    if stream.group(group).is_none() {
        all_missing(work, ids.len());
        return Ok(());
    }
    let ids = valid(ids)?;
    sink.array(ids.len());
    let mut deleted = 0;
    let mut acked = 0;
    for id in &ids {
        let done = stream.ack_delete(group, *id, policy);
        acked += u64::from(done.outcome != rbq_stream::Deletion::Missing);
        deleted += u64::from(done.deleted);
        sink.integer(done.outcome.code());
    }
    work.dirty(acked);
    deletions(work, key, deleted);
    Ok(())
}

/// The IDs, unless one is none.
pub(super) fn valid(ids: Many<'_>) -> Result<Ids, Error> {
    let ids: Option<Ids> = ids.iter().map(|text| StreamId::parse(&text, 0)).collect();
    ids.ok_or(INVALID_ID)
}

fn all_missing(work: &mut Work<'_, '_, impl Sink>, count: usize) {
    work.sink.array(count);
    (0..count).for_each(|_| work.sink.integer(-1));
}

fn deletions<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], deleted: u64) {
    if deleted > 0 {
        work.touch(work.stamp.db, key);
        work.dirty(deleted - 1);
        work.notify(Class::Stream, "xdel", key);
    }
}

pub(super) fn set_id<'a>(
    work: &mut Work<'_, 'a, impl Sink>,
    key: &'a [u8],
    id: StreamId,
    added: Option<u64>,
    max_deleted: Option<StreamId>,
) -> Done {
    let stream = work.stream(key)?.ok_or(Error::NoSuchKey)?;
    stream.set_id(id, added, max_deleted).map_err(|error| {
        Error::Fixed(match error {
            SetIdError::BelowNewest => "ERR The ID specified in XSETID is smaller than the target stream top item",
            SetIdError::BelowDeleted => "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id",
            SetIdError::BelowGivenDeleted => {
                "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"
            }
            SetIdError::AddedBelowLength => {
                "ERR The entries_added specified in XSETID is smaller than the target stream length"
            }
        })
    })?;
    work.dirty(1);
    work.notify(Class::Stream, "xsetid", key);
    work.sink.status("OK");
    Ok(())
}

pub(super) fn configure<'a>(
    work: &mut Work<'_, 'a, impl Sink>,
    key: &'a [u8],
    duration_s: Option<u64>,
    max_iids: Option<u64>,
) -> Done {
    let now_ms = work.stamp.now_ms;
    let stream = work.stream(key)?.ok_or(Error::NoSuchKey)?;
    let mut limits = stream.idmp_stats(now_ms).limits;
    limits.duration_s = duration_s.map_or(limits.duration_s, |seconds| seconds as u32);
    limits.max_iids = max_iids.map_or(limits.max_iids, |count| count as u32);
    if stream.set_idmp_limits(limits) {
        work.touch(work.stamp.db, key);
    }
    work.sink.status("OK");
    Ok(())
}

pub(super) fn record_sent<'a>(
    work: &mut Work<'_, 'a, impl Sink>,
    key: &'a [u8],
    pid: &'a [u8],
    iid: &'a [u8],
    id: StreamId,
) -> Done {
    let now_ms = work.stamp.now_ms;
    let stream = work.stream(key)?.ok_or(Error::NoSuchKey)?;
    stream.record_sent(pid, iid, id, now_ms).map_err(|error| {
        Error::Fixed(match error {
            RecordError::NoEntry => "ERR No such message in stream",
            RecordError::OtherEntry => "ERR IID already exists for this producer with a different stream ID",
        })
    })?;
    work.touch(work.stamp.db, key);
    work.sink.status("OK");
    Ok(())
}

/// `name value name value …` as pairs.
pub(crate) fn pairs<'f>(fields: Many<'f>) -> impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone {
    let mut values = fields.iter();
    std::iter::from_fn(move || Some((values.next()?.as_slice(), values.next()?.as_slice())))
}

fn refusal(error: AppendError) -> Error {
    Error::Fixed(match error {
        AppendError::Zero => return ID_TOO_SMALL,
        AppendError::NotGreater => "ERR The ID specified in XADD is equal or smaller than the target stream top item",
        AppendError::Exhausted => "ERR The stream has exhausted the last possible ID, unable to add more items",
        AppendError::TooLarge => "ERR Elements are too large to be stored",
    })
}

/// Turns an approximate trim into the exact bound that it means for the stream as it is now.
pub(crate) fn resolve(stream: Option<&mut Stream>, op: &mut Op<'_>, now_ms: u64) {
    let (trim, policy, arriving) = match op {
        Op::StreamTrim { trim, policy, .. } => (trim, *policy, None),
        Op::StreamAppend { id, fields, limits, trim, policy, .. } => (trim, *policy, Some((*id, *fields, *limits))),
        _ => return,
    };
    let Some(Trimming::Approximate(bound, limit)) = *trim else { return };
    let mut new = Stream::new(IdmpLimits::default());
    let stream = stream.unwrap_or(&mut new);
    let arriving = arriving.map(|(id, fields, limits): (NewId, Many<'_>, _)| rbq_stream::Arriving {
        id: stream.entries().next_id(id, now_ms).unwrap_or(StreamId::MAX),
        payload: fields.iter().map(|value| value.len()).sum(),
        limits,
    });
    *trim = stream.approximate(bound, limit, policy, arriving).map(Trimming::Exact);
}
