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
    /// Words of its arguments that newer servers know and this one does not, as far as it tells.
    pub(crate) lacks: Vec<String>,
}

/// All commands, in the order of their names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalog {
    entries: Vec<Entry>,
    /// Ours that the server does not have, as far as it tells.
    missing: Vec<Entry>,
}

impl Catalog {
    pub(crate) fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Self { entries, missing: Vec::new() }
    }

    /// What the server says of itself; what it does not say, or not so well, from our own table.
    pub(crate) fn of_server(docs: Self, arities: &[(String, i64)]) -> Self {
        let own = own();
        let mut entries = docs.entries;
        let tells_all = !entries.is_empty();
        let mut missing = Vec::new();
        if tells_all {
            let has = |name: &str| entries.iter().any(|entry| entry.name == name);
            missing.extend(own.entries.iter().filter(|known| !has(&known.name)).cloned());
        } else {
            // Before Redis 7 a server tells no more than the names of its commands, and nothing of subcommands.
            let is_new = |name: &String| own.named(name).is_none();
            let names = arities.iter().map(|(name, _)| name).filter(|name| is_new(name));
            entries = names.map(|name| Entry { name: name.clone(), ..Entry::default() }).collect();
            let may_be_there = |known: &&Entry| {
                let first = known.name.split(' ').next();
                arities.is_empty() || arities.iter().any(|(name, _)| Some(name.as_str()) == first)
            };
            let (there, gone): (Vec<&Entry>, Vec<&Entry>) = own.entries.iter().partition(may_be_there);
            entries.extend(there.into_iter().cloned());
            missing.extend(gone.into_iter().cloned());
        }
        for entry in &mut entries {
            // Ours is no measure for a server that does not tell.
            entry.arity = arities.iter().find(|(name, _)| *name == entry.name).map(|(_, arity)| *arity);
            if let Some(known) = own.named(&entry.name) {
                entry.example.clone_from(&known.example);
                if tells_all {
                    let words = entry.tokens();
                    let lacking = known.tokens().into_iter().filter(|word| !words.contains(word));
                    entry.lacks = lacking.map(str::to_owned).collect();
                }
            }
        }
        Self { missing, ..Self::new(entries) }
    }

    /// The command of this name, in capitals, if it is one of ours that the server does not have.
    pub(crate) fn missing(&self, name: &str) -> Option<&Entry> {
        self.missing.iter().find(|entry| entry.name == name)
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
        let arities = [("GET", 2), ("HSET", -4), ("XGROUP", -2)].map(|(name, arity)| (name.to_owned(), arity));
        let catalog = Catalog::of_server(Catalog::default(), &arities);
        let hset = catalog.named("HSET").expect("the server has it");
        assert!(!hset.admits(3) && hset.admits(4) && hset.admits(5));
        assert_eq!(catalog.named("GET").map(Entry::syntax).as_deref(), Some("key"));
        // Of subcommands nobody said how many arguments they take there.
        assert!(catalog.named("XGROUP CREATE").is_some_and(|entry| entry.admits(1)));
        assert!(!catalog.groups().contains(&""));
        assert!(catalog.named("XADD").is_none() && catalog.missing("XADD").is_some());
    }

    #[test]
    fn what_a_server_tells_of_tells_what_it_lacks() {
        let get = Entry { name: "GET".to_owned(), ..Entry::default() };
        let set = Entry { name: "SET".to_owned(), args: vec![Arg::value("key", Kind::Key)], ..Entry::default() };
        let catalog = Catalog::of_server(Catalog::new(vec![get, set]), &[]);
        assert!(catalog.missing("XADD").is_some() && catalog.missing("GET").is_none());
        assert!(catalog.named("SET").is_some_and(|set| set.lacks.iter().any(|word| word == "NX")));
        // Nobody knows of a server that tells nothing at all.
        assert!(Catalog::of_server(Catalog::default(), &[]).missing("XADD").is_none());
    }
}
