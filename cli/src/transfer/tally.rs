//! What became of everything that was met: counts by type and database, and for what was left out why, with a few names.

use std::collections::BTreeMap;

use rbq_rdb::Key;

use super::abilities::UNOWNED;
use super::compose_stream::Otherwise;
use crate::failure::{Result, say};
use crate::records::{Cell, Column, OutputArgs, column};

/// Names told of each group of keys that were left out.
const EXAMPLES_MAX: usize = 3;

/// What was left out, as records.
const COLUMNS: &[Column] = &[
    column("what", "SKIPPED"),
    column("db", "DB"),
    column("count", "COUNT"),
    column("why", "WHY"),
    column("examples", "EXAMPLES"),
];

/// Why something was left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Why {
    /// The target has no such type.
    NoSuchType,
    /// The target has no such command.
    NoSuchCommand,
    /// Its time had come.
    Expired,
    /// The target has a key of this name, and that was to be kept.
    Present,
    /// It is a part of a key: an import made it, and was ended.
    Unfinished,
    /// No command says it, or none restores it.
    NoWay(&'static str),
    /// The target answered with an error, beginning with this.
    Refused(String),
}

impl Why {
    fn text(&self) -> String {
        match self {
            Self::NoSuchType => "rbq has no such type".into(),
            Self::NoSuchCommand => "rbq has no such command".into(),
            Self::Expired => "expired by now".into(),
            Self::Present => "the target has the key".into(),
            Self::Unfinished => "left by an import that did not finish".into(),
            Self::NoWay(why) => (*why).into(),
            Self::Refused(text) => format!("refused: {text}"),
        }
    }

    /// Whether the source has more than the target will have.
    fn is_loss(&self) -> bool {
        !matches!(self, Self::Expired | Self::Present | Self::Unfinished)
    }
}

#[derive(Debug, Default)]
struct Group {
    count: u64,
    examples: Vec<Vec<u8>>,
}

/// Counts while keys go by.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    keys: BTreeMap<&'static str, u64>,
    commands: u64,
    /// Pending entries that were nobody's and have a consumer now.
    given: u64,
    skipped: BTreeMap<(String, Option<u32>, Why), Group>,
}

impl Tally {
    /// A key of this type came through.
    pub(crate) fn key(&mut self, kind: &'static str) {
        *self.keys.entry(kind).or_default() += 1;
    }

    /// What another one counted besides.
    pub(crate) fn add(&mut self, other: Self) {
        for (kind, count) in other.keys {
            *self.keys.entry(kind).or_default() += count;
        }
        self.commands += other.commands;
        self.given += other.given;
        for (what, group) in other.skipped {
            let into = self.skipped.entry(what).or_default();
            into.count += group.count;
            into.examples.extend(group.examples);
            into.examples.truncate(EXAMPLES_MAX);
        }
    }

    /// A command of a log came through.
    pub(crate) fn command(&mut self) {
        self.commands += 1;
    }

    /// What of a key's value became something else.
    pub(crate) fn otherwise(&mut self, (key, otherwise): (&Key, Otherwise)) {
        self.given += otherwise.given;
        if otherwise.forgets_producers {
            self.skip(
                "idempotent IDs",
                Some(key.db),
                Why::NoWay("only rbq and Redis 8.6 have idempotent producers"),
                &key.name,
            );
        }
    }

    /// Says what is there and is not as it was.
    pub(crate) fn say_changed(&self) {
        if self.given > 0 {
            let what = if self.given == 1 { "entry that is" } else { "entries that are" };
            say(&format!(
                "gave {} pending {what} nobody's to the consumer `{UNOWNED}`: only rbq and Redis 8.8 have them without an owner",
                self.given
            ));
        }
    }

    /// Something was left out; `example` is a key's name, or empty.
    pub(crate) fn skip(&mut self, what: &str, db: Option<u32>, why: Why, example: &[u8]) {
        let group = self.skipped.entry((what.to_owned(), db, why)).or_default();
        group.count += 1;
        if !example.is_empty() && group.examples.len() < EXAMPLES_MAX {
            group.examples.push(example.to_vec());
        }
    }

    /// Whether something of the source is missing in the target.
    pub(crate) fn has_losses(&self) -> bool {
        self.skipped.keys().any(|(_, _, why)| why.is_loss())
    }

    /// `23 keys (12 strings, 3 lists, 8 streams), 17 commands`.
    pub(crate) fn summary(&self) -> String {
        let total: u64 = self.keys.values().sum();
        if total == 0 && self.commands > 0 {
            return format!("{}{}", plural(self.commands, "command"), self.skipped());
        }
        let mut text = plural(total, "key");
        let kinds: Vec<String> = self.keys.iter().map(|(kind, count)| plural(*count, kind)).collect();
        if !kinds.is_empty() {
            text.push_str(&format!(" ({})", kinds.join(", ")));
        }
        if self.commands > 0 {
            text.push_str(&format!(", {}", plural(self.commands, "command")));
        }
        text + &self.skipped()
    }

    fn skipped(&self) -> String {
        match self.skipped.values().map(|group| group.count).sum::<u64>() {
            0 => String::new(),
            count => format!("; {count} skipped"),
        }
    }

    /// The list of what was left out, as data.
    pub(crate) fn write(&self, output: OutputArgs) -> Result<()> {
        let mut records = output.records(COLUMNS);
        for ((what, db, why), group) in &self.skipped {
            records.add(vec![
                Cell::word(what.as_str()),
                Cell::maybe(*db, Cell::number),
                Cell::number(group.count),
                Cell::word(why.text()),
                Cell::names(&group.names(), examples(group)),
            ])?;
        }
        records.finish()
    }

    /// The same as conversation, where stdout is taken.
    pub(crate) fn say(&self) {
        for ((what, db, why), group) in &self.skipped {
            let place = db.map(|db| format!(" in database {db}")).unwrap_or_default();
            let names = if group.examples.is_empty() { String::new() } else { format!(" ({})", examples(group)) };
            say(&format!("skipped {} {what}{place}: {}{names}", group.count, why.text()));
        }
    }
}

impl Group {
    /// In order, because files have their keys in none that means anything.
    fn names(&self) -> Vec<Vec<u8>> {
        let mut names = self.examples.clone();
        names.sort();
        names
    }
}

fn examples(group: &Group) -> String {
    let names: Vec<String> = group.names().iter().map(|name| shown(name)).collect();
    let more = if group.count > names.len() as u64 && !names.is_empty() { ", …" } else { "" };
    format!("{}{more}", names.join(", "))
}

/// A name as it is if it is plain, and quoted otherwise.
pub(crate) fn shown(name: &[u8]) -> String {
    match std::str::from_utf8(name) {
        Ok(text)
            if !text.is_empty()
                && text.chars().all(|letter| letter.is_alphanumeric() || ":._-{}/".contains(letter)) =>
        {
            text.to_owned()
        }
        _ => rbq_resp::quote(name),
    }
}

fn plural(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
