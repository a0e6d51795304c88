//! Which dead letters are meant: by reason, source, group, time, attempts, a regular expression, jq, a list of IDs, a number.
//!
//! A selection is data: it is kept beside the dead-letter stream while a re-drive is under way, so that the rest can be done from
//! another machine. Files and the clock are therefore read once, when the selection is made; times in it are absolute.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use regex::bytes::Regex;
use serde::{Deserialize, Serialize};

use super::entries::{Entry, EntryId};
use super::keys::Place;
use super::letters;
use crate::deadletter::DeadLetter;
use crate::failure::{Failure, Result, spoken};
use crate::jq::{FAILED_HINT, Jq};
use crate::moment;

/// The options that select.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Selection")]
pub(crate) struct SelectArgs {
    /// Only those that died of this: max-deliver, rejected; may be given several times
    #[arg(long, value_name = "REASON")]
    reason: Vec<String>,
    /// Only those that came from this key; may be given several times
    #[arg(long, value_name = "KEY")]
    source: Vec<String>,
    /// Only those that this group gave up; may be given several times
    #[arg(long, value_name = "GROUP")]
    group: Vec<String>,
    /// Only those that died since: -15m, 2026-01-31, 2026-01-31T12:00:00Z, or ms since 1970
    #[arg(long, value_name = "TIME", value_parser = moment::parse, allow_hyphen_values = true)]
    since: Option<u64>,
    /// Only those that died before: -15m, 2026-01-31, 2026-01-31T12:00:00Z, or ms since 1970
    #[arg(long, value_name = "TIME", value_parser = moment::parse, allow_hyphen_values = true)]
    until: Option<u64>,
    /// Only those with at least so many attempts
    #[arg(long, value_name = "N")]
    min_attempts: Option<u64>,
    /// Only those with at most so many attempts
    #[arg(long, value_name = "N")]
    max_attempts: Option<u64>,
    /// Only those with a value, or an error, that this regular expression matches
    #[arg(long = "match", value_name = "REGEX")]
    pattern: Option<String>,
    /// Only those for which this jq expression holds: '.fields.amount | tonumber > 100'
    #[arg(long = "where", value_name = "JQ")]
    condition: Option<String>,
    /// Only the IDs in this file, one a line (`-` is stdin)
    #[arg(long, value_name = "FILE")]
    ids: Option<PathBuf>,
    /// No more than so many
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
}

/// A selection as data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Selection {
    reasons: Vec<String>,
    sources: Vec<String>,
    groups: Vec<String>,
    /// Within the place that was named, whatever else is asked for.
    of_source: Option<String>,
    of_group: Option<String>,
    since_ms: Option<u64>,
    until_ms: Option<u64>,
    min_attempts: Option<u64>,
    max_attempts: Option<u64>,
    pattern: Option<String>,
    condition: Option<String>,
    ids: Option<BTreeSet<EntryId>>,
    pub(crate) limit: Option<u64>,
}

/// A selection that can be asked.
#[derive(Debug)]
pub(crate) struct Matcher {
    selection: Selection,
    pattern: Option<Regex>,
    condition: Option<Jq>,
}

impl SelectArgs {
    /// The selection, within the place that was named.
    ///
    /// # Errors
    /// A file that cannot be read or is no list of IDs.
    pub(crate) fn selection(&self, place: &Place) -> Result<Selection> {
        Ok(Selection {
            reasons: self.reason.clone(),
            sources: self.source.clone(),
            groups: self.group.clone(),
            of_source: place.source.clone(),
            of_group: place.group.clone(),
            since_ms: self.since,
            until_ms: self.until,
            min_attempts: self.min_attempts,
            max_attempts: self.max_attempts,
            pattern: self.pattern.clone(),
            condition: self.condition.clone(),
            ids: self.ids.as_deref().map(ids_in).transpose()?,
            limit: self.limit,
        })
    }

    /// The same, ready to be asked.
    ///
    /// # Errors
    /// As [`selection`](Self::selection), and an expression that is none.
    pub(crate) fn matcher(&self, place: &Place) -> Result<Matcher> {
        self.selection(place)?.compile()
    }
}

impl Selection {
    /// Ready to be asked.
    ///
    /// # Errors
    /// An expression that is none.
    pub(crate) fn compile(self) -> Result<Matcher> {
        let pattern = self.pattern.as_deref().map(regex).transpose()?;
        let condition = self.condition.as_deref().map(Jq::compile).transpose().map_err(Failure::usage)?;
        Ok(Matcher { selection: self, pattern, condition })
    }

    /// With only those that this regular expression matches.
    pub(crate) fn matching(self, pattern: String) -> Self {
        Self { pattern: Some(pattern), ..self }
    }

    /// Whether an entry that is no dead letter could be meant: nothing is asked of it that only dead letters have.
    fn takes_anything(&self) -> bool {
        let bare = Self { ids: self.ids.clone(), limit: self.limit, ..Self::default() };
        *self == bare
    }
}

impl Matcher {
    pub(crate) fn limit(&self) -> u64 {
        self.selection.limit.unwrap_or(u64::MAX)
    }

    /// Whether this entry is meant, whatever it is.
    pub(crate) fn takes_entry(&self, entry: &Entry) -> bool {
        self.selection.takes_anything() && self.takes_id(entry.id)
    }

    /// Whether this dead letter is meant.
    ///
    /// # Errors
    /// The jq expression fails on it, so nobody can tell.
    pub(crate) fn takes(&self, id: EntryId, letter: &DeadLetter) -> Result<bool> {
        self.judge(id, letter).map_err(|why| Failure::new(format!("{id}: {why}")).hint(FAILED_HINT))
    }

