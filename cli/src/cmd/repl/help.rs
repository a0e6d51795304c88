//! `help`, `help COMMAND`, `help @group`.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::assist::Colors;
use crate::catalog::{Catalog, Entry};

/// The text for `help` with these words after it.
pub(super) fn text(catalog: &Catalog, words: &[Vec<u8>], colors: Colors) -> String {
    let Some(first) = words.first() else {
        return general(catalog);
    };
    if let Some(group) = first.strip_prefix(b"@") {
        let group = String::from_utf8_lossy(group).to_lowercase();
        let members = catalog.entries().iter().filter(|entry| entry.group == group);
        return list(members, || format!("no group is called `{group}`; there are: {}\n", catalog.groups().join(", ")));
    }
    let name = String::from_utf8_lossy(&words.join(&b' ')).to_uppercase();
    match catalog.entries().iter().find(|entry| entry.name == name) {
        Some(entry) => describe(catalog, entry, colors),
        None => {
            list(catalog.beginning_with(&name), || format!("no command is called `{name}`; <Tab> completes names\n"))
        }
    }
}

fn general(catalog: &Catalog) -> String {
    let groups = catalog.groups().join(", ");
    format!(
        "help COMMAND   its arguments and what it does\n\
         help @GROUP    the commands of a group{}\n\
         N COMMAND …    run a command N times\n\
         connect H P    talk to another server\n\
         clear          clear the screen\n\
         quit           leave (also Ctrl-D)\n\
         <Tab> completes names, Ctrl-R searches the history\n",
        if groups.is_empty() { String::new() } else { format!(": {groups}") },
    )
}

fn list<'a>(entries: impl Iterator<Item = &'a Entry>, none: impl FnOnce() -> String) -> String {
    let entries: Vec<&Entry> = entries.collect();
    if entries.is_empty() {
        return none();
    }
    let width = entries.iter().map(|entry| entry.name.len()).max().unwrap_or_default();
    entries.iter().fold(String::new(), |mut text, entry| {
        writeln!(text, "{:width$}  {}", entry.name, entry.summary).expect("a string takes every write");
        text
    })
}

fn describe(catalog: &Catalog, entry: &Entry, colors: Colors) -> String {
    let style = |style: Style| if colors == Colors::On { style } else { Style::new() };
    let (bold, grey) = (style(Style::new().bold()), style(Style::new().fg_color(Some(AnsiColor::BrightBlack.into()))));
    let mut text = format!("{bold}{}{bold:#}", entry.name);
    if !entry.syntax.is_empty() {
        write!(text, " {grey}{}{grey:#}", entry.syntax.join(" ")).expect("a string takes every write");
    }
    writeln!(text, "\n  {}", entry.summary).expect("a string takes every write");
    for (label, value) in [("group", &entry.group), ("since", &entry.since), ("complexity", &entry.complexity)] {
        if !value.is_empty() {
            writeln!(text, "  {grey}{label}:{grey:#} {value}").expect("a string takes every write");
        }
    }
    let subcommands = catalog.entries().iter().filter(|other| entry.contains(other));
    text.push_str(&list(subcommands, String::new));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Catalog {
        let entry = |name: &str, summary: &str| Entry {
            name: name.to_owned(),
            summary: summary.to_owned(),
            group: "stream".to_owned(),
            since: "5.0.0".to_owned(),
            ..Entry::default()
        };
        let len = Entry { syntax: vec!["key".to_owned()], ..entry("XLEN", "Count entries") };
        Catalog::new(vec![entry("XGROUP", "Groups"), entry("XGROUP CREATE", "Make a group"), len])
    }

    fn help(line: &str) -> String {
        let words: Vec<Vec<u8>> = line.split_whitespace().map(|word| word.as_bytes().to_vec()).collect();
        text(&catalog(), &words, Colors::Off)
    }

    #[test]
    fn help_is_to_the_point() {
        assert_eq!(help("xlen"), "XLEN key\n  Count entries\n  group: stream\n  since: 5.0.0\n");
        assert_eq!(help("xgroup create"), "XGROUP CREATE\n  Make a group\n  group: stream\n  since: 5.0.0\n");
        assert!(help("xgroup").ends_with("XGROUP CREATE  Make a group\n"));
        assert_eq!(help("x"), "XGROUP         Groups\nXGROUP CREATE  Make a group\nXLEN           Count entries\n");
        assert_eq!(help("@stream"), help("x"));
        assert_eq!(help("nope"), "no command is called `NOPE`; <Tab> completes names\n");
        assert_eq!(help("@nope"), "no group is called `nope`; there are: stream\n");
        assert!(help("").contains("help @GROUP    the commands of a group: stream\n"));
    }
}
