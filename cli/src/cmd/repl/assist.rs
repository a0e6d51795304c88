//! What the line editor is helped with: completion of names, and a hint of the arguments that are still to be typed.

use std::borrow::Cow;

use rbq_resp::split_args;
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::{Hint, Hinter};
use rustyline::validate::Validator;
use rustyline::{Context, Helper};

use crate::catalog::{Catalog, Entry};

/// Whether hints are grey; without colour they would look like typed text, so there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colors {
    On,
    Off,
}

/// The editor's helper.
#[derive(Debug)]
pub(super) struct Assist {
    pub(super) catalog: Catalog,
    pub(super) colors: Colors,
}

/// Shown, and never inserted: arguments are placeholders.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ArgumentHint(String);

impl Hint for ArgumentHint {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Hinter for Assist {
    type Hint = ArgumentHint;

    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<ArgumentHint> {
        if pos < line.len() || self.colors == Colors::Off {
            return None;
        }
        hint(&self.catalog, line).map(ArgumentHint)
    }
}

impl Completer for Assist {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, names) = complete(&self.catalog, &line[..pos]);
        let pair = |name: String| Pair { display: name.clone(), replacement: name };
        Ok((start, names.into_iter().map(pair).collect()))
    }
}

impl Highlighter for Assist {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("\x1b[90m{hint}\x1b[0m"))
    }
}

impl Validator for Assist {}

impl Helper for Assist {}

/// The arguments of the command in `line` that are not typed yet.
fn hint(catalog: &Catalog, line: &str) -> Option<String> {
    let words = split_args(line.as_bytes()).ok()?;
    let (entry, name_words) = catalog.find(&words)?;
    let mut typed = words.len() - name_words;
    let after_blank = line.ends_with(' ');
    if typed > 0 && !after_blank {
        // The word at the cursor is one of those the hint stands for.
        typed -= 1;
    }
    // From the first argument on that is not exactly one word nobody can tell which is meant.
    let known = entry.syntax.iter().take_while(|argument| is_one_word(argument)).count();
    let rest = entry.syntax[typed.min(known)..].join(" ");
    if rest.is_empty() || typed > known || words.len() > name_words && !after_blank {
        return None;
    }
    Some(if after_blank { rest } else { format!(" {rest}") })
}

fn is_one_word(argument: &str) -> bool {
    match argument.strip_prefix('<') {
        Some(choice) => !choice.trim_end_matches('>').split(" | ").any(|either| either.contains(' ')),
        None => !argument.contains([' ', '[']),
    }
}

/// Where the completed text begins, and what it may become.
fn complete(catalog: &Catalog, typed: &str) -> (usize, Vec<String>) {
    let start = match typed.get(..5) {
        Some(help) if help.eq_ignore_ascii_case("help ") => 5,
        _ => 0,
    };
    let word = &typed[start..];
    let lower_case = word.chars().any(char::is_lowercase);
    let as_typed = |name: &str| if lower_case { name.to_lowercase() } else { name.to_owned() };
    let whole_words = word.matches(' ').count();
    // A subcommand is offered once its container is typed: `xgroup` has five, and none of them is wanted before the blank.
    let names = catalog.beginning_with(word).filter(|entry| entry.name.matches(' ').count() == whole_words);
    let mut names: Vec<String> = names.map(|entry: &Entry| as_typed(&entry.name)).collect();
    if start > 0 {
        let groups = catalog.groups().into_iter().map(|group| format!("@{group}"));
        names.extend(groups.filter(|group| group.starts_with(word)));
    }
    (start, names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Catalog {
        let entry = |name: &str, group: &str, syntax: &[&str]| Entry {
            name: name.to_owned(),
            group: group.to_owned(),
            syntax: syntax.iter().map(|argument| (*argument).to_owned()).collect(),
            ..Entry::default()
        };
        Catalog::new(vec![
            entry("GET", "string", &["key"]),
            entry("GETDEL", "string", &["key"]),
            entry("LMOVE", "list", &["source", "destination", "<LEFT | RIGHT>", "<LEFT | RIGHT>"]),
            entry("SET", "string", &["key", "value", "[NX | XX]", "[GET]"]),
            entry("XGROUP", "stream", &[]),
            entry("XGROUP CREATE", "stream", &["key", "group", "<id | $>", "[MKSTREAM]"]),
            entry("XGROUP DESTROY", "stream", &["key", "group"]),
        ])
    }

    #[test]
    fn the_hint_is_what_is_left_to_type() {
        for (line, expected) in [
            ("set", Some(" key value [NX | XX] [GET]")),
            ("SET ", Some("key value [NX | XX] [GET]")),
            ("set a", None),
            ("set a ", Some("value [NX | XX] [GET]")),
            ("set a \"b c\" ", Some("[NX | XX] [GET]")),
            ("set a b NX ", None),
            ("lmove a b left ", Some("<LEFT | RIGHT>")),
            ("xgroup create ", Some("key group <id | $> [MKSTREAM]")),
            ("xgroup create s g $ ", Some("[MKSTREAM]")),
            ("get k ", None),
            ("nope ", None),
            ("set \"a ", None),
            ("", None),
        ] {
            assert_eq!(hint(&catalog(), line).as_deref(), expected, "{line:?}");
        }
    }

    #[test]
    fn completion_keeps_the_case_of_what_was_typed() {
        for (typed, start, expected) in [
            ("ge", 0, &["get", "getdel"][..]),
            ("GE", 0, &["GET", "GETDEL"]),
            ("xg", 0, &["xgroup"]),
            ("xgroup ", 0, &["xgroup create", "xgroup destroy"]),
            ("xgroup D", 0, &["xgroup destroy"]),
            ("help xgroup c", 5, &["xgroup create"]),
            ("help @st", 5, &["@stream", "@string"]),
            ("zzz", 0, &[]),
        ] {
            let (at, names) = complete(&catalog(), typed);
            assert_eq!(
                (at, names.iter().map(String::as_str).collect::<Vec<_>>()),
                (start, expected.to_vec()),
                "{typed:?}"
            );
        }
    }
}
