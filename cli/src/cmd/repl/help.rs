//! `help`, `help COMMAND`, `help @group`.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::assist::Colors;
use crate::catalog::{Catalog, Entry, page};

/// Longer lines are hard to read, however wide the terminal is.
const PROSE_COLUMNS: usize = 92;

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
        None => match catalog.missing(&name) {
            Some(entry) => format!("this server does not have it\n{}", describe(catalog, entry, colors)),
            None => list(catalog.beginning_with(&name), || {
                format!("no command is called `{name}`; <Tab> completes names\n")
            }),
        },
    }
}

fn general(catalog: &Catalog) -> String {
    let groups = catalog.groups().join(", ");
    format!(
        "help COMMAND   its arguments, what it does, what its words mean, an example\n\
         help @GROUP    the commands of a group{}\n\
         N COMMAND …    run a command N times\n\
         connect H P    talk to another server\n\
         clear          clear the screen\n\
         quit           leave (also Ctrl-D)\n\
         \\help          commands of this prompt: \\json, \\tables, \\timing, \\status, \\stop\n\
         <Tab> completes names, options and what is on the server; Ctrl-R searches the history\n\
         a line goes on after a \\ or in open quotes; Ctrl-C ends what runs, on an empty line subscriptions and MONITOR\n",
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

/// How a command is typed, in a line.
pub(super) fn usage(catalog: &Catalog, entry: &Entry) -> String {
    let prefix = format!("{} ", entry.name);
    let subcommands: Vec<&str> = catalog.beginning_with(&prefix).map(|entry| &entry.name[prefix.len()..]).collect();
    match subcommands.is_empty() {
        true => format!("{prefix}{}", entry.syntax()).trim_end().to_owned(),
        false => format!("{prefix}<{}> ...", subcommands.join(" | ")),
    }
}

fn describe(catalog: &Catalog, entry: &Entry, colors: Colors) -> String {
    let style = |style: Style| if colors == Colors::On { style } else { Style::new() };
    let (bold, grey) = (style(Style::new().bold()), style(Style::new().fg_color(Some(AnsiColor::BrightBlack.into()))));
    let mut text = format!("{bold}{}{bold:#}", entry.name);
    if !entry.args.is_empty() {
        write!(text, " {grey}{}{grey:#}", entry.syntax()).expect("a string takes every write");
    }
    writeln!(text, "\n  {}", entry.summary).expect("a string takes every write");
    let page = page(&entry.name, &entry.tokens());
    for line in wrap(&page.prose, PROSE_COLUMNS) {
        writeln!(text, "  {line}").expect("a string takes every write");
    }
    let width = page.words.iter().map(|(word, _)| word.len()).max().unwrap_or_default();
    for (word, meaning) in &page.words {
        writeln!(text, "    {bold}{word:width$}{bold:#}  {meaning}").expect("a string takes every write");
    }
    for (label, value) in [("group", &entry.group), ("since", &entry.since), ("complexity", &entry.complexity)] {
        if !value.is_empty() {
            writeln!(text, "  {grey}{label}:{grey:#} {value}").expect("a string takes every write");
        }
    }
    text.push_str(&example(&entry.example, grey));
    if !entry.lacks.is_empty() {
        let words = format!("not on this server: {}", entry.lacks.join(", "));
        for line in wrap(&words, PROSE_COLUMNS) {
            writeln!(text, "  {line}").expect("a string takes every write");
        }
    }
    let subcommands = catalog.entries().iter().filter(|other| entry.contains(other));
    text.push_str(&list(subcommands, String::new));
    text
}

/// A transcript as it would look in this prompt: `ann  GET k` becomes `> GET k`, and her answers stand below.
fn example(transcript: &str, grey: Style) -> String {
    let lines: Vec<&str> = transcript.lines().filter(|line| !line.trim().is_empty()).collect();
    let indent = lines.iter().map(|line| line.len() - line.trim_start().len()).min().unwrap_or_default();
    let split = |line: &'_ str| line.find([' ', ':']).unwrap_or(line.len());
    let mut actors: Vec<&str> = lines.iter().map(|line| &line[indent..]).map(|line| &line[..split(line)]).collect();
    actors.retain(|who| !who.is_empty());
    let is_alone = actors.iter().all(|who| *who == actors[0]);
    let mut text = String::new();
    for line in lines.iter().map(|line| &line[indent..]) {
        let (who, rest) = line.split_at(split(line));
        let line = match (who.is_empty(), rest.strip_prefix(": "), rest.strip_prefix("  ")) {
            (false, Some(answer), _) => format!("    {}", reply(answer)),
            (false, None, Some(command)) if is_alone => format!("  {grey}>{grey:#} {command}"),
            (false, None, Some(command)) => format!("  {grey}{who}>{grey:#} {command}"),
            // An answer goes on.
            _ => format!("    {}", line.trim_start()),
        };
        writeln!(text, "{line}").expect("a string takes every write");
    }
    if text.is_empty() { text } else { format!("  {grey}example:{grey:#}\n{text}") }
}

/// A reply of a transcript without the marks that a status and an error have there.
fn reply(answer: &str) -> String {
    match answer.strip_prefix('-').filter(|text| text.starts_with(|c: char| c.is_ascii_uppercase())) {
        Some(error) => format!("(error) {error}"),
        None => answer.strip_prefix('+').unwrap_or(answer).to_owned(),
    }
}

/// The words in lines no longer than this, if no word is.
fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= columns => line.extend([" ", word]),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Arg, Kind};

    fn catalog() -> Catalog {
        let entry = |name: &str, summary: &str| Entry {
            name: name.to_owned(),
            summary: summary.to_owned(),
            group: "stream".to_owned(),
            since: "5.0.0".to_owned(),
            ..Entry::default()
        };
        let len = Entry { args: vec![Arg::value("key", Kind::Key)], ..entry("XLEN", "Count entries") };
        Catalog::new(vec![entry("XGROUP", "Groups"), entry("XGROUP CREATE", "Make a group"), len])
    }

    fn help(line: &str) -> String {
        let words: Vec<Vec<u8>> = line.split_whitespace().map(|word| word.as_bytes().to_vec()).collect();
        text(&catalog(), &words, Colors::Off)
    }

    #[test]
    fn help_is_to_the_point() {
        assert_eq!(help("xlen"), "XLEN key\n  Count entries\n  group: stream\n  since: 5.0.0\n");
        assert_eq!(
            help("xgroup create"),
            "XGROUP CREATE\n  Make a group\n  `$` begins with what comes from now on, `0` with the first entry.\n  group: stream\n  since: 5.0.0\n"
        );
        assert!(help("xgroup").ends_with("XGROUP CREATE  Make a group\n"));
        assert_eq!(help("x"), "XGROUP         Groups\nXGROUP CREATE  Make a group\nXLEN           Count entries\n");
        assert_eq!(help("@stream"), help("x"));
        assert_eq!(help("nope"), "no command is called `NOPE`; <Tab> completes names\n");
        assert_eq!(help("@nope"), "no group is called `nope`; there are: stream\n");
        assert!(help("").contains("help @GROUP    the commands of a group: stream\n"));
    }
}
