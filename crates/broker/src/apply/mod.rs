//! The one function that changes durable state.
//!
//! It sees one group, the op, the stamp and a sink for the answer: no configuration, no clock, no memory figure, no
//! client. The live path, replay of the log and a replica all come through here, so they cannot differ. An op first
//! purges the expired keys it names; then it does all of its work or, on an error, nothing.

mod keys;
mod list;
pub(crate) mod stream;
mod string;
mod work;

use rbq_resp::Sink;
pub(crate) use work::Work;

use crate::effects::Effects;
use crate::group::Group;
use crate::op::{Op, Stamp};

/// Applies `op` to `group`, writes its answer to `sink` and says what it did.
pub fn apply<'a, S: Sink>(group: &mut Group, op: &Op<'a>, stamp: Stamp, sink: &mut S) -> Effects<'a> {
    let mut effects = Effects::default();
    apply_into(group, op, stamp, sink, &mut effects);
    effects
}

/// The same with the effects, which are empty, where the caller keeps them: they are half a kilobyte, and moving them costs
/// more than some ops.
#[inline]
pub(crate) fn apply_into<'a, S: Sink>(
    group: &mut Group,
    op: &Op<'a>,
    stamp: Stamp,
    sink: &mut S,
    effects: &mut Effects<'a>,
) {
    let mut work = Work::new(&mut group.dbs, stamp, sink, effects);
    if let Err(error) = run(&mut work, op) {
        work.sink.error(&error.to_string());
    }
    if effects.dirty > 0 {
        group.index += 1;
    }
}

fn run<'a, S: Sink>(work: &mut Work<'_, 'a, S>, op: &Op<'a>) -> Result<(), crate::error::Error> {
    match *op {
        Op::KeyDelete { keys } => keys::delete(work, keys),
        Op::KeyExpire { key, deadline_ms } => keys::expire(work, key, deadline_ms),
        Op::KeyDeadline { key, deadline_ms, when } => keys::set_deadline(work, key, deadline_ms, when),
        Op::KeyPersist { key } => keys::persist(work, key),
        Op::KeyRename { from, to, exists, reply } => keys::rename(work, from, to, exists, reply),
        Op::KeyCopy { from, to, to_db, exists } => keys::copy(work, from, to, to_db, exists),
        Op::KeyMove { key, to_db } => keys::move_to(work, key, to_db),
        Op::Flush { scope } => keys::flush(work, scope),
        Op::SwapDb { first, second } => keys::swap(work, first, second),
        Op::StringSet { key, value, when, deadline, reply } => string::set(work, key, value, when, deadline, reply),
        Op::StringSetMany { pairs, when, deadline, reply } => string::set_many(work, pairs, when, deadline, reply),
        Op::StringTake { key } => string::take(work, key),
        Op::StringDeadline { key, deadline } => string::set_deadline(work, key, deadline),
        Op::StringAppend { key, value } => string::append(work, key, value),
        Op::StringSetRange { key, offset, value } => string::set_range(work, key, offset, value),
        Op::StringAdd { key, delta } => string::add(work, key, delta),
        Op::StringAddFloat { key, delta } => string::add_float(work, key, delta),
        Op::StringDeleteIf { key, when } => string::delete_if(work, key, when),
        Op::ListPush { key, end, when, elements } => list::push(work, key, end, when, elements),
        Op::ListPop { key, end, count } => list::pop(work, key, end, count),
        Op::ListPopFirst { keys, end, count, reply } => list::pop_first(work, keys, end, count, reply),
        Op::ListMove { from, to, from_end, to_end } => list::move_one(work, from, to, from_end, to_end),
        Op::ListMoveMany { from, to, from_end, to_end, count, amount, order } => {
            list::move_many(work, list::Route { from, to, from_end, to_end }, count, amount, order)
        }
        Op::ListInsert { key, place, pivot, element } => list::insert(work, key, place, pivot, element),
        Op::ListSet { key, index, element } => list::set(work, key, index, element),
        Op::ListRemove { key, count, element } => list::remove(work, key, count, element),
        Op::ListTrim { key, start, stop } => list::trim(work, key, start, stop),
        Op::ListStore { key, ref elements } => list::store(work, key, elements),
        Op::StreamAppend { .. } => stream::append(work, op),
        Op::StreamTrim { key, trim, policy } => stream::trim(work, key, trim, policy),
        Op::StreamDelete { key, ids } => stream::delete(work, key, ids),
        Op::StreamDeleteWith { key, policy, ids } => stream::delete_with(work, key, policy, ids),
        Op::StreamAckDelete { key, group, policy, ids } => stream::ack_delete(work, key, group, policy, ids),
        Op::StreamSetId { key, id, added, max_deleted } => stream::set_id(work, key, id, added, max_deleted),
        Op::StreamConfigure { key, duration_s, max_iids } => stream::configure(work, key, duration_s, max_iids),
        Op::StreamRecordSent { key, pid, iid, id } => stream::record_sent(work, key, pid, iid, id),
        Op::GroupCreate { .. } => stream::group::create(work, op),
        Op::GroupSetId { key, group, start, entries_read } => {
            stream::group::set_id(work, key, group, start, entries_read)
        }
        Op::GroupDestroy { key, group } => stream::group::destroy(work, key, group),
        Op::ConsumerCreate { key, group, consumer } => stream::group::create_consumer(work, key, group, consumer),
        Op::ConsumerDelete { key, group, consumer } => stream::group::delete_consumer(work, key, group, consumer),
        Op::GroupDeliver { .. } => stream::deliver::deliver(work, op),
        Op::Ack { key, group, ids } => stream::pending::ack(work, key, group, ids),
        Op::Claim { .. } => stream::pending::claim(work, op),
        Op::AutoClaim { .. } => stream::pending::autoclaim(work, op),
        Op::Nack { .. } => stream::pending::nack(work, op),
    }
}
