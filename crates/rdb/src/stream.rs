//! A stream: nodes of entries, then everything else.
//!
//! ```text
//!   nodes │ length │ last ID │ (2) first ID, highest deleted ID, entries added │ groups │ (4) idempotent producers
//!
//!   group:    name │ last ID │ (2) entries read │ pending │ consumers │ (5) IDs without a consumer
//!   pending:  ID (16 bytes) │ delivered at (8 bytes) │ deliveries
//!   consumer: name │ seen at │ (3) active at │ its IDs
//! ```
//!
//! (n): from the n-th version of the layout on. The order is against a reader: whether a pending entry is deleted has to be
//! known when its place among the entries has come. So the nodes are passed over first, the rest is read, and then the reader
//! goes back.
//!
//! A node is a listpack: a master entry with the fields that most entries share, then entries as differences to it.
//! Deleted ones are still there, marked.

use std::collections::HashMap;
use std::io::{Read, Seek};

use crate::error::Result;
use crate::event::{Consumer, Entry, Group, Idmp, Pending, Producer, StreamHead, StreamId};
use crate::input::Input;
use crate::listpack::{DAMAGED, Listpack};

/// Marks of an entry.
const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;

/// How entries read is written where nobody knows it.
const UNKNOWN: u64 = u64::MAX;

/// Only XNACK leaves an entry without a consumer, and then says so.
const NOBODY_S: &str = "a pending entry without a consumer";

/// What stands behind the nodes, which begin here. Leaves the input behind the value.
pub(crate) fn head<R: Read + Seek>(input: &mut Input<R>, version: u8) -> Result<StreamHead> {
    for _ in 0..input.length()? {
        input.skip_string()?;
        input.skip_string()?;
    }
    let mut head = StreamHead { length: input.length()?, last_id: input.id()?, ..StreamHead::default() };
    head.added = head.length;
    if version >= 2 {
        input.id()?;
        head.max_deleted_id = input.id()?;
        head.added = input.length()?;
    }
    for _ in 0..input.length()? {
        head.groups.push(group(input, version)?);
    }
    if version >= 4 {
        head.idmp = Some(idmp(input)?);
    }
    Ok(head)
}

fn group<R: Read + Seek>(input: &mut Input<R>, version: u8) -> Result<Group> {
    let mut group = Group { name: input.string()?, last_id: input.id()?, ..Group::default() };
    if version >= 2 {
        group.entries_read = Some(input.length()?).filter(|read| *read != UNKNOWN);
    }
    let mut places = HashMap::new();
    for place in 0..input.length()? {
        let (id, delivered_ms, deliveries) = (input.raw_id()?, input.u64_le()?, input.length()?);
        places.insert(id, place as usize);
        group.pending.push(Pending { id, consumer: None, delivered_ms, deliveries });
    }
    for number in 0..input.length()? {
        let mut consumer = Consumer { name: input.string()?, seen_ms: input.u64_le()?, active_ms: None };
        if version >= 3 {
            // -1 stands for never.
            consumer.active_ms = Some(input.u64_le()?).filter(|at_ms| *at_ms != u64::MAX);
        }
        group.consumers.push(consumer);
        for _ in 0..input.length()? {
            let id = input.raw_id()?;
            let place = places.get(&id).ok_or_else(|| input.damaged("a consumer has what its group has not"))?;
            group.pending[*place].consumer = Some(number as usize);
        }
    }
    let mut handed_back = Vec::new();
    if version >= 5 {
        for _ in 0..input.length()? {
            let id = input.raw_id()?;
            let place = places.get(&id).ok_or_else(|| input.damaged(NOBODY_S))?;
            handed_back.push(group.pending[*place].clone());
        }
    }
    let unowned = group.pending.iter().filter(|pending| pending.consumer.is_none()).count();
    if unowned != handed_back.len() || handed_back.iter().any(|pending| pending.consumer.is_some()) {
        return Err(input.damaged(NOBODY_S));
    }
    group.pending.retain(|pending| pending.consumer.is_some());
    group.pending.extend(handed_back);
    Ok(group)
}

