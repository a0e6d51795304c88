//! Ops on strings.

use rbq_resp::{Bulk, Sink};

use super::Work;
use crate::decimal;
use crate::effects::Class;
use crate::error::Error;
use crate::many::Many;
use crate::op::{SetDeadline, SetManyReply, SetManyWhen, SetReply, SetWhen};
use crate::string::{self, DIGEST_DIGITS, Str};
use crate::value::Value;

type Done = Result<(), Error>;

/// The longest a string may grow: Redis's `proto-max-bulk-len` default. A constant, not the setting, because an op
/// must come out the same wherever it is applied.
const STRING_BYTES_MAX: u64 = 512 * 1024 * 1024;

pub(super) fn set<'a>(
    work: &mut Work<'_, 'a, impl Sink>,
    key: &'a [u8],
    value: Bulk<'a>,
    when: SetWhen<'a>,
    deadline: SetDeadline,
    reply: SetReply,
) -> Done {
    let found = work.find(key);
    if reply == SetReply::Old && found.is_none() {
        work.missed(key);
    }
    if reply == SetReply::Old && found.is_some_and(|slot| !matches!(work.entry(slot).value, Value::String(_))) {
        return Err(Error::WrongType);
    }
    let is_met = is_met(work, found, when)?;
    match (reply, is_met) {
        (SetReply::Old, _) => reply_value(work, found),
        (SetReply::Status, true) => work.sink.status("OK"),
        (SetReply::Status, false) => work.sink.null(),
        (SetReply::Integer, _) => work.sink.integer(i64::from(is_met)),
    }
    if is_met {
        put(work, found, key, value, deadline);
        work.notify(Class::String, "set", key);
        if matches!(deadline, SetDeadline::At(_)) {
            work.notify(Class::Generic, "expire", key);
        }
    }
    Ok(())
}

pub(super) fn delete_if<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], when: SetWhen<'a>) -> Done {
    let Some(slot) = work.find(key) else {
        work.sink.integer(0);
        return Ok(());
    };
    let is_met = is_met(work, Some(slot), when)?;
    work.sink.integer(i64::from(is_met));
    if is_met {
        work.remove(work.stamp.db, slot, key);
        work.notify(Class::Generic, "del", key);
    }
    Ok(())
}

/// Whether a condition holds for the value in this slot; a comparison wants a string there.
fn is_met(work: &Work<'_, '_, impl Sink>, found: Option<u32>, when: SetWhen<'_>) -> Result<bool, Error> {
    match when {
        SetWhen::Always => return Ok(true),
        SetWhen::Missing => return Ok(found.is_none()),
        SetWhen::Exists => return Ok(found.is_some()),
        _ => {}
    }
    let Some(slot) = found else {
        return Ok(matches!(when, SetWhen::Differs(_) | SetWhen::DigestDiffers(_)));
    };
    let Value::String(string) = &work.entry(slot).value else { return Err(Error::WrongType) };
    let mut digits = itoa::Buffer::new();
    let bytes = string.bytes(&mut digits);
    Ok(match when {
        SetWhen::Equals(value) => bytes == value,
        SetWhen::Differs(value) => bytes != value,
        SetWhen::DigestEquals(digest) => has_digest(bytes, digest)?,
        SetWhen::DigestDiffers(digest) => !has_digest(bytes, digest)?,
        SetWhen::Always | SetWhen::Missing | SetWhen::Exists => unreachable!("they were answered above"),
    })
}

/// Whether a value's digest is this one, in either case of letters. Of sixteen bytes that are no hexadecimal number it
/// is not; of any other number of bytes the question makes no sense.
fn has_digest(value: &[u8], digest: &[u8]) -> Result<bool, Error> {
    if digest.len() != DIGEST_DIGITS {
        return Err(Error::Fixed("ERR must be exactly 16 hexadecimal characters"));
    }
    Ok(string::digest_hex(value).as_bytes().eq_ignore_ascii_case(digest))
}

/// Answers the string in this slot, or nil.
fn reply_value(work: &mut Work<'_, '_, impl Sink>, found: Option<u32>) {
    let db = usize::from(work.stamp.db);
    let (dbs, sink) = work.dbs_and_sink();
    match found.map(|slot| &dbs[db].entry(slot).value) {
        Some(Value::String(string)) => string.reply(sink),
        _ => sink.null(),
    }
}

/// Puts a value under a key, whatever was there.
fn put<'a>(
    work: &mut Work<'_, 'a, impl Sink>,
    found: Option<u32>,
    key: &'a [u8],
    value: Bulk<'a>,
    deadline: SetDeadline,
) {
    let db = work.stamp.db;
    let (slot, replaced) = work.place_at(db, found, key, Value::String(Str::new(value)));
    work.replaced(db, key, replaced, "string");
    if replaced.is_some_and(|type_name| type_name != "string") {
        work.ready(db, key);
    }
    match deadline {
        SetDeadline::Clear => work.db(db).set_deadline(slot, None),
        SetDeadline::At(deadline_ms) => work.db(db).set_deadline(slot, Some(deadline_ms)),
        SetDeadline::Keep => {}
    }
    work.touch(db, key);
}

