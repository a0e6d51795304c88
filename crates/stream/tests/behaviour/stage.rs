//! A stream on which tests act in few words. Time stands at `now_ms` until a test moves it.

use rbq_stream::{
    Absent, Acks, BlockLimits, Claim, Claimed, ConsumerId, Count, Nack, NewId, PendingFilter, Stream, StreamId, Take,
};

pub(crate) fn id(text: &str) -> StreamId {
    StreamId::parse(text.as_bytes(), 0).expect("an ID")
}

pub(crate) fn ids(text: &str) -> Vec<StreamId> {
    text.split_whitespace().map(id).collect()
}

pub(crate) struct Stage {
    pub(crate) stream: Stream,
    pub(crate) now_ms: u64,
    pub(crate) limits: BlockLimits,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self { stream: Stream::default(), now_ms: 100_000, limits: BlockLimits::default() }
    }

    /// A stream with these entries, each with a field of its own.
    pub(crate) fn with(text: &str) -> Self {
        let mut stage = Self::new();
        stage.add(text);
        stage
    }

    pub(crate) fn add(&mut self, text: &str) {
        for id in ids(text) {
            let fields = [(&b"f"[..], &b"v"[..])];
            self.stream.append(NewId::Exact(id), fields, self.now_ms, self.limits).expect("a greater ID");
        }
    }

    pub(crate) fn group(&mut self, name: &str, last: &str) {
        assert!(self.stream.create_group(name.as_bytes(), id(last), None), "a free name");
    }

    pub(crate) fn consumer(&mut self, group: &str, name: &str) -> ConsumerId {
        let mut group = self.stream.group_mut(group.as_bytes()).expect("a group");
        group.consumer(name.as_bytes(), self.now_ms).0
    }

    /// Delivers up to `limit` new entries and names them.
    pub(crate) fn read(&mut self, group: &str, consumer: &str, limit: usize) -> String {
        let consumer = self.consumer(group, consumer);
        let mut got = Vec::new();
        let mut group = self.stream.group_mut(group.as_bytes()).expect("a group");
        group.deliver(consumer, limit, Acks::Required, self.now_ms, |entry| {
            got.push(entry.id.to_string());
            Take::Yes
        });
        got.join(" ")
    }

    pub(crate) fn ack(&mut self, group: &str, text: &str) -> usize {
        let mut group = self.stream.group_mut(group.as_bytes()).expect("a group");
        ids(text).into_iter().filter(|id| group.ack(*id)).count()
    }

    pub(crate) fn claim(&mut self, group: &str, consumer: &str, text: &str) -> Vec<Claimed> {
        let consumer = self.consumer(group, consumer);
        let claim =
            Claim { consumer, min_idle_ms: 0, delivered_ms: self.now_ms, count: Count::Bump, absent: Absent::Skip };
        let mut group = self.stream.group_mut(group.as_bytes()).expect("a group");
        ids(text).into_iter().map(|id| group.claim(id, &claim, self.now_ms, |_| {})).collect()
    }

    /// Claims what is idle, and tells ID, idle time and previous deliveries.
    pub(crate) fn claim_idle(&mut self, group: &str, consumer: &str, min_idle_ms: u64, limit: usize) -> String {
        let consumer = self.consumer(group, consumer);
        let mut got = Vec::new();
        let mut group = self.stream.group_mut(group.as_bytes()).expect("a group");
        group.claim_idle(consumer, min_idle_ms, limit, self.now_ms, |claimed| {
            got.push(format!("{}/{}/{}", claimed.entry.id, claimed.idle_ms, claimed.deliveries));
            Take::Yes
        });
        got.join(" ")
    }

    pub(crate) fn nack(&mut self, group: &str, nack: Nack, text: &str) -> usize {
        self.nack_as(group, nack, None, Absent::Skip, text)
    }

    pub(crate) fn nack_as(&mut self, group: &str, nack: Nack, count: Option<u64>, absent: Absent, text: &str) -> usize {
        let mut group = self.stream.group_mut(group.as_bytes()).expect("a group");
        ids(text).into_iter().filter(|id| group.nack(*id, nack, count, absent)).count()
    }

    /// What is pending: ID, owner, idle time and deliveries.
    pub(crate) fn pending(&self, group: &str) -> String {
        let group = self.stream.group(group.as_bytes()).expect("a group");
        let entries = group.pending(PendingFilter::default(), self.now_ms).map(|entry| {
            let owner = String::from_utf8_lossy(entry.consumer.unwrap_or(b"-")).into_owned();
            let idle = entry.idle_ms(self.now_ms).map_or(-1, |idle| idle as i64);
            format!("{}/{owner}/{idle}/{}", entry.id, entry.deliveries)
        });
        entries.collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn entries(&self) -> String {
        let entries = self.stream.entries().range(StreamId::MIN, StreamId::MAX);
        entries.map(|entry| entry.id.to_string()).collect::<Vec<_>>().join(" ")
    }

    /// Entries read and lag of a group.
    pub(crate) fn progress(&self, group: &str) -> (Option<u64>, u64) {
        let group = self.stream.group(group.as_bytes()).expect("a group");
        (group.entries_read(), group.lag(self.stream.entries()))
    }
}
