//! What the word at the cursor may become.
//!
//! Names of commands and subcommands and options come from the catalog; keys, groups, consumers, channels and parameters from
//! the server, as the grammar says which of them is meant. Words keep the case in which they were begun.

use super::super::backslash;
use super::super::line::{self, Word};
use super::super::live::Wanted;
use crate::catalog::{Catalog, Next, Path, follow};

/// Where the word begins, and what it may become.
pub(super) fn complete(
    catalog: &Catalog,
    input: &str,
    look_up: impl Fn(Wanted) -> Vec<Vec<u8>>,
) -> (usize, Vec<String>) {
    let mut words = line::commands(input).pop().unwrap_or_default();
    let current = words.pop_if(|word| word.end == input.len());
    let begun = current.as_ref().map(|word| word.text.clone()).unwrap_or_default();
    let start = current.as_ref().map_or(input.len(), |word| word.start);
    let before = line::all_texts(&words);
    let scene = Scene { catalog, before: &before, begun: &begun, is_upper: is_upper(&words, &input[start..]) };
    (start, scene.candidates(look_up))
}

/// Whether names are wanted in capitals: as what was typed of the name, or else of the command.
fn is_upper(words: &[Word], begun: &str) -> bool {
    let letters: String = begun.chars().filter(|c| c.is_alphabetic()).collect();
    match (letters.is_empty(), words.first()) {
        (true, Some(first)) => first.text.iter().any(u8::is_ascii_uppercase),
        _ => !letters.is_empty() && letters.chars().all(char::is_uppercase),
    }
}

/// What stands before the cursor.
struct Scene<'a> {
    catalog: &'a Catalog,
    before: &'a [Vec<u8>],
    begun: &'a [u8],
    is_upper: bool,
}

impl Scene<'_> {
    fn candidates(&self, look_up: impl Fn(Wanted) -> Vec<Vec<u8>>) -> Vec<String> {
        let [first, rest @ ..] = self.before else {
            return self.first_words();
        };
        if first.eq_ignore_ascii_case(b"help") || first == b"?" || first == b"\\help" {
            return self.help_words(rest);
        }
        if first.starts_with(b"\\") {
            return backslash::arguments(first).iter().map(|word| (*word).to_owned()).filter(self.begins()).collect();
        }
        if first.iter().all(u8::is_ascii_digit) {
            return Scene { before: rest, ..*self }.candidates(look_up);
        }
        let Some((entry, names)) = self.catalog.find(self.before) else {
            return vec![];
        };
        let subcommands = self.subcommands();
        if !subcommands.is_empty() {
            return subcommands;
        }
        let paths = follow(&entry.args, &self.before[names..]);
        let mut found = Vec::new();
        for (path, next) in paths.iter().flat_map(|path| path.next().into_iter().map(move |next| (path, next))) {
            match next {
                Next::Token(token) if !token.is_empty() => found.extend(self.named(token)),
                Next::Token(_) => {}
                Next::Value(arg) => {
                    let wanted = wanted(&entry.name, &entry.group, path, &arg.name, &arg.kind, self.begun);
                    found.extend(wanted.map(&look_up).unwrap_or_default().iter().map(|word| line::typed(word)));
                }
            }
        }
        let mut seen = std::collections::HashSet::new();
        found.retain(|word| seen.insert(word.clone()));
        found
    }

    fn first_words(&self) -> Vec<String> {
        if self.begun.starts_with(b"\\") {
            return backslash::names().map(str::to_owned).filter(self.begins()).collect();
        }
        let mut words: Vec<String> = self.commands().collect();
        words.extend(backslash::LOCAL.iter().map(|word| (*word).to_owned()).filter(self.begins()));
        words
    }

    fn commands(&self) -> impl Iterator<Item = String> {
        let entries = self.catalog.entries().iter().filter(|entry| !entry.name.contains(' '));
        entries.filter_map(|entry| self.named(&entry.name))
    }

    /// The subcommands of what stands before.
    fn subcommands(&self) -> Vec<String> {
        let [container] = self.before else {
            return vec![];
        };
        let container = format!("{} ", String::from_utf8_lossy(container).to_uppercase());
        self.catalog.beginning_with(&container).filter_map(|entry| self.named(&entry.name[container.len()..])).collect()
    }

    fn help_words(&self, rest: &[Vec<u8>]) -> Vec<String> {
        if !rest.is_empty() {
            return Scene { before: rest, ..*self }.subcommands();
        }
        let groups = self.catalog.groups().into_iter().map(|group| format!("@{group}")).filter(self.begins());
        self.commands().chain(groups).collect()
    }

    fn begins(&self) -> impl Fn(&String) -> bool {
        |word| word.as_bytes().starts_with(self.begun)
    }

    /// The name in the case wanted, if it begins with what was typed.
    fn named(&self, name: &str) -> Option<String> {
        let begins =
            name.len() >= self.begun.len() && name.as_bytes()[..self.begun.len()].eq_ignore_ascii_case(self.begun);
        begins.then(|| if self.is_upper { name.to_owned() } else { name.to_lowercase() })
    }
}

