//! From a stream to the commands that make it again, so that XINFO STREAM FULL and XPENDING say the same.
//!
//! ```text
//!   XADD key ID …                       every entry, under its own ID; a placeholder where a pending entry is deleted
//!   XGROUP CREATE … ENTRIESREAD         every group
//!   XGROUP CREATECONSUMER               every consumer, idle ones too
//!   XCLAIM … TIME RETRYCOUNT FORCE JUSTID    what is pending, all of one consumer, time and count together
//!   XNACK … RETRYCOUNT FORCE            what is pending for nobody (Redis 8.8, rbq)
//!   XDEL or XTRIM                       the placeholders
//!   XSETID … ENTRIESADDED MAXDELETEDID  the counters
//!   XCFGSET, XIDMPRECORD                idempotent producers (Redis 8.6, rbq)
//! ```
//!
//! XCLAIM takes only entries that are there, and IDs only grow; so a placeholder has to stand in its place among the entries
//! before anything is claimed. When it is deleted, it stays pending, as the entry did that it stands for.
//!
//! What trimming removed leaves no trace in the highest deleted ID, and XSETID cannot set that back to none. So where it is
//! none, the placeholders are trimmed too.

use std::iter;
use std::iter::Peekable;
use std::rc::Rc;
use std::vec;

use rbq_client::Request;
use rbq_rdb::{Entry, Group, Idmp, Pending, StreamHead, StreamId};

/// IDs in one XCLAIM, XNACK or XDEL.
const IDS_MAX: usize = 128;

/// The one field of a placeholder; an import that was broken off leaves them to be seen.
const PLACEHOLDER: &str = "_rbq.placeholder";

/// What a stream has that nothing was set for.
const IDMP_DURATION_S: u64 = 100;
const IDMP_IDS_MAX: u64 = 100;

/// A stream being made.
#[derive(Debug)]
pub(crate) struct StreamMaker {
    key: Rc<[u8]>,
    head: StreamHead,
    /// Pending IDs whose place among the entries has not come yet.
    expected: Peekable<vec::IntoIter<StreamId>>,
    placeholders: Vec<StreamId>,
    first: Option<StreamId>,
}

impl StreamMaker {
    pub(crate) fn new(key: Vec<u8>, head: StreamHead) -> Self {
        let pending = head.groups.iter().flat_map(|group| &group.pending);
        let mut expected: Vec<StreamId> = pending.map(|pending| pending.id).collect();
        expected.sort_unstable();
        expected.dedup();
        let expected = expected.into_iter().peekable();
        Self { key: key.into(), head, expected, placeholders: Vec::new(), first: None }
    }

    /// The next entry.
    pub(crate) fn entry(&mut self, entry: Entry, out: &mut Vec<Request>) {
        while let Some(id) = self.expected.next_if(|id| *id < entry.id) {
            out.push(self.placeholder(id));
        }
        let _ = self.expected.next_if_eq(&entry.id);
        self.first.get_or_insert(entry.id);
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
        let key = Rc::clone(&self.key);
        let idmp = self.head.idmp.take().into_iter().flat_map(move |idmp| idempotent(Rc::clone(&key), idmp));
        let key = self.key;
        let groups = self.head.groups.into_iter().flat_map(move |group| make_group(Rc::clone(&key), group));
        late.into_iter().chain(groups).chain(removals).chain(iter::once(set_id)).chain(idmp)
    }

    fn request(&self, name: &str) -> Request {
        Request::new(name).arg(&self.key)
    }

    fn placeholder(&mut self, id: StreamId) -> Request {
        self.placeholders.push(id);
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

    fn set_id(&self) -> Request {
        let head = &self.head;
        let set = self.request("XSETID").arg(head.last_id.to_string());
        let set = set.arg("ENTRIESADDED").arg(head.added.to_string());
        match head.max_deleted_id {
            StreamId::ZERO => set,
            id => set.arg("MAXDELETEDID").arg(id.to_string()),
        }
    }
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

fn idempotent(key: Rc<[u8]>, idmp: Idmp) -> impl Iterator<Item = Request> {
    let (duration_s, ids_max) = (idmp.duration_s, idmp.ids_max);
    let is_usual = (duration_s, ids_max) == (IDMP_DURATION_S, IDMP_IDS_MAX);
    let limits = (!is_usual).then(|| {
        let (duration, ids) = (duration_s.to_string(), ids_max.to_string());
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
