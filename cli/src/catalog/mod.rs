//! The commands a person may type: what completion, hints and `help` know.
//!
//! Filled from `COMMAND DOCS`: of the connected server, for which it is right whatever that server is, or of the broker in this
//! process, whose answer is its command table.

mod docs;

pub(crate) use docs::from_docs;

/// One command, or one subcommand under its container's name: `XGROUP CREATE`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Entry {
    /// In capitals, as it is typed.
    pub(crate) name: String,
    /// The arguments in the notation of the Redis manual, one element each: `key`, `[COUNT count]`, `<LEFT | RIGHT>`.
    pub(crate) syntax: Vec<String>,
    pub(crate) summary: String,
    pub(crate) group: String,
    pub(crate) since: String,
    pub(crate) complexity: String,
}

/// All commands, in the order of their names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalog {
    entries: Vec<Entry>,
}

impl Catalog {
    pub(crate) fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Self { entries }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The command that these words begin with, and how many of them name it.
    pub(crate) fn find(&self, words: &[Vec<u8>]) -> Option<(&Entry, usize)> {
        let upper = |word: &Vec<u8>| String::from_utf8_lossy(word).to_uppercase();
        let first = upper(words.first()?);
        let sub = words.get(1).map(|second| format!("{first} {}", upper(second)));
        let by_name = |name: &str| self.entries.iter().find(|entry| entry.name == name);
        sub.and_then(|name| by_name(&name)).map(|entry| (entry, 2)).or_else(|| by_name(&first).map(|entry| (entry, 1)))
    }

    /// Names that begin with `start`, in any case.
    pub(crate) fn beginning_with(&self, start: &str) -> impl Iterator<Item = &Entry> {
        let start = start.to_uppercase();
        self.entries.iter().filter(move |entry| entry.name.starts_with(&start))
    }

    /// The groups, each once, in order.
    pub(crate) fn groups(&self) -> Vec<&str> {
        let mut groups: Vec<&str> = self.entries.iter().map(|entry| entry.group.as_str()).collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }
}

impl Entry {
    /// Whether `other` is one of its subcommands.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        other.name.strip_prefix(&self.name).is_some_and(|rest| rest.starts_with(' '))
    }
}
