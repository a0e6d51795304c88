//! From a stream to the commands that make it again, so that XINFO STREAM FULL and XPENDING say the same.
//!
//! ```text
//!   XADD key ID …                       every entry, under its own ID; a placeholder where a pending entry is deleted
//!   XGROUP CREATE … ENTRIESREAD         every group
//!   XGROUP CREATECONSUMER               every consumer, idle ones too
//!   XCLAIM … TIME RETRYCOUNT FORCE JUSTID    what is pending, all of one consumer, time and count together
//!   XNACK … RETRYCOUNT FORCE            what is pending for nobody (Redis 8.8, rbq); elsewhere XCLAIM for `rbq-unowned`
//!   XDEL or XTRIM                       the placeholders
//!   XSETID … ENTRIESADDED MAXDELETEDID  the counters
//!   XGROUP SETID … ENTRIESREAD          groups that read more than there is: at XGROUP CREATE no more was known to have been added
//!   XCFGSET, XIDMPRECORD                idempotent producers (Redis 8.6, rbq)
//! ```
//!
//! XCLAIM takes only entries that are there, and IDs only grow; so a placeholder has to stand in its place among the entries
//! before anything is claimed. When it is deleted, it stays pending, as the entry did that it stands for.
//!
//! A server from before 7.0 has no counters (see [`Counters`]): XGROUP CREATE and XSETID then have the IDs alone. What else a
//! server may lack is in [`Abilities`].
//!
//! What trimming removed leaves no trace in the highest deleted ID, and XSETID cannot set that back to none. So where it is
//! none, the placeholders are trimmed too.

use std::iter;
use std::iter::Peekable;
use std::rc::Rc;
use std::vec;

use rbq_client::Request;
use rbq_rdb::{Consumer, Entry, Group, Idmp, Pending, StreamHead, StreamId};

use super::abilities::{Abilities, Idempotence, UNOWNED, Unowned};
use super::counters::Counters;

/// IDs in one XCLAIM, XNACK or XDEL.
const IDS_MAX: usize = 128;

/// The one field of a placeholder; an import that was broken off leaves them to be seen.
const PLACEHOLDER: &str = "_rbq.placeholder";

/// What a stream has that nothing was set for.
const IDMP_DURATION_S: u64 = 100;
const IDMP_IDS_MAX: u64 = 100;

/// What of a stream becomes something else, because there is no command for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Otherwise {
    /// Pending entries that were nobody's and become [`UNOWNED`]'s.
    pub(crate) given: u64,
    /// Whether what idempotent producers sent, or their limits, are lost.
    pub(crate) forgets_producers: bool,
}

/// A stream being made.
#[derive(Debug)]
pub(crate) struct StreamMaker {
    key: Rc<[u8]>,
    head: StreamHead,
    abilities: Abilities,
    otherwise: Otherwise,
    /// Pending IDs whose place among the entries has not come yet.
    expected: Peekable<vec::IntoIter<StreamId>>,
    placeholders: Vec<StreamId>,
    first: Option<StreamId>,
    /// How many entries and placeholders there are.
    made: u64,
}

impl StreamMaker {
    pub(crate) fn new(key: Vec<u8>, mut head: StreamHead, abilities: Abilities) -> Self {
        if abilities.counters == Counters::NotKept {
            head.groups.iter_mut().for_each(|group| group.entries_read = None);
        }
        let otherwise = without(&mut head, abilities);
        let pending = head.groups.iter().flat_map(|group| &group.pending);
        let mut expected: Vec<StreamId> = pending.map(|pending| pending.id).collect();
        expected.sort_unstable();
        expected.dedup();
        let expected = expected.into_iter().peekable();
        Self { key: key.into(), head, abilities, otherwise, expected, placeholders: Vec::new(), first: None, made: 0 }
    }

    pub(crate) fn otherwise(&self) -> Otherwise {
        self.otherwise
    }

