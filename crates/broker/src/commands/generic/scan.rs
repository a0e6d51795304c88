//! `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]`: the keys, a few at a time.
//!
//! The cursor is a slot of the keyspace, and a key's slot never changes while the key is there. So an iteration returns
//! every key that was there throughout exactly once, where Redis promises at least once.

use rbq_pubsub::glob::Pattern;
use rbq_resp::Sink;

use crate::args::Args;
use crate::broker::View;
use crate::command::{Arg, Arity, Command, Family, Flags, Run};
use crate::error::Error;
use crate::keyspace::Entry;
use crate::number;

/// Keys looked at in one call when COUNT does not say.
const COUNT: u64 = 10;
/// Slots looked at for each key asked for: where most slots are empty a call returns fewer keys rather than taking long.
const SLOTS_PER_KEY: u64 = 10;

pub(super) const COMMAND: Command = Command {
    name: "SCAN",
    group: Family::Generic,
    summary: "Iterates over the names of all keys, a few at a time.",
    since: "2.8.0",
    complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.",
    arity: Arity::AtLeast(2),
    flags: Flags::READONLY,
    tips: &["nondeterministic_output", "request_policy:special", "response_policy:special"],
    args: &[
        Arg::integer("cursor"),
        Arg::pattern("pattern").after("MATCH").optional(),
        Arg::integer("count").after("COUNT").optional(),
        Arg::string("type").after("TYPE").optional().since("6.0.0"),
    ],
    history: &[("6.0.0", "Added the `TYPE` subcommand.")],
    example: "
        ann  MSET user:1 ann user:2 bob order:1 tea
        ann: +OK
        ann  SCAN 0 MATCH user:* COUNT 100
        ann: [\"0\", <unordered> [user:1, user:2]]
    ",
    run: Run::Read(|args, view, reply| {
        let cursor = cursor(args.bytes()?).ok_or(Error::Fixed("ERR invalid cursor"))?;
        let filter = Filter::parse(args)?;
        let (next, keys) = step(view, cursor, &filter);
        reply.array(2);
        reply.bulk(itoa::Buffer::new().format(next).as_bytes());
        reply.array(keys.len());
        keys.iter().for_each(|key| reply.bulk(key));
        Ok(())
    }),
    ..Command::BASE
};

/// Which keys are wanted.
struct Filter<'a> {
    pattern: Option<Pattern>,
    count: u64,
    type_name: Option<&'a [u8]>,
}

impl<'a> Filter<'a> {
    fn parse(args: &mut Args<'a>) -> Result<Self, Error> {
        let mut filter = Self { pattern: None, count: COUNT, type_name: None };
        while !args.is_empty() {
            if args.left() >= 2 && args.keyword("COUNT") {
                filter.count = u64::try_from(args.integer()?).ok().filter(|count| *count > 0).ok_or(Error::Syntax)?;
            } else if args.left() >= 2 && args.keyword("MATCH") {
                let pattern = args.bytes()?;
                filter.pattern = (pattern != b"*").then(|| Pattern::new(pattern));
            } else if args.left() >= 2 && args.keyword("TYPE") {
                filter.type_name = Some(args.bytes()?);
            } else if args.keyword("NOVALUES") {
                return Err(Error::Fixed("ERR NOVALUES option can only be used in HSCAN"));
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(filter)
    }

    fn has_name(&self, entry: &Entry) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| pattern.matches(&entry.key))
    }

    /// A type that does not exist is no error: nothing is of it.
    fn has_type(&self, entry: &Entry) -> bool {
        self.type_name.is_none_or(|name| entry.value.kind().type_name().as_bytes().eq_ignore_ascii_case(name))
    }
}

/// Walks on from `cursor`; the next cursor, and what was wanted of what was found.
fn step<'v>(view: &mut View<'v>, cursor: u64, filter: &Filter<'_>) -> (u64, Vec<&'v [u8]>) {
    let db = view.db();
    let (mut next, mut seen, mut keys) = (cursor, 0, Vec::new());
    let mut slots_left = filter.count.saturating_mul(SLOTS_PER_KEY);
    loop {
        let slots = (filter.count - seen).min(slots_left);
        next = db.scan(next, slots, |entry| {
            seen += 1;
            if filter.has_name(entry) && view.is_live(entry) && filter.has_type(entry) {
                keys.push(&*entry.key);
            }
        });
        slots_left -= slots;
        if next == 0 || seen >= filter.count || slots_left == 0 {
            return (next, keys);
        }
    }
}

/// A cursor as the C library reads an unsigned number, which a NUL ends.
fn cursor(text: &[u8]) -> Option<u64> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    let digits = text.strip_prefix(b"+").unwrap_or(text);
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    match digits.len() - zeros {
        // Nothing at all reads as zero; a sign alone does not.
        0 if zeros > 0 || text.is_empty() => Some(0),
        _ => number::parse_u64(&digits[zeros..]),
    }
}
