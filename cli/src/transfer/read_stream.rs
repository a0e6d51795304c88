//! A stream read with commands that every server has, where `DUMP` is not to be had (rbq has none).
//!
//! Groups, consumers, pending entries, counters and the first page of entries come from one transaction, so they are of one
//! moment, and so is all of a stream that fits into a page. The entries of a longer one are read page by page up to the last
//! ID of that moment. Entries that are deleted meanwhile are missing then, as if they had been deleted before; what was pending
//! of them stays so. That is a state the stream could have had, and a busy stream cannot hold up its reader.
//!
//! With each page it is [looked at](super::same_stream) whether the key is that stream still. If it is not, what was told of it
//! does not count. Its next reading has larger pages, so that a stream that is replaced all the time is read at one moment in
//! the end, if it is of a size for that.

use rbq_client::{Client, Error, Request, Value};
use rbq_rdb::{Consumer, Entry, Event, Group, Idmp, Pending, StreamHead, StreamId};

use super::expiry::Expiry;
use super::reply::{
    Look, Ran, bytes, count, elements, entry, id, is_gone, is_of_another_type, millis, transact, unexpected,
};
use super::same_stream::{Sight, Verdict};
use crate::failure::Result;

/// Entries read at once.
const PAGE_ENTRIES: usize = 500;

/// How many times as many the next reading takes at once: 62,500 in the fourth, which a server gives in some tens of milliseconds.
const GROWTH: usize = 5;

/// Bytes of a page that is not made larger.
const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How often the groups of a stream may change between two requests before we give up.
const TRIES: usize = 20;

/// Pending entries asked for at once: all of them, because only then are they of one moment.
const PENDING_MAX: &str = "1000000000";

/// How a stream is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Entries read at once.
    pub(crate) page_entries: usize,
    /// Nothing is begun anew after this: where it cannot be known whether the stream is the same, it is taken for that.
    pub(crate) is_last: bool,
}

impl Pace {
    pub(crate) fn first() -> Self {
        Self { page_entries: PAGE_ENTRIES, is_last: false }
    }
}

/// A stream being read.
#[derive(Debug)]
pub(crate) struct StreamReader {
    pub(crate) key: Vec<u8>,
    head: Option<StreamHead>,
    page: Option<Vec<Entry>>,
    /// The last entry told, and the last ID that counts.
    told: Option<Entry>,
    end: StreamId,
    /// What was last seen of it.
    sight: Sight,
    pace: Pace,
    page_bytes: usize,
    /// When the key expires.
    pub(crate) expires_ms: Option<u64>,
    /// Whether the stream remembers idempotent IDs, which no command tells.
    pub(crate) has_hidden_ids: bool,
}

/// What comes next of a stream.
#[derive(Debug)]
pub(crate) enum Next {
    Event(Event),
    End,
    /// The key is not the stream that was begun with: nothing that was told of it counts.
    Replaced,
}

impl StreamReader {
    /// Reads all but later pages.
    pub(crate) async fn begin(client: &Client, key: &[u8], expiry: Expiry, pace: Pace) -> Result<Look<Self>> {
        let mut names: Vec<Vec<u8>> = Vec::new();
        for _ in 0..TRIES {
            let replies = answers(client, questions(key, expiry, &names, pace)).await?;
            let info = replies.get(1).ok_or_else(|| unexpected("EXEC", None))?;
            if is_gone(info) {
                return Ok(Look::Gone);
            }
            if is_of_another_type(info) {
                return Ok(Look::OfAnotherType);
            }
            let present = group_names(&replies[2])?;
            if present == names {
                return Self::from_answers(key, expiry, &replies, pace).map(Look::There);
            }
            names = present;
        }
        Ok(Look::Unsteady("its groups change faster than they can be read"))
    }

    fn from_answers(key: &[u8], expiry: Expiry, replies: &[Value], pace: Pace) -> Result<Self> {
        let broken = |command| unexpected(command, None);
        let [time, info, groups, expires, rest @ ..] = replies else { return Err(broken("EXEC")) };
        let now_ms = millis(time).ok_or_else(|| broken("TIME"))?;
        let described = head(info).zip(Sight::read(info));
        let (mut head, sight) = described.ok_or_else(|| unexpected("XINFO STREAM", Some(info)))?;
        let (answers, page) = (rest.split_last().map_or(rest, |(_, answers)| answers), rest.last());
        let listed = elements(groups).ok_or_else(|| unexpected("XINFO GROUPS", Some(groups)))?;
        for (listed, answers) in listed.iter().zip(answers.as_chunks::<2>().0) {
            let [consumers, pending] = answers;
            let group = group(listed, consumers, pending, now_ms).ok_or_else(|| broken("XPENDING"))?;
            head.groups.push(group);
        }
        let page = page.and_then(entries).ok_or_else(|| unexpected("XRANGE", page))?;
        Ok(Self {
            key: key.to_vec(),
            head: Some(head),
            end: sight.newest.as_ref().map_or(StreamId::ZERO, |newest| newest.id),
            page_bytes: size_bytes(&page),
            page: Some(page),
            told: None,
            sight,
            pace,
            expires_ms: expiry.read(expires, now_ms)?,
            has_hidden_ids: count(info, "iids-tracked").is_some_and(|ids| ids > 0),
        })
    }

