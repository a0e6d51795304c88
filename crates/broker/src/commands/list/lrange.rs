//! `LRANGE key start stop`: a stretch of a list.

use rbq_listqueue::{Element, SliceCursor};
use rbq_resp::{Encoder, LazyReply, Progress, Proto, Sink};

use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::output::Reply;

/// Ranges of at least this many bytes are shared with the list and encoded as the socket drains.
const LAZY_BYTES_MIN: usize = 64 * 1024;

pub(super) const COMMAND: Command = Command {
    name: "LRANGE",
    group: Family::List,
    summary: "Shows a stretch of a list.",
    since: "1.0.0",
    complexity: "O(S+N) for N elements shown, S between the nearer end and the first",
    arity: Arity::Exactly(4),
    flags: Flags::READONLY,
    keys: &[KeySpec::one(1, touch::READ)],
    args: &[Arg::key("key"), Arg::integer("start"), Arg::integer("stop")],
    example: "
        ann  RPUSH mail one two three
        ann: 3
        ann  LRANGE mail 0 0
        ann: [one]
        ann  LRANGE mail -2 -1
        ann: [two, three]
        ann  LRANGE mail 5 10
        ann: []
    ",
    run: Run::Read(|args, view, reply| {
        let key = args.key()?;
        let (start, stop) = (args.integer()?, args.integer()?);
        let Some(list) = view.list(key)? else {
            reply.array(0);
            return Ok(());
        };
        let range = list.range(start, stop);
        reply.array(range.len());
        if list.bytes_in(start, stop) >= LAZY_BYTES_MIN {
            reply.lazy(Box::new(LazyRange { cursor: list.slice(start, stop).cursor() }));
        } else {
            range.for_each(|element| reply_element(&element, reply));
        }
        Ok(())
    }),
    ..Command::BASE
};

/// Writes an element as a bulk.
pub(super) fn reply_element(element: &Element<'_>, reply: &mut Reply<'_>) {
    match element {
        Element::Slice(bytes) => reply.bulk(bytes),
        Element::Shared(bytes) => reply.bulk_shared(bytes),
    }
}

/// A long range, sharing the list's blocks as they were.
struct LazyRange {
    cursor: SliceCursor,
}

impl LazyReply for LazyRange {
    fn encode(&mut self, out: &mut Vec<u8>, proto: Proto, bytes_max: usize) -> Progress {
        let stop = out.len() + bytes_max;
        while out.len() < stop {
            match self.cursor.next() {
                Some(element) => Encoder::new(out, proto).bulk(&element),
                None => return Progress::Done,
            }
        }
        Progress::More
    }

    fn pending_bytes_hint(&self) -> usize {
        LAZY_BYTES_MIN
    }
}
