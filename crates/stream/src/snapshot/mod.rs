//! A stream as a run of sections, and back.
//!
//! ```text
//!   head │ block │ block … │ group │ consumers … │ nacked … │ pending … │ group … │ producer … │ end
//! ```
//!
//! A section is a byte string of its own, some kilobytes long, so whoever stores it can frame, checksum and write it as
//! suits. Blocks are taken and put back whole. What is read back is believed in nothing: [`Restore`] checks every number
//! and every order, and says [`Corrupt`](crate::Corrupt) where a stream could not have written it.
//!
//! All numbers are varints; a text is its length and its bytes; `[…]` repeats to the section's end.
//!
//! ```text
//!   1 head       version, last ID, max deleted ID, added, entries, groups, producers, IIDs,
//!                duration, max IIDs, IIDs added, duplicates
//!   2 block      first ID, last ID, cost, bytes as they lie
//!   3 group      name, last delivered, 1 + entries read or 0, consumers, pending
//!   4 consumers  [ name, seen, 1 + active or 0, pending ]               by name
//!   5 nacked     [ ID ]                                                 in the order handed back
//!   6 pending    [ ms step, sequence (or its step), time step, deliveries, 1 + consumer or 0 ]
//!   7 producer   pid, [ iid, ID, time ]                                 oldest first
//!   8 end
//! ```

mod restore;

pub use restore::Restore;

use std::iter;
use std::sync::Arc;

use crate::block::Block;
use crate::consumer::Consumer;
use crate::group::Group;
use crate::id::StreamId;
use crate::idmp::Sent;
use crate::pending::Hold;
use crate::stream::Stream;
use crate::varint;

/// The version of the format; another is refused.
const VERSION: u64 = 1;

const HEAD: u8 = 1;
const BLOCK: u8 = 2;
const GROUP: u8 = 3;
const CONSUMERS: u8 = 4;
const NACKED: u8 = 5;
const PENDING: u8 = 6;
const PRODUCER: u8 = 7;
const END: u8 = 8;

/// Items in a section of many: some kilobytes, like a block.
const BATCH: usize = 256;

/// One piece of a stream's snapshot.
#[derive(Debug)]
pub struct Section<'a>(Part<'a>);