    /// The same, with the error as it stands in a plan.
    ///
    /// # Errors
    /// As [`takes`](Self::takes).
    pub(crate) fn judge(&self, id: EntryId, letter: &DeadLetter) -> std::result::Result<bool, String> {
        if !self.takes_plainly(id, letter) {
            return Ok(false);
        }
        self.condition.as_ref().map_or(Ok(true), |jq| jq.holds(&letters::document(id, letter)))
    }

    /// Whether everything but the jq expression holds.
    fn takes_plainly(&self, id: EntryId, letter: &DeadLetter) -> bool {
        let (wanted, from) = (&self.selection, &letter.provenance);
        let named = |names: &[String], name: &[u8]| names.is_empty() || names.iter().any(|one| one.as_bytes() == name);
        let attempts = from.attempts_total();
        self.takes_id(id)
            && named(&wanted.reasons, from.reason.as_bytes())
            && wanted.of_source.as_ref().is_none_or(|source| from.source == *source)
            && wanted.of_group.as_ref().is_none_or(|group| from.group == *group)
            && named(&wanted.sources, &from.source)
            && named(&wanted.groups, &from.group)
            && wanted.since_ms.is_none_or(|since| from.died_ms >= since)
            && wanted.until_ms.is_none_or(|until| from.died_ms < until)
            && wanted.min_attempts.is_none_or(|min| attempts >= min)
            && wanted.max_attempts.is_none_or(|max| attempts <= max)
            && self.pattern.as_ref().is_none_or(|pattern| matches(pattern, letter))
    }

    fn takes_id(&self, id: EntryId) -> bool {
        self.selection.ids.as_ref().is_none_or(|ids| ids.contains(&id))
    }
}

fn matches(pattern: &Regex, letter: &DeadLetter) -> bool {
    pattern.is_match(&letter.provenance.error) || letter.payload.iter().any(|(_, value)| pattern.is_match(value))
}

fn regex(text: &str) -> Result<Regex> {
    Regex::new(text).map_err(|error| {
        let why = error.to_string();
        Failure::usage(format!("`{text}` is no regular expression: {}", why.lines().last().unwrap_or_default().trim()))
    })
}

fn ids_in(path: &Path) -> Result<BTreeSet<EntryId>> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map(drop)
    } else {
        fs::read_to_string(path).map(|read| text = read)
    };
    read.map_err(|error| Failure::new(format!("cannot read `{}`: {}", path.display(), spoken(&error))))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| line.parse().map_err(Failure::usage)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::deadletter::{Attempt, Provenance, SourceKind};

    fn letter() -> DeadLetter {
        let provenance = Provenance {
            source: "orders".into(),
            kind: SourceKind::Stream,
            group: "billing".into(),
            id: "17-0".into(),
            reason: "rejected".into(),
            error: "no stock".into(),
            attempts: vec![Attempt { consumer: "w".into(), at_ms: 1 }; 3],
            attempts_before: 0,
            first_delivered_ms: 1,
            died_ms: 3000,
            redrives: 0,
            job: String::new(),
        };
        DeadLetter::new(vec![("amount".into(), "120".into())], provenance)
    }

    fn takes(selection: Selection) -> bool {
        selection.compile().unwrap().takes("5-0".parse().unwrap(), &letter()).unwrap()
    }

    #[test]
    fn everything_that_is_asked_has_to_hold() {
        let all = Selection::default;
        let words = |word: &str| vec!["other".to_owned(), word.to_owned()];
        for (selection, expected) in [
            (all(), true),
            (Selection { reasons: words("rejected"), ..all() }, true),
            (Selection { reasons: words("max-deliver"), ..all() }, false),
            (Selection { sources: words("orders"), groups: words("billing"), ..all() }, true),
            (Selection { sources: words("orders"), groups: words("mail"), ..all() }, false),
            (Selection { of_source: Some("orders".into()), of_group: Some("billing".into()), ..all() }, true),
            (Selection { of_source: Some("mail".into()), sources: words("orders"), ..all() }, false),
            (Selection { of_group: Some("mail".into()), groups: words("billing"), ..all() }, false),
            (Selection { since_ms: Some(3000), until_ms: Some(3001), ..all() }, true),
            (Selection { until_ms: Some(3000), ..all() }, false),
            (Selection { min_attempts: Some(3), max_attempts: Some(3), ..all() }, true),
            (Selection { min_attempts: Some(4), ..all() }, false),
            (all().matching("^12".into()), true),
            (all().matching("stock$".into()), true),
            (all().matching("amount".into()), false),
            (Selection { ids: Some(BTreeSet::from(["5-0".parse().unwrap()])), ..all() }, true),
            (Selection { ids: Some(BTreeSet::from(["5-1".parse().unwrap()])), ..all() }, false),
        ] {
            assert_eq!(takes(selection.clone()), expected, "{selection:?}");
            let kept: Selection = serde_json::from_str(&serde_json::to_string(&selection).unwrap()).unwrap();
            assert_eq!(kept, selection);
        }
    }

    #[cfg(feature = "jq")]
    #[test]
    fn a_jq_expression_sees_fields_and_provenance() {
        for (code, expected) in [
            (".fields.amount | tonumber > 100", true),
            (".group == \"billing\" and .attempts[2].consumer == \"w\"", true),
            (".source == \"orders\" and .id == \"17-0\"", false),
        ] {
            assert_eq!(takes(Selection { condition: Some(code.into()), ..Selection::default() }), expected, "{code}");
        }
    }
}
