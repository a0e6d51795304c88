//! Deleting from a block: marking, skipping the marked at the front, and writing the block anew when little is left.

use super::scan::RawEntry;
use super::{Block, DEAD, SAME_NAMES};
use crate::id::StreamId;
use crate::trim::is_below;
use crate::varint;

impl Block {
    /// Where the live entry `id` lies, without changing anything: a shared block is copied only for a real change.
    pub(crate) fn place(&self, id: StreamId) -> Option<usize> {
        self.seek(id).map(|(_, raw)| raw.at)
    }

    /// Marks dead, from the front, up to `count` live entries with IDs below `below`.
    pub(crate) fn kill_front(&mut self, count: u64, below: Option<StreamId>) {
        for _ in 0..count {
            // The head is at the first live entry, or at the end.
            let Some(RawEntry { at, .. }) = self.cursor().step_live().filter(|raw| is_below(raw.id, below)) else {
                break;
            };
            self.kill(at);
        }
    }

    /// Marks the live entry at this place dead.
    pub(crate) fn kill(&mut self, at: usize) {
        self.bytes[at] |= DEAD;
        self.live -= 1;
        if at as u32 == self.head {
            self.advance_head();
        }
    }

    pub(super) fn advance_head(&mut self) {
        let mut cursor = self.cursor();
        let place = cursor.step_live().map(|raw| raw.place());
        (self.head, self.head_prev) = place.unwrap_or((self.bytes.len() as u32, self.last));
    }

    /// Whether writing the block anew without its dead entries pays: three quarters are dead.
    pub(crate) const fn is_sparse(&self) -> bool {
        self.total >= 8 && self.live * 4 <= self.total
    }

    /// The same block without its dead entries, its last ID included: smaller IDs than that may come after it.
    pub(crate) fn without_dead_end(&self) -> Self {
        let last = self.last_live().expect("a block holds a live entry");
        Self { last, ..self.without_dead() }
    }

    /// The same block without its dead entries. Key and last ID stay: other IDs are compared with them.
    pub(crate) fn without_dead(&self) -> Self {
        let names_end = self.names_end();
        let mut fresh = Self {
            last: self.first,
            head_prev: self.first,
            head: names_end as u32,
            total: 0,
            live: 0,
            // What it would take in Redis's node is past knowing, so it is closed to further entries.
            cost: u32::MAX,
            bytes: self.bytes[..names_end].to_vec(),
            marks: Vec::new(),
            ..*self
        };
        let mut cursor = self.cursor();
        while let Some(raw) = cursor.step_live() {
            fresh.put_head(raw.id, raw.flags & SAME_NAMES);
            varint::put_bytes(&mut fresh.bytes, raw.body);
            fresh.last = raw.id;
            fresh.total += 1;
        }
        fresh.live = fresh.total;
        fresh.last = self.last;
        fresh.seal();
        fresh
    }
}
