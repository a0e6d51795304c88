//! A stream read with commands that every server has, where `DUMP` is not to be had (rbq has none).
//!
//! Groups, consumers, pending entries, counters and the first page of entries come from one transaction, so they are of one
//! moment, and so is all of a stream that fits into a page. The entries of a longer one are read page by page up to the last
//! ID of that moment. Entries that are deleted meanwhile are missing then, as if they had been deleted before; what was pending
//! of them stays so. That is a state the stream could have had, and a busy stream cannot hold up its reader.

use rbq_client::{Client, Request, Value};
use rbq_rdb::{Consumer, Entry, Event, Group, Idmp, Pending, StreamHead, StreamId};

use super::expiry::Expiry;
use super::reply::{Ran, bytes, count, elements, id, millis, transact, unexpected};
use crate::failure::{Failure, Result};

/// Entries read at once.
const PAGE_ENTRIES: usize = 500;

/// How often the groups of a stream may change between two requests before we give up.
const TRIES: usize = 20;

/// Pending entries asked for at once: all of them, because only then are they of one moment.
const PENDING_MAX: &str = "1000000000";

/// A stream being read.
#[derive(Debug)]
pub(crate) struct StreamReader {
    key: Vec<u8>,
    head: Option<StreamHead>,
    page: Option<Vec<Entry>>,
    /// The last ID told, and the last that counts.
    told: StreamId,
    end: StreamId,
    /// When the key expires.
    pub(crate) expires_ms: Option<u64>,
    /// Whether the stream remembers idempotent IDs, which no command tells.
    pub(crate) has_hidden_ids: bool,
}

impl StreamReader {
    /// Reads all but later pages; `None` if the key has gone.
    pub(crate) async fn begin(client: &Client, key: &[u8], expiry: Expiry) -> Result<Option<Self>> {
        let mut names: Vec<Vec<u8>> = Vec::new();
        for _ in 0..TRIES {
            let replies = match transact(client, questions(key, expiry, &names)).await? {
                Ran::Replies(replies) => replies,
                Ran::Refused(text) => return Err(rbq_client::Error::from_error_reply(text).into()),
            };
            if matches!(&replies[1], Value::Error(text) if text.starts_with("ERR no such key")) {
                return Ok(None);
            }
            let present = group_names(&replies[2])?;
            if present == names {
                return Self::from_answers(key, expiry, &replies).map(Some);
            }
            names = present;
        }
        Err(Failure::new(format!("the groups of {} change faster than they can be read", rbq_resp::quote(key))))
    }

    fn from_answers(key: &[u8], expiry: Expiry, replies: &[Value]) -> Result<Self> {
        let broken = |command| unexpected(command, None);
        let [time, info, groups, expires, rest @ ..] = replies else { return Err(broken("EXEC")) };
        let now_ms = millis(time).ok_or_else(|| broken("TIME"))?;
        let mut head = head(info).ok_or_else(|| unexpected("XINFO STREAM", Some(info)))?;
        let (answers, page) = (rest.split_last().map_or(rest, |(_, answers)| answers), rest.last());
        let listed = elements(groups).ok_or_else(|| unexpected("XINFO GROUPS", Some(groups)))?;
        for (listed, answers) in listed.iter().zip(answers.as_chunks::<2>().0) {
            let [consumers, pending] = answers;
            let group = group(listed, consumers, pending, now_ms).ok_or_else(|| broken("XPENDING"))?;
            head.groups.push(group);
        }
        let page = page.and_then(entries).ok_or_else(|| unexpected("XRANGE", page))?;
        let expires_ms = expiry.read(expires, now_ms)?;
        let end = if page.len() < PAGE_ENTRIES { StreamId::ZERO } else { head.last_id };
        let has_hidden_ids = count(info, "iids-tracked").is_some_and(|ids| ids > 0);
        let (head, page) = (Some(head), Some(page));
        Ok(Self { key: key.to_vec(), head, page, told: StreamId::ZERO, end, expires_ms, has_hidden_ids })
    }

