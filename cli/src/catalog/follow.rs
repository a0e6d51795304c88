//! Where in a command's grammar somebody is who has typed some of its arguments.
//!
//! ```text
//!   SET key value [NX | XX] [GET]      grammar
//!   SET k   v     get                  typed
//!                            [NX | XX] what is left
//! ```
//!
//! Options that stand together may come in any order, as servers take them. A word may mean two things (the last word of
//! `BLPOP a 5` is a key or the timeout), so there can be several [`Path`]s; the likeliest comes first. A word that is a token at
//! its place is that token and nothing else.

use super::grammar::{Arg, Kind, Presence, Times, notations};

/// Ways to read one line that are kept: a grammar with more than a few is ambiguous beyond use.
const PATHS_MAX: usize = 16;

/// One way to read what was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    rest: Vec<Arg>,
    /// The last key.
    pub(crate) key: Option<Vec<u8>>,
    /// The last consumer group.
    pub(crate) group: Option<Vec<u8>>,
}

/// What may be typed next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next<'a> {
    Token(&'a str),
    Value(&'a Arg),
}

/// All ways to read these words as arguments of this grammar; none if they are not.
pub(crate) fn follow(args: &[Arg], words: &[Vec<u8>]) -> Vec<Path> {
    let mut paths = vec![Path { rest: args.to_vec(), key: None, group: None }];
    for word in words {
        let mut next: Vec<Path> = Vec::new();
        for path in paths.iter().flat_map(|path| path.step(word)) {
            if !next.contains(&path) && next.len() < PATHS_MAX {
                next.push(path);
            }
        }
        paths = next;
    }
    paths
}

impl Path {
    /// What is left to type, in the notation of the manual.
    pub(crate) fn left(&self) -> String {
        notations(&self.rest, " ")
    }

    /// What the next word may be.
    pub(crate) fn next(&self) -> Vec<Next<'_>> {
        let mut found = Vec::new();
        firsts(&self.rest, &mut found);
        found
    }

    fn step(&self, word: &[u8]) -> Vec<Self> {
        let mut taken = advance(&self.rest, word, By::Token);
        if taken.is_empty() {
            taken = advance(&self.rest, word, By::Place);
        }
        let path = |Taken { rest, meaning }: Taken| {
            let mut path = Self { rest, ..self.clone() };
            match meaning {
                Meaning::Key => path.key = Some(word.to_vec()),
                Meaning::Group => path.group = Some(word.to_vec()),
                Meaning::Other => {}
            }
            path
        };
        taken.into_iter().map(path).collect()
    }
}

/// What a word is recognised by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Token,
    Place,
}

/// A word was taken: what is left, and what it was.
struct Taken {
    rest: Vec<Arg>,
    meaning: Meaning,
}

#[derive(Debug, Clone, Copy)]
enum Meaning {
    Key,
    Group,
    Other,
}

/// The options that stand before the next required argument, and that one.
fn reachable(args: &[Arg]) -> usize {
    let options = args.iter().take_while(|arg| arg.presence == Presence::Optional).count();
    (options + 1).min(args.len())
}

fn advance(args: &[Arg], word: &[u8], by: By) -> Vec<Taken> {
    let mut all = Vec::new();
    for at in 0..reachable(args) {
        let arg = &args[at];
        for taken in take(arg, word, by) {
            let mut rest = taken.rest;
            rest.extend(again(arg));
            // An option leaves its neighbours to be chosen still; a required argument ends the choice.
            if arg.presence == Presence::Optional {
                rest.extend_from_slice(&args[..at]);
            }
            rest.extend_from_slice(&args[at + 1..]);
            all.push(Taken { rest, meaning: taken.meaning });
        }
    }
    all
}

fn take(arg: &Arg, word: &[u8], by: By) -> Vec<Taken> {
    let done = |meaning| vec![Taken { rest: vec![], meaning }];
    if let Some(token) = &arg.token {
        if by != By::Token || !word.eq_ignore_ascii_case(token.as_bytes()) {
            return vec![];
        }
        if arg.kind == Kind::Token {
            return done(Meaning::Other);
        }
        let times = if arg.times == Times::Many { Times::Many } else { Times::Once };
        let body = Arg { token: None, presence: Presence::Required, times, ..arg.clone() };
        return vec![Taken { rest: vec![body], meaning: Meaning::Other }];
    }
    match &arg.kind {
        Kind::OneOf(choices) => choices.iter().flat_map(|choice| take(choice, word, by)).collect(),
        Kind::Block(parts) => advance(parts, word, by),
        Kind::Token => vec![],
        _ if by == By::Token => vec![],
        Kind::Key => done(Meaning::Key),
        Kind::Number if !is_number(word) => vec![],
        _ if matches!(arg.name.as_str(), "group" | "groupname") => done(Meaning::Group),
        _ => done(Meaning::Other),
    }
}

