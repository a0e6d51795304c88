//! Putting a stream together from sections nobody vouches for.
//!
//! ```text
//!   head ──► blocks ──► group ─► its consumers ─► its nacked ─► its pending ──► next group … ──► producers ──► end
//! ```
//!
//! Sections of one kind may be any number, none included; a kind never comes back. Counts given ahead must come true.

use std::collections::BTreeMap;

use super::{BLOCK, CONSUMERS, END, GROUP, HEAD, NACKED, PENDING, PRODUCER, VERSION, unzigzag};
use crate::block::Block;
use crate::deliver::DELIVERIES_MAX;
use crate::error::Corrupt;
use crate::group::Group;
use crate::id::StreamId;
use crate::idmp::{IdmpLimits, Sent};
use crate::pending::Hold;
use crate::stream::Stream;
use crate::varint::Reader;

/// Builds a [`Stream`] from the sections of a snapshot, in their order.
#[derive(Debug, Default)]
pub struct Restore {
    stream: Stream,
    /// The kind of the last section.
    at: u8,
    promised: Promised,
    group: Option<GroupRestore>,
    group_name: Vec<u8>,
    pid: Vec<u8>,
    producers: u64,
}

/// What the head said would come.
#[derive(Debug, Default)]
struct Promised {
    last_id: StreamId,
    max_deleted_id: StreamId,
    added: u64,
    entries: u64,
    groups: u64,
    producers: u64,
    iids: u64,
}

#[derive(Debug)]
struct GroupRestore {
    group: Group,
    consumers: u64,
    pending: u64,
    /// Pending entries each consumer was said to have, less those seen.
    owed: Vec<u64>,
    /// Places in the queue of those handed back, less those seen.
    queue: BTreeMap<StreamId, u64>,
}

type Checked<T = ()> = Result<T, Corrupt>;

fn check(holds: bool, what: &'static str) -> Checked {
    if holds { Ok(()) } else { Err(Corrupt(what)) }
}

impl Restore {
    /// A stream with nothing in it yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next section.
    ///
    /// # Errors
    /// When these bytes are no section, or not one that can follow.
    pub fn push(&mut self, section: &[u8]) -> Result<(), Corrupt> {
        let mut reader = Reader::new(section, 0);
        let kind = reader.byte().ok_or(Corrupt("an empty section"))?;
        self.enter(kind)?;
        self.read(kind, reader).ok_or(Corrupt("a section that ends too early"))??;
        self.at = kind;
        Ok(())
    }

    /// The stream.
    ///
    /// # Errors
    /// When the end has not come.
    pub fn finish(self) -> Result<Stream, Corrupt> {
        check(self.at == END, "a snapshot without its end")?;
        Ok(self.stream)
    }

    /// Whether a section of this kind may come here.
    fn enter(&mut self, kind: u8) -> Checked {
        let follows = match kind {
            HEAD => self.at == 0,
            BLOCK => matches!(self.at, HEAD | BLOCK),
            GROUP => (HEAD..=PENDING).contains(&self.at),
            CONSUMERS | NACKED | PENDING => (GROUP..=kind).contains(&self.at),
            PRODUCER | END => (HEAD..=PRODUCER).contains(&self.at),
            _ => false,
        };
        check(follows, "a section out of place")?;
        if self.at <= BLOCK && kind > BLOCK {
            self.finish_entries()?;
        }
        if self.at >= GROUP && self.at <= PENDING && matches!(kind, GROUP | PRODUCER | END) {
            self.finish_group()?;
        }
        Ok(())
    }

    /// `None` when the bytes end too early.
    fn read(&mut self, kind: u8, reader: Reader<'_>) -> Option<Checked> {
        match kind {
            HEAD => self.read_head(reader),
            BLOCK => self.read_block(reader),
            GROUP => self.read_group(reader),
            CONSUMERS => self.read_consumers(reader),
            NACKED => self.read_nacked(reader),
            PENDING => self.read_pending(reader),
            PRODUCER => self.read_producer(reader),
            _ => Some(self.read_end(reader)),
        }
    }

    fn read_head(&mut self, mut reader: Reader<'_>) -> Option<Checked> {
        if reader.varint()? != VERSION {
            return Some(Err(Corrupt("an unknown version")));
        }
        self.promised = Promised {
            last_id: read_id(&mut reader)?,
            max_deleted_id: read_id(&mut reader)?,
            added: reader.varint()?,
            entries: reader.varint()?,
            groups: reader.varint()?,
            producers: reader.varint()?,
            iids: reader.varint()?,
        };
        let (duration, iids) = (reader.varint()?, reader.varint()?);
        let (added, duplicates) = (reader.varint()?, reader.varint()?);
        let (Ok(duration_s), Ok(max_iids)) = (u32::try_from(duration), u32::try_from(iids)) else {
            return Some(Err(Corrupt("limits out of range")));
        };
        self.stream = Stream::new(IdmpLimits { duration_s, max_iids });
        self.stream.idmp.restore_counters(added, duplicates);
        Some(check(reader.is_at_end(), "a head too long"))
    }

    fn read_block(&mut self, mut reader: Reader<'_>) -> Option<Checked> {
        let (first, last) = (read_id(&mut reader)?, read_id(&mut reader)?);
        let cost = u32::try_from(reader.varint()?).ok()?;
        let block = Block::from_parts(first, last, cost, reader.rest().to_vec());
        let Some(block) = block.filter(|block| block.last() <= self.promised.last_id) else {
            return Some(Err(Corrupt("a damaged block")));
        };
        Some(check(self.stream.entries.restore_block(block), "blocks out of order"))
    }

