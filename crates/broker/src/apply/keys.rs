//! Ops on keys of any type.

use rbq_resp::Sink;

use super::Work;
use crate::effects::{Class, Sweep};
use crate::error::Error;
use crate::keyspace::Found;
use crate::many::Many;
use crate::op::{DeadlineWhen, FlushScope, OnExisting, RenameReply};
use crate::value::Value;

type Done = Result<(), Error>;

pub(super) fn delete<'a>(work: &mut Work<'_, 'a, impl Sink>, keys: Many<'a>) -> Done {
    let db = work.stamp.db;
    let mut deleted = 0;
    for key in keys {
        let key = key.as_slice();
        if let Some(slot) = work.find(key) {
            work.remove(db, slot, key);
            work.notify(Class::Generic, "del", key);
            deleted += 1;
        }
    }
    work.sink.integer(deleted);
    Ok(())
}

/// The deadline is compared, not the time: an op queued by a read must not purge a key whose deadline was moved
/// meanwhile, nor must replay depend on when it runs.
pub(super) fn expire<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], deadline_ms: u64) -> Done {
    let (db, now_ms) = (work.stamp.db, work.stamp.now_ms);
    let (Found::Live(slot) | Found::Expired(slot)) = work.db(db).find(key, now_ms) else { return Ok(()) };
    if work.entry(slot).deadline_ms() == Some(deadline_ms) {
        work.remove(db, slot, key);
        work.notify(Class::Expired, "expired", key);
    }
    Ok(())
}

pub(super) fn set_deadline<'a>(
    work: &mut Work<'_, 'a, impl Sink>,
    key: &'a [u8],
    deadline_ms: i64,
    when: DeadlineWhen,
) -> Done {
    let db = work.stamp.db;
    let Some(slot) = work.find(key) else {
        work.sink.integer(0);
        return Ok(());
    };
    if !admits(when, work.entry(slot).deadline_ms(), deadline_ms) {
        work.sink.integer(0);
        return Ok(());
    }
    work.sink.integer(1);
    match u64::try_from(deadline_ms).ok().filter(|at_ms| *at_ms > work.stamp.now_ms) {
        Some(at_ms) => {
            work.db(db).set_deadline(slot, Some(at_ms));
            work.touch(db, key);
            work.notify(Class::Generic, "expire", key);
        }
        None => {
            work.remove(db, slot, key);
            work.notify(Class::Generic, "del", key);
        }
    }
    Ok(())
}

/// Whether NX, XX, GT, LT let a deadline of `old` become `new`. No deadline counts as one that never comes.
fn admits(when: DeadlineWhen, old: Option<u64>, new: i64) -> bool {
    let is_later = old.is_some_and(|old| new > old as i64);
    let is_earlier = old.is_none_or(|old| new < old as i64);
    match when {
        DeadlineWhen::Always => true,
        DeadlineWhen::None => old.is_none(),
        DeadlineWhen::Some => old.is_some(),
        DeadlineWhen::Later => is_later,
        DeadlineWhen::Earlier => is_earlier,
        DeadlineWhen::SomeLater => old.is_some() && is_later,
        DeadlineWhen::SomeEarlier => old.is_some() && is_earlier,
    }
}

pub(super) fn persist<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8]) -> Done {
    let db = work.stamp.db;
    match work.find(key) {
        Some(slot) if work.entry(slot).deadline_ms().is_some() => {
            work.db(db).set_deadline(slot, None);
            work.sink.integer(1);
            work.touch(db, key);
            work.notify(Class::Generic, "persist", key);
        }
        _ => work.sink.integer(0),
    }
    Ok(())
}

