//! The arguments that are still to be typed, shown behind the cursor.
//!
//! ```text
//!   > lpush jobs key-1 [element ...]
//!     └─── typed ───┘ └── hint ───┘
//! ```
//! It follows what was typed, as far as that is a beginning of the command; where it is none, there is no hint, and where
//! everything was said neither. It never takes a second row: the editor would move what is above.

use super::super::line;
use crate::catalog::{Catalog, follow};

/// The shortest hint that is worth its place.
const COLUMNS_MIN: usize = 4;

/// What is left to type after this line.
pub(super) fn hint(catalog: &Catalog, input: &str) -> Option<String> {
    let commands = line::commands(input);
    let words = line::texts(commands.last()?).ok()?;
    let words = match words.first() {
        Some(first) if words.len() > 1 && first.iter().all(u8::is_ascii_digit) => &words[1..],
        _ => &words[..],
    };
    let (entry, names) = catalog.find(words)?;
    let after_blank = input.ends_with([' ', '\n']);
    let mut rest = if entry.args.is_empty() && words.len() == names {
        subcommands(catalog, &entry.name)
    } else {
        follow(&entry.args, &words[names..]).first()?.left()
    };
    rest.retain(|c| !c.is_control());
    match rest.is_empty() {
        true => None,
        false => Some(if after_blank { rest } else { format!(" {rest}") }),
    }
}

fn subcommands(catalog: &Catalog, name: &str) -> String {
    let prefix = format!("{name} ");
    let names: Vec<&str> = catalog.beginning_with(&prefix).map(|entry| &entry.name[prefix.len()..]).collect();
    if names.is_empty() { String::new() } else { format!("<{}>", names.join(" | ")) }
}

/// The hint cut to what is left of the row, so many columns of which are taken.
pub(super) fn fit(hint: &str, taken: usize, columns: usize) -> Option<String> {
    // The last column stays free: the cursor may stand there.
    let room = (columns - taken % columns.max(1)).saturating_sub(1);
    if hint.chars().count() <= room {
        return Some(hint.to_owned());
    }
    let cut: String = hint.chars().take(room.checked_sub(COLUMNS_MIN)?).collect();
    Some(format!("{} ...", cut.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::own;

    #[test]
    fn the_hint_is_what_is_left_to_type() {
        let catalog = own();
        for (line, expected) in [
            ("lpush", Some(" key element [element ...]")),
            ("LPUSH ", Some("key element [element ...]")),
            ("lpush a", Some(" element [element ...]")),
            ("lpush a ", Some("element [element ...]")),
            ("lpush a \"b c\" ", Some("[element ...]")),
            ("3 lpush a ", Some("element [element ...]")),
            ("lmove a b left ", Some("<LEFT | RIGHT>")),
            ("lmove a b middle ", None),
            ("xgroup create s g $ ", Some("[MKSTREAM] [ENTRIESREAD entries-read]")),
            ("xgroup create s g $ mkstream ", Some("[ENTRIESREAD entries-read]")),
            ("get a\nlpush ", Some("key element [element ...]")),
            ("get k", None),
            ("get k ", None),
            ("nope ", None),
            ("lpush \"a ", None),
            ("", None),
        ] {
            assert_eq!(hint(&catalog, line).as_deref(), expected, "{line:?}");
        }
        let subcommands = hint(&catalog, "xgroup ").expect("it has some");
        assert!(subcommands.starts_with("<CREATE | "), "{subcommands}");
    }

    #[test]
    fn a_hint_keeps_to_its_row() {
        assert_eq!(fit("key value", 10, 80).as_deref(), Some("key value"));
        assert_eq!(fit("key value", 10, 20).as_deref(), Some("key value"));
        assert_eq!(fit("key value", 11, 20).as_deref(), Some("key ..."));
        assert_eq!(fit("key value", 17, 20), None);
        assert_eq!(fit("key value", 25, 20).as_deref(), Some("key value"));
    }
}