    fn finish_entries(&mut self) -> Checked {
        let Promised { last_id, max_deleted_id, added, entries, .. } = self.promised;
        check(self.stream.entries.len() == entries, "entries are missing")?;
        check(max_deleted_id <= last_id && added >= entries, "counters that cannot be")?;
        self.stream.entries.restore_counters(last_id, max_deleted_id, added);
        Ok(())
    }

    fn read_group(&mut self, mut reader: Reader<'_>) -> Option<Checked> {
        let name = reader.bytes()?;
        let last_delivered = read_id(&mut reader)?;
        let entries_read = reader.varint()?.checked_sub(1);
        let (consumers, pending) = (reader.varint()?, reader.varint()?);
        let first = self.at <= BLOCK;
        if !reader.is_at_end() || (!first && *name <= *self.group_name) {
            return Some(Err(Corrupt("groups out of order")));
        }
        self.group_name = name.to_vec();
        let mut group = Group { last_delivered, entries_read, ..Group::default() };
        group.count_lag(&self.stream.entries);
        self.group = Some(GroupRestore { group, consumers, pending, owed: Vec::new(), queue: BTreeMap::new() });
        Some(Ok(()))
    }

    fn read_consumers(&mut self, mut reader: Reader<'_>) -> Option<Checked> {
        let GroupRestore { group, owed, .. } = self.group.as_mut()?;
        while !reader.is_at_end() {
            let name = reader.bytes()?;
            let (seen_ms, active) = (reader.varint()?, reader.varint()?);
            let pending = reader.varint()?;
            let ascends = group.consumers().next_back().is_none_or(|(_, last)| last.name() < name);
            if !ascends {
                return Some(Err(Corrupt("consumers out of order")));
            }
            let id = group.consumers.create(name, seen_ms);
            let consumer = group.consumers.at_mut(id);
            consumer.active_ms = active.checked_sub(1);
            consumer.pending = pending;
            owed.push(pending);
        }
        Some(Ok(()))
    }

    fn read_nacked(&mut self, mut reader: Reader<'_>) -> Option<Checked> {
        let GroupRestore { queue, .. } = self.group.as_mut()?;
        while !reader.is_at_end() {
            let ticket = queue.len() as u64;
            if queue.insert(read_id(&mut reader)?, ticket).is_some() {
                return Some(Err(Corrupt("an entry handed back twice")));
            }
        }
        Some(Ok(()))
    }

    fn read_pending(&mut self, mut reader: Reader<'_>) -> Option<Checked> {
        let GroupRestore { group, owed, queue, .. } = self.group.as_mut()?;
        let (mut id, mut time) = (StreamId::MIN, 0u64);
        while !reader.is_at_end() {
            let (ms, seq) = (reader.varint()?, reader.varint()?);
            let seq = if ms == 0 { id.seq.checked_add(seq)? } else { seq };
            id = StreamId::new(id.ms.checked_add(ms)?, seq);
            time = time.wrapping_add(unzigzag(reader.varint()?));
            let (deliveries, owner) = (reader.varint()?, reader.varint()?);
            let owner = match owner.checked_sub(1) {
                None => None,
                Some(owner) => {
                    let Some(owed) = usize::try_from(owner).ok().and_then(|owner| owed.get_mut(owner)) else {
                        return Some(Err(Corrupt("a pending entry of an unknown consumer")));
                    };
                    match owed.checked_sub(1) {
                        Some(less) => *owed = less,
                        None => return Some(Err(Corrupt("a consumer with too many pending entries"))),
                    }
                    Some(owner as u32)
                }
            };
            let ticket = if owner.is_none() { queue.remove(&id) } else { None };
            let known = owner.is_some() || (ticket.is_some() && time == 0);
            let hold = Hold { id, owner, delivered_ms: time, deliveries };
            if !known || deliveries > DELIVERIES_MAX || !group.pending.restore(&hold, ticket) {
                return Some(Err(Corrupt("pending entries out of order")));
            }
        }
        Some(Ok(()))
    }

    fn finish_group(&mut self) -> Checked {
        let Some(GroupRestore { mut group, consumers, pending, owed, queue }) = self.group.take() else {
            return Err(Corrupt("a section out of place"));
        };
        check(group.consumers_len() as u64 == consumers, "consumers are missing")?;
        check(group.pending_len() == pending, "pending entries are missing")?;
        check(queue.is_empty() && owed.iter().all(|owed| *owed == 0), "pending entries are missing")?;
        group.pending.settle_restored();
        self.stream.groups.insert(&self.group_name, group);
        Ok(())
    }

    fn read_producer(&mut self, mut reader: Reader<'_>) -> Option<Checked> {
        let pid = reader.bytes()?;
        let first = self.at != PRODUCER;
        if first || *pid > *self.pid {
            self.producers += 1;
        } else if *pid != *self.pid {
            return Some(Err(Corrupt("producers out of order")));
        }
        if reader.is_at_end() {
            return Some(Err(Corrupt("a producer of nothing")));
        }
        self.pid = pid.to_vec();
        while !reader.is_at_end() {
            let iid = reader.bytes()?.into();
            let sent = Sent { iid, id: read_id(&mut reader)?, at_ms: reader.varint()? };
            if !self.stream.idmp.restore(pid, &sent) {
                return Some(Err(Corrupt("a producer's IDs out of order")));
            }
        }
        Some(Ok(()))
    }

    fn read_end(&mut self, reader: Reader<'_>) -> Checked {
        check(reader.is_at_end(), "an end too long")?;
        check(self.stream.groups_len() as u64 == self.promised.groups, "groups are missing")?;
        let producers = (self.producers, self.stream.idmp.tracked());
        check(producers == (self.promised.producers, self.promised.iids), "producers are missing")
    }
}

fn read_id(reader: &mut Reader<'_>) -> Option<StreamId> {
    Some(StreamId::new(reader.varint()?, reader.varint()?))
}
