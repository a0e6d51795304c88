//! The bugs: small, of the kind that gets written, each of which some client would notice.
//!
//! They are data, text for text, so that the real sources hold no switch for them. What moves the code they replace
//! moves them along: a test tells when one no longer fits.

use super::Mutant;

/// All of them.
pub const CATALOG: &[Mutant] = &[
    Mutant {
        file: "crates/broker/src/apply/list.rs",
        before: "    let count = count.min(length);\n    work.sink.array(count as usize);",
        after: "    let count = count.min(length - 1);\n    work.sink.array(count as usize);",
        breaks: "LPOP with a count leaves the last element",
    },
    Mutant {
        file: "crates/listqueue/src/edit.rs",
        before: "Place::After => within + 1..within + 1,",
        after: "Place::After => within..within,",
        breaks: "LINSERT AFTER inserts before",
    },
    Mutant {
        file: "crates/listqueue/src/range.rs",
        before: "let stop = from_head(stop).min(len - 1);",
        after: "let stop = stop.min(len - 1);",
        breaks: "LRANGE and LTRIM take no end from the tail",
    },
    Mutant {
        file: "crates/listqueue/src/edit.rs",
        before: "matches.drain(..surplus);",
        after: "matches.truncate(matches.len() - surplus);",
        breaks: "LREM from the tail removes from the head of a block",
    },
    Mutant {
        file: "crates/broker/src/apply/list.rs",
        before: "    taken.push(list, to_end);",
        after: "    taken.push(list, if from == to { from_end } else { to_end });",
        breaks: "RPOPLPUSH of a list onto itself does not turn it",
    },
    Mutant {
        file: "crates/broker/src/apply/list.rs",
        before: "    pushed(work, to, to_end);\n    popped(work, from, from_end, 1);",
        after: "    popped(work, from, from_end, 1);\n    pushed(work, to, to_end);",
        breaks: "LMOVE tells of the pop before the push",
    },
    Mutant {
        file: "crates/broker/src/apply/list.rs",
        before: "            work.notify(Class::List, \"linsert\", key);\n",
        after: "",
        breaks: "LINSERT has no keyspace event",
    },
    Mutant {
        file: "crates/broker/src/commands/generic/expire.rs",
        before: "Unit::Milliseconds => Some(amount),",
        after: "Unit::Milliseconds => amount.checked_add(1),",
        breaks: "PEXPIREAT is a millisecond late",
    },
    Mutant {
        file: "crates/broker/src/apply/keys.rs",
        before: "let is_earlier = old.is_none_or(|old| new < old as i64);",
        after: "let is_earlier = old.is_some_and(|old| new < old as i64);",
        breaks: "EXPIRE LT takes no deadline for the earliest",
    },
    Mutant {
        file: "crates/broker/src/apply/keys.rs",
        before: "    work.db(db).set_deadline(slot, deadline_ms);\n    if replaced",
        after: "    work.db(db).set_deadline(slot, deadline_ms.filter(|_| replaced.is_none()));\n    if replaced",
        breaks: "RENAME onto a key loses the time to live",
    },
    Mutant {
        file: "crates/broker/src/apply/string.rs",
        before: "SetWhen::Missing => return Ok(found.is_none()),",
        after: "SetWhen::Missing => return Ok(true),",
        breaks: "SETNX overwrites",
    },
    Mutant {
        file: "crates/broker/src/apply/string.rs",
        before: "SetDeadline::Clear => work.db(db).set_deadline(slot, None),",
        after: "SetDeadline::Clear => {}",
        breaks: "SET keeps the time to live",
    },
    Mutant {
        file: "crates/broker/src/apply/string.rs",
        before: "keys.all(|key| work.find(key.as_slice()).is_none())",
        after: "keys.any(|key| work.find(key.as_slice()).is_none())",
        breaks: "MSETNX sets all if one is missing",
    },
    Mutant {
        file: "crates/broker/src/apply/string.rs",
        before: "current.checked_add(delta).ok_or(Error::Fixed(\"ERR increment or decrement would overflow\"))?",
        after: "current.wrapping_add(delta)",
        breaks: "INCRBY overflows",
    },
    Mutant {
        file: "crates/broker/src/commands/string/getrange.rs",
        before: "Err(_) => len.saturating_sub(usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX)),",
        after: "Err(_) => (len + 1).saturating_sub(usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX)),",
        breaks: "GETRANGE counts from behind the end",
    },
    Mutant {
        file: "crates/broker/src/commands/generic/scan.rs",
        before: " && view.is_live(entry) && filter.has_type(entry) {",
        after: " && view.is_live(entry) && (filter.has_type(entry) || filter.pattern.is_some()) {",
        breaks: "SCAN with MATCH ignores TYPE",
    },
    Mutant {
        file: "crates/pubsub/src/glob.rs",
        before: "(hit != negated).then_some(behind)",
        after: "hit.then_some(behind)",
        breaks: "[^…] in a pattern matches what it excludes",
    },
    Mutant {
        file: "crates/stream/src/entries.rs",
        before: "        if id <= self.last_id {\n            return Err(AppendError::NotGreater);",
        after: "        if id < self.last_id {\n            return Err(AppendError::NotGreater);",
        breaks: "XADD accepts the last ID again",
    },
    Mutant {
        file: "crates/stream/src/id.rs",
        before: "Some(rest) => StreamId::parse(rest, 0).ok_or(IntervalError::Invalid)?.next().ok_or(IntervalError::Empty),",
        after: "Some(rest) => StreamId::parse(rest, 0).ok_or(IntervalError::Invalid),",
        breaks: "XRANGE includes an exclusive start",
    },
    Mutant {
        file: "crates/stream/src/trim.rs",
        before: "Self::MinId(id) => (0, Some(id)),",
        after: "Self::MinId(id) => (0, Some(StreamId::new(id.ms, id.seq.saturating_add(1)))),",
        breaks: "XTRIM MINID takes the entry with that ID",
    },
    Mutant {
        file: "crates/stream/src/group.rs",
        before: "    pub fn ack(&mut self, id: StreamId) -> bool {\n        self.group.release(id)",
        after: "    pub fn ack(&mut self, id: StreamId) -> bool {\n        self.group.pending.get(id).is_some()",
        breaks: "XREADGROUP shows what was acknowledged",
    },
    Mutant {
        file: "crates/stream/src/group.rs",
        before: ".filter(move |hold| is_idle(hold, filter.min_idle_ms, now_ms))",
        after: ".filter(move |hold| filter.min_idle_ms == 0 || !is_idle(hold, filter.min_idle_ms, now_ms))",
        breaks: "XPENDING IDLE shows what is not idle",
    },
    Mutant {
        file: "crates/stream/src/claim.rs",
        before: "done.next = stopped.unwrap_or(StreamId::MIN);",
        after: "done.next = stopped.and_then(StreamId::next).unwrap_or(StreamId::MIN);",
        breaks: "XAUTOCLAIM's cursor passes over an entry",
    },
    Mutant {
        file: "crates/stream/src/claim.rs",
        before: "Count::Keep => deliveries,",
        after: "Count::Keep => once_more(deliveries),",
        breaks: "XCLAIM JUSTID counts a delivery",
    },
    Mutant {
        file: "crates/broker/src/commands/stream/xread.rs",
        before: "if matches!(from, From::Last | From::Newest) {",
        after: "if matches!(from, From::Newest) {",
        breaks: "XREAD BLOCK $ never sees a new entry",
    },
    Mutant {
        file: "crates/broker/src/streams.rs",
        before: "Proto::Resp3 => sink.map(streams),",
        after: "Proto::Resp3 => sink.array(2 * streams),",
        breaks: "XREAD answers RESP3 clients with an array",
    },
    Mutant {
        file: "crates/broker/src/waiters.rs",
        before: "clients.range(behind).next()?",
        after: "clients.range(behind).next_back()?",
        breaks: "who parked last is served first",
    },
    Mutant {
        file: "crates/broker/src/broker/settle.rs",
        before: "Sweep::Swapped(first, second) => db == first || db == second,",
        after: "Sweep::Swapped(first, _) => db == first,",
        breaks: "SWAPDB wakes only who waits in its first database",
    },
    Mutant {
        file: "crates/broker/src/broker/settle.rs",
        before: "None => session.watch_broken = true,",
        after: "None => session.watch_broken |= !is_gone,",
        breaks: "WATCH does not see a DEL",
    },
    Mutant {
        file: "crates/broker/src/broker/transaction.rs",
        before: "if transaction.aborted {",
        after: "if transaction.aborted && transaction.queue.is_empty() {",
        breaks: "EXEC runs what was queued before a mistake",
    },
];