#[derive(Debug)]
enum Part<'a> {
    Head(&'a Stream),
    Block(&'a Arc<Block>),
    Group(&'a [u8], &'a Group),
    Consumers(Vec<&'a Consumer>),
    Nacked(Vec<StreamId>),
    Pending(Vec<(Hold, u64)>),
    Producer(&'a [u8], Vec<&'a Sent>),
    End,
}

impl Stream {
    /// The stream in sections, for [`Restore`]. Take them from a clone to let the stream go on meanwhile.
    pub fn sections(&self) -> impl Iterator<Item = Section<'_>> {
        let blocks = self.entries.directory.iter().filter_map(|run| run.block()).map(Part::Block);
        let groups = self.groups().flat_map(|(name, group)| group_parts(name, group));
        let producers = self
            .idmp
            .producers()
            .flat_map(|(pid, sent)| batches(sent.iter()).map(move |sent| Part::Producer(pid, sent)));
        iter::once(Part::Head(self))
            .chain(blocks)
            .chain(groups)
            .chain(producers)
            .chain(iter::once(Part::End))
            .map(Section)
    }
}

fn group_parts<'a>(name: &'a [u8], group: &'a Group) -> impl Iterator<Item = Part<'a>> {
    let consumers = batches(group.consumers().map(|(_, consumer)| consumer)).map(Part::Consumers);
    let nacked = batches(group.nacked()).map(Part::Nacked);
    // Consumers are numbered anew, by name: which numbers they have here is nobody else's business.
    let mut ordinals = vec![0u64; group.consumers.slots()];
    for (ordinal, (id, _)) in group.consumers().enumerate() {
        ordinals[id.0 as usize] = ordinal as u64;
    }
    let holds = group.pending.iter(StreamId::MIN, None);
    let holds = holds.map(move |hold| (hold, hold.owner.map_or(0, |owner| ordinals[owner as usize] + 1)));
    let pending = batches(holds).map(Part::Pending);
    iter::once(Part::Group(name, group)).chain(consumers).chain(nacked).chain(pending)
}

fn batches<T>(mut items: impl Iterator<Item = T>) -> impl Iterator<Item = Vec<T>> {
    iter::from_fn(move || {
        let batch: Vec<T> = items.by_ref().take(BATCH).collect();
        (!batch.is_empty()).then_some(batch)
    })
}

impl Section<'_> {
    /// Appends the section's bytes to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Part::Head(stream) => put_head(out, stream),
            Part::Block(block) => {
                out.push(BLOCK);
                put_id(out, block.first());
                put_id(out, block.last());
                varint::put(out, u64::from(block.cost()));
                out.extend_from_slice(block.bytes());
            }
            Part::Group(name, group) => {
                out.push(GROUP);
                varint::put_bytes(out, name);
                put_id(out, group.last_delivered());
                put_option(out, group.entries_read());
                varint::put(out, group.consumers_len() as u64);
                varint::put(out, group.pending_len());
            }
            Part::Consumers(consumers) => {
                out.push(CONSUMERS);
                for consumer in consumers {
                    varint::put_bytes(out, consumer.name());
                    varint::put(out, consumer.seen_ms());
                    put_option(out, consumer.active_ms());
                    varint::put(out, consumer.pending());
                }
            }
            Part::Nacked(ids) => {
                out.push(NACKED);
                ids.iter().for_each(|id| put_id(out, *id));
            }
            Part::Pending(holds) => put_pending(out, holds),
            Part::Producer(pid, sent) => {
                out.push(PRODUCER);
                varint::put_bytes(out, pid);
                for sent in sent {
                    varint::put_bytes(out, &sent.iid);
                    put_id(out, sent.id);
                    varint::put(out, sent.at_ms);
                }
            }
            Part::End => out.push(END),
        }
    }
}

fn put_head(out: &mut Vec<u8>, stream: &Stream) {
    let entries = stream.entries();
    let limits = stream.idmp.limits();
    let (added, duplicates) = stream.idmp.counters();
    out.push(HEAD);
    varint::put(out, VERSION);
    put_id(out, entries.last_id());
    put_id(out, entries.max_deleted_id());
    let numbers = [
        entries.added(),
        entries.len(),
        stream.groups_len() as u64,
        stream.idmp.producers().len() as u64,
        stream.idmp.tracked(),
        u64::from(limits.duration_s),
        u64::from(limits.max_iids),
        added,
        duplicates,
    ];
    numbers.iter().for_each(|number| varint::put(out, *number));
}

fn put_pending(out: &mut Vec<u8>, holds: &[(Hold, u64)]) {
    out.push(PENDING);
    let (mut id, mut time) = (StreamId::MIN, 0u64);
    for (hold, owner) in holds {
        let ms = hold.id.ms - id.ms;
        varint::put(out, ms);
        varint::put(out, if ms == 0 { hold.id.seq - id.seq } else { hold.id.seq });
        varint::put(out, zigzag(hold.delivered_ms.wrapping_sub(time)));
        varint::put(out, hold.deliveries);
        varint::put(out, *owner);
        (id, time) = (hold.id, hold.delivered_ms);
    }
}

fn put_id(out: &mut Vec<u8>, id: StreamId) {
    varint::put(out, id.ms);
    varint::put(out, id.seq);
}

fn put_option(out: &mut Vec<u8>, value: Option<u64>) {
    match value {
        None => varint::put(out, 0),
        Some(value) => varint::put(out, value.saturating_add(1)),
    }
}

/// Small differences either way become small numbers.
const fn zigzag(difference: u64) -> u64 {
    (difference << 1) ^ ((difference as i64) >> 63) as u64
}

const fn unzigzag(number: u64) -> u64 {
    (number >> 1) ^ (number & 1).wrapping_neg()
}
