//! How far a group has come, where two servers need not say the same.
//!
//! What rbq says is not taken on trust: XINFO STREAM FULL shows all entries, so lag and entries-read can be counted.

use rbq_resp::Value;

use super::fields::{each, field_mut, in_field, integer, items};
use super::turn::{Args, name, second};

/// Where Redis cannot tell how far a group is, rbq may know. What it says is believed if it is what counting comes to.
pub(crate) fn forgive_lag(args: &Args, older: &Value, newer: &mut Value) {
    match (name(args).as_slice(), second(args).as_slice()) {
        // The dump asks for both and sees to it that they say the same (see `dump`).
        (b"XINFO", b"GROUPS") => each(older, newer, |older, newer| forgive_progress(older, newer, None)),
        (b"XINFO", b"STREAM") => {
            let counted = Counted::of(newer);
            in_field(older, newer, "groups", |older, newer| {
                each(older, newer, |older, newer| forgive_progress(older, newer, counted.as_ref()));
            });
        }
        _ => {}
    }
}

fn forgive_progress(older: &Value, newer: &mut Value, counted: Option<&Counted>) {
    let lag = counted.map(|counted| counted.lag(newer));
    let said = field_mut(newer, "lag").and_then(|lag| integer(lag));
    if lag.is_some_and(|lag| lag != said) {
        return;
    }
    in_field(older, newer, "lag", |older, newer| *newer = older.clone());
    in_field(older, newer, "entries-read", |older, newer| {
        // 7.0 counts what it delivers and forgets what was trimmed before that, so it may be behind, not ahead.
        let may_be = |counted: &Counted| match (integer(older), integer(newer)) {
            // A reader past a deleted entry has lost count since 8.0 (redis PR #13338), and in 7.0 only past the next.
            (Some(_), None) => counted.deleted_some,
            (Some(before), Some(read)) => counted.may_have_read(read, said) || (before..=counted.added).contains(&read),
            _ => false,
        };
        if *older == Value::Null || counted.is_none_or(may_be) {
            *newer = older.clone();
        }
    });
}

/// What XINFO STREAM FULL lets one count.
struct Counted {
    ids: Vec<StreamId>,
    added: i64,
    /// Whether an entry may have been deleted between those that are left: then nobody can tell how many there were
    /// before another.
    lacks_some: bool,
    /// Whether an entry was ever deleted by its ID.
    deleted_some: bool,
}

impl Counted {
    /// Nothing, if the reply does not show all entries.
    fn of(stream: &Value) -> Option<Self> {
        let mut stream = stream.clone();
        let len = integer(field_mut(&mut stream, "length")?)?;
        let added = integer(field_mut(&mut stream, "entries-added")?)?;
        let deleted = id(field_mut(&mut stream, "max-deleted-entry-id")?)?;
        let entries = items(field_mut(&mut stream, "entries")?).iter();
        let ids: Vec<StreamId> = entries.map(|entry| id(items(entry).first()?)).collect::<Option<_>>()?;
        let lacks_some = ids.first().is_some_and(|first| *first <= deleted);
        (ids.len() as i64 == len).then_some(Self { ids, added, lacks_some, deleted_some: deleted != (0, 0) })
    }

    /// The number of entries after the last one that a group was given.
    fn lag(&self, group: &Value) -> Option<i64> {
        let delivered = id(field_mut(&mut group.clone(), "last-delivered-id")?)?;
        Some(self.ids.iter().filter(|id| **id > delivered).count() as i64)
    }

    /// Whether a group that lags this far may have read so many. Nothing is left to count by in an empty stream.
    fn may_have_read(&self, read: i64, lag: Option<i64>) -> bool {
        match (self.ids.is_empty(), lag) {
            (true, _) => (0..=self.added).contains(&read),
            (false, Some(lag)) => !self.lacks_some && read == self.added - lag,
            (false, None) => false,
        }
    }
}

/// An ID as two numbers.
type StreamId = (u64, u64);

fn id(value: &Value) -> Option<StreamId> {
    let (ms, seq) = std::str::from_utf8(value.as_bytes()?).ok()?.split_once('-')?;
    Some((ms.parse().ok()?, seq.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::samples::{args, bulk};
    use super::*;

    #[test]
    fn a_lag_is_forgiven_only_where_it_is_what_counting_comes_to() {
        let stream = |lag| {
            let group = vec![(bulk("last-delivered-id"), bulk("1-1")), (bulk("lag"), Value::Integer(lag))];
            let entries = ["1-1", "1-2", "10-0"].map(|id| Value::Array(vec![bulk(id), Value::Array(Vec::new())]));
            Value::Map(vec![
                (bulk("length"), Value::Integer(3)),
                (bulk("max-deleted-entry-id"), bulk("0-0")),
                (bulk("entries-added"), Value::Integer(3)),
                (bulk("entries"), Value::Array(entries.to_vec())),
                (bulk("groups"), Value::Array(vec![Value::Map(group)])),
            ])
        };
        for (lag, forgiven) in [(2, true), (1, false), (3, false)] {
            let mut newer = stream(lag);
            forgive_lag(&args("XINFO STREAM x FULL COUNT 0"), &stream(0), &mut newer);
            assert_eq!(newer == stream(0), forgiven, "a lag of {lag}");
        }
    }
}
