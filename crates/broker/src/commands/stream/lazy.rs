//! Long stretches of a stream, encoded as the socket drains.

use rbq_resp::{Encoder, LazyReply, Progress, Proto, Sink};
use rbq_stream::{Entries, Order, StreamId};

use crate::output::Reply;
use crate::streams::reply_entry;

/// Replies of about this many bytes or more are shared with the stream and encoded as the socket drains.
const LAZY_BYTES_MIN: u64 = 64 * 1024;

/// A stretch of a stream: at most `limit` entries between `from` and `to`, in `order`.
#[derive(Clone, Copy)]
pub(super) struct Stretch {
    pub(super) from: StreamId,
    pub(super) to: StreamId,
    pub(super) order: Order,
    pub(super) limit: usize,
}

impl Stretch {
    /// Answers the stretch as an array of entries.
    pub(super) fn reply(self, entries: &Entries, reply: &mut Reply<'_>) {
        let len = self.len(entries);
        reply.array(len);
        let bytes_each = entries.memory_bytes() as u64 / entries.len().max(1);
        if len as u64 * bytes_each < LAZY_BYTES_MIN {
            self.walk(entries, len, |entry| reply_entry(&entry, reply));
            return;
        }
        reply.lazy(Box::new(LazyStretch { entries: entries.clone(), stretch: self, left: len }));
    }

    /// How many entries it has.
    fn len(self, entries: &Entries) -> usize {
        if self.from == StreamId::MIN && self.to == StreamId::MAX {
            return self.limit.min(usize::try_from(entries.len()).unwrap_or(usize::MAX));
        }
        let Some(before) = self.from.prev() else {
            let after = entries.count_after(self.to);
            return self.limit.min((entries.len() - after) as usize);
        };
        let between = entries.count_after(before).saturating_sub(entries.count_after(self.to));
        self.limit.min(usize::try_from(between).unwrap_or(usize::MAX))
    }

    fn walk(self, entries: &Entries, limit: usize, visit: impl FnMut(rbq_stream::EntryRef<'_>)) {
        match self.order {
            Order::Forward => entries.range(self.from, self.to).take(limit).for_each(visit),
            Order::Backward => entries.range_rev(self.from, self.to).take(limit).for_each(visit),
        }
    }
}

struct LazyStretch {
    entries: Entries,
    stretch: Stretch,
    left: usize,
}

impl LazyReply for LazyStretch {
    fn encode(&mut self, out: &mut Vec<u8>, proto: Proto, bytes_max: usize) -> Progress {
        /// Entries encoded between two looks at the size.
        const STEP: usize = 64;
        let stop = out.len() + bytes_max;
        while out.len() < stop && self.left > 0 {
            let mut last = None;
            let mut encoder = Encoder::new(out, proto);
            self.stretch.walk(&self.entries, STEP.min(self.left), |entry| {
                last = Some(entry.id);
                self.left -= 1;
                reply_entry(&entry, &mut encoder);
            });
            let Some(last) = last else { break };
            match self.stretch.order {
                Order::Forward => self.stretch.from = last.next().unwrap_or(StreamId::MAX),
                Order::Backward => self.stretch.to = last.prev().unwrap_or(StreamId::MIN),
            }
        }
        if self.left == 0 { Progress::Done } else { Progress::More }
    }

    fn pending_bytes_hint(&self) -> usize {
        LAZY_BYTES_MIN as usize
    }
}
