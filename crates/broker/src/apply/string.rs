//! Ops on strings.

use rbq_resp::{Bulk, Sink};

use super::Work;
use crate::decimal;
use crate::effects::Class;
use crate::error::Error;
use crate::many::Many;
use crate::op::{OnExisting, SetDeadline, SetReply, SetWhen};
use crate::string::Str;
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
    let slot = work.find(key);
    let needs_string = reply == SetReply::Old || !matches!(when, SetWhen::Always | SetWhen::Missing | SetWhen::Exists);
    if needs_string {
        work.string(key)?;
    }
    let is_met = is_met(work, slot, when);
    if reply == SetReply::Old {
        reply_old(work, slot);
    }
    if !is_met {
        match reply {
            SetReply::Status => work.sink.null(),
            SetReply::Integer => work.sink.integer(0),
            SetReply::Old => {}
        }
        return Ok(());
    }
    put(work, key, Str::new(value), deadline);
    work.notify(Class::String, "set", key);
    if matches!(deadline, SetDeadline::At(_)) {
        work.notify(Class::Generic, "expire", key);
    }
    match reply {
        SetReply::Status => work.sink.status("OK"),
        SetReply::Integer => work.sink.integer(1),
        SetReply::Old => {}
    }
    Ok(())
}

fn is_met(work: &Work<'_, '_, impl Sink>, slot: Option<u32>, when: SetWhen<'_>) -> bool {
    let mut digits = itoa::Buffer::new();
    let current = slot.and_then(|slot| match &work.entry(slot).value {
        Value::String(string) => Some(string.bytes(&mut digits)),
        _ => None,
    });
    match when {
        SetWhen::Always => true,
        SetWhen::Missing => slot.is_none(),
        SetWhen::Exists => slot.is_some(),
        SetWhen::Equals(value) => current.is_some_and(|current| current == value),
        SetWhen::Differs(value) => current.is_none_or(|current| current != value),
        SetWhen::DigestEquals(digest) => current.is_some_and(|current| crate::string::digest(current) == digest),
        SetWhen::DigestDiffers(digest) => current.is_none_or(|current| crate::string::digest(current) != digest),
    }
}

fn reply_old(work: &mut Work<'_, '_, impl Sink>, slot: Option<u32>) {
    let db = usize::from(work.stamp.db);
    let (dbs, sink) = work.dbs_and_sink();
    match slot.map(|slot| &dbs[db].entry(slot).value) {
        Some(Value::String(string)) => string.reply(sink),
        _ => sink.null(),
    }
}

/// Puts a value under a key, whatever was there.
fn put<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], value: Str, deadline: SetDeadline) {
    let db = work.stamp.db;
    let slot = match work.find(key) {
        None => work.insert(db, key, Value::String(value), None),
        Some(slot) => {
            let old = std::mem::replace(work.value(slot), Value::String(value));
            let type_name = old.kind().type_name();
            work.discard(old);
            work.replaced(db, key, Some(type_name), "string");
            if type_name != "string" {
                work.ready(db, key);
            }
            slot
        }
    };
    match deadline {
        SetDeadline::Clear => work.db(db).set_deadline(slot, None),
        SetDeadline::At(deadline_ms) => work.db(db).set_deadline(slot, Some(deadline_ms)),
        SetDeadline::Keep => {}
    }
    work.touch(db, key);
}

pub(super) fn set_many<'a>(work: &mut Work<'_, 'a, impl Sink>, pairs: Many<'a>, exists: OnExisting) -> Done {
    if exists == OnExisting::Refuse {
        for key in pairs.iter().step_by(2) {
            if work.find(key.as_slice()).is_some() {
                work.sink.integer(0);
                return Ok(());
            }
        }
    }
    let mut pairs = pairs.iter();
    while let (Some(key), Some(value)) = (pairs.next(), pairs.next()) {
        let key = key.as_slice();
        put(work, key, Str::new(value), SetDeadline::Clear);
        work.notify(Class::String, "set", key);
    }
    match exists {
        OnExisting::Replace => work.sink.status("OK"),
        OnExisting::Refuse => work.sink.integer(1),
    }
    Ok(())
}

pub(super) fn take<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8]) -> Done {
    let Some((slot, _)) = work.string(key)? else {
        work.sink.null();
        return Ok(());
    };
    reply_old(work, Some(slot));
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
    reply_old(work, Some(slot));
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
            let bytes = string.growing();
            bytes.extend_from_slice(value);
            bytes.len()
        }
    };
    work.touch(db, key);
    work.notify(Class::String, "append", key);
    work.sink.integer(length as i64);
    Ok(())
}

pub(super) fn set_range<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], offset: u64, value: &'a [u8]) -> Done {
    let db = work.stamp.db;
    let current = work.string(key)?.map_or(0, |(_, string)| string.len());
    if value.is_empty() {
        work.sink.integer(current as i64);
        return Ok(());
    }
    check_length(offset.saturating_add(value.len() as u64))?;
    let (start, end) = (offset as usize, offset as usize + value.len());
    if work.find(key).is_none() {
        work.insert(db, key, Value::String(Str::Growing(Vec::new())), None);
    }
    let (_, string) = work.string(key)?.expect("it was made just above");
    let bytes = string.growing();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[start..end].copy_from_slice(value);
    let length = bytes.len();
    work.touch(db, key);
    work.notify(Class::String, "setrange", key);
    work.sink.integer(length as i64);
    Ok(())
}

pub(super) fn add<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], delta: i64) -> Done {
    let current = match work.string(key)? {
        None => 0,
        Some((_, string)) => string.integer().ok_or(Error::NotInteger)?,
    };
    let sum = current.checked_add(delta).ok_or(Error::Fixed("ERR increment or decrement would overflow"))?;
    replace(work, key, Str::Integer(sum));
    work.notify(Class::String, "incrby", key);
    work.sink.integer(sum);
    Ok(())
}

pub(super) fn add_float<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], delta: &'a [u8]) -> Done {
    let mut digits = itoa::Buffer::new();
    let sum = match work.string(key)? {
        None => decimal::add(b"0", delta)?,
        Some((_, string)) => decimal::add(string.bytes(&mut digits), delta)?,
    };
    replace(work, key, Str::Fixed(sum.clone().into_boxed_slice()));
    work.notify(Class::String, "incrbyfloat", key);
    work.sink.bulk(&sum);
    Ok(())
}

/// Puts a computed value under a key; its deadline stays.
fn replace<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], value: Str) {
    let db = work.stamp.db;
    match work.find(key) {
        Some(slot) => *work.value(slot) = Value::String(value),
        None => {
            work.insert(db, key, Value::String(value), None);
        }
    }
    work.touch(db, key);
}

fn check_length(length: u64) -> Done {
    if length > STRING_BYTES_MAX {
        return Err(Error::Fixed("ERR string exceeds maximum allowed size (proto-max-bulk-len)"));
    }
    Ok(())
}
