//! What a pattern says about its text without being run: how it starts, how it ends, what it holds in between.
//!
//! ```text
//!   user:*:order-?-[0-9]*.json
//!   └─┬─┘ └──┬──┘ │      └─┬─┘
//!   prefix middle └ "-"   suffix        middle: the longest of the literal runs in between
//! ```
//!
//! Each is a necessary condition, so each may be used to look a pattern up. Escapes are undone, and a class that holds
//! one byte (`[*]`, the other way to escape) is that byte.

use super::{Member, STARS_MAX, each_member, skip_stars};

/// How much of the matching the anchors leave to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// No text can match: an empty class, or too many stars.
    Never,
    /// The prefix is the one text that matches.
    Literal,
    /// Prefix, one run of stars, suffix: a text that is long enough and has both matches.
    Affixes,
    /// The pattern must be run.
    General,
}

/// The literal parts of a pattern, and its [`Shape`].
#[derive(Clone, Debug)]
pub(crate) struct Anchors {
    pub(crate) prefix: Vec<u8>,
    pub(crate) middle: Vec<u8>,
    pub(crate) suffix: Vec<u8>,
    pub(crate) shape: Shape,
    /// The shortest text that can match, in bytes.
    pub(crate) len_min: usize,
}

impl Anchors {
    pub(crate) fn of(pattern: &[u8]) -> Self {
        let mut scan = Scan::default();
        let mut rest = pattern;
        while let Some((element, behind)) = next_element(rest) {
            scan.push(element);
            rest = behind;
        }
        scan.finish()
    }
}

enum Element {
    Stars,
    /// `?`, or a class of more than one byte.
    Wild,
    Byte(u8),
    Nothing,
}

fn next_element(pattern: &[u8]) -> Option<(Element, &[u8])> {
    Some(match *pattern {
        [] => return None,
        [b'*', ..] => (Element::Stars, skip_stars(pattern)),
        [b'?', ref behind @ ..] => (Element::Wild, behind),
        [b'[', ref class @ ..] => class_element(class),
        [b'\\', escaped, ref behind @ ..] => (Element::Byte(escaped), behind),
        [literal, ref behind @ ..] => (Element::Byte(literal), behind),
    })
}

fn class_element(class: &[u8]) -> (Element, &[u8]) {
    let mut element = Element::Nothing;
    let behind = each_member(class, |member| {
        let only = match member {
            Member::Byte(byte) | Member::Escaped(byte) => Some(byte),
            Member::Range(from, to) => (from == to).then_some(from),
        };
        element = match (&element, only) {
            (Element::Nothing, Some(byte)) => Element::Byte(byte),
            (Element::Byte(seen), Some(byte)) if *seen == byte => Element::Byte(byte),
            _ => Element::Wild,
        };
    });
    if class.first() == Some(&b'^') {
        // It may still exclude all 256 bytes; then running the pattern finds that out.
        element = Element::Wild;
    }
    (element, behind)
}

#[derive(Default)]
struct Scan {
    /// The literal run the pattern starts with, once something else followed it.
    prefix: Option<Vec<u8>>,
    middle: Vec<u8>,
    run: Vec<u8>,
    bytes: usize,
    wilds: usize,
    inner_stars: usize,
    ends_in_stars: bool,
    never: bool,
}

impl Scan {
    fn push(&mut self, element: Element) {
        if self.ends_in_stars {
            self.inner_stars += 1;
        }
        self.ends_in_stars = matches!(element, Element::Stars);
        match element {
            Element::Byte(byte) => {
                self.run.push(byte);
                self.bytes += 1;
                return;
            }
            Element::Wild => self.wilds += 1,
            Element::Nothing => self.never = true,
            Element::Stars => {}
        }
        let run = std::mem::take(&mut self.run);
        if self.prefix.is_none() {
            self.prefix = Some(run);
        } else if run.len() > self.middle.len() {
            self.middle = run;
        }
    }

    fn finish(self) -> Anchors {
        let stars = self.inner_stars + usize::from(self.ends_in_stars);
        let shape = if self.never || self.inner_stars > STARS_MAX {
            Shape::Never
        } else if stars + self.wilds == 0 {
            Shape::Literal
        } else if stars == 1 && self.wilds == 0 {
            Shape::Affixes
        } else {
            Shape::General
        };
        let (prefix, suffix) = match self.prefix {
            Some(prefix) => (prefix, self.run),
            None => (self.run, Vec::new()),
        };
        Anchors { prefix, middle: self.middle, suffix, shape, len_min: self.bytes + self.wilds }
    }
}
