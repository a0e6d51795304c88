//! Ops on lists.

use bytes::Bytes;
use rbq_listqueue::{Element, End, List};
use rbq_resp::{Bulk, Sink};
use smallvec::SmallVec;

use super::Work;
use crate::effects::Class;
use crate::error::Error;
use crate::many::Many;
use crate::number;
use crate::op::{MoveAmount, MoveOrder, Place, PopReply, PushWhen, Values};
use crate::value::Value;

type Done = Result<(), Error>;

/// From which end of which list to which end of which.
#[derive(Clone, Copy)]
pub(super) struct Route<'a> {
    pub(super) from: &'a [u8],
    pub(super) to: &'a [u8],
    pub(super) from_end: End,
    pub(super) to_end: End,
}

pub(super) fn push<'a>(
    work: &mut Work<'_, 'a, impl Sink>,
    key: &'a [u8],
    end: End,
    when: PushWhen,
    elements: Many<'a>,
) -> Done {
    if when == PushWhen::Exists && work.list(key)?.is_none() {
        work.sink.integer(0);
        return Ok(());
    }
    let (_, list) = work.list_or_new(key)?;
    for element in elements {
        push_bulk(list, end, element);
    }
    let length = list.len();
    pushed(work, key, end);
    work.effects.dirty += elements.len() as u64;
    work.sink.integer(length as i64);
    Ok(())
}

pub(super) fn pop<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], end: End, count: Option<u64>) -> Done {
    if work.list(key)?.is_none() {
        match count {
            None => work.sink.null(),
            Some(_) => work.sink.null_array(),
        }
        return Ok(());
    }
    match count {
        Some(count) => take_array(work, key, end, count),
        None => {
            take(work, key, end, 1);
            Ok(())
        }
    }
}

pub(super) fn pop_first<'a>(
    work: &mut Work<'_, 'a, impl Sink>,
    keys: Many<'a>,
    end: End,
    count: u64,
    reply: PopReply,
) -> Done {
    for key in keys {
        let key = key.as_slice();
        if work.list(key)?.is_none() {
            continue;
        }
        work.sink.array(2);
        work.sink.bulk(key);
        if reply == PopReply::KeyAndElements {
            return take_array(work, key, end, count);
        }
        take(work, key, end, 1);
        return Ok(());
    }
    work.empty()
}

pub(super) fn move_one<'a>(
    work: &mut Work<'_, 'a, impl Sink>,
    from: &'a [u8],
    to: &'a [u8],
    from_end: End,
    to_end: End,
) -> Done {
    if work.list(from)?.is_none() {
        return work.empty();
    }
    work.list(to)?;
    let taken = detach(work, from, from_end);
    taken.reply(work.sink);
    let (_, list) = work.list_or_new(to)?;
    taken.push(list, to_end);
    pushed(work, to, to_end);
    popped(work, from, from_end, 1);
    Ok(())
}

pub(super) fn move_many<'a>(
    work: &mut Work<'_, 'a, impl Sink>,
    route: Route<'a>,
    count: u64,
    amount: MoveAmount,
    order: MoveOrder,
) -> Done {
    let Route { from, to, from_end, to_end } = route;
    let length = work.list(from)?.map_or(0, |(_, list)| list.len() as u64);
    if length == 0 || (amount == MoveAmount::Exactly && length < count) {
        return work.empty();
    }
    work.list(to)?;
    let count = count.min(length);
    let mut taken: Vec<Taken> = (0..count).map(|_| detach(work, from, from_end)).collect();
    // One by one, a pushed element ends up outside of those pushed before it. A block keeps the order its elements
    // had in the source, whichever end they came from.
    let reversed = match order {
        MoveOrder::OneByOne => false,
        MoveOrder::Bulk => (from_end == End::Head) == (to_end == End::Head),
    };
    if reversed {
        taken.reverse();
    }
    let (_, list) = work.list_or_new(to)?;
    for element in &taken {
        element.push(list, to_end);
    }
    if to_end == End::Head {
        taken.reverse();
    }
    work.sink.array(taken.len());
    for element in &taken {
        element.reply(work.sink);
    }
    pushed(work, to, to_end);
    popped(work, from, from_end, count);
    Ok(())
}

pub(super) fn insert<'a>(
    work: &mut Work<'_, 'a, impl Sink>,
    key: &'a [u8],
    place: Place,
    pivot: &'a [u8],
    element: Bulk<'a>,
) -> Done {
    let Some((_, list)) = work.list(key)? else {
        work.sink.integer(0);
        return Ok(());
    };
    match list.insert(place, pivot, &element) {
        None => work.sink.integer(-1),
        Some(length) => {
            work.sink.integer(length as i64);
            work.touch(work.stamp.db, key);
            work.notify(Class::List, "linsert", key);
            // It may now be as long as BLMOVEM EXACTLY wants it.
            work.ready(work.stamp.db, key);
        }
    }
    Ok(())
}

pub(super) fn set<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], index: &'a [u8], element: Bulk<'a>) -> Done {
    let (_, list) = work.list(key)?.ok_or(Error::NoSuchKey)?;
    let index = number::parse_i64(index).ok_or(Error::NotInteger)?;
    if !list.set(index, &element) {
        return Err(Error::IndexOutOfRange);
    }
    work.sink.status("OK");
    work.touch(work.stamp.db, key);
    work.notify(Class::List, "lset", key);
    Ok(())
}