pub(super) fn rename<'a>(
    work: &mut Work<'_, 'a, impl Sink>,
    from: &'a [u8],
    to: &'a [u8],
    exists: OnExisting,
    reply: RenameReply,
) -> Done {
    let db = work.stamp.db;
    let slot = work.find(from).ok_or(Error::NoSuchKey)?;
    let is_refused = from == to || (work.find(to).is_some() && exists == OnExisting::Refuse);
    match reply {
        RenameReply::Status => work.sink.status("OK"),
        RenameReply::Integer => work.sink.integer(i64::from(!is_refused)),
    }
    if is_refused {
        return Ok(());
    }
    let entry = work.db(db).remove(slot);
    let (deadline_ms, type_name) = (entry.deadline_ms(), entry.value.kind().type_name());
    work.touch(db, from);
    work.ready(db, from);
    let replaced = place_anew(work, db, to, entry.value, deadline_ms);
    work.touch_too(db, to);
    work.ready(db, to);
    work.notify(Class::Generic, "rename_from", from);
    work.notify(Class::Generic, "rename_to", to);
    work.replaced(db, to, replaced, type_name);
    Ok(())
}

/// Puts a value and its deadline under a key that counts as new even where it replaces one; the type it replaced.
fn place_anew<'a>(
    work: &mut Work<'_, 'a, impl Sink>,
    db: u8,
    key: &'a [u8],
    value: Value,
    deadline_ms: Option<u64>,
) -> Option<&'static str> {
    let (slot, replaced) = work.place(db, key, value);
    work.db(db).set_deadline(slot, deadline_ms);
    if replaced.is_some() {
        work.event(Class::New, "new", db, key);
    }
    replaced
}

pub(super) fn copy<'a>(
    work: &mut Work<'_, 'a, impl Sink>,
    from: &'a [u8],
    to: &'a [u8],
    to_db: u8,
    exists: OnExisting,
) -> Done {
    let Some(slot) = work.find(from) else {
        work.missed(from);
        work.sink.integer(0);
        return Ok(());
    };
    if work.find_in(to_db, to).is_some() && exists == OnExisting::Refuse {
        work.sink.integer(0);
        return Ok(());
    }
    let entry = work.entry(slot);
    let (value, deadline_ms) = (entry.value.duplicate(), entry.deadline_ms());
    let type_name = value.kind().type_name();
    let replaced = place_anew(work, to_db, to, value, deadline_ms);
    work.touch(to_db, to);
    work.ready(to_db, to);
    work.event(Class::Generic, "copy_to", to_db, to);
    work.replaced(to_db, to, replaced, type_name);
    work.sink.integer(1);
    Ok(())
}

pub(super) fn move_to<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], to_db: u8) -> Done {
    let db = work.stamp.db;
    let slot = work.find(key);
    let target = work.find_in(to_db, key);
    let (Some(slot), None) = (slot, target) else {
        work.sink.integer(0);
        return Ok(());
    };
    let entry = work.db(db).remove(slot);
    let deadline_ms = entry.deadline_ms();
    work.touch(db, key);
    work.ready(db, key);
    work.insert(to_db, key, entry.value, deadline_ms);
    work.touch_too(to_db, key);
    work.ready(to_db, key);
    work.event(Class::Generic, "move_from", db, key);
    work.event(Class::Generic, "move_to", to_db, key);
    work.sink.integer(1);
    Ok(())
}

pub(super) fn flush(work: &mut Work<'_, '_, impl Sink>, scope: FlushScope) -> Done {
    let selected = work.stamp.db;
    let databases = 0..work.dbs().len() as u8;
    for db in databases.filter(|db| scope == FlushScope::All || *db == selected) {
        work.empty_db(db);
    }
    work.effects.sweep = Some(match scope {
        FlushScope::Selected => Sweep::Flushed(selected),
        FlushScope::All => Sweep::FlushedAll,
    });
    work.effects.dirty += 1;
    work.sink.status("OK");
    Ok(())
}

pub(super) fn swap(work: &mut Work<'_, '_, impl Sink>, first: u8, second: u8) -> Done {
    work.sink.status("OK");
    if first != second {
        work.dbs().swap(usize::from(first), usize::from(second));
        work.effects.sweep = Some(Sweep::Swapped(first, second));
    }
    work.effects.dirty += 1;
    Ok(())
}
