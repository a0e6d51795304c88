//! Ops on groups and consumers.

use rbq_resp::Sink;
use rbq_stream::{GroupMut, Stream, StreamId};

use super::{Done, Work};
use crate::effects::Class;
use crate::error::Error;
use crate::op::{OnMissing, Op};
use crate::streams::INVALID_ID;

const NO_STREAM: Error = Error::Fixed(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option \
     to create an empty stream automatically.",
);

/// XGROUP CREATE. The op is passed whole: it has more parts than a signature should.
pub(in crate::apply) fn create<'a>(work: &mut Work<'_, 'a, impl Sink>, op: &Op<'a>) -> Done {
    let Op::GroupCreate { key, group, start, missing, entries_read, idmp } = *op else {
        unreachable!("the caller matched the op")
    };
    if work.stream(key)?.is_none() {
        if missing == OnMissing::Refuse {
            return Err(NO_STREAM);
        }
        if start != b"$" {
            StreamId::parse(start, 0).ok_or(INVALID_ID)?;
        }
        work.new_stream(key, idmp);
        work.touch(work.stamp.db, key);
    }
    let stream = work.stream(key)?.expect("it is there, or was made just above");
    let after = start_of(start, stream)?;
    if !stream.create_group(group, after, entries_read) {
        return Err(Error::Fixed("BUSYGROUP Consumer Group name already exists"));
    }
    work.dirty(1);
    work.notify(Class::Stream, "xgroup-create", key);
    work.sink.status("OK");
    Ok(())
}

fn start_of(start: &[u8], stream: &Stream) -> Result<StreamId, Error> {
    if start == b"$" {
        return Ok(stream.entries().last_id());
    }
    StreamId::parse(start, 0).ok_or(INVALID_ID)
}

pub(in crate::apply) fn set_id<'a>(
    work: &mut Work<'_, 'a, impl Sink>,
    key: &'a [u8],
    group: &'a [u8],
    start: &'a [u8],
    entries_read: Option<u64>,
) -> Done {
    let stream = work.stream(key)?.ok_or(NO_STREAM)?;
    named(stream, key, group)?;
    let after = match start {
        b"$" => stream.entries().last_id(),
        // Unlike CREATE it takes the ends of the stream, too.
        text => StreamId::parse_bound(text, 0).ok_or(INVALID_ID)?,
    };
    named(stream, key, group)?.set_id(after, entries_read);
    work.dirty(1);
    work.notify(Class::Stream, "xgroup-setid", key);
    work.sink.status("OK");
    Ok(())
}

pub(in crate::apply) fn destroy<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], group: &'a [u8]) -> Done {
    let destroyed = work.stream(key)?.ok_or(NO_STREAM)?.destroy_group(group);
    work.sink.integer(i64::from(destroyed.is_some()));
    if destroyed.is_some() {
        work.dirty(1);
        work.notify(Class::Stream, "xgroup-destroy", key);
        // Whoever waits in this group is told that it is gone.
        work.ready(work.stamp.db, key);
    }
    Ok(())
}

pub(in crate::apply) fn create_consumer<'a>(
    work: &mut Work<'_, 'a, impl Sink>,
    key: &'a [u8],
    group: &'a [u8],
    consumer: &'a [u8],
) -> Done {
    let now_ms = work.stamp.now_ms;
    let stream = work.stream(key)?.ok_or(NO_STREAM)?;
    let created = named(stream, key, group)?.create_consumer(consumer, now_ms);
    work.sink.integer(i64::from(created));
    if created {
        work.dirty(1);
        work.notify(Class::Stream, "xgroup-createconsumer", key);
    }
    Ok(())
}

pub(in crate::apply) fn delete_consumer<'a>(
    work: &mut Work<'_, 'a, impl Sink>,
    key: &'a [u8],
    group: &'a [u8],
    consumer: &'a [u8],
) -> Done {
    let stream = work.stream(key)?.ok_or(NO_STREAM)?;
    let pending = named(stream, key, group)?.delete_consumer(consumer);
    work.sink.integer(pending.unwrap_or(0) as i64);
    if pending.is_some() {
        work.dirty(1);
        work.notify(Class::Stream, "xgroup-delconsumer", key);
    }
    Ok(())
}

fn named<'s>(stream: &'s mut Stream, key: &[u8], group: &[u8]) -> Result<GroupMut<'s>, Error> {
    stream.group_mut(group).ok_or_else(|| crate::streams::no_such_group(key, group))
}