pub(super) fn remove<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], count: i64, element: &'a [u8]) -> Done {
    let Some((slot, list)) = work.list(key)? else {
        work.sink.integer(0);
        return Ok(());
    };
    let removed = list.remove(count, element);
    let emptied = list.is_empty();
    work.sink.integer(removed as i64);
    if removed > 0 {
        work.touch_too(work.stamp.db, key);
        work.effects.dirty += removed as u64;
        work.notify(Class::List, "lrem", key);
    }
    if emptied {
        work.remove_emptied(slot, key);
    }
    Ok(())
}

pub(super) fn trim<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], start: i64, stop: i64) -> Done {
    let Some((slot, list)) = work.list(key)? else {
        work.sink.status("OK");
        return Ok(());
    };
    let before = list.len();
    list.trim(start, stop);
    let (removed, emptied) = (before - list.len(), list.is_empty());
    work.sink.status("OK");
    // WATCH sees a trim that removed nothing, as in Redis, but there is nothing to log.
    work.touch_too(work.stamp.db, key);
    work.effects.dirty += removed as u64;
    work.notify(Class::List, "ltrim", key);
    if emptied {
        work.remove_emptied(slot, key);
    }
    Ok(())
}

pub(super) fn store<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], elements: &Values<'a>) -> Done {
    let db = work.stamp.db;
    let count = elements.0.len() as u64;
    work.sink.integer(count as i64);
    let found = work.find(key);
    if count == 0 {
        if let Some(slot) = found {
            work.remove(db, slot, key);
            work.notify(Class::Generic, "del", key);
        }
        return Ok(());
    }
    let mut list = List::new();
    for element in &elements.0 {
        list.push(End::Tail, element);
    }
    let (slot, replaced) = work.place_at(db, found, key, Value::List(Box::new(list)));
    work.db(db).set_deadline(slot, None);
    work.replaced(db, key, replaced, "list");
    work.touch(db, key);
    work.effects.dirty += count - 1;
    work.notify(Class::List, "sortstore", key);
    work.ready(db, key);
    Ok(())
}

/// Pops `count` elements of a list that is there, as an array.
fn take_array<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], end: End, count: u64) -> Done {
    let length = work.list(key)?.map_or(0, |(_, list)| list.len() as u64);
    let count = count.min(length);
    work.sink.array(count as usize);
    take(work, key, end, count);
    Ok(())
}

/// Pops `count` elements of a list that has as many, each straight into the answer.
fn take<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], end: End, count: u64) {
    if count == 0 {
        return;
    }
    let slot = work.find(key).expect("the caller found the list");
    let db = work.stamp.db;
    let (dbs, sink) = work.dbs_and_sink();
    let Value::List(list) = &mut dbs[usize::from(db)].entry_mut(slot).value else {
        unreachable!("the caller checked the type")
    };
    for _ in 0..count {
        list.pop_with(end, |element| reply(&element, sink)).expect("the caller counted the elements");
    }
    popped(work, key, end, count);
}

/// Takes one element off a list that has one, leaving the list in place even if that was its last.
fn detach<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], end: End) -> Taken {
    let (_, list) = work.list(key).ok().flatten().expect("the caller found the list");
    list.pop_with(end, |element| match element {
        Element::Slice(bytes) => Taken::Small(bytes.into()),
        Element::Shared(bytes) => Taken::Shared(bytes.clone()),
    })
    .expect("the caller counted the elements")
}

/// The effects of having pushed to `key`, but for the count of changes: what was moved is counted where it was popped.
fn pushed<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], end: End) {
    let db = work.stamp.db;
    let name = match end {
        End::Head => "lpush",
        End::Tail => "rpush",
    };
    work.touch_too(db, key);
    work.notify(Class::List, name, key);
    work.ready(db, key);
}

/// The effects of having popped `count` elements from `key`, its end included if that emptied it.
fn popped<'a>(work: &mut Work<'_, 'a, impl Sink>, key: &'a [u8], end: End, count: u64) {
    let db = work.stamp.db;
    let name = match end {
        End::Head => "lpop",
        End::Tail => "rpop",
    };
    work.touch(db, key);
    work.effects.dirty += count - 1;
    work.notify(Class::List, name, key);
    let slot = work.find(key).expect("a list stays until it is found empty");
    if matches!(&work.entry(slot).value, Value::List(list) if list.is_empty()) {
        work.remove_emptied(slot, key);
    }
}

/// An element between two lists: small ones on the stack, large ones by reference.
enum Taken {
    Small(SmallVec<[u8; 128]>),
    Shared(Bytes),
}

impl Taken {
    fn push(&self, list: &mut List, end: End) {
        match self {
            Self::Small(bytes) => list.push(end, bytes),
            Self::Shared(bytes) => list.push_shared(end, bytes.clone()),
        }
    }

    fn reply(&self, sink: &mut impl Sink) {
        match self {
            Self::Small(bytes) => sink.bulk(bytes),
            Self::Shared(bytes) => sink.bulk_shared(bytes),
        }
    }
}

fn push_bulk(list: &mut List, end: End, element: Bulk<'_>) {
    match element {
        Bulk::Slice(bytes) => list.push(end, bytes),
        Bulk::Shared(bytes) => list.push_shared(end, bytes.clone()),
    }
}

/// Writes an element as a bulk.
fn reply(element: &Element<'_>, sink: &mut impl Sink) {
    match element {
        Element::Slice(bytes) => sink.bulk(bytes),
        Element::Shared(bytes) => sink.bulk_shared(bytes),
    }
}
