//! What is known of a stream's groups, on servers old and new.
//!
//! A group's lag is what the server says (Redis 7 and rbq). Where it does not say, because it is older, because entries were deleted
//! or because the group was set somewhere, the entries behind the group's position are counted, up to a limit, and a count that
//! reached it is "at least".

use rbq_client::Request;
use rbq_resp::Value;

use super::kind::{listed, near, shown};
use crate::entries::{self, Entry, EntryId};
use crate::facts::{Facts, array, number, text};
use crate::failure::{Failure, Result};
use crate::records::Cell;
use crate::servers::Servers;

/// What a page of entries should hold at most: large enough that round trips do not count, small enough for any machine.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Entries in a page: about a millisecond of a server's time.
const PAGE_ENTRIES_MAX: usize = 1000;

/// Entries that a listing counts where the server does not tell a lag; `rbq group lag` counts further.
pub(crate) const COUNT_MAX: u64 = 10_000;

/// A consumer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) name: Vec<u8>,
    pub(crate) consumers: u64,
    pub(crate) pending: u64,
    /// The newest entry that it was given.
    pub(crate) last: EntryId,
    pub(crate) entries_read: Option<u64>,
    /// Whether the server keeps that at all (Redis 7 and rbq), though it may not know it of this group.
    pub(crate) keeps_entries_read: bool,
    told_lag: Option<u64>,
}

/// How many entries a group has not been given yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) entries: u64,
    pub(crate) is_exact: bool,
}

impl Counted {
    /// A number, or `≥` and a number.
    pub(crate) fn cell(self) -> Cell {
        let cell = Cell::number(self.entries);
        if self.is_exact { cell } else { cell.with_text(self.to_string()) }
    }
}

impl std::fmt::Display for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", if self.is_exact { "" } else { "≥" }, self.entries)
    }
}

impl Group {
    fn of(told: Value) -> Option<Self> {
        let facts = Facts::of(told);
        Some(Self {
            name: facts.bytes("name")?.to_vec(),
            consumers: facts.number("consumers").unwrap_or(0),
            pending: facts.number("pending").unwrap_or(0),
            last: facts.parsed("last-delivered-id")?,
            entries_read: facts.number("entries-read"),
            keeps_entries_read: facts.value("entries-read").is_some(),
            told_lag: facts.number("lag"),
        })
    }

    /// How many entries it has not been given yet; counted no further than `count_max`.
    ///
    /// # Errors
    /// Of the server.
    pub(crate) async fn lag(&self, servers: &mut Servers, key: &[u8], count_max: u64) -> Result<Counted> {
        match self.told_lag {
            Some(0) => Ok(Counted { entries: 0, is_exact: true }),
            // Redis 7.0 goes on to count entries that were trimmed away: there cannot be more than there are.
            Some(entries) => {
                let there = servers.ask(key, Request::new("XLEN").arg(key)).await?;
                Ok(Counted { entries: number(&there).map_or(entries, |there| there.min(entries)), is_exact: true })
            }
            None => count(servers, key, &after(self.last), "+", count_max).await,
        }
    }

    /// The oldest entry that it has not acknowledged: pending, or not given yet.
    ///
    /// # Errors
    /// Of the server.
    pub(crate) async fn oldest(&self, servers: &mut Servers, key: &[u8]) -> Result<Option<EntryId>> {
        let mut ids: Vec<EntryId> = Vec::new();
        if self.pending > 0 {
            let pending = array(servers.ask(key, Request::new("XPENDING").arg(key).arg(&self.name)).await?);
            ids.extend(pending.get(1).and_then(|id| text(id).parse::<EntryId>().ok()));
        }
        let ahead = Request::new("XRANGE").arg(key).arg(after(self.last)).args(["+", "COUNT", "1"]);
        ids.extend(entries::read(servers.ask(key, ahead).await?)?.first().map(|entry| entry.id));
        Ok(ids.into_iter().min())
    }
}

/// The start of a range behind an ID.
pub(crate) fn after(id: EntryId) -> String {
    format!("({id}")
}

/// The groups in the reply of `XINFO GROUPS`, by name; of an error, none.
pub(crate) fn read(reply: Value) -> Vec<Group> {
    let mut groups: Vec<Group> = array(reply).into_iter().filter_map(Group::of).collect();
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    groups
}

/// The groups of a stream.
///
/// # Errors
/// Of the server.
pub(crate) async fn of_stream(servers: &mut Servers, key: &[u8]) -> Result<Vec<Group>> {
    Ok(read(servers.ask(key, Request::new("XINFO").arg("GROUPS").arg(key)).await?))
}