    /// The next piece.
    pub(crate) async fn next(&mut self, client: &Client) -> Result<Next> {
        if let Some(head) = self.head.take() {
            return Ok(Next::Event(Event::Stream(head)));
        }
        let page = match (self.page.take(), self.told.take()) {
            (Some(page), _) => page,
            (None, Some(told)) if told.id < self.end => match self.turn(client, &told).await? {
                Some(page) => page,
                None => return Ok(Next::Replaced),
            },
            (None, _) => return Ok(Next::End),
        };
        let Some(last) = page.last() else { return Ok(Next::End) };
        self.told = Some(last.clone());
        Ok(Next::Event(Event::Entries(page)))
    }

    /// The page behind what was told; none if it is another stream's.
    async fn turn(&mut self, client: &Client, told: &Entry) -> Result<Option<Vec<Entry>>> {
        let newest = self.sight.newest.as_ref().unwrap_or(told);
        let range = |from: StreamId, to: StreamId, count: usize| {
            let (from, to) = (from.to_string(), to.to_string());
            Request::new("XRANGE").arg(&self.key).args([from, to, "COUNT".to_owned(), count.to_string()])
        };
        let info = Request::new("XINFO").arg("STREAM").arg(&self.key);
        // The page begins with what was told.
        let page = range(told.id, self.end, self.pace.page_entries + 1);
        let replies = answers(client, vec![info, range(newest.id, newest.id, 1), page]).await?;
        let [info, again, page] = replies.as_slice() else { return Err(unexpected("EXEC", None)) };
        if is_gone(info) || is_of_another_type(info) {
            return Ok(None);
        }
        let sight = Sight::read(info).ok_or_else(|| unexpected("XINFO STREAM", Some(info)))?;
        let again = entries(again).ok_or_else(|| unexpected("XRANGE", Some(again)))?;
        let mut page = entries(page).ok_or_else(|| unexpected("XRANGE", Some(page)))?;
        let told_again = page.first().is_some_and(|first| first.id == told.id).then(|| page.remove(0));
        match sight.compare(&self.sight, &[(newest, again.first()), (told, told_again.as_ref())]) {
            Verdict::Same => {}
            Verdict::Unknown if self.pace.is_last && page.is_empty() => {}
            Verdict::Unknown | Verdict::Another => return Ok(None),
        }
        self.sight = sight;
        self.page_bytes = self.page_bytes.max(size_bytes(&page));
        Ok(Some(page))
    }

    /// How it is read after it was replaced.
    pub(crate) fn next_pace(&self) -> Pace {
        let growth = if self.page_bytes > PAGE_BYTES_MAX { 1 } else { GROWTH };
        Pace { page_entries: self.pace.page_entries * growth, ..self.pace }
    }
}

async fn answers(client: &Client, questions: Vec<Request>) -> Result<Vec<Value>> {
    match transact(client, questions).await? {
        Ran::Replies(replies) => Ok(replies),
        Ran::Refused(text) => Err(Error::from_error_reply(text).into()),
    }
}

fn size_bytes(entries: &[Entry]) -> usize {
    entries.iter().flat_map(|entry| &entry.fields).map(Vec::len).sum()
}

fn questions(key: &[u8], expiry: Expiry, groups: &[Vec<u8>], pace: Pace) -> Vec<Request> {
    let about = |words: &[&str]| Request::from(words).arg(key);
    let mut all =
        vec![Request::new("TIME"), about(&["XINFO", "STREAM"]), about(&["XINFO", "GROUPS"]), expiry.request(key)];
    for group in groups {
        all.push(about(&["XINFO", "CONSUMERS"]).arg(group));
        all.push(about(&["XPENDING"]).arg(group).args(["-", "+", PENDING_MAX]));
    }
    all.push(about(&["XRANGE"]).args(["-", "+", "COUNT"]).arg(pace.page_entries.to_string()));
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
