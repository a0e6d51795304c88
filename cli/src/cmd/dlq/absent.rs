//! What a person is told who looks for dead letters and finds none: that there are none, and whose there are.
//!
//! Nothing on stdout may mean that nothing died, or that a name has a slip in it; which it is stands on stderr.

use std::collections::BTreeSet;

use super::keys::{Place, shown};
use crate::cmd::keyspace::kind::listed;
use crate::deadletter::DeadLetter;
use crate::failure::say;

/// Origins that are named; nobody reads more.
const NAMED_MAX: usize = 5;

/// Whose dead letters were seen on the way.
#[derive(Debug, Default)]
pub(super) struct Seen {
    entries: u64,
    origins: BTreeSet<String>,
}

impl Seen {
    /// One entry; the letter that it is, if it is one.
    pub(super) fn note(&mut self, letter: Option<&DeadLetter>) {
        self.entries += 1;
        if let Some(letter) = letter
            && self.origins.len() <= NAMED_MAX
        {
            self.origins.insert(origin(letter));
        }
    }

    /// Says on stderr that nothing was found.
    pub(super) fn tell_none(&self, place: &Place) {
        let name = place.name();
        let wanted = match (&place.source, &place.group) {
            (Some(source), Some(group)) => format!(" of `{source}/{group}`"),
            (Some(source), None) => format!(" of `{source}`"),
            (None, _) => String::new(),
        };
        let mut names: Vec<String> = self.origins.iter().take(NAMED_MAX).map(|origin| format!("`{origin}`")).collect();
        if self.origins.len() > NAMED_MAX {
            names.push("others".to_owned());
        }
        say(&match (self.entries, names.as_slice()) {
            (0, _) => format!("no dead letters: `{name}` is empty"),
            (_, []) => format!("no dead letters{wanted} in `{name}` are selected"),
            _ => format!("no dead letters{wanted} in `{name}` are selected; it has those of {}", listed(&names, "and")),
        });
    }
}

/// The source, and the group where there is one: `orders/billing`.
pub(super) fn origin(letter: &DeadLetter) -> String {
    let from = &letter.provenance;
    if from.group.is_empty() { shown(&from.source) } else { format!("{}/{}", shown(&from.source), shown(&from.group)) }
}
