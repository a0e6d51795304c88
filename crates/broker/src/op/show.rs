//! An op as people and programs read it: its kind and its fields, by name.
//!
//! What the log holds can be looked at long after anybody remembers the command, so nothing is left out and nothing is
//! guessed: bytes stay bytes, and whoever prints them escapes them in its own way. Not `Debug`, whose text is for us and
//! loses bytes that are no UTF-8.

use rbq_resp::Bulk;
use rbq_stream::{Absent, BlockLimits, Count, IdmpLimits, NewId, RefPolicy, StreamId, Trim};

use super::{ClaimTerms, Cursor, Cursors, End, Ids, Once, Place, ReadLimits, SetDeadline, SetWhen, Trimming, Values};
use crate::many::Many;

/// A field's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// What a client sent.
    Bytes(Vec<u8>),
    /// A number, an ID, or the name of a choice.
    Word(String),
    /// Several of a kind.
    List(Vec<Shown>),
    /// Parts with names of their own.
    Parts(Vec<(&'static str, Shown)>),
}

/// What can be shown as a field.
pub(super) trait Show {
    /// The value; none where an option was not given.
    fn show(&self) -> Option<Shown>;
}

fn word(text: impl ToString) -> Option<Shown> {
    Some(Shown::Word(text.to_string()))
}

fn bytes(bytes: &[u8]) -> Option<Shown> {
    Some(Shown::Bytes(bytes.to_vec()))
}

/// Those of the parts that were given.
fn parts(all: impl IntoIterator<Item = (&'static str, Option<Shown>)>) -> Option<Shown> {
    Some(Shown::Parts(all.into_iter().filter_map(|(name, shown)| Some((name, shown?))).collect()))
}

fn list<T: Show>(all: impl IntoIterator<Item = T>) -> Option<Shown> {
    Some(Shown::List(all.into_iter().filter_map(|one| one.show()).collect()))
}

/// Numbers, IDs and truths read as they are displayed.
macro_rules! displayed {
    ($($type:ty),*) => { $( impl Show for $type {
        fn show(&self) -> Option<Shown> {
            word(self)
        }
    } )* };
}
displayed!(u64, u32, i64, u8, bool, StreamId);

impl<T: Show> Show for Option<T> {
    fn show(&self) -> Option<Shown> {
        self.as_ref().and_then(Show::show)
    }
}

impl Show for &[u8] {
    fn show(&self) -> Option<Shown> {
        bytes(self)
    }
}

impl Show for Bulk<'_> {
    fn show(&self) -> Option<Shown> {
        bytes(self.as_slice())
    }
}

impl Show for Many<'_> {
    fn show(&self) -> Option<Shown> {
        list(self.iter())
    }
}

impl Show for Values<'_> {
    fn show(&self) -> Option<Shown> {
        list(self.0.iter().map(|value| &**value))
    }
}

impl Show for Ids {
    fn show(&self) -> Option<Shown> {
        list(self.iter().copied())
    }
}

impl Show for End {
    fn show(&self) -> Option<Shown> {
        word(match self {
            Self::Head => "Head",
            Self::Tail => "Tail",
        })
    }
}

impl Show for Place {
    fn show(&self) -> Option<Shown> {
        word(match self {
            Self::Before => "Before",
            Self::After => "After",
        })
    }
}

impl Show for SetWhen<'_> {
    fn show(&self) -> Option<Shown> {
        let (name, value) = match self {
            Self::Always => return word("Always"),
            Self::Missing => return word("Missing"),
            Self::Exists => return word("Exists"),
            Self::Equals(value) => ("Equals", value),
            Self::Differs(value) => ("Differs", value),
            Self::DigestEquals(digest) => ("DigestEquals", digest),
            Self::DigestDiffers(digest) => ("DigestDiffers", digest),
        };
        parts([(name, bytes(value))])
    }
}

impl Show for SetDeadline {
    fn show(&self) -> Option<Shown> {
        match self {
            Self::Clear => word("Clear"),
            Self::Keep => word("Keep"),
            Self::At(deadline_ms) => parts([("At", deadline_ms.show())]),
        }
    }
}

