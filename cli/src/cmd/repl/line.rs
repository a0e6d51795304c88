//! A line as it stands in the editor, word by word, finished or not.
//!
//! The rules are those of [`split_args`](rbq_resp::split_args), with two additions that only somebody who types needs: a line
//! end outside of quotes ends a command, so that several can be pasted, and one behind a backslash does not. In quotes that are
//! still open a line end is a character like any other.
//!
//! Nothing is refused here, because a line is looked at after every key; [`Quotes`] says what would be.

use rbq_resp::{hex_digit, is_blank, unescape};

/// One word and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) start: usize,
    pub(super) end: usize,
    /// What it stands for.
    pub(super) text: Vec<u8>,
    pub(super) quotes: Quotes,
}

/// How a word uses quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    None,
    Closed,
    /// Not closed yet.
    Open,
    /// Closed, and something follows without a blank: no server takes that.
    Glued,
}

/// The words of each command in the text; a command of only blanks has none.
pub(super) fn commands(input: &str) -> Vec<Vec<Word>> {
    let bytes = input.as_bytes();
    let mut all = vec![Vec::new()];
    let mut at = 0;
    while at < bytes.len() {
        if let Some(len) = continuation(&bytes[at..]) {
            at += len;
        } else if bytes[at] == b'\n' {
            all.push(Vec::new());
            at += 1;
        } else if is_blank(bytes[at]) {
            at += 1;
        } else {
            let word = word(bytes, at);
            at = word.end;
            all.last_mut().expect("there is one from the beginning").push(word);
        }
    }
    all
}

/// Whether Enter must go on with the same line: quotes are open, or it ends in a backslash.
pub(super) fn is_unfinished(input: &str) -> bool {
    let commands = commands(input);
    let last = commands.last().and_then(|words| words.last());
    match last.map(|word| (word.quotes, word.end)) {
        Some((Quotes::Open, _)) => true,
        Some((Quotes::Closed | Quotes::Glued, end)) if end == input.len() => false,
        _ => input.ends_with('\\'),
    }
}

/// What is wrong with a command's quotes, and what may help.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unsound {
    pub(super) what: &'static str,
    pub(super) hint: &'static str,
}

/// The texts of a command's words; what is wrong with its quotes, if anything.
pub(super) fn texts(words: &[Word]) -> Result<Vec<Vec<u8>>, Unsound> {
    let hint = r#"between single quotes a double quote is a letter like any other: '{"a":1}'"#;
    let unsound = words.iter().find_map(|word| match word.quotes {
        Quotes::Open => Some(Unsound { what: "the quotes do not match", hint }),
        Quotes::Glued => Some(Unsound { what: "a blank must follow a closing quote", hint }),
        Quotes::None | Quotes::Closed => None,
    });
    unsound.map_or_else(|| Ok(all_texts(words)), Err)
}

/// The texts of a command's words as far as they can be told.
pub(super) fn all_texts(words: &[Word]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.text.clone()).collect()
}

/// A word as it would be typed: bare if it can be, or else in quotes.
pub(super) fn typed(text: &[u8]) -> String {
    match std::str::from_utf8(text) {
        Ok(word) if is_plain(word) => word.to_owned(),
        _ => rbq_resp::quote(text),
    }
}

fn is_plain(word: &str) -> bool {
    let special = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '"' | '\'' | '\\');
    // What is neither a letter, a digit nor ASCII may be invisible, or turn the direction of writing.
    !word.is_empty() && !word.contains(|c: char| special(c) || !c.is_ascii() && !c.is_alphanumeric())
}

/// The length of a backslash and a line end behind it.
fn continuation(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [b'\\', b'\n', ..] => Some(2),
        [b'\\', b'\r', b'\n', ..] => Some(3),
        _ => None,
    }
}

fn word(bytes: &[u8], start: usize) -> Word {
    let (mut text, mut at) = (Vec::new(), start);
    let mut quotes = Quotes::None;
    while at < bytes.len() && !is_blank(bytes[at]) {
        if let Some(len) = continuation(&bytes[at..]) {
            at += len;
            continue;
        }
        match (quotes, bytes[at]) {
            (Quotes::None, quote @ (b'"' | b'\'')) => (at, quotes) = quoted(bytes, at + 1, quote, &mut text),
            (_, byte) => {
                if quotes == Quotes::Closed {
                    quotes = Quotes::Glued;
                }
                text.push(byte);
                at += 1;
            }
        }
    }
    Word { start, end: at, text, quotes }
}

/// What follows an opening quote: where it ends, and how.
fn quoted(bytes: &[u8], mut at: usize, quote: u8, text: &mut Vec<u8>) -> (usize, Quotes) {
    while at < bytes.len() {
        let (read, byte) = match &bytes[at..] {
            [byte, ..] if *byte == quote => return (at + 1, Quotes::Closed),
            [b'\\', b'\'', ..] if quote == b'\'' => (2, b'\''),
            [b'\\', b'x', high, low, ..] if quote == b'"' && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (4, hex_digit(*high) << 4 | hex_digit(*low))
            }
            [b'\\', escaped, ..] if quote == b'"' => (2, unescape(*escaped)),
            [byte, ..] => (1, *byte),
            [] => break,
        };
        text.push(byte);
        at += read;
    }
    (at, Quotes::Open)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_that_a_server_would_read() {
        for line in [
            "set a b",
            "  set\ta   b  ",
            "\"\" ''",
            "a\"b c\" d",
            r#""\x41\xfF\x0g\n\r\t\b\a\q\\\"""#,
            r#"'\n\'\\x'"#,
            r"a\b \c",
            "größe \"ä\"",
            "\"a",
            "'a",
            "\"a\"b",
            "\"a\\\"",
        ] {
            let words = &commands(line)[0];
            let expected = rbq_resp::split_args(line.as_bytes()).ok();
            assert_eq!(texts(words).ok(), expected, "{line}");
        }
    }

    #[test]
    fn a_command_ends_at_a_line_end_unless_it_goes_on() {
        let lines = |input: &str| -> Vec<Vec<String>> {
            let text = |word: &Word| String::from_utf8_lossy(&word.text).into_owned();
            commands(input).iter().map(|words| words.iter().map(text).collect()).collect()
        };
        assert_eq!(lines("get a\nget b"), [["get", "a"], ["get", "b"]]);
        assert_eq!(lines("get \\\na"), [["get", "a"]]);
        assert_eq!(lines("ge\\\nt a"), [["get", "a"]]);
        assert_eq!(lines("set k \"a\nb\""), [["set", "k", "a\nb"]]);
        for (input, unfinished) in [
            ("get a", false),
            ("get a\\", true),
            ("get \\", true),
            ("set k \"a", true),
            ("set k 'a\nb", true),
            ("set k \"a\\\"", true),
            ("set k 'a\\'", true),
            ("set k \"a\\\\\"", false),
            ("set k 'a\\\\", true),
            ("set k \"a\"b\\", false),
            ("", false),
        ] {
            assert_eq!(is_unfinished(input), unfinished, "{input}");
        }
    }

    #[test]
    fn what_is_typed_for_a_word_reads_back() {
        for text in [&b"plain:{key}*"[..], b"", b"a b", b"a\"b'c\\", b"\x1b[31m\n", b"\xff\xfe", "größe".as_bytes()] {
            let typed = typed(text);
            assert!(!typed.chars().any(char::is_control), "{typed:?}");
            assert_eq!(all_texts(&commands(&typed)[0]), [text], "{typed}");
        }
        assert_eq!(typed("größe".as_bytes()), "größe");
    }
}