pub(super) fn set_many<'a>(
    work: &mut Work<'_, 'a, impl Sink>,
    pairs: Many<'a>,
    when: SetManyWhen,
    deadline: SetDeadline,
    reply: SetManyReply,
) -> Done {
    let mut keys = pairs.iter().step_by(2);
    let is_met = match when {
        SetManyWhen::Always => true,
        SetManyWhen::NoneExists => keys.all(|key| work.find(key.as_slice()).is_none()),
        SetManyWhen::AllExist => keys.all(|key| work.find(key.as_slice()).is_some()),
    };
    match reply {
        SetManyReply::Status => work.sink.status("OK"),
        SetManyReply::Integer => work.sink.integer(i64::from(is_met)),
    }
    if !is_met {
        return Ok(());
    }
    let mut pairs = pairs.iter();
    while let (Some(key), Some(value)) = (pairs.next(), pairs.next()) {
        let key = key.as_slice();
        let found = work.find(key);
        put(work, found, key, value, deadline);
        // The other way round than SET; Redis does it so.
        if matches!(deadline, SetDeadline::At(_)) {
            work.notify(Class::Generic, "expire", key);
        }
        work.notify(Class::String, "set", key);
    }
    Ok(())
}

pub(super) fn take<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8]) -> Done {
    let Some((slot, _)) = work.string(key)? else {
        work.missed(key);
        work.sink.null();
        return Ok(());
    };
    reply_value(work, Some(slot));
    work.remove(work.stamp.db, slot, key);
    work.notify(Class::Generic, "del", key);
    Ok(())
}

pub(super) fn set_deadline<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], deadline: SetDeadline) -> Done {
    let db = work.stamp.db;
    let Some((slot, _)) = work.string(key)? else {
        work.sink.null();
        return Ok(());
    };
    reply_value(work, Some(slot));
    match deadline {
        SetDeadline::Keep => {}
        SetDeadline::At(deadline_ms) if deadline_ms <= work.stamp.now_ms => {
            work.remove(db, slot, key);
            work.notify(Class::Generic, "del", key);
        }
        SetDeadline::At(deadline_ms) => {
            work.db(db).set_deadline(slot, Some(deadline_ms));
            work.touch(db, key);
            work.notify(Class::Generic, "expire", key);
        }
        SetDeadline::Clear => {
            if work.entry(slot).deadline_ms().is_some() {
                work.db(db).set_deadline(slot, None);
                work.touch(db, key);
                work.notify(Class::Generic, "persist", key);
            }
        }
    }
    Ok(())
}

pub(super) fn append<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], value: &'a [u8]) -> Done {
    let db = work.stamp.db;
    let length = match work.string(key)? {
        None => {
            work.insert(db, key, Value::String(Str::new(Bulk::Slice(value))), None);
            value.len()
        }
        Some((_, string)) => {
            check_length(string.len() as u64 + value.len() as u64)?;
            string.edit(|bytes| bytes.extend_from_slice(value));
            string.len()
        }
    };
    work.touch(db, key);
    work.notify(Class::String, "append", key);
    work.sink.integer(length as i64);
    Ok(())
}

pub(super) fn set_range<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], offset: u64, value: &'a [u8]) -> Done {
    let db = work.stamp.db;
    let found = work.string(key)?.map(|(slot, string)| (slot, string.len()));
    if value.is_empty() {
        work.sink.integer(found.map_or(0, |(_, length)| length as i64));
        return Ok(());
    }
    check_length(offset.saturating_add(value.len() as u64))?;
    let (start, end) = (offset as usize, offset as usize + value.len());
    let slot = match found {
        Some((slot, _)) => slot,
        None => work.insert(db, key, Value::String(Str::Growing(Vec::new())), None),
    };
    let Value::String(string) = work.value(slot) else { unreachable!("the type was checked above") };
    string.edit(|bytes| {
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[start..end].copy_from_slice(value);
    });
    let length = string.len();
    work.touch(db, key);
    work.notify(Class::String, "setrange", key);
    work.sink.integer(length as i64);
    Ok(())
}

pub(super) fn add<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], delta: i64) -> Done {
    let (found, current) = match work.string(key)? {
        None => (None, 0),
        Some((slot, string)) => (Some(slot), string.integer().ok_or(Error::NotInteger)?),
    };
    let sum = current.checked_add(delta).ok_or(Error::Fixed("ERR increment or decrement would overflow"))?;
    count(work, found, key, Str::Integer(sum));
    work.notify(Class::String, "incrby", key);
    work.sink.integer(sum);
    Ok(())
}

pub(super) fn add_float<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], delta: &'a [u8]) -> Done {
    let mut digits = itoa::Buffer::new();
    let (found, sum) = match work.string(key)? {
        None => (None, decimal::add(b"0", delta)?),
        Some((slot, string)) => (Some(slot), decimal::add(string.bytes(&mut digits), delta)?),
    };
    work.sink.bulk(&sum);
    count(work, found, key, Str::Fixed(sum.into_boxed_slice()));
    work.notify(Class::String, "incrbyfloat", key);
    Ok(())
}

/// Puts a computed value under a key. Its deadline stays, and nobody is told that a value was overwritten: it was
/// changed.
fn count<'a>(work: &mut Work<'_, 'a, impl Sink>, found: Option<u32>, key: &'a [u8], value: Str) {
    let db = work.stamp.db;
    work.place_at(db, found, key, Value::String(value));
    work.touch(db, key);
}

fn check_length(length: u64) -> Done {
    if length > STRING_BYTES_MAX {
        return Err(Error::Fixed("ERR string exceeds maximum allowed size (proto-max-bulk-len)"));
    }
    Ok(())
}
