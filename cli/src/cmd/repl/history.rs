//! The history file: `rbq/history` in the user's state directory, or where `RBQ_HISTORY` says; empty means none.
//!
//! A line with a password in it is not remembered, not even for the arrow keys.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The file, its directory made if need be.
pub(super) fn file() -> Option<PathBuf> {
    let path = path(|name| env::var_os(name).map(PathBuf::from))?;
    fs::create_dir_all(path.parent()?).ok()?;
    Some(path)
}

fn path(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    if let Some(chosen) = variable("RBQ_HISTORY") {
        return Some(chosen).filter(|path| path != Path::new(""));
    }
    // The XDG base directory specification: only absolute paths count.
    let state = variable("XDG_STATE_HOME").filter(|path| path.is_absolute());
    let state = state.or_else(|| Some(variable("HOME")?.join(".local/state")))?;
    Some(state.join("rbq/history"))
}

/// Whether a command must not be remembered because an argument of it is, or may be, a password.
pub(in crate::cmd) fn is_secret(words: &[Vec<u8>]) -> bool {
    let is_count = |word: &Vec<u8>| !word.is_empty() && word.iter().all(u8::is_ascii_digit);
    match words {
        // `2 AUTH password`
        [first, rest @ ..] if is_count(first) => is_secret(rest),
        // `\json AUTH password`, and `\jsn AUTH password` too: what is refused is in the history all the same.
        [first, rest @ ..] if first.starts_with(b"\\") => {
            let bare: Vec<Vec<u8>> = [&[first[1..].to_vec()], rest].concat();
            is_secret(&bare) || is_secret(rest)
        }
        _ => command_is_secret(words),
    }
}

fn command_is_secret(words: &[Vec<u8>]) -> bool {
    let word =
        |index: usize, text: &str| words.get(index).is_some_and(|word| word.eq_ignore_ascii_case(text.as_bytes()));
    let any = |text: &str| (1..words.len()).any(|index| word(index, text));
    let setting = |index: usize| {
        words.get(index).is_some_and(|name| {
            let name = name.to_ascii_lowercase();
            name.ends_with(b"pass") || name.ends_with(b"auth") || name.ends_with(b"password")
        })
    };
    // `redis://user:password@host`
    let has_url = || words.iter().any(|word| word.contains(&b'@') && word.windows(3).any(|part| part == b"://"));
    word(0, "AUTH")
        || word(0, "HELLO") && any("AUTH")
        || word(0, "MIGRATE") && (any("AUTH") || any("AUTH2"))
        || word(0, "ACL") && word(1, "SETUSER")
        || word(0, "CONFIG") && word(1, "SET") && (2..words.len()).step_by(2).any(setting)
        || word(0, "SENTINEL") && word(1, "SET") && (3..words.len()).step_by(2).any(setting)
        || word(0, "connect") && has_url()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_directory_holds_the_file() {
        let with = |pairs: &'static [(&str, &str)]| {
            path(|name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| PathBuf::from(value)))
        };
        assert_eq!(with(&[("HOME", "/home/ann")]), Some("/home/ann/.local/state/rbq/history".into()));
        assert_eq!(with(&[("HOME", "/h"), ("XDG_STATE_HOME", "/s")]), Some("/s/rbq/history".into()));
        assert_eq!(with(&[("HOME", "/h"), ("XDG_STATE_HOME", "s")]), Some("/h/.local/state/rbq/history".into()));
        assert_eq!(with(&[("HOME", "/h"), ("RBQ_HISTORY", "")]), None);
        assert_eq!(with(&[("RBQ_HISTORY", "/x/h")]), Some("/x/h".into()));
        assert_eq!(with(&[]), None);
    }

    #[test]
    fn passwords_are_not_remembered() {
        let secret = |line: &str| is_secret(&line.split(' ').map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>());
        for line in [
            "auth pw",
            "AUTH ann pw",
            "hello 3 auth default pw",
            "config set requirepass pw",
            "CONFIG SET maxmemory 1 masterauth pw",
            "config set tls-key-file-pass pw",
            "acl setuser ann >pw",
            "migrate h 1 k 0 9 AUTH pw",
            "migrate h 1 k 0 9 auth2 ann pw",
            "sentinel set main auth-pass pw",
            "3 auth pw",
            "\\connect redis://ann:pw@host",
            "\\json AUTH pw",
            "\\json 3 config set requirepass pw",
            "3 \\json auth pw",
            "\\timing hello 3 auth default pw",
            "\\jsn auth pw",
            "\\auth pw",
        ] {
            assert!(secret(line), "{line}");
        }
        for line in [
            "hello 3",
            "config get requirepass",
            "config set maxmemory 1",
            "set auth pw",
            "\\json get auth",
            "\\timing on",
            "acl list",
            "connect h 1",
        ] {
            assert!(!secret(line), "{line}");
        }
    }
}