impl Show for NewId {
    fn show(&self) -> Option<Shown> {
        match self {
            Self::Auto => word("*"),
            Self::AutoSeq(ms) => word(format!("{ms}-*")),
            Self::Exact(id) => id.show(),
        }
    }
}

impl Show for Trimming {
    fn show(&self) -> Option<Shown> {
        let trim = |trim: &Trim| match trim {
            Trim::MaxLen(len) => ("MaxLen", len.show()),
            Trim::MinId(id) => ("MinId", id.show()),
        };
        match self {
            Self::Exact(exact) => parts([trim(exact)]),
            Self::Approximate(about, limit) => parts([trim(about), ("limit", limit.show())]),
        }
    }
}

impl Show for RefPolicy {
    fn show(&self) -> Option<Shown> {
        word(match self {
            Self::Keep => "Keep",
            Self::Drop => "Drop",
            Self::Acked => "Acked",
        })
    }
}

impl Show for BlockLimits {
    fn show(&self) -> Option<Shown> {
        parts([("max_entries", self.max_entries.show()), ("max_bytes", self.max_bytes.show())])
    }
}

impl Show for IdmpLimits {
    fn show(&self) -> Option<Shown> {
        parts([("duration_s", self.duration_s.show()), ("max_iids", self.max_iids.show())])
    }
}

impl Show for Once<'_> {
    fn show(&self) -> Option<Shown> {
        parts([("pid", self.pid.show()), ("iid", self.iid.show())])
    }
}

impl Show for Cursor {
    fn show(&self) -> Option<Shown> {
        match self {
            Self::New => word(">"),
            Self::After(id) => id.show(),
        }
    }
}

impl Show for Cursors {
    fn show(&self) -> Option<Shown> {
        list(self.iter().copied())
    }
}

impl Show for ReadLimits {
    fn show(&self) -> Option<Shown> {
        let Self { count, max_count, max_bytes } = self;
        parts([("count", count.show()), ("max_count", max_count.show()), ("max_bytes", max_bytes.show())])
    }
}

impl Show for ClaimTerms {
    fn show(&self) -> Option<Shown> {
        parts([
            ("min_idle_ms", self.min_idle_ms.show()),
            ("delivered_ms", self.delivered_ms.show()),
            ("count", self.count.show()),
            ("absent", self.absent.show()),
            ("last_id", self.last_id.show()),
        ])
    }
}

impl Show for Count {
    fn show(&self) -> Option<Shown> {
        match self {
            Self::Bump => word("Bump"),
            Self::Keep => word("Keep"),
            Self::Set(count) => parts([("Set", count.show())]),
        }
    }
}

impl Show for Absent {
    fn show(&self) -> Option<Shown> {
        word(match self {
            Self::Skip => "Skip",
            Self::Create => "Create",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::wire::Field as _;
    use crate::op::{Op, PushWhen};

    #[test]
    fn bytes_stay_bytes_and_what_was_not_given_is_left_out() {
        let key: &[u8] = b"\xff\n";
        let op = Op::ListPop { key, end: End::Tail, count: None };
        assert_eq!(op.name(), "ListPop");
        assert_eq!(op.fields(), [("key", Shown::Bytes(key.to_vec())), ("end", Shown::Word("Tail".into()))]);
    }

    #[test]
    fn an_op_that_was_read_back_shows_what_the_first_one_did() {
        let elements = rbq_resp::OwnedRequest::from_args(["a", "b"]);
        let op =
            Op::ListPush { key: b"mail", end: End::Head, when: PushWhen::Exists, elements: Many::of(elements.view()) };
        let mut record = Vec::new();
        op.encode(&mut record);
        let again = Op::from_record(&record).expect("it was just written");
        assert_eq!(again.fields(), op.fields());
        let shown = |text: &str| Shown::Bytes(text.into());
        assert_eq!(op.fields()[3], ("elements", Shown::List(vec![shown("a"), shown("b")])));
    }
}