/// What to ask the server for, for an argument of this name and kind.
fn wanted(
    command: &str,
    group: &str,
    path: &Path,
    name: &str,
    kind: &crate::catalog::Kind,
    begun: &[u8],
) -> Option<Wanted> {
    let prefix = begun.to_vec();
    if *kind == crate::catalog::Kind::Key {
        let type_ = match group {
            "list" | "string" | "stream" | "hash" | "set" => Some(group.to_owned()),
            "sorted-set" | "sorted_set" => Some("zset".to_owned()),
            _ => None,
        };
        return Some(Wanted::Keys { prefix, type_ });
    }
    match name {
        "group" | "groupname" => Some(Wanted::Groups { key: path.key.clone(), prefix }),
        "consumer" | "consumername" => {
            Some(Wanted::Consumers { key: path.key.clone(), group: path.group.clone()?, prefix })
        }
        "channel" => Some(Wanted::Channels { prefix }),
        "shardchannel" => Some(Wanted::ShardChannels { prefix }),
        "parameter" if command.starts_with("CONFIG ") => Some(Wanted::Parameters { prefix }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::own;

    /// The candidates, with a server that answers every question by its name and by something with a blank in it.
    fn candidates(input: &str) -> (usize, Vec<String>) {
        let stream = |key: &Option<Vec<u8>>| {
            key.as_ref().map_or("any".to_owned(), |key| String::from_utf8_lossy(key).into_owned())
        };
        complete(&own(), input, |wanted| {
            let name = match &wanted {
                Wanted::Keys { type_, .. } => format!("key:{}", type_.as_deref().unwrap_or("any")),
                Wanted::Groups { key, .. } => format!("group-of-{}", stream(key)),
                Wanted::Consumers { key, group, .. } => {
                    format!("consumer-of-{}-{}", stream(key), String::from_utf8_lossy(group))
                }
                Wanted::Channels { .. } => "channel".to_owned(),
                Wanted::ShardChannels { .. } => "shard".to_owned(),
                Wanted::Parameters { .. } => "parameter".to_owned(),
            };
            vec![name.into_bytes()]
        })
    }

    #[test]
    fn names_are_completed_in_the_case_in_which_they_were_begun() {
        for (typed, start, expected) in [
            ("getd", 0, &["getdel"][..]),
            ("GETD", 0, &["GETDEL"]),
            ("xgroup D", 7, &["DELCONSUMER", "DESTROY"]),
            ("xgroup d", 7, &["delconsumer", "destroy"]),
            ("XGROUP CREATE", 7, &["CREATE", "CREATECONSUMER"]),
            ("3 getd", 2, &["getdel"]),
            ("get a\ngetd", 6, &["getdel"]),
            ("help xgroup createc", 12, &["createconsumer"]),
            ("help @str", 5, &["@stream", "@string"]),
            ("\\ti", 0, &["\\timing"]),
            ("\\timing o", 8, &["on", "off"]),
            ("hel", 0, &["hello", "help"]),
            ("zzz", 0, &[]),
            ("zzz a", 4, &[]),
        ] {
            let (at, words) = candidates(typed);
            assert_eq!(
                (at, words.iter().map(String::as_str).collect::<Vec<_>>()),
                (start, expected.to_vec()),
                "{typed:?}"
            );
        }
    }

    #[test]
    fn options_and_what_lives_on_the_server_are_offered_where_they_may_stand() {
        for (typed, expected) in [
            ("lmove a b ", &["left", "right"][..]),
            ("LMOVE a b ", &["LEFT", "RIGHT"]),
            ("lmove a b le", &["left"]),
            ("xlen ", &["key:stream"]),
            ("llen x", &["key:list"]),
            ("del a ", &["key:any"]),
            ("xack jobs ", &["group-of-jobs"]),
            ("xgroup delconsumer jobs workers ", &["consumer-of-jobs-workers"]),
            // The streams of XREADGROUP come behind the group.
            ("xreadgroup group ", &["group-of-any"]),
            ("xreadgroup group workers ", &["consumer-of-any-workers"]),
            ("publish ", &["channel"]),
            ("spublish ", &["shard"]),
            ("config get ", &["parameter"]),
            ("get k ", &[]),
        ] {
            let (_, words) = candidates(typed);
            assert_eq!(words, expected, "{typed:?}");
        }
        let (_, words) = candidates("xadd s noM");
        assert_eq!(words, ["nomkstream"]);
    }

    #[test]
    fn words_with_blanks_are_put_in_quotes_from_their_beginning_on() {
        let answer = |_: Wanted| vec![b"my key".to_vec()];
        for typed in ["get my", "get \"my", "get 'my k"] {
            assert_eq!(complete(&own(), typed, answer), (4, vec!["\"my key\"".to_owned()]), "{typed:?}");
        }
    }
}
