//! Entries of a stream, read a page at a time.
//!
//! A page is bounded by bytes as well as by number: a batch of a thousand is fine with ordinary messages, and with large ones
//! it would be a gigabyte. The server is asked for what the last page says will fit.

use rbq_client::Request;
use serde::{Deserialize, Serialize};

use crate::deadletter::Field;
pub(crate) use crate::entries::{Entry, EntryId, read};
pub(crate) use crate::facts::unexpected as refused;

/// What a page should hold at most: large enough that round trips do not count, small enough for any machine.
const PAGE_BYTES: usize = 8 * 1024 * 1024;

/// `XADD key * …`.
pub(crate) fn append(key: &[u8], fields: &[Field]) -> Request {
    let parts = fields.iter().flat_map(|(name, value)| [name, value]);
    Request::new("XADD").arg(key).arg("*").args(parts)
}

/// Which way a stream is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Direction {
    OldestFirst,
    NewestFirst,
}

/// A walk over the entries up to a last one.
#[derive(Debug, Clone)]
pub(crate) struct Walk {
    pub(crate) direction: Direction,
    /// Nothing behind this one is looked at.
    pub(crate) last: EntryId,
    /// The last one that was looked at.
    pub(crate) cursor: Option<EntryId>,
    entries_max: usize,
    entry_bytes: usize,
}

impl Walk {
    /// A walk with pages of at most so many entries.
    pub(crate) fn new(direction: Direction, last: EntryId, entries_max: usize) -> Self {
        Self { direction, last, cursor: None, entries_max, entry_bytes: 1 }
    }

    /// The request for the next page, with at most `limit` entries.
    pub(crate) fn request(&self, key: &[u8], limit: usize) -> Request {
        let fitting = (PAGE_BYTES / self.entry_bytes).clamp(1, self.entries_max);
        let count = fitting.min(limit).max(1).to_string();
        let last = self.last.to_string();
        let behind = self.cursor.map(|cursor| format!("({cursor}"));
        let request = match self.direction {
            Direction::OldestFirst => Request::new("XRANGE").arg(key).arg(behind.as_deref().unwrap_or("-")).arg(&last),
            Direction::NewestFirst => {
                Request::new("XREVRANGE").arg(key).arg(behind.as_deref().unwrap_or(&last)).arg("-")
            }
        };
        request.arg("COUNT").arg(count)
    }

    /// Takes note of how large entries are here.
    pub(crate) fn saw(&mut self, page: &[Entry]) {
        if !page.is_empty() {
            self.entry_bytes = (page.iter().map(Entry::size_bytes).sum::<usize>() / page.len()).max(1);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn id(text: &str) -> EntryId {
        text.parse().unwrap()
    }

    fn line(request: &Request) -> String {
        request.iter().map(|arg| String::from_utf8_lossy(arg).into_owned()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_walk_goes_on_behind_its_cursor_and_not_past_its_last() {
        let mut walk = Walk::new(Direction::OldestFirst, id("9-0"), 100);
        assert_eq!(line(&walk.request(b"d", 500)), "XRANGE d - 9-0 COUNT 100");
        walk.cursor = Some(id("3-1"));
        assert_eq!(line(&walk.request(b"d", 7)), "XRANGE d (3-1 9-0 COUNT 7");
        walk.direction = Direction::NewestFirst;
        assert_eq!(line(&walk.request(b"d", 7)), "XREVRANGE d (3-1 - COUNT 7");
        walk.cursor = None;
        assert_eq!(line(&walk.request(b"d", 0)), "XREVRANGE d 9-0 - COUNT 1");
    }

    #[test]
    fn large_entries_make_small_pages() {
        let mut walk = Walk::new(Direction::OldestFirst, id("9-0"), 1000);
        walk.saw(&[Entry { id: id("1-0"), fields: vec![("data".into(), vec![0; PAGE_BYTES / 4].into())] }]);
        assert_eq!(line(&walk.request(b"d", 1000)), "XRANGE d - 9-0 COUNT 3");
    }
}