fn idmp<R: Read + Seek>(input: &mut Input<R>) -> Result<Idmp> {
    let mut idmp = Idmp { duration_s: input.length()?, ids_max: input.length()?, producers: Vec::new() };
    for _ in 0..input.length()? {
        let mut producer = Producer { pid: input.string()?, sent: Vec::new() };
        for _ in 0..input.length()? {
            producer.sent.push((input.string()?, input.id()?));
        }
        idmp.producers.push(producer);
    }
    // How many messages were ever sent this way, and how many of them were repeated.
    input.length()?;
    input.length()?;
    Ok(idmp)
}

/// Memory for entries told at once: names that entries share are written once and told with each.
const ENTRIES_BYTES: usize = 256 * 1024;

/// A node on its way to becoming entries.
#[derive(Debug)]
pub(crate) struct Node {
    master: StreamId,
    pack: Vec<u8>,
    /// Where in the pack the next entry begins.
    at: usize,
    left: i64,
    shared: Vec<Vec<u8>>,
    last: Option<StreamId>,
}

impl Node {
    /// The next node.
    pub(crate) fn read<R: Read + Seek>(input: &mut Input<R>) -> Result<Self> {
        let (key, pack) = (input.string()?, input.string()?);
        let master = <[u8; 16]>::try_from(key).map_err(|_| input.damaged("the ID of a stream's node"))?;
        Self::begin(StreamId::from_be_bytes(master), pack).map_err(|what| input.damaged(what))
    }

    fn begin(master: StreamId, bytes: Vec<u8>) -> Result<Self, &'static str> {
        let mut pack = Listpack::new(&bytes)?;
        let (living, deleted) = (pack.number()?, pack.number()?);
        let mut shared = Vec::new();
        for _ in 0..pack.number()? {
            shared.push(pack.required()?.text().into_owned());
        }
        // The master entry ends with a zero.
        pack.number()?;
        let at = bytes.len() - pack.left();
        let left = living.checked_add(deleted).ok_or(DAMAGED)?;
        Ok(Self { master, pack: bytes, at, left, shared, last: None })
    }

    /// The next entries that are not deleted; none at the end of the node.
    pub(crate) fn entries(&mut self) -> Result<Vec<Entry>, &'static str> {
        let mut pack = Listpack::resume(&self.pack[self.at..]);
        let (mut entries, mut bytes) = (Vec::new(), 0);
        while self.left > 0 && bytes < ENTRIES_BYTES {
            self.left -= 1;
            let flags = pack.number()?;
            // The differences are numbers without a sign that were written with one.
            let id = StreamId {
                ms: self.master.ms.wrapping_add(pack.number()? as u64),
                seq: self.master.seq.wrapping_add(pack.number()? as u64),
            };
            let fields = fields(&mut pack, flags, &self.shared)?;
            if flags & DELETED != 0 {
                continue;
            }
            if fields.is_empty() || self.last.is_some_and(|last| last >= id) {
                return Err(DAMAGED);
            }
            bytes += fields.iter().map(Vec::len).sum::<usize>();
            self.last = Some(id);
            entries.push(Entry { id, fields });
        }
        self.at = self.pack.len() - pack.left();
        Ok(entries)
    }
}

/// The fields and values of one entry, and past what follows them.
fn fields(pack: &mut Listpack<'_>, flags: i64, shared: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, &'static str> {
    let mut fields = Vec::new();
    if flags & SAME_FIELDS != 0 {
        for name in shared {
            fields.push(name.clone());
            fields.push(pack.required()?.text().into_owned());
        }
    } else {
        for _ in 0..pack.number()? {
            fields.push(pack.required()?.text().into_owned());
            fields.push(pack.required()?.text().into_owned());
        }
    }
    // How many elements the entry has, for walking backwards.
    pack.number()?;
    Ok(fields)
}
