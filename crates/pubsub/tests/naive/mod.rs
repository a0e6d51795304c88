//! The obvious way to do it, for comparison: a glob that tries everything, subscriptions in plain vectors.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::collections::HashMap;

/// Whether `text` matches `pattern`, by trying every length for every star.
pub(crate) fn glob(pattern: &[u8], text: &[u8]) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    suffixes_match(pattern, text, &mut HashMap::new())
}

type Memo = HashMap<(usize, usize), bool>;

/// Both arguments are what is left, so their lengths name the sub-problem.
fn suffixes_match(pattern: &[u8], text: &[u8], memo: &mut Memo) -> bool {
    let problem = (pattern.len(), text.len());
    if let Some(&known) = memo.get(&problem) {
        return known;
    }
    let answer = match pattern.first() {
        None => text.is_empty(),
        Some(b'*') => (0..=text.len()).any(|taken| suffixes_match(&pattern[1..], &text[taken..], memo)),
        Some(_) => {
            let (accepts, width) = first_element(pattern);
            text.first().is_some_and(|&byte| accepts[usize::from(byte)])
                && suffixes_match(&pattern[width..], &text[1..], memo)
        }
    };
    memo.insert(problem, answer);
    answer
}

/// Which bytes the first element accepts, and how many bytes of the pattern it takes.
fn first_element(pattern: &[u8]) -> ([bool; 256], usize) {
    let mut accepts = [false; 256];
    match pattern {
        [b'?', ..] => return ([true; 256], 1),
        [b'[', ..] => {}
        [b'\\', byte, ..] => {
            accepts[usize::from(*byte)] = true;
            return (accepts, 2);
        }
        [byte, ..] => {
            accepts[usize::from(*byte)] = true;
            return (accepts, 1);
        }
        [] => unreachable!("asked for an element of nothing"),
    }
    let negated = pattern.get(1) == Some(&b'^');
    let mut at = if negated { 2 } else { 1 };
    loop {
        match &pattern[at..] {
            [] => break,
            [b'\\', byte, ..] => {
                accepts[usize::from(*byte)] = true;
                at += 2;
            }
            [b']', ..] => {
                at += 1;
                break;
            }
            [from, b'-', to, ..] => {
                let (from, to) = (*from as i8, *to as i8);
                for byte in from.min(to)..=from.max(to) {
                    accepts[usize::from(byte as u8)] = true;
                }
                at += 3;
            }
            [byte, ..] => {
                accepts[usize::from(*byte)] = true;
                at += 1;
            }
        }
    }
    if negated {
        accepts = accepts.map(|accepted| !accepted);
    }
    (accepts, at)
}

pub(crate) type Who = u8;

/// Subscriptions of one kind.
#[derive(Default)]
pub(crate) struct Topics {
    /// In the order they were made.
    subscriptions: Vec<(Who, Vec<u8>)>,
    /// In the order they became active.
    active: Vec<Vec<u8>>,
}

impl Topics {
    pub(crate) fn subscribe(&mut self, who: Who, name: &[u8]) -> bool {
        let subscription = (who, name.to_vec());
        if self.subscriptions.contains(&subscription) {
            return false;
        }
        self.subscriptions.push(subscription);
        if !self.active.contains(&name.to_vec()) {
            self.active.push(name.to_vec());
        }
        true
    }

    pub(crate) fn unsubscribe(&mut self, who: Who, name: &[u8]) -> bool {
        let before = self.subscriptions.len();
        self.subscriptions.retain(|(other, topic)| (*other, &topic[..]) != (who, name));
        self.tidy();
        self.subscriptions.len() < before
    }

    pub(crate) fn forget(&mut self, who: Who) {
        self.subscriptions.retain(|(other, _)| *other != who);
        self.tidy();
    }

    pub(crate) fn of(&self, who: Who) -> Vec<&[u8]> {
        self.subscriptions.iter().filter(|(other, _)| *other == who).map(|(_, name)| &name[..]).collect()
    }

    pub(crate) fn subscribers(&self, name: &[u8]) -> Vec<Who> {
        self.subscriptions.iter().filter(|(_, topic)| topic == name).map(|(who, _)| *who).collect()
    }

    pub(crate) fn active(&self) -> impl Iterator<Item = &[u8]> {
        self.active.iter().map(|name| &name[..])
    }

    fn tidy(&mut self) {
        let subscriptions = &self.subscriptions;
        self.active.retain(|name| subscriptions.iter().any(|(_, topic)| topic == name));
    }
}