    /// The next entry.
    pub(crate) fn entry(&mut self, entry: Entry, out: &mut Vec<Request>) {
        while let Some(id) = self.expected.next_if(|id| *id < entry.id) {
            out.push(self.placeholder(id));
        }
        let _ = self.expected.next_if_eq(&entry.id);
        self.first.get_or_insert(entry.id);
        self.made += 1;
        out.push(self.request("XADD").arg(entry.id.to_string()).args(&entry.fields));
    }

    /// Everything after the entries.
    pub(crate) fn end(mut self) -> impl Iterator<Item = Request> {
        let mut late: Vec<StreamId> = self.expected.by_ref().collect();
        if self.first.is_none() && self.placeholders.is_empty() && late.is_empty() {
            // An empty stream has to be made somehow; the smallest ID there is, if it never had one.
            late.push(self.head.last_id.max(StreamId { ms: 0, seq: 1 }));
        }
        let late: Vec<Request> = late.into_iter().map(|id| self.placeholder(id)).collect();
        let removals = self.removals();
        let set_id = self.set_id();
        let read = self.read_beyond();
        let key = Rc::clone(&self.key);
        let idmp = self.head.idmp.take().into_iter().flat_map(move |idmp| idempotent(Rc::clone(&key), idmp));
        let key = self.key;
        let groups = self.head.groups.into_iter().flat_map(move |group| make_group(Rc::clone(&key), group));
        late.into_iter().chain(groups).chain(removals).chain(iter::once(set_id)).chain(read).chain(idmp)
    }

    fn request(&self, name: &str) -> Request {
        Request::new(name).arg(&self.key)
    }

    fn placeholder(&mut self, id: StreamId) -> Request {
        self.placeholders.push(id);
        self.made += 1;
        self.request("XADD").arg(id.to_string()).args([PLACEHOLDER, ""])
    }

    fn removals(&self) -> Vec<Request> {
        let (Some(newest), max_deleted) = (self.placeholders.last(), self.head.max_deleted_id) else {
            return Vec::new();
        };
        let trim = |bound: &str, value: String| vec![self.request("XTRIM").args([bound, "="]).arg(value)];
        match self.first {
            None if max_deleted == StreamId::ZERO => trim("MAXLEN", "0".into()),
            Some(first) if max_deleted == StreamId::ZERO && *newest < first => trim("MINID", first.to_string()),
            _ => {
                let ids = |chunk: &[StreamId]| chunk.iter().map(StreamId::to_string).collect::<Vec<_>>();
                self.placeholders.chunks(IDS_MAX).map(|chunk| self.request("XDEL").args(ids(chunk))).collect()
            }
        }
    }

    /// What groups read that was trimmed since.
    fn read_beyond(&self) -> Vec<Request> {
        let beyond = |group: &&Group| group.entries_read.is_some_and(|read| read > self.made);
        let set = |group: &Group| {
            let read = group.entries_read.expect("it was just looked at").to_string();
            let set = Request::from(["XGROUP", "SETID"]).arg(&self.key).arg(&group.name);
            set.arg(group.last_id.to_string()).args(["ENTRIESREAD", &read])
        };
        self.head.groups.iter().filter(beyond).map(set).collect()
    }

    fn set_id(&self) -> Request {
        let head = &self.head;
        let set = self.request("XSETID").arg(head.last_id.to_string());
        if self.abilities.counters == Counters::NotKept {
            return set;
        }
        let set = set.arg("ENTRIESADDED").arg(head.added.to_string());
        match head.max_deleted_id {
            StreamId::ZERO => set,
            id => set.arg("MAXDELETEDID").arg(id.to_string()),
        }
    }
}

/// Takes out of a stream what these abilities do not make.
fn without(head: &mut StreamHead, abilities: Abilities) -> Otherwise {
    let mut otherwise = Otherwise::default();
    if abilities.unowned == Unowned::Given {
        otherwise.given = head.groups.iter_mut().map(give).sum();
    }
    if abilities.idempotence == Idempotence::NotKept {
        otherwise.forgets_producers =
            head.idmp.take().is_some_and(|idmp| !is_usual(&idmp) || !idmp.producers.is_empty());
    }
    otherwise
}

