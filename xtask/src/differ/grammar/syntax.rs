//! The notation of a syntax line: text to a tree, tree to arguments.

use bytes::Bytes;

use crate::differ::draw::{Blank, Draw};
use crate::differ::turn::{Args, Phrase};

/// A part of a syntax.
#[derive(Debug)]
pub(crate) enum Node {
    /// Itself.
    Word(&'static str),
    /// A blank to fill in.
    Blank(Blank),
    /// This or nothing.
    Optional(Vec<Node>),
    /// One of these.
    Choice(Vec<Vec<Node>>),
    /// A few of these.
    Many(Box<Node>),
    /// These in any order.
    AnyOrder(Vec<Node>),
    /// A number, then that many.
    Counted(Box<Node>),
    /// Some of the first, then as many of the second.
    Paired(Box<Node>, Box<Node>),
}

/// What can be said: one command, or a few that belong together.
#[derive(Debug)]
pub(crate) struct Syntax {
    commands: Vec<Vec<Node>>,
}

impl Syntax {
    /// Reads a line.
    ///
    /// # Panics
    /// If it is not well formed: it is part of this program.
    #[must_use]
    pub(crate) fn parse(text: &'static str) -> Self {
        let commands = text.split(";;").map(|command| {
            let mut words = tokens(command).into_iter().peekable();
            let nodes = sequence(&mut words);
            assert!(words.peek().is_none(), "unbalanced brackets in `{command}`");
            nodes
        });
        Self { commands: commands.collect() }
    }

    /// The names of its commands, a container's with its subcommand.
    #[must_use]
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let names = self.commands.iter().filter_map(|nodes| match nodes.first() {
            Some(Node::Word(name)) => Some(*name),
            _ => None,
        });
        names.collect()
    }

    /// Says it.
    pub(crate) fn expand(&self, draw: &mut Draw) -> Phrase {
        let commands = self.commands.iter().map(|nodes| {
            let mut args = Args::new();
            nodes.iter().for_each(|node| node.expand(draw, &mut args));
            args
        });
        commands.collect()
    }
}

/// Of an optional part, how often it is there.
const OPTIONAL: f64 = 0.4;

impl Node {
    fn expand(&self, draw: &mut Draw, args: &mut Args) {
        match self {
            Node::Word(word) => args.push(draw.word(word)),
            Node::Blank(blank) => args.push(draw.fill(*blank)),
            Node::Optional(nodes) if draw.chance(OPTIONAL) => nodes.iter().for_each(|node| node.expand(draw, args)),
            Node::Optional(_) => {}
            Node::Choice(choices) => {
                let choice = draw.below(choices.len());
                choices[choice].iter().for_each(|node| node.expand(draw, args));
            }
            Node::Many(node) => (0..draw.few()).for_each(|_| node.expand(draw, args)),
            Node::AnyOrder(nodes) => {
                let mut order: Vec<&Node> = nodes.iter().collect();
                draw.shuffle(&mut order);
                order.into_iter().for_each(|node| node.expand(draw, args));
            }
            Node::Counted(node) => {
                let count = draw.few();
                args.push(Bytes::from(count.to_string()));
                (0..count).for_each(|_| node.expand(draw, args));
            }
            Node::Paired(first, second) => {
                let count = draw.keys_at_once();
                (0..count).for_each(|_| first.expand(draw, args));
                (0..count).for_each(|_| second.expand(draw, args));
            }
        }
    }
}

/// Brackets and bars are tokens of their own; everything else is divided by blanks.
fn tokens(text: &'static str) -> Vec<&'static str> {
    let is_mark = |letter: char| "[]<>{}|".contains(letter);
    let divided = text.split_inclusive(is_mark).flat_map(|piece| match piece.char_indices().last() {
        Some((at, last)) if is_mark(last) => vec![&piece[..at], &piece[at..]],
        _ => vec![piece],
    });
    divided.flat_map(str::split_whitespace).collect()
}

type Tokens = std::iter::Peekable<std::vec::IntoIter<&'static str>>;

/// Reads up to a closing mark or a bar, which it leaves.
fn sequence(tokens: &mut Tokens) -> Vec<Node> {
    let mut nodes = Vec::new();
    while let Some(token) = tokens.next_if(|token| !matches!(*token, "]" | ">" | "}" | "|")) {
        nodes.push(match token {
            "[" => Node::Optional(inside(tokens, "]")),
            "{" => Node::AnyOrder(inside(tokens, "}")),
            "<" => Node::Choice(choices(tokens)),
            _ => simple(token),
        });
    }
    nodes
}

fn inside(tokens: &mut Tokens, close: &str) -> Vec<Node> {
    let nodes = sequence(tokens);
    assert_eq!(tokens.next(), Some(close), "unbalanced brackets");
    nodes
}

fn choices(tokens: &mut Tokens) -> Vec<Vec<Node>> {
    let mut choices = vec![sequence(tokens)];
    while tokens.next_if_eq(&"|").is_some() {
        choices.push(sequence(tokens));
    }
    assert_eq!(tokens.next(), Some(">"), "unbalanced brackets");
    choices
}

fn simple(token: &'static str) -> Node {
    if let Some(repeated) = token.strip_suffix("...") {
        return Node::Many(Box::new(simple(repeated)));
    }
    if let Some(word) = token.strip_prefix('\'').and_then(|word| word.strip_suffix('\'')) {
        return Node::Word(word);
    }
    if let Some(counted) = token.strip_prefix('#') {
        return Node::Counted(Box::new(simple(counted)));
    }
    if let Some((first, second)) = token.strip_prefix('%').and_then(|pair| pair.split_once(',')) {
        return Node::Paired(Box::new(simple(first)), Box::new(simple(second)));
    }
    match token.starts_with(|letter: char| letter.is_ascii_lowercase()) {
        true => Node::Blank(Blank::named(token)),
        false => Node::Word(token),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::differ::draw::Mood;

    fn say(text: &'static str, seed: u64) -> Vec<String> {
        let mut draw = Draw::new(seed, Mood::default());
        let phrase = Syntax::parse(text).expand(&mut draw);
        phrase.iter().map(|args| args.join(&b' ').escape_ascii().to_string().to_uppercase()).collect()
    }

    #[test]
    fn every_choice_and_option_is_said_by_some_seed() {
        let said: std::collections::BTreeSet<String> =
            (0..200).flat_map(|seed| say("X <A | B [C]> {[D] E}", seed)).collect();
        assert_eq!(said.len(), 3 * 3, "{said:?}");
    }

    #[test]
    fn a_counted_blank_has_as_many_as_it_says() {
        for seed in 0..50 {
            let said = say("X #Y", seed);
            let words: Vec<&str> = said[0].split(' ').collect();
            assert_eq!(words[1].parse::<usize>().expect("a number"), words.len() - 2);
        }
    }

    #[test]
    fn commands_that_belong_together_are_one_phrase() {
        assert_eq!(say("A ;; B", 1), ["A", "B"]);
    }
}
