//! The commands a person may type: what completion, hints and `help` know.
//!
//! Filled from `COMMAND DOCS` of the connected server, for which it is right whatever that server is, and completed by the
//! command table of the broker in this program, which needs no server and has examples.

mod docs;
mod follow;
mod grammar;
mod info;
mod manual;
mod own;

pub(crate) use docs::{field, from_docs, items, pairs, text};
pub(crate) use follow::{Next, Path, follow};
pub(crate) use grammar::{Arg, Kind, notations};
pub(crate) use info::arities;
pub(crate) use manual::page;
pub(crate) use own::own;

/// One command, or one subcommand under its container's name: `XGROUP CREATE`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Entry {
    /// In capitals, as it is typed.
    pub(crate) name: String,
    pub(crate) args: Vec<Arg>,
    pub(crate) summary: String,
    pub(crate) group: String,
    pub(crate) since: String,
    pub(crate) complexity: String,
    /// How many words it has, its name's included; below zero at least that many. `None` if nobody said.
    pub(crate) arity: Option<i64>,
    /// A conversation that shows it, in the language of transcripts.
    pub(crate) example: String,
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

    /// What the server says of itself; what it does not say, or not so well, from our own table.
    pub(crate) fn of_server(docs: Self, arities: &[(String, i64)]) -> Self {
        let own = own();
        let mut entries = docs.entries;
        if entries.is_empty() {
            // Before Redis 7 a server tells no more than the names of its commands.
            let is_new = |name: &String| own.named(name).is_none();
            let names = arities.iter().map(|(name, _)| name).filter(|name| is_new(name));
            entries = names.map(|name| Entry { name: name.clone(), ..Entry::default() }).collect();
            entries.extend(own.entries.iter().cloned());
        }
        for entry in &mut entries {
            // Ours is no measure for a server that does not tell.
            entry.arity = arities.iter().find(|(name, _)| *name == entry.name).map(|(_, arity)| *arity);
            if let Some(known) = own.named(&entry.name) {
                entry.example.clone_from(&known.example);
            }
        }
        Self::new(entries)
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The command of this name, in capitals.
    pub(crate) fn named(&self, name: &str) -> Option<&Entry> {
        self.entries.binary_search_by(|entry| entry.name.as_str().cmp(name)).ok().map(|at| &self.entries[at])
    }

    /// The command that these words begin with, and how many of them name it.
    pub(crate) fn find(&self, words: &[Vec<u8>]) -> Option<(&Entry, usize)> {
        let upper = |word: &Vec<u8>| String::from_utf8_lossy(word).to_uppercase();
        let first = upper(words.first()?);
        let sub = words.get(1).map(|second| format!("{first} {}", upper(second)));
        let by_sub = sub.and_then(|name| self.named(&name)).map(|entry| (entry, 2));
        by_sub.or_else(|| self.named(&first).map(|entry| (entry, 1)))
    }

    /// Names that begin with `start`, in any case.
    pub(crate) fn beginning_with(&self, start: &str) -> impl Iterator<Item = &Entry> {
        let start = start.to_uppercase();
        self.entries.iter().filter(move |entry| entry.name.starts_with(&start))
    }

    /// The groups, each once, in order; of a command whose server told no more than its name nobody knows it.
    pub(crate) fn groups(&self) -> Vec<&str> {
        let mut groups: Vec<&str> = self.entries.iter().map(|entry| entry.group.as_str()).collect();
        groups.retain(|group| !group.is_empty());
        groups.sort_unstable();
        groups.dedup();
        groups
    }
}

impl Entry {
    /// Its arguments in the notation of the manual.
    pub(crate) fn syntax(&self) -> String {
        notations(&self.args, " ")
    }

    /// The bare words in its arguments.
    pub(crate) fn tokens(&self) -> Vec<&str> {
        let mut tokens = Vec::new();
        self.args.iter().for_each(|arg| arg.tokens(&mut tokens));
        tokens
    }

    /// Whether so many words, its name's included, can be right.
    pub(crate) fn admits(&self, words: usize) -> bool {
        match self.arity {
            None => true,
            Some(arity @ 0..) => words as u64 == arity as u64,
            Some(least) => words as u64 >= least.unsigned_abs(),
        }
    }

    /// Whether `other` is one of its subcommands.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        other.name.strip_prefix(&self.name).is_some_and(|rest| rest.starts_with(' '))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_tells_only_names_is_known_by_them_and_by_our_own_table() {
        let arities = [("GET", 2), ("HSET", -4)].map(|(name, arity)| (name.to_owned(), arity));
        let catalog = Catalog::of_server(Catalog::default(), &arities);
        let hset = catalog.named("HSET").expect("the server has it");
        assert!(!hset.admits(3) && hset.admits(4) && hset.admits(5));
        assert_eq!(catalog.named("GET").map(Entry::syntax).as_deref(), Some("key"));
        // Of XADD nobody said how many arguments it takes there.
        assert!(catalog.named("XADD").is_some_and(|entry| entry.admits(1)));
        assert!(!catalog.groups().contains(&""));
    }
}