/// Gives what is nobody's to [`UNOWNED`], and tells how much that is.
fn give(group: &mut Group) -> u64 {
    let unowned = group.pending.iter().filter(|pending| pending.consumer.is_none()).count();
    if unowned == 0 {
        return 0;
    }
    let known = group.consumers.iter().position(|consumer| consumer.name == UNOWNED.as_bytes());
    let heir = known.unwrap_or_else(|| {
        group.consumers.push(Consumer { name: UNOWNED.into(), ..Consumer::default() });
        group.consumers.len() - 1
    });
    group.pending.iter_mut().for_each(|pending| pending.consumer = pending.consumer.or(Some(heir)));
    unowned as u64
}

fn make_group(key: Rc<[u8]>, mut group: Group) -> impl Iterator<Item = Request> {
    let mut create = Request::from(["XGROUP", "CREATE"]).arg(&key).arg(&group.name).arg(group.last_id.to_string());
    if let Some(read) = group.entries_read {
        create.extend(["ENTRIESREAD".to_owned(), read.to_string()]);
    }
    let consumers: Vec<Request> = group
        .consumers
        .iter()
        .map(|consumer| Request::from(["XGROUP", "CREATECONSUMER"]).arg(&key).arg(&group.name).arg(&consumer.name))
        .collect();
    let mut pending = std::mem::take(&mut group.pending);
    // Stable, so that IDs stay in order, and so does what was handed back.
    pending
        .sort_by_key(|pending| pending.consumer.map(|consumer| (consumer, pending.delivered_ms, pending.deliveries)));
    let mut pending = pending.into_iter().peekable();
    let claims = iter::from_fn(move || {
        let first = pending.next()?;
        let mut ids = vec![first.id];
        while ids.len() < IDS_MAX {
            let alike = |next: &Pending| Pending { id: first.id, ..next.clone() } == first;
            match pending.next_if(alike) {
                Some(next) => ids.push(next.id),
                None => break,
            }
        }
        Some(claim(&key, &group, &first, &ids))
    });
    iter::once(create).chain(consumers).chain(claims)
}

/// Entries that are pending alike.
fn claim(key: &[u8], group: &Group, like: &Pending, ids: &[StreamId]) -> Request {
    let shown = ids.iter().map(StreamId::to_string);
    let count = like.deliveries.to_string();
    match like.consumer {
        Some(consumer) => Request::from([b"XCLAIM", key, &group.name, &group.consumers[consumer].name, b"0"])
            .args(shown)
            .args(["TIME", &like.delivered_ms.to_string(), "RETRYCOUNT", &count, "FORCE", "JUSTID"]),
        None => Request::from([b"XNACK", key, &group.name, b"FAIL", b"IDS", ids.len().to_string().as_bytes()])
            .args(shown)
            .args(["RETRYCOUNT", &count, "FORCE"]),
    }
}

fn is_usual(idmp: &Idmp) -> bool {
    (idmp.duration_s, idmp.ids_max) == (IDMP_DURATION_S, IDMP_IDS_MAX)
}

