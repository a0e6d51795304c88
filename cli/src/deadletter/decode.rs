//! The fields of a stream entry to a dead letter, or why it is none.
//!
//! Anybody can write to a stream, so nothing is taken for granted. Strict about what it reads, because what is re-driven by a
//! wrong guess cannot be called back.

use bytes::Bytes;
use serde_json::Value as Json;

use super::{
    ATTEMPTS, ATTEMPTS_MAX, Attempt, COUNT, DIED, DeadLetter, FIRST_DELIVERED, Field, HASH, ID, JOB, PayloadHash,
    Provenance, REASON, REDRIVES, SourceKind, TRAILING, TYPE,
};
use crate::print::message;

/// More attempts than these nobody has made; they can be added up without a thought.
const BEFORE_MAX: u64 = u32::MAX as u64;

/// Why an entry is no dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotADeadLetter {
    /// Its last field is not `_rbq.count`: somebody else's entry.
    Unmarked,
    /// The count does not fit: this many fields were promised.
    Count(String),
    /// Another field stands where this one belongs.
    Field(&'static str),
    /// This field's value makes no sense.
    Value(&'static str, String),
}

impl std::fmt::Display for NotADeadLetter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unmarked => write!(f, "no dead letter: its last field is not `{COUNT}`"),
            Self::Count(count) => write!(f, "no dead letter: `{COUNT}` is `{count}`, which does not fit its fields"),
            Self::Field(name) => write!(f, "no dead letter: `{name}` is not where it belongs"),
            Self::Value(name, value) => write!(f, "no dead letter: `{value}` makes no sense as `{name}`"),
        }
    }
}

/// Whether the entry says of itself that it is a dead letter; [`DeadLetter::decode`] tells whether it is right.
pub(crate) fn is_marked(fields: &[Field]) -> bool {
    fields.last().is_some_and(|(name, _)| name == COUNT)
}

impl DeadLetter {
    /// Reads the fields of an entry.
    ///
    /// # Errors
    /// Why it is no dead letter.
    pub(crate) fn decode(fields: &[Field]) -> Result<Self, NotADeadLetter> {
        if !is_marked(fields) {
            return Err(NotADeadLetter::Unmarked);
        }
        let count = &fields[fields.len() - 1].1;
        if count != TRAILING.len().to_string().as_str() || fields.len() < TRAILING.len() {
            return Err(NotADeadLetter::Count(shown(count)));
        }
        let (payload, trailing) = fields.split_at(fields.len() - TRAILING.len());
        if let Some((name, _)) = TRAILING.iter().zip(trailing).find(|(name, (found, _))| found != **name) {
            return Err(NotADeadLetter::Field(name));
        }
        let [source, kind, group, id, reason, error, attempts, first, died, redrives, job, hash, _] =
            std::array::from_fn(|index| &trailing[index].1);
        let (attempts, attempts_before) = attempts_of(attempts)?;
        let provenance = Provenance {
            source: source.clone(),
            kind: kind_of(kind)?,
            group: group.clone(),
            id: text(ID, id)?,
            reason: text(REASON, reason)?,
            error: error.clone(),
            attempts,
            attempts_before,
            first_delivered_ms: number(FIRST_DELIVERED, first)?,
            died_ms: number(DIED, died)?,
            redrives: number(REDRIVES, redrives)?,
            job: text(JOB, job)?,
        };
        let hash: PayloadHash = text(HASH, hash)?.parse().map_err(|()| wrong(HASH, hash))?;
        if provenance.kind == SourceKind::Stream && !is_id(&provenance.id) {
            return Err(wrong(ID, id));
        }
        Ok(Self { payload: payload.to_vec(), provenance, hash })
    }
}

/// `ms-seq`, as a server writes it.
fn is_id(id: &str) -> bool {
    id.split_once('-').is_some_and(|(ms, seq)| [ms, seq].iter().all(|part| digits(part.as_bytes()).is_some()))
}

fn digits(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes).ok()?;
    // `parse` also takes `+1` and `01`, which would not be encoded again as they were.
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

fn kind_of(value: &Bytes) -> Result<SourceKind, NotADeadLetter> {
    match &value[..] {
        b"stream" => Ok(SourceKind::Stream),
        b"queue" => Ok(SourceKind::Queue),
        _ => Err(wrong(TYPE, value)),
    }
}

fn text(name: &'static str, value: &Bytes) -> Result<String, NotADeadLetter> {
    std::str::from_utf8(value).map(str::to_owned).map_err(|_| wrong(name, value))
}

fn number(name: &'static str, value: &Bytes) -> Result<u64, NotADeadLetter> {
    digits(value).ok_or_else(|| wrong(name, value))
}

/// The attempts, and how many there were before them.
fn attempts_of(value: &Bytes) -> Result<(Vec<Attempt>, u64), NotADeadLetter> {
    let read = || {
        let list: Vec<Json> = serde_json::from_slice(value).ok()?;
        let before = match list.first().and_then(|first| first.get("number")) {
            None => 0,
            Some(number) => number.as_u64()?.checked_sub(1).filter(|before| *before <= BEFORE_MAX)?,
        };
        let attempts: Vec<Attempt> = list.iter().map(attempt_of).collect::<Option<_>>()?;
        (attempts.len() <= ATTEMPTS_MAX).then_some((attempts, before))
    };
    read().ok_or_else(|| wrong(ATTEMPTS, value))
}

fn attempt_of(json: &Json) -> Option<Attempt> {
    Some(Attempt { consumer: message::from_json(json.get("consumer")?)?, at_ms: json.get("at")?.as_u64()? })
}

fn wrong(name: &'static str, value: &Bytes) -> NotADeadLetter {
    NotADeadLetter::Value(name, shown(value))
}

/// A value in a message for people, which must not flood their terminal.
fn shown(value: &Bytes) -> String {
    const SHOWN_BYTES_MAX: usize = 60;
    let cut = &value[..value.len().min(SHOWN_BYTES_MAX)];
    format!("{}{}", cut.escape_ascii(), if cut.len() < value.len() { "…" } else { "" })
}
