//! What several stream commands share: how entries are shown, how much a read takes, which group is missing.

use std::io::Write;

use rbq_resp::{Proto, Sink};
use rbq_stream::{EntryRef, Fields, StreamId};

use crate::error::Error;
use crate::op::ReadLimits;

/// What should be an ID is none.
pub(crate) const INVALID_ID: Error = Error::Fixed("ERR Invalid stream ID specified as stream command argument");

/// What should be the ID of a new entry is not after 0-0.
pub(crate) const ID_TOO_SMALL: Error = Error::Fixed("ERR The ID specified in XADD must be greater than 0-0");

/// Writes an ID as a bulk.
pub(crate) fn reply_id(id: StreamId, sink: &mut impl Sink) {
    /// Two numbers of twenty digits and a dash.
    const ID_BYTES_MAX: usize = 41;
    let mut text = [0u8; ID_BYTES_MAX];
    let mut rest = &mut text[..];
    let (mut ms, mut seq) = (itoa::Buffer::new(), itoa::Buffer::new());
    for part in [ms.format(id.ms), "-", seq.format(id.seq)] {
        rest.write_all(part.as_bytes()).expect("the buffer has room for the longest ID");
    }
    let left = rest.len();
    sink.bulk(&text[..ID_BYTES_MAX - left]);
}

/// Writes an entry: its ID and its fields.
pub(crate) fn reply_entry(entry: &EntryRef<'_>, sink: &mut impl Sink) {
    sink.array(2);
    reply_id(entry.id, sink);
    reply_fields(entry.fields, sink);
}

/// Writes fields as a flat array.
pub(crate) fn reply_fields(fields: Fields<'_>, sink: &mut impl Sink) {
    sink.array(fields.len() * 2);
    for (name, value) in fields {
        sink.bulk(name);
        sink.bulk(value);
    }
}

/// Heads a reply by stream: RESP2 an array of pairs, RESP3 a map.
pub(crate) fn head(streams: usize, sink: &mut impl Sink) {
    match sink.proto() {
        Proto::Resp2 => sink.array(streams),
        Proto::Resp3 => sink.map(streams),
    }
}

/// Heads one stream of it.
pub(crate) fn pair_head(sink: &mut impl Sink) {
    if sink.proto() == Proto::Resp2 {
        sink.array(2);
    }
}

/// How much a read may still take.
pub(crate) struct Budget {
    limits: ReadLimits,
    of_stream: u64,
    in_all: Option<u64>,
    bytes: Option<u64>,
    taken: bool,
}

impl Budget {
    pub(crate) fn new(limits: ReadLimits) -> Self {
        Self { limits, of_stream: 0, in_all: limits.max_count, bytes: limits.max_bytes, taken: false }
    }

    /// COUNT begins anew.
    pub(crate) fn next_stream(&mut self) {
        self.of_stream = match self.limits.count {
            0 => u64::MAX,
            count => count,
        };
    }

    /// Entries that may still be taken of this stream, as far as counts decide.
    pub(crate) fn room(&self) -> usize {
        let room = self.in_all.map_or(self.of_stream, |in_all| in_all.min(self.of_stream));
        usize::try_from(room).unwrap_or(usize::MAX)
    }

    /// Takes an entry, if there is room. The first one always has room in MAXSIZE.
    pub(crate) fn take(&mut self, entry: &EntryRef<'_>) -> bool {
        let bytes = match self.bytes {
            None => 0,
            Some(_) => entry.fields.map(|(name, value)| name.len() + value.len()).sum(),
        };
        self.take_bytes(bytes as u64)
    }

    /// The same by size.
    pub(crate) fn take_bytes(&mut self, bytes: u64) -> bool {
        if self.room() == 0 || self.bytes.is_some_and(|left| self.taken && bytes > left) {
            // What does not fit ends the read: nothing behind it overtakes.
            self.in_all = Some(0);
            return false;
        }
        self.taken = true;
        self.of_stream -= 1;
        self.in_all = self.in_all.map(|left| left - 1);
        self.bytes = self.bytes.map(|left| left.saturating_sub(bytes));
        true
    }
}

/// No such stream, or no such group of it.
pub(crate) fn no_group(key: &[u8], group: &[u8]) -> Error {
    Error::Text(format!("NOGROUP No such key '{}' or consumer group '{}'", text(key), text(group)))
}

/// The same, as XREADGROUP says it.
pub(crate) fn no_group_to_read(key: &[u8], group: &[u8]) -> Error {
    Error::Text(format!("{} in XREADGROUP with GROUP option", no_group(key, group)))
}

/// The stream is there, the group is not.
pub(crate) fn no_such_group(key: &[u8], group: &[u8]) -> Error {
    Error::Text(format!("NOGROUP No such consumer group '{}' for key name '{}'", text(group), text(key)))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
