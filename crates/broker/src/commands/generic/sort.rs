//! `SORT key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC | DESC] [ALPHA] [STORE destination]` and `SORT_RO`:
//! the elements of a list in order.
//!
//! Words are compared as bytes, never by the locale, so that the answer and what is stored do not depend on the machine.

use rbq_resp::Request;

use super::sorting::{Direction, Rule, Sorting};
use crate::args::Args;
use crate::command::{Arg, Arity, Begin, Command, Family, Find, Flags, KeySpec, Run, touch};
use crate::error::Error;
use crate::op::{Op, Values};

const BY: Arg = Arg::pattern("by-pattern").after("BY").optional().shown_as("pattern");
const LIMIT: Arg = Arg::block("limit", &[Arg::integer("offset"), Arg::integer("count")]).after("LIMIT").optional();
const GET: Arg = Arg::pattern("get-pattern").after("GET").optional().many_with_token().shown_as("pattern");
const ORDER: Arg = Arg::one_of("order", &[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")]).optional();
const SORTING: Arg = Arg::word("sorting", "ALPHA").optional();

/// What BY and GET read: the names derive from the elements.
const DERIVED: KeySpec = KeySpec { flags: touch::READ, begin: Begin::Unknown, find: Find::Unknown };
const STORED: KeySpec = KeySpec { flags: touch::OVERWRITE, begin: Begin::Unknown, find: Find::Parsed(destination) };

pub(super) const SORT: Command = Command {
    name: "SORT",
    group: Family::Generic,
    summary: "Sorts the elements of a list, and optionally stores the result.",
    since: "1.0.0",
    complexity: "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number of returned elements. When the elements are not sorted, complexity is O(N).",
    arity: Arity::AtLeast(2),
    flags: Flags::WRITE.with(Flags::DENY_OOM).with(Flags::MOVABLE_KEYS),
    acl: &["set", "sortedset", "list", "dangerous"],
    keys: &[KeySpec::one(1, touch::READ), DERIVED, STORED],
    args: &[Arg::key("key"), BY, LIMIT, GET, ORDER, SORTING, Arg::key("destination").after("STORE").optional()],
    example: "
        ann  RPUSH ids 3 1 2
        ann: 3
        ann  SORT ids
        ann: [\"1\", \"2\", \"3\"]
        ann  MSET name_1 zoe name_2 ann name_3 bob
        ann: +OK
        ann  SORT ids BY name_* ALPHA LIMIT 0 2 GET # GET name_*
        ann: [\"2\", ann, \"3\", bob]
        ann  SORT ids DESC STORE sorted
        ann: 3
        ann  LRANGE sorted 0 -1
        ann: [\"3\", \"2\", \"1\"]
    ",
    run: Run::Derive(|args, view, reply| {
        let (sorting, destination) = parse(args, Storing::Allowed)?;
        let Some(key) = destination else {
            sorting.run(view)?.reply(reply);
            return Ok(None);
        };
        let elements = sorting.run(view)?.into_values();
        Ok(Some(Op::ListStore { key, elements: Values(elements) }))
    }),
    ..Command::BASE
};

pub(super) const SORT_RO: Command = Command {
    name: "SORT_RO",
    summary: "Returns the elements of a list in order.",
    since: "7.0.0",
    flags: Flags::READONLY.with(Flags::MOVABLE_KEYS),
    keys: &[KeySpec::one(1, touch::READ), DERIVED],
    args: &[Arg::key("key"), BY, LIMIT, GET, ORDER, SORTING],
    example: "
        ann  RPUSH words pear fig apple
        ann: 3
        ann  SORT_RO words ALPHA DESC
        ann: [pear, fig, apple]
        ann  SORT_RO words
        ann: -ERR One or more scores can't be converted into double
    ",
    run: Run::Read(|args, view, reply| {
        let (sorting, _) = parse(args, Storing::Refused)?;
        sorting.run(view)?.reply(reply);
        Ok(())
    }),
    ..SORT
};

/// Whether STORE is an option.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Storing {
    Allowed,
    Refused,
}

fn parse<'a>(args: &mut Args<'a>, storing: Storing) -> Result<(Sorting<'a>, Option<&'a [u8]>), Error> {
    let mut sorting = Sorting::of(args.key()?);
    let mut destination = None;
    while !args.is_empty() {
        if args.keyword("ASC") {
            sorting.direction = Direction::Ascending;
        } else if args.keyword("DESC") {
            sorting.direction = Direction::Descending;
        } else if args.keyword("ALPHA") {
            sorting.rule = Rule::Words;
        } else if args.left() >= 3 && args.keyword("LIMIT") {
            (sorting.offset, sorting.count) = (args.integer()?, args.integer()?);
        } else if storing == Storing::Allowed && args.left() >= 2 && args.keyword("STORE") {
            destination = Some(args.key()?);
        } else if args.left() >= 2 && args.keyword("BY") {
            let pattern = args.bytes()?;
            sorting.by = Some(pattern);
            // Redis does not take this back when another BY follows.
            sorting.is_unsorted |= !pattern.contains(&b'*');
        } else if args.left() >= 2 && args.keyword("GET") {
            sorting.get.push(args.bytes()?);
        } else {
            return Err(Error::Syntax);
        }
    }
    sorting.is_stored = destination.is_some();
    Ok((sorting, destination))
}

/// Where STORE's destination stands: behind the last STORE that is no other option's argument.
fn destination(request: Request<'_>) -> Option<usize> {
    let mut found = None;
    let mut at = 2;
    while at + 1 < request.len() {
        let word = request.arg(at).to_ascii_lowercase();
        match word.as_slice() {
            b"limit" => at += 2,
            b"by" | b"get" => at += 1,
            b"store" => found = Some(at + 1),
            _ => {}
        }
        at += 1;
    }
    found
}
