//! A key of the wrong kind is answered with the command for the kind it is, a missing one with names that are near.

use rbq_client::Request;
use rbq_resp::quote;

use super::find::search_for;
use super::own::is_own;
use crate::facts::text;
use crate::failure::{Failure, Result};
use crate::servers::Servers;

/// Keys that are looked at for a name like the one that is not there.
const CANDIDATES_MAX: usize = 10_000;

/// Names that are offered.
const NAMES_MAX: usize = 3;

/// What messages are kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Queue,
    Stream,
}

impl Kind {
    /// As the server calls it.
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Self::Queue => "list",
            Self::Stream => "stream",
        }
    }

    /// As we call it, and the command about it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Stream => "stream",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Queue => Self::Stream,
            Self::Stream => Self::Queue,
        }
    }
}

/// A key as it is if a person can read it, quoted otherwise.
pub(crate) fn shown(key: &[u8]) -> String {
    match std::str::from_utf8(key) {
        Ok(text) if !text.is_empty() && !text.chars().any(char::is_control) => text.to_owned(),
        _ => quote(key),
    }
}

/// As [`shown`], and one word to a shell.
pub(crate) fn shell_word(key: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/@%+=,{}".contains(byte);
    let name = shown(key);
    // Braces without a comma stand for themselves.
    if !key.is_empty() && key.iter().all(plain) && !(name.contains('{') && name.contains(',')) {
        return name;
    }
    format!("'{}'", name.replace('\'', r"'\''"))
}

/// Makes sure that a key is there and of this kind. `verb` is the subcommand that the other kind has as well: the hint names it.
///
/// # Errors
/// It is not there, or something else; or the server's.
pub(crate) async fn expect(servers: &mut Servers, key: &[u8], kind: Kind, verb: &str) -> Result<()> {
    let held = type_of(servers, key).await?;
    if held == kind.type_name() {
        return Ok(());
    }
    if held == "none" {
        return Err(missing(servers, key, kind).await?);
    }
    Err(of_another_kind(key, &held, kind, verb))
}

/// Makes sure that what is moved can go to this key: it is free, or of the same kind.
///
/// # Errors
/// It is something else, or the server's.
pub(crate) async fn expect_room_for(servers: &mut Servers, key: &[u8], kind: Kind) -> Result<()> {
    let held = type_of(servers, key).await?;
    if held == kind.type_name() || held == "none" {
        return Ok(());
    }
    let (name, word) = (shown(key), kind.word());
    Err(Failure::new(format!("`{name}` is a {}, and a {word}'s messages go to a {word}", kind_word(&held))))
}

/// What a key holds: `stream`, `list`, `none`, …
///
/// # Errors
/// Of the server.
pub(crate) async fn type_of(servers: &mut Servers, key: &[u8]) -> Result<String> {
    Ok(text(&servers.ask(key, Request::new("TYPE").arg(key)).await?))
}

fn of_another_kind(key: &[u8], held: &str, kind: Kind, verb: &str) -> Failure {
    let name = shown(key);
    let failure = Failure::new(format!("`{name}` is a {}, not a {}", kind_word(held), kind.word()));
    let other = kind.other();
    if held == other.type_name() {
        // These want more than the name.
        let more = if ["move", "trim"].contains(&verb) { " …" } else { "" };
        return failure.hint(format!("`rbq {} {verb} {}{more}`", other.word(), shell_word(key)));
    }
    failure.hint(format!("`rbq {} ls` shows all there are", kind.word()))
}

fn kind_word(held: &str) -> &str {
    if held == "list" { "queue" } else { held }
}

/// That there is no such key, with a hint of names like it.
///
/// # Errors
/// Of the server.
pub(crate) async fn missing(servers: &mut Servers, key: &[u8], kind: Kind) -> Result<Failure> {
    let failure = Failure::new(format!("there is no {} `{}`", kind.word(), shown(key)));
    let candidates = search_for(servers, kind, None, CANDIDATES_MAX, |key| !is_own(kind, key)).await?.keys;
    let near = near(key, &candidates);
    if near.is_empty() {
        return Ok(failure.hint(format!("`rbq {} ls` shows all there are", kind.word())));
    }
    let names: Vec<String> = near.iter().map(|key| format!("`{}`", shown(key))).collect();
    Ok(failure.hint(format!("there is {}", listed(&names, "and"))))
}

/// `a`, `b` and `c`.
pub(crate) fn listed(names: &[String], word: &str) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} {word} {last}", rest.join(", ")),
    }
}

/// The names that somebody may have meant, the nearest first.
pub(crate) fn near<'a>(name: &[u8], candidates: &'a [Vec<u8>]) -> Vec<&'a [u8]> {
    let name = name.to_ascii_lowercase();
    // One slip in a short word, a few in a long one; more would be guessing.
    let slips_max = (name.len() / 3).clamp(1, 3);
    let mut near: Vec<(usize, bool, &[u8])> = Vec::new();
    for candidate in candidates {
        let other = candidate.to_ascii_lowercase();
        let contains = name.len() >= 3 && other.len() >= 3 && (holds(&other, &name) || holds(&name, &other));
        let slips = if other.len().abs_diff(name.len()) <= slips_max { distance(&name, &other) } else { usize::MAX };
        if slips <= slips_max || contains {
            near.push((slips.min(slips_max + 1), !other.starts_with(&name), candidate));
        }
    }
    near.sort();
    near.into_iter().take(NAMES_MAX).map(|(.., candidate)| candidate).collect()
}

fn holds(long: &[u8], short: &[u8]) -> bool {
    long.windows(short.len()).any(|part| part == short)
}

/// Levenshtein's distance: letters put in, taken out or replaced.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_name_that_was_meant() {
        let keys: Vec<Vec<u8>> = ["orders", "orders.dlq", "border", "jobs", "x"].map(|key| key.into()).to_vec();
        let near = |name: &str| near(name.as_bytes(), &keys).into_iter().map(shown).collect::<Vec<_>>();
        assert_eq!(near("order"), ["orders", "border", "orders.dlq"]);
        assert_eq!(near("Orders"), ["orders", "border", "orders.dlq"]);
        assert_eq!(near("jbos"), [""; 0]);
        assert_eq!(near("job"), ["jobs"]);
        assert_eq!(near("invoices"), [""; 0]);
        assert_eq!(distance(b"kitten", b"sitting"), 3);
    }

    #[test]
    fn a_hint_can_be_pasted_into_a_shell() {
        for (key, word) in
            [("orders:eu", "orders:eu"), ("{o}.dlq", "{o}.dlq"), ("a b", "'a b'"), ("it's", r"'it'\''s'")]
        {
            assert_eq!(shell_word(key.as_bytes()), word);
        }
    }
}