fn idempotent(key: Rc<[u8]>, idmp: Idmp) -> impl Iterator<Item = Request> {
    let limits = (!is_usual(&idmp)).then(|| {
        let (duration, ids) = (idmp.duration_s.to_string(), idmp.ids_max.to_string());
        Request::new("XCFGSET").arg(&key).args(["IDMP-DURATION", &duration, "IDMP-MAXSIZE", &ids])
    });
    let records = idmp.producers.into_iter().flat_map(move |producer| {
        let key = Rc::clone(&key);
        producer
            .sent
            .into_iter()
            .map(move |(iid, id)| Request::new("XIDMPRECORD").arg(&key).arg(&producer.pid).arg(iid).arg(id.to_string()))
    });
    limits.into_iter().chain(records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::compose::Composer;
    use rbq_rdb::{Event, Key, Producer};

    const ALL: Abilities =
        Abilities { counters: Counters::Kept, unowned: Unowned::Kept, idempotence: Idempotence::Kept };

    const fn id(ms: u64) -> StreamId {
        StreamId { ms, seq: 0 }
    }

    fn pending(ms: u64, consumer: Option<usize>, delivered_ms: u64, deliveries: u64) -> Pending {
        Pending { id: id(ms), consumer, delivered_ms, deliveries }
    }

    /// The commands, a line each.
    fn commands(head: StreamHead, entries: &[u64]) -> String {
        commands_for(ALL, head, entries)
    }

    fn commands_for(abilities: Abilities, head: StreamHead, entries: &[u64]) -> String {
        let mut composer = Composer::new(Key { db: 0, name: b"s".to_vec(), expires_ms: Some(9) }, abilities);
        let mut requests = Vec::new();
        composer.add(Event::Stream(head), &mut requests);
        let entry = |ms: &u64| Entry { id: id(*ms), fields: vec![b"f".to_vec(), b"v".to_vec()] };
        composer.add(Event::Entries(entries.iter().map(entry).collect()), &mut requests);
        requests.extend(composer.end());
        let word = |word: &[u8]| if word.is_empty() { "''".into() } else { String::from_utf8_lossy(word).into_owned() };
        let line = |request: &Request| request.iter().map(word).collect::<Vec<_>>().join(" ");
        requests.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn group(pending: Vec<Pending>) -> Group {
        let consumer = |name: &str| Consumer { name: name.into(), ..Consumer::default() };
        let consumers = vec![consumer("ann"), consumer("bob")];
        Group { name: b"g".to_vec(), last_id: id(5), entries_read: Some(4), consumers, pending }
    }

    #[test]
    fn placeholders_stand_where_pending_entries_were() {
        let pending = vec![
            pending(1, Some(1), 70, 2),
            pending(2, Some(0), 70, 1),
            pending(3, Some(1), 70, 2),
            pending(6, Some(0), 80, 1),
            pending(4, None, 0, 3),
        ];
        let head = StreamHead {
            length: 2,
            last_id: id(7),
            max_deleted_id: id(6),
            added: 6,
            groups: vec![group(pending)],
            idmp: None,
        };
        insta::assert_snapshot!(commands(head, &[2, 5]), @r"
        XADD s 1-0 _rbq.placeholder ''
        XADD s 2-0 f v
        XADD s 3-0 _rbq.placeholder ''
        XADD s 4-0 _rbq.placeholder ''
        XADD s 5-0 f v
        XADD s 6-0 _rbq.placeholder ''
        XGROUP CREATE s g 5-0 ENTRIESREAD 4
        XGROUP CREATECONSUMER s g ann
        XGROUP CREATECONSUMER s g bob
        XNACK s g FAIL IDS 1 4-0 RETRYCOUNT 3 FORCE
        XCLAIM s g ann 0 2-0 TIME 70 RETRYCOUNT 1 FORCE JUSTID
        XCLAIM s g ann 0 6-0 TIME 80 RETRYCOUNT 1 FORCE JUSTID
        XCLAIM s g bob 0 1-0 3-0 TIME 70 RETRYCOUNT 2 FORCE JUSTID
        XDEL s 1-0 3-0 4-0 6-0
        XSETID s 7-0 ENTRIESADDED 6 MAXDELETEDID 6-0
        PEXPIREAT s 9
        ");
    }

    #[test]
    fn what_was_trimmed_is_trimmed_again() {
        let head =
            |pending| StreamHead { last_id: id(3), added: 3, groups: vec![group(pending)], ..StreamHead::default() };
        insta::assert_snapshot!(commands(head(vec![pending(1, Some(0), 70, 1)]), &[3]), @r"
        XADD s 1-0 _rbq.placeholder ''
        XADD s 3-0 f v
        XGROUP CREATE s g 5-0 ENTRIESREAD 4
        XGROUP CREATECONSUMER s g ann
        XGROUP CREATECONSUMER s g bob
        XCLAIM s g ann 0 1-0 TIME 70 RETRYCOUNT 1 FORCE JUSTID
        XTRIM s MINID = 3-0
        XSETID s 3-0 ENTRIESADDED 3
        XGROUP SETID s g 5-0 ENTRIESREAD 4
        PEXPIREAT s 9
        ");
        insta::assert_snapshot!(commands(head(vec![pending(1, Some(0), 70, 1)]), &[]), @r"
        XADD s 1-0 _rbq.placeholder ''
        XGROUP CREATE s g 5-0 ENTRIESREAD 4
        XGROUP CREATECONSUMER s g ann
        XGROUP CREATECONSUMER s g bob
        XCLAIM s g ann 0 1-0 TIME 70 RETRYCOUNT 1 FORCE JUSTID
        XTRIM s MAXLEN = 0
        XSETID s 3-0 ENTRIESADDED 3
        XGROUP SETID s g 5-0 ENTRIESREAD 4
        PEXPIREAT s 9
        ");
        insta::assert_snapshot!(commands(StreamHead::default(), &[]), @r"
        XADD s 0-1 _rbq.placeholder ''
        XTRIM s MAXLEN = 0
        XSETID s 0-0 ENTRIESADDED 0
        PEXPIREAT s 9
        ");
    }

    #[test]
    fn a_server_without_counters_is_told_the_ids_alone() {
        let head = StreamHead {
            last_id: id(3),
            added: 3,
            max_deleted_id: id(1),
            groups: vec![group(vec![pending(1, Some(0), 70, 1)])],
            ..StreamHead::default()
        };
        insta::assert_snapshot!(commands_for(Abilities { counters: Counters::NotKept, ..ALL }, head, &[3]), @r"
        XADD s 1-0 _rbq.placeholder ''
        XADD s 3-0 f v
        XGROUP CREATE s g 5-0
        XGROUP CREATECONSUMER s g ann
        XGROUP CREATECONSUMER s g bob
        XCLAIM s g ann 0 1-0 TIME 70 RETRYCOUNT 1 FORCE JUSTID
        XDEL s 1-0
        XSETID s 3-0
        PEXPIREAT s 9
        ");
    }

    #[test]
    fn what_is_nobodys_is_given_to_a_consumer_of_a_telling_name_where_there_is_no_xnack() {
        let abilities = Abilities { unowned: Unowned::Given, ..ALL };
        let pending = vec![pending(1, Some(0), 70, 1), pending(2, None, 0, 3), pending(3, None, 0, 3)];
        let head = StreamHead { last_id: id(5), added: 2, groups: vec![group(pending)], ..StreamHead::default() };
        assert_eq!(without(&mut head.clone(), abilities), Otherwise { given: 2, forgets_producers: false });
        insta::assert_snapshot!(commands_for(abilities, head, &[1, 2]), @r"
        XADD s 1-0 f v
        XADD s 2-0 f v
        XADD s 3-0 _rbq.placeholder ''
        XGROUP CREATE s g 5-0 ENTRIESREAD 4
        XGROUP CREATECONSUMER s g ann
        XGROUP CREATECONSUMER s g bob
        XGROUP CREATECONSUMER s g rbq-unowned
        XCLAIM s g ann 0 1-0 TIME 70 RETRYCOUNT 1 FORCE JUSTID
        XCLAIM s g rbq-unowned 0 2-0 3-0 TIME 0 RETRYCOUNT 3 FORCE JUSTID
        XDEL s 3-0
        XSETID s 5-0 ENTRIESADDED 2
        XGROUP SETID s g 5-0 ENTRIESREAD 4
        PEXPIREAT s 9
        ");
    }

    #[test]
    fn idempotent_producers_come_with_their_limits() {
        let sent = vec![(b"17".to_vec(), id(1)), (b"18".to_vec(), id(2))];
        let producers = vec![Producer { pid: b"shop".to_vec(), sent }];
        let idmp = Some(Idmp { duration_s: 300, ids_max: 100, producers });
        insta::assert_snapshot!(commands(StreamHead { last_id: id(2), added: 2, idmp, ..StreamHead::default() }, &[1, 2]), @r"
        XADD s 1-0 f v
        XADD s 2-0 f v
        XSETID s 2-0 ENTRIESADDED 2
        XCFGSET s IDMP-DURATION 300 IDMP-MAXSIZE 100
        XIDMPRECORD s shop 17 1-0
        XIDMPRECORD s shop 18 2-0
        PEXPIREAT s 9
        ");
    }
}
