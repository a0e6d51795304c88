//! What help says besides syntax and summary: a few sentences on a command where they save somebody trouble, and what its words
//! mean. No server tells that, so it stands in a text file of ours, and is there without any server.

/// What there is to say on one command.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// Sentences.
    pub(crate) prose: String,
    /// Words of the syntax and their meaning, in the order of the syntax.
    pub(crate) words: Vec<(String, &'static str)>,
}

const TEXT: &str = include_str!("manual.txt");

/// The section on any command.
const ANY: &str = "*";

/// The page on the command of this name, the words of whose syntax are these.
pub(crate) fn page(name: &str, tokens: &[&str]) -> Page {
    let mut words: Vec<(String, &str)> = Vec::new();
    for token in tokens {
        if let Some(meaning) = meaning(name, token).or_else(|| meaning(ANY, token))
            && !words.iter().any(|(known, _)| known == token)
        {
            words.push(((*token).to_owned(), meaning));
        }
    }
    let prose: Vec<&str> = section(name).filter(|line| entry(line).is_none()).map(str::trim).collect();
    Page { prose: prose.join(" "), words }
}

/// The lines below the heading of this name.
fn section(name: &str) -> impl Iterator<Item = &'static str> {
    let lines = TEXT.lines().skip_while(move |line| *line != name).skip(1);
    lines.take_while(|line| line.starts_with("  "))
}

fn meaning(section_name: &str, token: &str) -> Option<&'static str> {
    section(section_name).filter_map(entry).find(|(word, _)| *word == token).map(|(_, meaning)| meaning)
}

/// A word in capitals, or a sign, and its meaning. Prose begins with an ordinary word.
fn entry(line: &'static str) -> Option<(&'static str, &'static str)> {
    let (word, meaning) = line.trim().split_once(' ')?;
    let is_word = word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase() || c == '-');
    (is_word || matches!(word, "$" | "*" | "=" | "~")).then_some((word, meaning))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::catalog::own;

    #[test]
    fn every_section_is_of_a_command_and_every_word_of_its_syntax() {
        let catalog = own();
        let mut section_name = "";
        for line in TEXT.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if !line.starts_with(' ') {
                section_name = line;
                assert!(line == ANY || catalog.named(line).is_some(), "no command is called {line}");
            } else if let (Some((word, meaning)), Some(known)) = (entry(line), catalog.named(section_name)) {
                assert!(known.tokens().contains(&word), "{section_name} has no {word}");
                assert!(!meaning.is_empty());
            }
        }
    }

    #[test]
    fn every_word_of_a_queue_or_stream_has_a_meaning() {
        let catalog = own();
        let groups = ["list", "stream", "string", "generic", "connection", "transactions", "pubsub"];
        let mut missing = BTreeSet::new();
        for known in catalog.entries().iter().filter(|known| groups.contains(&known.group.as_str())) {
            let tokens = known.tokens();
            let page = page(&known.name, &tokens);
            let told = |token: &str| page.words.iter().any(|(word, _)| word == token);
            missing.extend(tokens.iter().filter(|token| !told(token)).map(|token| format!("{} {token}", known.name)));
        }
        assert_eq!(missing, BTreeSet::new());
    }

    #[test]
    fn prose_and_words_are_told_apart() {
        let page = page("XGROUP CREATE", &["$", "MKSTREAM", "NOSUCH"]);
        assert_eq!(page.prose, "`$` begins with what comes from now on, `0` with the first entry.");
        assert_eq!(page.words[0], ("$".to_owned(), "From now on"));
        assert_eq!(page.words.len(), 2);
    }
}
