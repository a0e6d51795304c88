//! `GETRANGE key start end` and `SUBSTR`: a part of a value.

use std::ops::Range;

use rbq_resp::Sink;

use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::string::Str;

pub(super) const GETRANGE: Command = Command {
    name: "GETRANGE",
    group: Family::String,
    summary: "Returns a part of a string value, counted from either end.",
    since: "2.4.0",
    complexity: "O(N) where N is the length of the returned string. The complexity is ultimately determined by the returned length, but because creating a substring from an existing string is very cheap, it can be considered O(1) for small strings.",
    arity: Arity::Exactly(4),
    flags: Flags::READONLY,
    keys: &[KeySpec::one(1, touch::READ)],
    args: &[Arg::key("key"), Arg::integer("start"), Arg::integer("end")],
    example: "
        ann  SET greeting \"Hello World\"
        ann: +OK
        ann  GETRANGE greeting 0 4
        ann: Hello
        ann  GETRANGE greeting -5 -1
        ann: World
    ",
    run: Run::Read(|args, view, reply| {
        let (key, start, end) = (args.key()?, args.integer()?, args.integer()?);
        match view.string(key)? {
            None => reply.bulk(b""),
            Some(Str::Shared(bytes)) => reply.bulk_shared(&bytes.slice(window(start, end, bytes.len()))),
            Some(string) => {
                let mut digits = itoa::Buffer::new();
                let bytes = string.bytes(&mut digits);
                reply.bulk(&bytes[window(start, end, bytes.len())]);
            }
        }
        Ok(())
    }),
    ..Command::BASE
};

pub(super) const SUBSTR: Command = Command {
    name: "SUBSTR",
    summary: "Returns a part of a string value, under GETRANGE's old name.",
    since: "1.0.0",
    deprecated: Some(("2.0.0", "`GETRANGE`")),
    example: "
        ann  SET greeting \"Hello World\"
        ann: +OK
        ann  SUBSTR greeting 6 -1
        ann: World
    ",
    ..GETRANGE
};

/// The bytes from `start` to `end`, both included, negative from behind.
fn window(start: i64, end: i64, len: usize) -> Range<usize> {
    let from_front = |index: i64| match usize::try_from(index) {
        Ok(index) => index,
        Err(_) => len.saturating_sub(usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX)),
    };
    let (first, last) = (from_front(start), from_front(end));
    // Two places before the front would both come to be the front: what ends before it begins is empty all the same.
    if (start < 0 && end < 0 && start > end) || first > last || first >= len {
        return 0..0;
    }
    first..last.saturating_add(1).min(len)
}

#[cfg(test)]
mod tests {
    use super::window;

    #[test]
    fn both_ends_are_included_and_counted_from_either_side() {
        assert_eq!(window(0, 4, 11), 0..5);
        assert_eq!(window(-5, -1, 11), 6..11);
        assert_eq!(window(-100, 2, 11), 0..3);
        assert_eq!(window(0, 100, 11), 0..11);
        assert_eq!(window(i64::MIN, i64::MAX, 11), 0..11);
        assert_eq!(window(-100, -100, 11), 0..1);
    }

    #[test]
    fn what_lies_outside_or_ends_before_it_begins_is_empty() {
        for (start, end, len) in [(5, 3, 11), (100, 200, 11), (-1, -5, 11), (-50, -100, 11), (0, 0, 0), (0, -1, 0)] {
            assert!(window(start, end, len).is_empty(), "{start} {end} {len}");
        }
    }
}