    /// The next piece.
    pub(crate) async fn next(&mut self, client: &Client) -> Result<Option<Event>> {
        if let Some(head) = self.head.take() {
            return Ok(Some(Event::Stream(head)));
        }
        let mut page = match self.page.take() {
            Some(page) => page,
            None if self.told >= self.end => return Ok(None),
            None => {
                let (from, to) = (format!("({}", self.told), self.end.to_string());
                let range = Request::from([&b"XRANGE"[..], &self.key, from.as_bytes(), to.as_bytes()]);
                let reply = client.call(range.arg("COUNT").arg(PAGE_ENTRIES.to_string())).await?;
                entries(&reply).ok_or_else(|| unexpected("XRANGE", Some(&reply)))?
            }
        };
        match page.last() {
            Some(last) => self.told = last.id,
            None => self.told = self.end,
        }
        if page.is_empty() { Ok(None) } else { Ok(Some(Event::Entries(std::mem::take(&mut page)))) }
    }
}

fn questions(key: &[u8], expiry: Expiry, groups: &[Vec<u8>]) -> Vec<Request> {
    let about = |words: &[&str]| Request::from(words).arg(key);
    let mut all =
        vec![Request::new("TIME"), about(&["XINFO", "STREAM"]), about(&["XINFO", "GROUPS"]), expiry.request(key)];
    for group in groups {
        all.push(about(&["XINFO", "CONSUMERS"]).arg(group));
        all.push(about(&["XPENDING"]).arg(group).args(["-", "+", PENDING_MAX]));
    }
    all.push(about(&["XRANGE"]).args(["-", "+", "COUNT"]).arg(PAGE_ENTRIES.to_string()));
    all
}

fn group_names(groups: &Value) -> Result<Vec<Vec<u8>>> {
    let names =
        elements(groups).map(|groups| groups.iter().map(|group| Some(bytes(group, "name")?.to_vec())).collect());
    names.flatten().ok_or_else(|| unexpected("XINFO GROUPS", Some(groups)))
}

fn head(info: &Value) -> Option<StreamHead> {
    let length = count(info, "length")?;
    Some(StreamHead {
        length,
        last_id: id(bytes(info, "last-generated-id")?)?,
        // Redis 7.0 began to count.
        max_deleted_id: bytes(info, "max-deleted-entry-id").and_then(id).unwrap_or_default(),
        added: count(info, "entries-added").unwrap_or(length),
        groups: Vec::new(),
        idmp: count(info, "idmp-duration").zip(count(info, "idmp-maxsize")).map(|(duration_s, ids_max)| Idmp {
            duration_s,
            ids_max,
            producers: Vec::new(),
        }),
    })
}

fn group(listed: &Value, consumers: &Value, pending: &Value, now_ms: u64) -> Option<Group> {
    let mut group = Group {
        name: bytes(listed, "name")?.to_vec(),
        last_id: id(bytes(listed, "last-delivered-id")?)?,
        entries_read: count(listed, "entries-read"),
        ..Group::default()
    };
    for consumer in elements(consumers)? {
        let idle_ms = count(consumer, "idle").unwrap_or(0);
        let seen_ms = now_ms.saturating_sub(idle_ms);
        group.consumers.push(Consumer { name: bytes(consumer, "name")?.to_vec(), seen_ms, active_ms: None });
    }
    let mut handed_back = Vec::new();
    for entry in elements(pending)? {
        let [entry_id, owner, Value::Integer(idle_ms), Value::Integer(deliveries)] = elements(entry)? else {
            return None;
        };
        let owner = owner.as_bytes()?;
        let pending = Pending {
            id: id(entry_id.as_bytes()?)?,
            consumer: group.consumers.iter().position(|consumer| consumer.name == owner),
            delivered_ms: u64::try_from(*idle_ms).map_or(0, |idle_ms| now_ms.saturating_sub(idle_ms)),
            deliveries: u64::try_from(*deliveries).unwrap_or(0),
        };
        // Nobody's: XPENDING says idle -1 and no name, also where a consumer is called "".
        if *idle_ms < 0 { handed_back.push(Pending { consumer: None, ..pending }) } else { group.pending.push(pending) }
    }
    group.pending.extend(handed_back);
    Some(group)
}

fn entries(reply: &Value) -> Option<Vec<Entry>> {
    elements(reply)?.iter().map(entry).collect()
}

fn entry(reply: &Value) -> Option<Entry> {
    let [entry_id, fields] = elements(reply)? else { return None };
    let fields = elements(fields)?.iter().map(|field| field.as_bytes().map(<[u8]>::to_vec)).collect::<Option<_>>()?;
    Some(Entry { id: id(entry_id.as_bytes()?)?, fields })
}
