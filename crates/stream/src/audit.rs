//! Counting again, from the ground up, what the stream keeps counts of. Tests call it after every change.

use crate::directory::Run;
use crate::entries::Entries;
use crate::group::Groups;
use crate::pending::{NOBODY, Pending};
use crate::stream::Stream;

impl Stream {
    /// # Panics
    /// When a count, a bound or an order is not what it must be.
    pub(crate) fn audit(&self) {
        self.entries.audit();
        self.groups.audit(&self.entries);
        self.idmp.audit();
    }
}

impl Entries {
    fn audit(&self) {
        let (mut live, mut heap, mut last) = (0, 0, None);
        for run in self.directory.iter() {
            let block = run.block().expect("not vacant");
            assert_eq!(run.first(), block.first());
            assert_eq!(run.live(), block.live());
            assert!(block.live() > 0, "a block without a live entry");
            assert!(last.is_none_or(|last| last < block.first()) && block.last() <= self.last_id());
            last = Some(block.last());
            live += u64::from(block.live());
            heap += block.heap_bytes();
            let parts = (block.first(), block.last(), block.cost(), block.bytes().to_vec());
            let again = crate::block::Block::from_parts(parts.0, parts.1, parts.2, parts.3).expect("its own bytes");
            assert_eq!(again.live(), block.live());
        }
        assert_eq!(live, self.len());
        assert_eq!(heap, self.heap_bytes());
        self.directory.audit();
    }
}

impl Groups {
    fn audit(&self, entries: &Entries) {
        self.audit_reach();
        for group in self.by_name.values() {
            assert_eq!(group.lag(entries), entries.count_after(group.last_delivered));
            group.pending.audit();
        }
    }
}

impl Pending {
    fn audit(&self) {
        let (mut live, mut heap, mut queue, mut large, mut oldest, mut last) = (0, 0, 0, 0, u64::MAX, None);
        for run in self.runs() {
            let chunk = run.chunk.as_ref().expect("not vacant");
            assert_eq!(run.live, chunk.live());
            assert!(run.live > 0, "an empty chunk that is not vacant");
            for at in chunk.all() {
                let record = chunk.record(at);
                assert!(last.is_none_or(|last| last < record.id) && run.first <= record.id);
                last = Some(record.id);
                large += usize::from(record.deliveries == u32::MAX);
                if record.owner == NOBODY {
                    assert_eq!(self.ticket(record.stamp), Some(record.id));
                    queue += 1;
                } else {
                    assert!(run.oldest_ms <= record.stamp, "an entry older than its chunk says");
                    assert!(run.owners >> (record.owner % 64) & 1 == 1, "an owner its chunk does not know");
                    oldest = oldest.min(record.stamp);
                }
            }
            live += u64::from(run.live);
            heap += chunk.heap_bytes();
        }
        assert_eq!((live, heap), (self.len(), self.heap_bytes()));
        assert_eq!((queue, large), (self.nacked(), self.large_len()));
        assert!(self.oldest_floor() <= oldest);
        self.audit_row();
    }
}