/// The argument once more, if it may come again.
fn again(arg: &Arg) -> Option<Arg> {
    let repeats = match arg.times {
        Times::Once => false,
        // With a token before the first one only, its body repeats, not itself.
        Times::Many => arg.token.is_none(),
        Times::ManyWithToken | Times::Again => true,
    };
    repeats.then(|| Arg { presence: Presence::Optional, times: Times::Again, ..arg.clone() })
}

fn firsts<'a>(args: &'a [Arg], found: &mut Vec<Next<'a>>) {
    for arg in &args[..reachable(args)] {
        first(arg, found);
    }
}

fn first<'a>(arg: &'a Arg, found: &mut Vec<Next<'a>>) {
    match (&arg.token, &arg.kind) {
        (Some(token), _) => found.push(Next::Token(token)),
        (None, Kind::OneOf(choices)) => choices.iter().for_each(|choice| first(choice, found)),
        (None, Kind::Block(parts)) => firsts(parts, found),
        (None, _) => found.push(Next::Value(arg)),
    }
}

fn is_number(word: &[u8]) -> bool {
    std::str::from_utf8(word).is_ok_and(|text| text.parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::own;

    /// What is left after each of these lines, the likeliest reading first.
    fn left(line: &str) -> Option<String> {
        let words: Vec<Vec<u8>> = line.split_whitespace().map(|word| word.as_bytes().to_vec()).collect();
        let catalog = own();
        let (entry, names) = catalog.find(&words).expect("it is a command");
        follow(&entry.args, &words[names..]).first().map(Path::left)
    }

    #[test]
    fn what_is_left_shrinks_word_by_word() {
        for (line, expected) in [
            ("lpush", Some("key element [element ...]")),
            ("lpush k", Some("element [element ...]")),
            ("lpush k a", Some("[element ...]")),
            ("lpush k a b", Some("[element ...]")),
            ("lmove a b", Some("<LEFT | RIGHT> <LEFT | RIGHT>")),
            ("lmove a b left", Some("<LEFT | RIGHT>")),
            ("lmove a b left right", Some("")),
            ("lmove a b up", None),
            ("lpop k", Some("[count]")),
            ("lpop k x", None),
            ("lpop k 2 3", None),
            ("blpop a", Some("[key ...] timeout")),
            ("blpop a b", Some("[key ...] timeout")),
            ("xgroup create s g $", Some("[MKSTREAM] [ENTRIESREAD entries-read]")),
            ("xgroup create s g $ entriesread", Some("entries-read [MKSTREAM]")),
            ("xgroup create s g $ entriesread 5", Some("[MKSTREAM]")),
        ] {
            assert_eq!(left(line).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn options_may_come_in_any_order_and_end_where_values_begin() {
        let rest = left("xadd s nomkstream").expect("it is a beginning");
        assert!(!rest.contains("NOMKSTREAM") && rest.contains("MAXLEN"), "{rest}");
        assert_eq!(left("xadd s *").as_deref(), Some("field value [field value ...]"));
        assert_eq!(left("xadd s maxlen ~ 5 * f").as_deref(), Some("value [field value ...]"));
        assert_eq!(left("xadd s 1-1 f v").as_deref(), Some("[field value ...]"));
        let rest = left("set k v ex").expect("it is a beginning");
        assert!(rest.starts_with("seconds "), "{rest}");
    }

    #[test]
    fn keys_and_groups_are_remembered_for_those_who_ask_for_what_is_in_them() {
        let catalog = own();
        let words = |line: &str| line.split(' ').map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
        let (entry, _) = catalog.find(&words("xack")).expect("it is a command");
        let paths = follow(&entry.args, &words("jobs workers"));
        assert_eq!(paths[0].key.as_deref(), Some(&b"jobs"[..]));
        assert_eq!(paths[0].group.as_deref(), Some(&b"workers"[..]));
        let (entry, _) = catalog.find(&words("xreadgroup")).expect("it is a command");
        let paths = follow(&entry.args, &words("group g c count 1 streams a b"));
        let next: Vec<&str> = paths
            .iter()
            .flat_map(Path::next)
            .filter_map(|next| match next {
                Next::Value(arg) => Some(arg.name.as_str()),
                Next::Token(_) => None,
            })
            .collect();
        assert!(next.contains(&"key") && next.contains(&"id"), "{next:?}");
    }
}
