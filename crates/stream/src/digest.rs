//! Everything about a stream that a log brings back, in one fixed order of bytes.
//!
//! Two streams that answer alike give the same bytes, however their entries are spread over blocks and whichever numbers
//! their consumers have. When a consumer was last *seen* is left out: a poll that finds nothing is not logged.

use crate::group::{Group, PendingFilter};
use crate::id::StreamId;
use crate::stream::Stream;

impl Stream {
    /// Feeds the durable state to `feed`, piece by piece; hash them as one.
    pub fn digest(&self, feed: &mut impl FnMut(&[u8])) {
        let mut sink = Sink { feed };
        let entries = self.entries();
        sink.id(entries.last_id());
        sink.id(entries.max_deleted_id());
        sink.number(entries.added());
        sink.number(entries.len());
        for entry in entries.range(StreamId::MIN, StreamId::MAX) {
            sink.id(entry.id);
            sink.number(entry.fields.len() as u64);
            for (name, value) in entry.fields {
                sink.text(name);
                sink.text(value);
            }
        }
        sink.number(self.groups_len() as u64);
        for (name, group) in self.groups() {
            sink.text(name);
            sink.group(group);
        }
        self.digest_idmp(&mut sink);
    }

    fn digest_idmp<F: FnMut(&[u8])>(&self, sink: &mut Sink<'_, F>) {
        let limits = self.idmp.limits();
        let (added, duplicates) = self.idmp.counters();
        let producers = self.idmp.producers();
        [u64::from(limits.duration_s), u64::from(limits.max_iids), added, duplicates, producers.len() as u64]
            .iter()
            .for_each(|number| sink.number(*number));
        for (pid, sent) in producers {
            sink.text(pid);
            sink.number(sent.len() as u64);
            for sent in sent {
                sink.text(&sent.iid);
                sink.id(sent.id);
                sink.number(sent.at_ms);
            }
        }
    }
}

struct Sink<'a, F> {
    feed: &'a mut F,
}

impl<F: FnMut(&[u8])> Sink<'_, F> {
    fn number(&mut self, number: u64) {
        (self.feed)(&number.to_be_bytes());
    }

    fn option(&mut self, number: Option<u64>) {
        (self.feed)(&[u8::from(number.is_some())]);
        self.number(number.unwrap_or(0));
    }

    fn id(&mut self, id: StreamId) {
        (self.feed)(&id.to_be_bytes());
    }

    fn text(&mut self, text: &[u8]) {
        self.number(text.len() as u64);
        (self.feed)(text);
    }

    fn group(&mut self, group: &Group) {
        self.id(group.last_delivered());
        self.option(group.entries_read());
        self.number(group.consumers_len() as u64);
        for (_, consumer) in group.consumers() {
            self.text(consumer.name());
            self.option(consumer.active_ms());
        }
        self.number(group.pending_len());
        for pending in group.pending(PendingFilter::default(), 0) {
            self.id(pending.id);
            self.option(pending.consumer.map(|name| name.len() as u64));
            (self.feed)(pending.consumer.unwrap_or_default());
            self.number(pending.delivered_ms);
            self.number(pending.deliveries);
        }
        for id in group.nacked() {
            self.id(id);
        }
    }
}