/// The group of this name.
///
/// # Errors
/// There is none, with a hint of those there are; or the server's.
pub(crate) async fn find(servers: &mut Servers, key: &[u8], name: &[u8]) -> Result<Group> {
    let mut groups = of_stream(servers, key).await?;
    if let Some(index) = groups.iter().position(|group| group.name == name) {
        return Ok(groups.swap_remove(index));
    }
    let names: Vec<Vec<u8>> = groups.into_iter().map(|group| group.name).collect();
    let failure = Failure::new(format!("the stream `{}` has no group `{}`", shown(key), shown(name)));
    let near = near(name, &names);
    let offered: Vec<String> = match near.as_slice() {
        // A handful of groups is quickly read.
        [] => names.iter().take(5).map(|name| format!("`{}`", shown(name))).collect(),
        near => near.iter().map(|name| format!("`{}`", shown(name))).collect(),
    };
    Err(match offered.as_slice() {
        [] => failure.hint("it has no groups at all; `rbq group create` makes one"),
        offered => failure.hint(format!("it has {}", listed(offered, "and"))),
    })
}

/// A walk over entries, oldest first, in pages bounded by number and by bytes.
#[derive(Debug, Clone)]
pub(crate) struct Walk {
    next: String,
    last: String,
    entry_bytes: usize,
}

impl Walk {
    /// Over the entries from `first` to `last`, in the terms of `XRANGE`.
    pub(crate) fn new(first: impl Into<String>, last: impl Into<String>) -> Self {
        Self { next: first.into(), last: last.into(), entry_bytes: 1 }
    }

    /// The next page of at most `limit` entries; none at the end.
    ///
    /// # Errors
    /// Of the server.
    pub(crate) async fn page(&mut self, servers: &mut Servers, key: &[u8], limit: u64) -> Result<Vec<Entry>> {
        let entries = entries::read(servers.ask(key, self.request(key, limit)).await?)?;
        self.saw(&entries);
        Ok(entries)
    }

    /// What asks for that page.
    pub(crate) fn request(&self, key: &[u8], limit: u64) -> Request {
        let fitting = (PAGE_BYTES / self.entry_bytes).clamp(1, PAGE_ENTRIES_MAX) as u64;
        let count = fitting.min(limit).max(1).to_string();
        Request::new("XRANGE").arg(key).arg(&self.next).arg(&self.last).arg("COUNT").arg(count)
    }

    /// Goes on behind this page.
    pub(crate) fn saw(&mut self, page: &[Entry]) {
        let Some(last) = page.last() else { return };
        self.next = after(last.id);
        let page_bytes: usize = page.iter().map(Entry::size_bytes).sum();
        self.entry_bytes = (page_bytes / page.len()).max(1);
    }
}

/// How many entries there are from `first` to `last`, counted no further than `count_max`.
///
/// # Errors
/// Of the server.
pub(crate) async fn count(
    servers: &mut Servers,
    key: &[u8],
    first: &str,
    last: &str,
    count_max: u64,
) -> Result<Counted> {
    let mut walk = Walk::new(first, last);
    let mut entries = 0;
    loop {
        // One more than counts, so that a range of exactly so many is told apart from a longer one.
        let page = walk.page(servers, key, count_max - entries + 1).await?.len() as u64;
        if page == 0 {
            return Ok(Counted { entries, is_exact: true });
        }
        entries += page;
        if entries > count_max {
            return Ok(Counted { entries: count_max, is_exact: false });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_old_server_does_not_tell_is_not_known() {
        let name = |text: &'static str| Value::Bulk(text.into());
        let told = |lag: Option<Value>| {
            let mut flat = vec![name("name"), name("billing"), name("consumers"), Value::Integer(2)];
            flat.extend([name("pending"), Value::Integer(1), name("last-delivered-id"), name("5-1")]);
            flat.extend(lag.into_iter().flat_map(|lag| [name("lag"), lag]));
            read(Value::Array(vec![Value::Array(flat)]))
        };
        assert_eq!(told(None)[0].told_lag, None);
        assert_eq!(told(Some(Value::Null))[0].told_lag, None);
        assert_eq!(told(Some(Value::Integer(7)))[0].told_lag, Some(7));
        assert_eq!((told(None)[0].pending, told(None)[0].last.to_string().as_str()), (1, "5-1"));
    }

    #[test]
    fn large_entries_make_small_pages() {
        let mut walk = Walk::new("-", "+");
        walk.saw(&[Entry {
            id: EntryId { ms: 1, seq: 0 },
            fields: vec![("data".into(), vec![0; PAGE_BYTES / 4].into())],
        }]);
        let request = walk.request(b"s", 1000);
        let words: Vec<&[u8]> = request.iter().collect();
        assert_eq!(words, [&b"XRANGE"[..], b"s", b"(1-0", b"+", b"COUNT", b"3"]);
    }
}
