//! The requests that one call of [`Decoder::decode`](crate::Decoder::decode) found.

use crate::args::{Args, Mark};

/// Complete requests, as places in the read buffer of the decoder that filled it.
///
/// It owns no bytes but those of big bulks, and allocates nothing once it has grown to the size of a usual batch. Use
/// one batch with one decoder, and give it back to [`Decoder::release`](crate::Decoder::release) before the next.
#[derive(Debug, Default)]
pub struct Batch {
    pub(crate) entries: Vec<Entry>,
    pub(crate) args: Args,
    pub(crate) bytes: usize,
}

/// One request: where its bytes begin in the read buffer, and where its arguments begin in [`Batch::args`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) base: usize,
    pub(crate) start: Mark,
}

impl Batch {
    /// Entries kept for reuse by [`Batch::clear`].
    const KEPT: usize = 1024;

    /// How many requests there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes that these requests took on the wire.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Where the arguments of request number `index` begin and end.
    pub(crate) fn bounds(&self, index: usize) -> (Entry, Mark) {
        let end = self.entries.get(index + 1).map_or_else(|| self.args.mark(), |next| next.start);
        (self.entries[index], end)
    }

    pub(crate) fn push(&mut self, entry: Entry, wire_bytes: usize) {
        self.entries.push(entry);
        self.bytes += wire_bytes;
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.entries.shrink_to(Batch::KEPT);
        self.args.clear();
        self.bytes = 0;
    }
}
